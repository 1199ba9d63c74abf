# License AGPL-3.0 or later (https://www.gnu.org/licenses/agpl).
from odoo import api, fields, models


class L10nSsExciseReturnLine(models.Model):
    """What was sold in one State at one rate in the month."""

    _name = "l10n_ss.excise.return.line"
    _description = "Row of an excise return"
    _order = "return_id desc, state_name, rate desc, id"

    return_id = fields.Many2one("l10n_ss.excise.return", required=True, readonly=True, index=True, ondelete="cascade")
    date_from = fields.Date(related="return_id.date_from", string="Month", store=True)
    company_id = fields.Many2one(related="return_id.company_id", store=True)
    currency_id = fields.Many2one(related="return_id.currency_id")
    state_id = fields.Many2one("res.country.state", string="Place (State)", readonly=True, ondelete="restrict")
    state_name = fields.Char(related="state_id.name", store=True)
    place = fields.Char(string="Place", compute="_compute_place")
    tax_id = fields.Many2one("account.tax", readonly=True, ondelete="restrict")
    rate = fields.Float(string="Rate (%)", readonly=True, digits=(5, 2), aggregator=None)
    base = fields.Monetary(string="Taxable", readonly=True, help="Without excise, less credit notes.")
    tax = fields.Monetary(string="Excise", readonly=True)
    exempt_base = fields.Monetary(string="Exempt", readonly=True)
    uncertified_base = fields.Monetary(string="Exempt without certificate", readonly=True)
    credit_base = fields.Monetary(string="Credit notes", readonly=True, help="Taken off already.")
    credit_tax = fields.Monetary(string="Excise of credit notes", readonly=True, help="Taken off already.")
    document_count = fields.Integer(string="Documents", readonly=True)

    @api.depends("state_id")
    @api.depends_context("lang")
    def _compute_place(self):
        for line in self:
            line.place = line.state_id.name or self.env._("Customers without a State")
