# License AGPL-3.0 or later (https://www.gnu.org/licenses/agpl).
from odoo import api, fields, models
from odoo.exceptions import UserError

CASH_KINDS = [
    ("float", "Put in from the safe"),
    ("payment", "Payment"),
    ("reversal", "Payment reversed"),
    ("paid_out", "Paid out"),
    ("drop", "To safe or bank"),
    ("opening", "Difference at opening"),
    ("closing", "Difference at closing"),
]
#: Kinds that may be booked while the drawer is being counted.
_WHILE_COUNTING = {"closing", "drop"}
_CASH_FIELDS = {"isp_shift_id", "isp_cash_kind", "isp_cash_key", "isp_cash_to"}


class AccountMove(models.Model):
    """An entry of a shift: it belongs to its Z report and stays as it is."""

    _inherit = "account.move"

    isp_shift_id = fields.Many2one("isp.cash.shift", string="Shift", readonly=True, copy=False, ondelete="restrict", index="btree_not_null")
    isp_cash_kind = fields.Selection(CASH_KINDS, string="Movement of cash", readonly=True, copy=False)
    isp_cash_to = fields.Char(string="Paid to", readonly=True, copy=False)
    isp_cash_key = fields.Char(readonly=True, copy=False, help="What this entry books; a second one of the key is refused.")

    _isp_cash_once = models.UniqueIndex("(isp_cash_key) WHERE isp_cash_key IS NOT NULL", "This is booked already.")

    @api.model_create_multi
    def create(self, vals_list):
        if not self.env.su and any(vals.get(name) for vals in vals_list for name in _CASH_FIELDS):
            raise UserError(self.env._("Entries of a shift are made at the cash desk only."))
        return super().create(vals_list)

    def write(self, vals):
        if not self.env.su and _CASH_FIELDS & vals.keys():
            raise UserError(self.env._("Entries of a shift are made at the cash desk only."))
        return super().write(vals)

    def _post(self, soft=True):
        """Override of `account`: an entry enters a shift under the shift's lock, so it is in its Z report or refused."""
        for move in self.filtered("isp_shift_id"):
            shift = move.isp_shift_id.sudo()
            shift._hold()
            if shift.state != "open" and not (shift.state == "counting" and move.isp_cash_kind in _WHILE_COUNTING):
                raise UserError(self.env._("The shift %(shift)s takes no money any more: open a new one.", shift=shift.display_name))
        return super()._post(soft)

    def button_draft(self):
        self._isp_refuse_in_shift()
        return super().button_draft()

    def button_cancel(self):
        self._isp_refuse_in_shift()
        return super().button_cancel()

    @api.ondelete(at_uninstall=False)
    def _unlink_not_of_a_shift(self):
        self._isp_refuse_in_shift()

    def _isp_refuse_in_shift(self):
        kept = self.filtered(lambda move: move.sudo().isp_shift_id and move.state == "posted")
        if kept:
            raise UserError(
                self.env._(
                    "%(entry)s belongs to the shift %(shift)s and stays as it is. A wrong payment is reversed with a reason.",
                    entry=kept[0].display_name,
                    shift=kept[0].sudo().isp_shift_id.display_name,
                )
            )
