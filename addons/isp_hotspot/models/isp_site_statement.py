# License AGPL-3.0 or later (https://www.gnu.org/licenses/agpl).
import logging
from datetime import UTC, timedelta

from odoo import api, fields, models
from odoo.exceptions import UserError
from odoo.fields import Command

_logger = logging.getLogger(__name__)
#: So old is a sale for whose commission an owner gets an invoice, where there is no money to take it from.
CLAIMED_AFTER = timedelta(days=30)


class IspSiteStatement(models.Model):
    """What an owner is paid out: mobile money received since the last statement, less the ISP's commission.

    An order stands on one statement, for ever (``statement_id``), and once more when its money went back afterwards
    (``refund_statement_id``). Idempotency keys: those two columns under the lock of the site's row, and the payout's key, which is the
    statement's number. Books: guests' money stands on the owners' account from the start (``account.payment``); the commission is an
    invoice to the owner, set off against it; the payout takes the rest.
    """

    _name = "isp.site.statement"
    _description = "Statement of a hotspot owner"
    _inherit = ["mail.thread"]
    _order = "id desc"

    name = fields.Char(required=True, readonly=True)
    site_id = fields.Many2one("isp.site", string="Hotspot", required=True, readonly=True, index=True, ondelete="restrict")
    partner_id = fields.Many2one("res.partner", string="Owner", required=True, readonly=True, index=True, ondelete="restrict")
    company_id = fields.Many2one("res.company", required=True, readonly=True)
    currency_id = fields.Many2one(related="company_id.currency_id")
    date_to = fields.Datetime(string="Until", required=True, readonly=True)
    order_ids = fields.One2many("isp.token.order", "statement_id", string="Sales", readonly=True)
    refund_ids = fields.One2many("isp.token.order", "refund_statement_id", string="Given back after a statement", readonly=True)
    received = fields.Monetary(string="Mobile money", readonly=True)
    returned = fields.Monetary(readonly=True, help="Money of an earlier statement that went back to guests.")
    commission = fields.Monetary(readonly=True, help="With taxes.")
    amount = fields.Monetary(string="Paid out", readonly=True)
    invoice_id = fields.Many2one("account.move", string="Commission invoice", readonly=True, ondelete="restrict", index="btree_not_null")
    set_off_id = fields.Many2one("account.move", string="Set off", readonly=True, ondelete="restrict", index="btree_not_null")
    payout_ids = fields.One2many("isp.wallet.payout", "isp_site_statement_id", string="Payouts", readonly=True)
    state = fields.Selection(
        [("draft", "Not sent yet"), ("pending", "On its way"), ("done", "Paid out"), ("failed", "Not paid out")], compute="_compute_state", store=True
    )

    _name_unique = models.UniqueIndex("(name)", "This number is taken.")

    @api.depends("payout_ids.state", "amount")
    def _compute_state(self):
        for statement in self:
            states = statement.payout_ids.mapped("state")
            if statement.amount == 0 or "done" in states:
                statement.state = "done"
            elif set(states) & {"draft", "pending"}:
                statement.state = "pending"
            else:
                statement.state = "failed" if states else "draft"

    # === Business ===

    @api.model
    def _settle(self, site, asked_by_owner=False):
        """Make the statement of what is due at a site and have it paid out. Who sells for cash alone, and so owes commission, gets an invoice of
        it when a sale is a month old: a statement with nothing to pay out.

        :param asked_by_owner: also below the tariff's amount
        :return: the ``isp.site.statement`` (sudo); empty where nothing is to be paid
        :raise UserError: the owner asks and nothing is due, or there is no MoMo number; or how much is due is not known yet (``_goes_back``)

        Lock: the site's row. Transaction: the caller's; the wallet is asked after its commit.
        """
        site = site.sudo()
        site._hold_money()
        if site.own:
            return self.browse()
        until = fields.Datetime.now()
        sales = self.env["isp.token.order"].sudo().search(site._due_domain(until))
        returned = self.env["isp.token.order"].sudo().search(
            [("site_id", "=", site.id), ("state", "=", "refunded"), ("statement_id", "!=", False), ("refund_statement_id", "=", False)]
        )
        received = sum(sales.filtered(lambda order: order.method == "momo").mapped("amount"))
        back = sum(returned.mapped("amount"))
        net_commission = sum(sales.mapped("commission")) - sum(returned.mapped("commission"))
        taxes = site.company_id._isp_hotspot_product("commission").taxes_id.filtered(lambda tax: tax.company_id == site.company_id)
        commission = taxes.compute_all(max(net_commission, 0), site.currency_id)["total_included"] if net_commission > 0 else 0
        amount = received - back - commission
        if asked_by_owner and amount <= 0:
            raise UserError(self.env._("Nothing is due now."))
        if amount < 0 and commission and received >= back and min(sales.mapped("done_at"), default=until) < until - CLAIMED_AFTER:
            return self._make(site, until, sales, returned, received, back, commission, 0)._invoiced(net_commission)
        if amount <= 0 or (not asked_by_owner and amount < site.tariff_id.payout_from):
            return self.browse()
        if not site.momo_msisdn:
            if asked_by_owner:
                raise UserError(self.env._("Enter the MoMo number first."))
            return self.browse()
        if not site._payout_wallet():
            if asked_by_owner:
                raise UserError(self.env._("Nothing can be paid out at the moment. Ask %(company)s.", company=site.company_id.name))
            _logger.warning("Hotspot %s is not paid out: no wallet pays out", site.id)
            return self.browse()
        if site._goes_back():
            raise UserError(self.env._("Money that was paid out already is on its way back to a guest. It is deducted when the operator has answered: try again in some minutes."))
        statement = self._make(site, until, sales, returned, received, back, commission, amount)._invoiced(net_commission)
        statement._pay_out()
        return statement

    def _make(self, site, until, sales, returned, received, back, commission, amount):
        statement = self.sudo().create(
            {
                "name": self.env["ir.sequence"].sudo().next_by_code("isp.site.statement"),
                "site_id": site.id,
                "partner_id": site.partner_id.id,
                "company_id": site.company_id.id,
                "date_to": until,
                "received": received,
                "returned": back,
                "commission": commission,
                "amount": amount,
            }
        )
        sales.statement_id = statement
        returned.refund_statement_id = statement
        return statement

    def _invoiced(self, amount):
        """The commission as an invoice to the owner, set off against what is owed to the owner, as far as that goes. :return: the statement"""
        self.ensure_one()
        if amount <= 0:
            return self
        company = self.company_id
        invoice = (
            self.env["account.move"]
            .with_company(company)
            .create(
                {
                    "move_type": "out_invoice",
                    "partner_id": self.partner_id.id,
                    "journal_id": company._isp_invoice_journal().id,
                    "invoice_date": company._isp_today(),
                    "invoice_date_due": company._isp_today(),
                    "ref": self.name,
                    "invoice_line_ids": [
                        Command.create(
                            {
                                "product_id": company._isp_hotspot_product("commission").id,
                                "name": self.env._("Commission on WiFi sales at %(site)s until %(day)s", site=self.site_id.name, day=company._isp_local(self.date_to).strftime("%d/%m/%Y")),
                                "quantity": 1,
                                "price_unit": amount,
                            }
                        )
                    ],
                }
            )
        )
        invoice.action_post()
        due = invoice.line_ids.filtered(lambda line: line.account_id.account_type == "asset_receivable")
        self.write({"invoice_id": invoice.id, "commission": invoice.amount_total})
        part = min(invoice.amount_total, self.received - self.returned)
        if part <= 0:
            return self
        owed = company._isp_owner_account()
        lines = [
            {"account_id": owed.id, "partner_id": self.partner_id.id, "debit": part, "name": self.name},
            {"account_id": due.account_id.id, "partner_id": self.partner_id.id, "credit": part, "name": self.name},
        ]
        journal = self.env["account.journal"].search([*self.env["account.journal"]._check_company_domain(company), ("type", "=", "general")], limit=1)
        set_off = (
            self.env["account.move"]
            .with_company(company)
            .create({"move_type": "entry", "journal_id": journal.id, "date": company._isp_today(), "ref": self.name, "line_ids": [Command.create(line) for line in lines]})
        )
        set_off.action_post()
        (due + set_off.line_ids.filtered(lambda line: line.account_id == due.account_id)).reconcile()
        self.set_off_id = set_off
        return self

    def _pay_out(self):
        """Send the money to the owner's number. Idempotency key: the statement's number."""
        self.ensure_one()
        provider = self.site_id._payout_wallet()
        if not provider:
            _logger.warning("%s: no wallet pays out", self.name)
            return
        self.env["isp.wallet.payout"]._payout(
            provider, self.partner_id, self.amount, self.site_id.momo_msisdn, key=f"isp_site_statement:{self.name}", memo=self.name, values={"isp_site_statement_id": self.id}
        )

    def action_pay_again(self):
        """Staff: the number was wrong or the wallet full, and the payout has failed for good."""
        self.check_access("write")
        for statement in self.sudo():
            last = statement.payout_ids.sorted("id")[-1:]
            if last:
                last._retry(statement.site_id.momo_msisdn)
            else:
                statement._pay_out()

    def _app_row(self):
        """:return: what the owner's app shows of it; moments in seconds since 1970"""
        self.ensure_one()
        return {
            "id": self.id,
            "name": self.name,
            "at": int(self.date_to.replace(tzinfo=UTC).timestamp()),
            "received": self.received,
            "returned": self.returned,
            "commission": self.commission,
            "amount": self.amount,
            "state": self.state,
            "number": self.payout_ids.sorted("id")[-1:].wallet_msisdn or "",
        }

    # === Cron ===

    @api.model
    def _cron_settle(self):
        """Every night: what is due is paid out, a site a transaction; at none that is blocked. One that cannot be is logged and tried tomorrow."""
        sites = self.env["isp.site"].search([("own", "=", False), ("state", "!=", "blocked")])
        cron = self.env["ir.cron"]
        cron._commit_progress(remaining=len(sites))
        for site in sites:
            try:
                self._settle(site)
            except UserError as error:
                self.env.cr.rollback()
                _logger.warning("Hotspot %s is not paid out: %s", site.id, error)
            if cron._commit_progress(1) <= 0:
                break
