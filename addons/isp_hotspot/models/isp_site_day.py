# License AGPL-3.0 or later (https://www.gnu.org/licenses/agpl).
import logging
from collections import Counter

from odoo import api, fields, models
from odoo.exceptions import UserError
from odoo.fields import Command
from odoo.tools import SQL

_logger = logging.getLogger(__name__)


class IspSiteDay(models.Model):
    """The sales of one day at one of the ISP's own hotspots, as one invoice to its guests: prices are with taxes.

    Idempotency keys: (site, day) UNIQUE; an order stands on one day, for ever (``day_id``), and once more as a deduction on a later
    one when its money went back (``refund_day_id``). Mobile money is reconciled with the invoice; cash stays open until the cash desk
    takes it in.
    """

    _name = "isp.site.day"
    _description = "Day of an own hotspot"
    _order = "day desc, id desc"
    _rec_name = "day"

    site_id = fields.Many2one("isp.site", string="Hotspot", required=True, readonly=True, ondelete="restrict")
    company_id = fields.Many2one(related="site_id.company_id", store=True)
    currency_id = fields.Many2one(related="company_id.currency_id")
    day = fields.Date(required=True, readonly=True)
    order_ids = fields.One2many("isp.token.order", "day_id", string="Sales", readonly=True)
    refund_ids = fields.One2many("isp.token.order", "refund_day_id", string="Given back", readonly=True)
    invoice_id = fields.Many2one("account.move", string="Invoice", readonly=True, ondelete="restrict", index="btree_not_null")
    amount = fields.Monetary(readonly=True)

    _day_unique = models.UniqueIndex("(site_id, day)", "This day is booked already.")

    @api.model
    def _cron_book(self):
        """Book the days that are over, also those of before an outage; a day a transaction. One that fails is logged and tried again."""
        cron = self.env["ir.cron"]
        todo = self._open_days()
        cron._commit_progress(remaining=len(todo))
        for site, day in todo:
            try:
                self._book(site, day)
            except UserError as error:
                self.env.cr.rollback()
                _logger.warning("Sales of hotspot %s on %s are not booked: %s", site.id, day, error)
            if cron._commit_progress(1) <= 0:
                break

    @api.model
    def _open_days(self):
        """:return: [(site, day)] of own sites with sales that stand on no day, the oldest first; today is not over"""
        self.env.flush_all()
        found = []
        for company in self.env["isp.site"].search([("own", "=", True)]).company_id:
            rows = self.env.execute_query(
                SQL(
                    """
                    SELECT DISTINCT s.id, (o.done_at AT TIME ZONE 'UTC' AT TIME ZONE %(zone)s)::date AS day
                      FROM isp_token_order o JOIN isp_site s ON s.id = o.site_id
                     WHERE s.own AND s.company_id = %(company)s AND o.day_id IS NULL AND o.state = 'done' AND o.amount > 0
                       AND (o.done_at AT TIME ZONE 'UTC' AT TIME ZONE %(zone)s)::date < %(today)s
                     ORDER BY day, s.id
                    """,
                    zone=company._isp_zone(),
                    company=company.id,
                    today=company._isp_today(),
                )
            )
            found += [(self.env["isp.site"].browse(site_id), day) for site_id, day in rows]
        return found

    @api.model
    def _book(self, site, day):
        """Book what was sold at ``site`` until the end of ``day`` (the company's) and stands on no day yet.

        :return: the ``isp.site.day`` (sudo); empty where nothing was sold, or more was given back than sold. Lock: the site's row
        """
        site = site.sudo()
        # Sales that are under way refer to the site: they do not hinder, and stand on the next one.
        site.lock_for_update(allow_referencing=True)
        company = site.company_id
        end = company._isp_utc(fields.Datetime.to_datetime(fields.Date.add(day, days=1)))
        orders = self.env["isp.token.order"].sudo()
        paid = ["|", ("method", "=", "cash"), "&", ("method", "=", "momo"), ("transaction_id.is_post_processed", "=", True)]
        sales = orders.search([("site_id", "=", site.id), ("day_id", "=", False), ("state", "=", "done"), ("amount", ">", 0), ("done_at", "<", end), *paid])
        returned = orders.search([("site_id", "=", site.id), ("day_id", "!=", False), ("refund_day_id", "=", False), ("state", "=", "refunded")])
        total = sum(sales.mapped("amount")) - sum(returned.mapped("amount"))
        if total <= 0:
            return self.browse()
        record = self.sudo().search([("site_id", "=", site.id), ("day", "=", day)])
        if record:  # money that became final later: it stands on the day on which it is found
            day = company._isp_today()
            record = self.sudo().search([("site_id", "=", site.id), ("day", "=", day)])
            if record:
                return self.browse()
        record = self.sudo().create({"site_id": site.id, "day": day, "amount": total})
        sales.day_id = record
        returned.refund_day_id = record
        record._invoice(total)
        return record

    def _invoice(self, total):
        company, guests = self.company_id, self.env.ref("isp_hotspot.partner_guest")
        lines = self._prepare_lines()
        invoice = self.env["account.move"].with_company(company).create(
            {
                "move_type": "out_invoice",
                "partner_id": guests.id,
                "journal_id": company._isp_invoice_journal().id,
                "invoice_date": self.day,
                "invoice_date_due": self.day,
                "ref": f"{self.site_id.name} {self.day}",
                "invoice_line_ids": [Command.create(line) for line in lines],
            }
        )  # fmt: skip
        rest = company.currency_id.round(total - invoice.amount_total)
        if rest:  # prices are whole with taxes, their bases are not
            invoice.invoice_line_ids = [Command.create({"name": self.env._("Rounding"), "quantity": 1, "price_unit": rest, "account_id": invoice.invoice_line_ids[:1].account_id.id, "tax_ids": False})]
        invoice.action_post()
        self.invoice_id = invoice
        due = invoice.line_ids.filtered(lambda line: line.account_id.account_type == "asset_receivable")
        payments = (self.order_ids | self.refund_ids).transaction_id
        payments = (payments | payments.child_transaction_ids.filtered(lambda tx: tx.operation == "refund" and tx.state == "done")).payment_id
        lines = payments.move_id.line_ids.filtered(lambda line: line.account_id == due.account_id and not line.reconciled)
        if lines:
            (due + lines).reconcile()

    def _prepare_lines(self):
        """:return: values of invoice lines: one for each time and price, what was given back deducted"""
        product = self.company_id._isp_hotspot_product("token")
        taxes = product.taxes_id.filtered(lambda tax: tax.company_id == self.company_id)
        counts = Counter()
        for sign, orders in ((1, self.order_ids), (-1, self.refund_ids)):
            for order in orders:
                counts[(order._time_text(), order.amount)] += sign
        return [
            {
                "product_id": product.id,
                "name": self.env._("WiFi, %(time)s", time=time),
                "quantity": count,
                "price_unit": taxes._get_tax_details(price, 1, precision_rounding=0.0001, special_mode="total_included")["total_excluded"],
                "tax_ids": [Command.set(taxes.ids)],
            }
            for (time, price), count in sorted(counts.items())
            if count
        ]
