# License AGPL-3.0 or later (https://www.gnu.org/licenses/agpl).
from odoo import api, models
from odoo.exceptions import UserError
from odoo.tools import consteq

from ..engine import captive, code

#: So often in an hour a token goes to another device: a person who changes telephones, not friends who share.
MOVES = 6


class IspToken(models.Model):
    """What a guest's pages do with a token: they know it by its code alone."""

    _inherit = "isp.token"

    def _login_url(self):
        """The address that logs in by itself, for SMS, paper, QR. The code stands behind the #: it is never sent over the air.

        >>> "http://wifi.internal/login#c=7kmwq4hm"
        """
        self.ensure_one()
        token = self.sudo()
        return f"http://{token.site_id.hotspot_name}/login{captive.fragment(token.code, token.access_id.password)}"

    @api.model
    def _may_be_code(self, site, word):
        """:param word: cleaned :return: whether it is worth a look: codes of ours have a check character, those of a file have none"""
        return code.is_code(word) or bool(word and self.env["isp.token.batch"].sudo().search_count([("site_id", "=", site.id), ("source", "=", "file")], limit=1))

    @api.model
    def _of_code(self, site, text, password=""):
        """:param text: as typed :param password: as typed, where the site has one; blank: it is one code, of before
        :return: the token of this site (sudo), empty when there is none with this password
        """
        word = code.clean(text)
        token = self.sudo().search([("site_id", "=", site.id), ("code", "=", word)]) if self._may_be_code(site, word) else self.sudo()
        if token and site.login_mode == "pair" and not consteq(token.access_id.password or "", code.clean(password) or word):
            return self.sudo()
        return token

    def _lines(self, named=True):
        """:param named: with the code itself
        :return: [(what, value)] of a token's balance, in the language of the context"""
        self.ensure_one()
        facts, site = self._facts()[self.id], self.site_id
        lines = [(self.env._("Code"), f"\u2066{self.code}\u2069")] if named else []
        lines.append((self.env._("State"), self._state_for_guest(facts["state"])))
        if facts["left"] is not None:
            lines.append((self.env._("Time left"), site._time_left_text(facts["left"])))
        if facts["data_left"] is not None:
            lines.append((self.env._("Data left"), site._data_text(facts["data_left"])))
        lines.append((self.env._("Used"), f"{site._time_left_text(facts['used'])} · {site._data_text(facts['bytes'])}"))
        lines.append((self.env._("Devices on line"), self.env._("%(count)s of %(devices)s", count=facts["online"], devices=self.devices)))
        return lines

    def _state_for_guest(self, state):
        if self.paused_at:
            return self.env._("Paused")
        if state in ("made", "sold"):
            return self.env._("Not used yet")
        return dict(self._fields["state"]._description_selection(self.env))[state]

    def _move_by_guest(self, device):
        """It goes on on the guest's device: who knows the code may. :raise UserError: too often, or not good any more"""
        self.ensure_one()
        self._lock()
        if self._facts()[self.id]["state"] not in ("made", "sold", "in_use"):
            raise UserError(self.env._("This code has no time left."))
        tries = self.env["isp.portal.try"]
        if tries._count(self.site_id, "moved", f"token:{self.id}", minutes=60) >= MOVES:
            raise UserError(self.env._("It was moved too often within an hour. Wait a while, or log out on the other telephone."))
        tries._note(self.site_id, "moved", f"token:{self.id}", device)
        self._move()
