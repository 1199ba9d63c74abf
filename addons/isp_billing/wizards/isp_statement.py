# License AGPL-3.0 or later (https://www.gnu.org/licenses/agpl).
from dateutil.relativedelta import relativedelta

from odoo import api, fields, models
from odoo.exceptions import UserError, ValidationError

REPORTS = {"a4": "isp_billing.action_report_isp_statement", "80mm": "isp_billing.action_report_isp_statement_roll"}


class IspStatement(models.TransientModel):
    """Ask for a statement of account: whose, over which days, on which paper."""

    _name = "isp.statement"
    _description = "Statement of account"

    partner_id = fields.Many2one("res.partner", string="Customer", required=True)
    company_id = fields.Many2one("res.company", required=True, default=lambda self: self.env.company)
    currency_id = fields.Many2one(related="company_id.currency_id")
    date_from = fields.Date(
        string="From", required=True, default=lambda self: self.env.company._isp_today() - relativedelta(months=3, day=1)
    )
    date_to = fields.Date(string="To", required=True, default=lambda self: self.env.company._isp_today())
    paper = fields.Selection([("a4", "A4"), ("80mm", "80 mm roll")], required=True, default="a4")
    email = fields.Char(related="partner_id.email")

    @api.constrains("date_from", "date_to")
    def _check_dates(self):
        if any(statement.date_from > statement.date_to for statement in self):
            raise ValidationError(self.env._("The statement ends before it begins."))

    def action_print(self):
        self.ensure_one()
        return self.env.ref(REPORTS[self.paper]).report_action(self)

    def action_send(self):
        """Send the statement (A4) to the customer's e-mail address; it is kept in the customer's log."""
        self.ensure_one()
        if not self.partner_id.email:
            raise UserError(self.env._("%(customer)s has no e-mail address.", customer=self.partner_id.display_name))
        lang = self.partner_id.lang or self.company_id.partner_id.lang
        statement = self.with_context(lang=lang)
        pdf, _kind = self.env["ir.actions.report"].sudo()._render_qweb_pdf(REPORTS["a4"], self.ids)
        self.partner_id.message_post(
            body=statement.env._(
                "Your statement of account from %(start)s to %(end)s is attached.",
                start=fields.Date.to_string(self.date_from),
                end=fields.Date.to_string(self.date_to),
            ),
            subject=statement.env._("Statement of account"),
            attachments=[(f"{statement._file_name()}.pdf", pdf)],
            partner_ids=self.partner_id.ids,
            message_type="comment",
            subtype_xmlid="mail.mt_comment",
        )
        return {"type": "ir.actions.act_window_close"}

    # === For the paper === #

    def _statement(self):
        """:return: ``Statement`` of this customer"""
        self.ensure_one()
        customer = self.partner_id.commercial_partner_id
        return customer.sudo()._isp_statements(self.date_from, self.date_to, self.company_id)[customer.id]

    def _file_name(self):
        number = self.partner_id.isp_account_no or self.partner_id.id
        return self.env._("Statement %(customer)s %(date)s", customer=number, date=fields.Date.to_string(self.date_to))

    def _kind_label(self, row):
        """:return: what an entry is, in the language of the paper"""
        labels = dict(self.env["isp.account.entry"]._fields["kind"]._description_selection(self.env))
        return labels[row.kind]

    def _method(self, row):
        """:return: how it was paid: the journal's name"""
        return row.kind in ("payment", "refund") and self.env["account.journal"].sudo().browse(row.journal_id).name

    def _amount(self, amount):
        """:return: the amount as printed, kept from left to right inside Arabic"""
        return f"\u2066{self.currency_id.format(amount)}\u2069"

    def _carried_text(self, balance):
        return self.env._("Carried forward: %(amount)s", amount=self._amount(balance))

    def _brought_text(self, balance):
        return self.env._("Brought forward: %(amount)s", amount=self._amount(balance))
