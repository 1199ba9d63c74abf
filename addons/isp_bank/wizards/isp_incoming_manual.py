# License AGPL-3.0 or later (https://www.gnu.org/licenses/agpl).
from odoo import api, fields, models
from odoo.exceptions import AccessError


class IspIncomingManual(models.TransientModel):
    """A receipt of a wallet or bank, typed from the operator's message.

    Idempotency key: operator and reference.
    """

    _name = "isp.incoming.manual"
    _description = "Money received, by hand"

    operator_id = fields.Many2one("isp.operator", required=True, default=lambda self: self.env["isp.operator"].search([], limit=1))
    company_id = fields.Many2one(related="operator_id.company_id")
    currency_id = fields.Many2one(related="company_id.currency_id")
    reference = fields.Char(required=True, help="As in the message of the wallet or on the slip of the bank.")
    amount = fields.Monetary(required=True)
    value_date = fields.Date(string="Date", required=True, default=lambda self: self.env.company._isp_today())
    payer_name = fields.Char(string="Payer")
    payer_phone = fields.Char(string="Payer's phone")
    text = fields.Char()
    partner_id = fields.Many2one("res.partner", string="Customer", help="Empty: it is matched, or waits in suspense.")
    balance = fields.Monetary(compute="_compute_balance", string="Owes now")
    used = fields.Char(compute="_compute_used")

    @api.depends("partner_id", "company_id")
    def _compute_balance(self):
        for wizard in self:
            partner = wizard.partner_id.commercial_partner_id
            due = partner._isp_dues().get((partner.id, wizard.company_id.id))
            wizard.balance = due.balance if due else 0

    @api.depends("operator_id", "reference")
    def _compute_used(self):
        incoming = self.env["isp.incoming"]
        for wizard in self:
            reference = incoming._clean_reference(wizard.reference)
            domain = [("operator_id", "=", wizard.operator_id.id), ("reference", "=", reference)]
            before = incoming.search(domain, limit=1) if reference and wizard.operator_id else incoming
            wizard.used = before.sudo()._say_used() if before else False

    def action_confirm(self):
        """Record it and book it: to the customer, or where matching puts it."""
        self.ensure_one()
        if not self.env.user.has_group("isp_base.group_isp_billing_manager"):
            raise AccessError(self.env._("A billing manager books money received."))
        self.operator_id.check_access("read")
        incoming = self.env["isp.incoming"]._record_manual(
            self.operator_id,
            self.reference,
            self.amount,
            self.value_date,
            payer_name=self.payer_name,
            payer_phone=self.payer_phone,
            text=self.text,
        )
        if self.partner_id:
            incoming._book([(self.partner_id, None)], "manual")
        else:
            incoming._process()
        return {
            "type": "ir.actions.act_window",
            "res_model": "isp.incoming",
            "res_id": incoming.id,
            "view_mode": "form",
            "views": [(False, "form")],
        }
