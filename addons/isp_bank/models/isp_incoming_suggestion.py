# License AGPL-3.0 or later (https://www.gnu.org/licenses/agpl).
from odoo import api, fields, models


class IspIncomingSuggestion(models.Model):
    """Whose money it may be, and why."""

    _name = "isp.incoming.suggestion"
    _description = "Suggestion"
    _order = "score desc, id"
    _rec_name = "partner_id"

    incoming_id = fields.Many2one("isp.incoming", required=True, ondelete="cascade", index=True)
    partner_id = fields.Many2one("res.partner", string="Customer", required=True, ondelete="cascade")
    account_no = fields.Char(related="partner_id.isp_account_no")
    score = fields.Integer()
    reasons = fields.Char(help="Keys, with commas.")
    why = fields.Char(compute="_compute_why")

    @api.depends("reasons")
    @api.depends_context("lang")
    def _compute_why(self):
        labels = {
            "account": self.env._("Account number"),
            "invoice": self.env._("Invoice number"),
            "phone": self.env._("Phone of this customer only"),
            "account_old": self.env._("Old account number"),
            "phone_shared": self.env._("Phone of several customers"),
            "amount": self.env._("Owes just this amount"),
            "name": self.env._("Similar name"),
        }
        for suggestion in self:
            keys = (suggestion.reasons or "").split(",")
            suggestion.why = " · ".join(labels[key] for key in keys if key in labels)

    def action_book(self):
        """It is this customer's: book all that is open of it. Again: nothing."""
        self.ensure_one()
        incoming = self.incoming_id
        incoming._check_may_book()
        incoming._book([(self.partner_id, None)], "suggestion")
        return True
