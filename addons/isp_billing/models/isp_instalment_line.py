# License AGPL-3.0 or later (https://www.gnu.org/licenses/agpl).
from odoo import api, fields, models
from odoo.exceptions import UserError

from ..engine import instalment as engine


class IspInstalmentLine(models.Model):
    """One part of an instalment agreement."""

    _name = "isp.instalment.line"
    _description = "Part of an instalment agreement"
    _order = "date, id"
    _rec_name = "date"

    instalment_id = fields.Many2one("isp.instalment", required=True, ondelete="cascade", index=True)
    date = fields.Date(required=True)
    amount = fields.Monetary(required=True)
    currency_id = fields.Many2one(related="instalment_id.currency_id")
    paid = fields.Monetary(compute="_compute_paid")
    state = fields.Selection(
        [("open", "To pay"), ("part", "Paid in part"), ("paid", "Paid"), ("late", "Late")], compute="_compute_paid"
    )

    _positive = models.Constraint("CHECK(amount > 0)", "A part is above zero.")

    @api.depends("instalment_id.paid", "instalment_id.line_ids.amount", "instalment_id.line_ids.date")
    def _compute_paid(self):
        shares = {}
        for agreement in self.instalment_id:
            far = fields.Date.to_date("9999-12-31")
            lines = agreement.line_ids.sorted(lambda line, far=far: (line.date or far, line._origin.id))
            shares |= dict(zip(lines, engine.spread(lines.mapped("amount"), agreement.paid), strict=True))
        for line in self:
            line.paid = shares.get(line, 0)
            if line.amount and line.paid >= line.amount:
                line.state = "paid"
            elif line.date and line.instalment_id and line.date < line.instalment_id.company_id._isp_today():
                line.state = "late"
            else:
                line.state = "part" if line.paid else "open"

    @api.model_create_multi
    def create(self, vals_list):
        lines = super().create(vals_list)
        lines._only_of_drafts()
        return lines

    def write(self, vals):
        self._only_of_drafts()
        return super().write(vals)

    @api.ondelete(at_uninstall=False)
    def _only_of_drafts(self):
        if any(line.instalment_id.state != "draft" for line in self):
            raise UserError(self.env._("Only a proposal can be changed. Cancel the agreement and make another."))
