# License AGPL-3.0 or later (https://www.gnu.org/licenses/agpl).
from odoo import models
from odoo.exceptions import AccessDenied
from odoo.fields import Command

#: ``type`` of a credential, ``auth_method`` of what comes of it.
BY_SMS = "isp_sms_code"


class ResUsers(models.Model):
    """Owners of hotspots log in with their telephone's number: by a code that is sent to it, or by a password.

    Whoever proves a number by its code is its owner: a user who has it as log-in, or a new one. Staff never log in so.
    """

    _inherit = "res.users"

    def _login(self, credential, user_agent_env):
        """Override of `base`: the first proof of a number makes its user."""
        if credential["type"] == BY_SMS:
            with self._assert_can_auth(user=credential.get("login")):
                self.sudo()._hotspot_sign_up(credential)
        return super()._login(credential, user_agent_env)

    def _check_credentials(self, credential, env):
        """Override of `base`: a code by SMS, good once."""
        if credential["type"] != BY_SMS:
            return super()._check_credentials(credential, env)
        if not self.env.user._is_portal():
            raise AccessDenied()
        row = self.env["isp.owner.code"].sudo()._match(self.env.user.login, credential.get("code"))
        if not row:
            raise AccessDenied()
        row._use_up()
        return {"uid": self.env.user.id, "auth_method": BY_SMS, "mfa": "default"}

    def _hotspot_sign_up(self, credential):
        """See that whoever proves this number has a user, may have hotspots, and has one.

        :raise AccessDenied: the code is wrong, or the number is staff's, or was closed
        """
        number = credential.get("login") or ""
        if not self.env["isp.owner.code"]._match(number, credential.get("code")):
            raise AccessDenied()
        user = self.with_context(active_test=False).search([("login", "=", number)], limit=1)
        if user and (not user.active or not user._is_portal()):
            raise AccessDenied(self.env._("This number was closed. Ask %(company)s.", company=self.env.company.name))
        with self.env.cr.savepoint():
            if not user:
                user = self.with_context(no_reset_password=True).create(self._prepare_hotspot_owner(number))
            owners = self.env.ref("isp_hotspot.group_hotspot_owner")
            if owners not in user.group_ids:
                user.group_ids = [Command.link(owners.id)]
            self.env["isp.site"]._ensure_first(user)

    def _prepare_hotspot_owner(self, number):
        return {
            "name": number,
            "login": number,
            "phone": number,
            "lang": self.env.lang or "en_US",
            "company_id": self.env.company.id,
            "company_ids": [Command.set(self.env.company.ids)],
            "group_ids": [Command.set(self.env.ref("isp_hotspot.group_hotspot_owner").ids)],
        }

    def _has_password(self):
        """:return: whether this user can log in by a password"""
        self.ensure_one()
        self.env.cr.execute("SELECT password IS NOT NULL AND password <> '' FROM res_users WHERE id = %s", (self.id,))
        return self.env.cr.fetchone()[0]
