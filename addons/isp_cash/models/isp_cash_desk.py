# License AGPL-3.0 or later (https://www.gnu.org/licenses/agpl).
from odoo import api, fields, models
from odoo.exceptions import ValidationError


class IspCashDesk(models.Model):
    """A drawer and who may sit at it. Its journal takes money in shifts only."""

    _name = "isp.cash.desk"
    _description = "Cash desk"
    _inherit = ["mail.thread"]
    _order = "name"
    _check_company_auto = True

    name = fields.Char(required=True, tracking=True)
    code = fields.Char(required=True, help="Short; stands before the number of the Z reports.")
    active = fields.Boolean(default=True)
    company_id = fields.Many2one("res.company", required=True, default=lambda self: self.env.company)
    currency_id = fields.Many2one(related="company_id.currency_id")
    journal_id = fields.Many2one(
        "account.journal",
        string="Cash journal",
        required=True,
        check_company=True,
        domain="[('type', '=', 'cash')]",
        ondelete="restrict",
        index=True,
        tracking=True,
        help="From now on money enters it in shifts only.",
    )
    safe_journal_id = fields.Many2one(
        "account.journal",
        string="Safe or bank",
        check_company=True,
        domain="[('type', 'in', ('cash', 'bank')), ('id', '!=', journal_id)]",
        ondelete="restrict",
        help="Where the float comes from and the takings go.",
    )
    user_ids = fields.Many2many("res.users", string="Cashiers", help="Who may open a shift here.")
    float_amount = fields.Monetary(string="Usual float", help="What stays in the drawer after the close.")
    denomination_ids = fields.Many2many(
        "isp.cash.denomination",
        string="Notes",
        default=lambda self: self.env["isp.cash.denomination"].search([("currency_id", "=", self.env.company.currency_id.id)]),
        domain="[('currency_id', '=', currency_id)]",
    )
    shift_ids = fields.One2many("isp.cash.shift", "desk_id", readonly=True)
    open_shift_id = fields.Many2one("isp.cash.shift", compute="_compute_open_shift", string="Open shift")
    z_sequence_id = fields.Many2one("ir.sequence", readonly=True, copy=False, ondelete="restrict", groups="isp_base.group_isp_billing_manager")

    _code_unique = models.Constraint("UNIQUE(company_id, code)", "Another desk has this code.")
    _float_not_negative = models.Constraint("CHECK(float_amount >= 0)", "A float is not below zero.")

    def _compute_open_shift(self):
        shifts = self.env["isp.cash.shift"].search([("desk_id", "in", self.ids), ("state", "!=", "closed")])
        by_desk = {shift.desk_id: shift for shift in shifts}
        for desk in self:
            desk.open_shift_id = by_desk.get(desk, False)

    @api.constrains("journal_id", "company_id")
    def _check_journal(self):
        for desk in self:
            if desk.journal_id.type != "cash" or not desk.journal_id.default_account_id:
                raise ValidationError(
                    self.env._("%(journal)s cannot be a drawer: choose a cash journal with an account.", journal=desk.journal_id.display_name)
                )
            if desk.journal_id.currency_id and desk.journal_id.currency_id != desk.company_id.currency_id:
                raise ValidationError(self.env._("A cash desk counts in the currency of the company."))

    @api.model_create_multi
    def create(self, vals_list):
        desks = super().create(vals_list)
        for desk in desks:
            desk.sudo().z_sequence_id = self.env["ir.sequence"].sudo().create(desk._prepare_z_sequence_vals())
        return desks

    @api.ondelete(at_uninstall=False)
    def _unlink_only_unused(self):
        if any(desk.sudo().shift_ids for desk in self):
            raise ValidationError(self.env._("A desk with shifts cannot be deleted; archive it."))

    def _prepare_z_sequence_vals(self):
        return {
            "name": self.env._("Z report %(desk)s", desk=self.name),
            "implementation": "no_gap",
            "prefix": "",
            "padding": 0,
            "company_id": self.company_id.id,
        }

    def _last_closed(self):
        """:return: the shift closed last at this desk"""
        self.ensure_one()
        return self.env["isp.cash.shift"].search([("desk_id", "=", self.id), ("state", "=", "closed")], order="id desc", limit=1)
