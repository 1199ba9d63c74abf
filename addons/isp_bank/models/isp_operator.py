# License AGPL-3.0 or later (https://www.gnu.org/licenses/agpl).
from odoo import api, fields, models
from odoo.exceptions import ValidationError


class IspOperator(models.Model):
    """A bank or a wallet through which customers pay: its account in the books and the form of its statements."""

    _name = "isp.operator"
    _description = "Bank or wallet"
    _order = "name"
    _check_company_auto = True

    name = fields.Char(required=True)
    kind = fields.Selection([("bank", "Bank"), ("wallet", "Wallet")], required=True, default="wallet")
    active = fields.Boolean(default=True)
    company_id = fields.Many2one("res.company", required=True, default=lambda self: self.env.company)
    journal_id = fields.Many2one(
        "account.journal", required=True, check_company=True, domain="[('type', '=', 'bank')]", ondelete="restrict", index=True
    )
    suspense_account_id = fields.Many2one(
        "account.account",
        string="Account of unidentified receipts",
        required=True,
        check_company=True,
        domain="[('reconcile', '=', True)]",
        ondelete="restrict",
        default=lambda self: self._default_suspense_account(),
        help="Where money stands until it is known whose it is, so that the account of the bank agrees at once.",
    )
    mapping_id = fields.Many2one("account.statement.import.sheet.mapping", string="Form of the statement", ondelete="restrict")
    suspense_count = fields.Integer(compute="_compute_suspense_count", string="In suspense")

    _journal_unique = models.UniqueIndex("(journal_id) WHERE active", "Another bank or wallet uses this journal.")

    @api.model
    def _default_suspense_account(self):
        return self.env["account.chart.template"].with_company(self.env.company).ref("ss_unidentified_receipts", raise_if_not_found=False)

    def _compute_suspense_count(self):
        groups = self.env["isp.incoming"]._read_group(
            [("operator_id", "in", self.ids), ("state", "=", "suspense")], ["operator_id"], ["__count"]
        )
        counts = {operator.id: count for operator, count in groups}
        for operator in self:
            operator.suspense_count = counts.get(operator.id, 0)

    @api.constrains("journal_id", "suspense_account_id")
    def _check_accounts(self):
        for operator in self:
            if not operator.journal_id.default_account_id:
                raise ValidationError(self.env._("The journal %(journal)s has no account.", journal=operator.journal_id.display_name))
            if operator.journal_id.currency_id and operator.journal_id.currency_id != operator.company_id.currency_id:
                raise ValidationError(self.env._("Money is received in the currency of the company."))
            if not operator.suspense_account_id.reconcile:
                raise ValidationError(self.env._("The account of unidentified receipts must allow reconciliation."))
