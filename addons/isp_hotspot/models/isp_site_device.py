# License AGPL-3.0 or later (https://www.gnu.org/licenses/agpl).
from psycopg2 import errors

from odoo import api, fields, models
from odoo.exceptions import ConcurrencyError, UserError
from odoo.tools import SQL

#: Codes of one offer that a telephone holds, offers for which it does, telephones of one hotspot.
EACH, OFFERS, DEVICES = 5, 12, 10
#: What makes a token of the reserve the same as what the offer gives now.
_TERMS = ("seconds", "counting", "valid_days", "devices", "rate", "volume_bytes", "price")


class IspSiteDevice(models.Model):
    """A telephone or browser with the owner's app, and the codes it holds for the time without a network.

    The codes are tokens of one batch, made and not sold. Which it has, the telephone says at each sync (``held``): what should be with it and
    is not (an answer that was lost) is sent again, what no longer fits its offer is taken back. Idempotency key: (site, uuid), UNIQUE.
    """

    _name = "isp.site.device"
    _description = "Telephone with the owner's app"
    _order = "heard_at desc, id desc"

    site_id = fields.Many2one("isp.site", required=True, readonly=True, index=True, ondelete="cascade")
    user_id = fields.Many2one("res.users", required=True, readonly=True, ondelete="cascade")
    uuid = fields.Char("UUID", required=True, readonly=True)
    name = fields.Char(readonly=True)
    batch_id = fields.Many2one("isp.token.batch", required=True, readonly=True, ondelete="restrict")
    heard_at = fields.Datetime(string="Heard", readonly=True)
    lost = fields.Boolean(readonly=True, help="Its codes are blocked and it gets no others.")

    _uuid_unique = models.UniqueIndex("(site_id, uuid)")

    @api.model
    def _of(self, site, uuid, name=""):
        """:return: the device (sudo), locked until the end of the transaction; a new one when it was never heard
        :raise UserError: another user's, lost, or too many
        """
        devices = self.sudo()
        self.env.cr.execute(SQL("SELECT id FROM isp_site_device WHERE site_id = %s AND uuid = %s FOR UPDATE", site.id, uuid), log_exceptions=False)
        device = devices.browse([row[0] for row in self.env.cr.fetchall()])
        if device and (device.user_id != self.env.user or device.lost):
            raise UserError(self.env._("This telephone was taken out of the list: log out and in again."))
        if device:
            return device
        if devices.search_count([("site_id", "=", site.id), ("lost", "=", False)], limit=DEVICES) >= DEVICES:
            raise UserError(self.env._("%(count)s telephones sell for this hotspot already. Take one out of the list first.", count=DEVICES))
        name = (name or "")[:60]
        batch = self.env["isp.token.batch"].sudo().create({"name": self.env._("Reserve of a telephone: %(name)s", name=name or uuid[:8]), "site_id": site.id})
        try:
            with self.env.cr.savepoint():
                device = devices.create({"site_id": site.id, "user_id": self.env.user.id, "uuid": uuid, "name": name, "batch_id": batch.id})
        except errors.UniqueViolation as error:
            # Its other tab, in the same moment: Odoo runs this again and finds it.
            raise ConcurrencyError(str(error)) from error
        return device

    def _free_tokens(self):
        """:return: {code: token} of its batch that nobody has got or used yet"""
        tokens = self.env["isp.token"].sudo().search([("batch_id", "=", self.batch_id.id), ("state", "=", "made")])
        facts = tokens._facts()
        return {token.code: token for token in tokens if facts[token.id]["state"] == "made"}

    def _refill(self, held, shown=()):
        """See that it holds what may be sold without a network. To be called after what it has sold was taken.

        :param held: codes it says it has :param shown: codes that it gave and that could not be taken
        :return: (tokens it shall have and has not, codes it shall drop)
        """
        self.ensure_one()
        free, fit, told = self._free_tokens(), [], set(held)
        held = told | set(shown)
        for offer in self._offers():
            terms = offer._prepare_terms()
            same = [token for token in free.values() if token.offer_id == offer and all((token[name] or 0) == (terms[name] or 0) for name in _TERMS)]
            same.sort(key=lambda token: (token.code not in held, token.id))
            missing = EACH - len(same)
            if missing > 0:
                same += self.env["isp.token"]._make(self.site_id, terms, missing, batch=self.batch_id)
            fit += same[:EACH]
        kept = {token.code for token in fit}
        # Those it still has are taken back when it says that it has them no more: it may be selling one now.
        for code, token in free.items():
            if code not in kept and code not in held:
                token._block(self.env._("Taken back from a telephone"))
        return [token for token in fit if token.code not in held], sorted(told - kept)

    def _offers(self):
        """Those whose time does not begin with the sale: without the server nothing could begin it."""
        return self.site_id.offer_ids.filtered(lambda offer: offer.counting != "sale")[:OFFERS]

    def _drop(self):
        """It is lost, or logged out: what it holds is good no more. What it sold stays so."""
        for device in self.sudo():
            for token in device._free_tokens().values():
                token._block(self.env._("Taken back from a telephone"))
            device.lost = True
