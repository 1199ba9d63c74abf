# License AGPL-3.0 or later (https://www.gnu.org/licenses/agpl).
import logging
from collections import Counter

from odoo import api, fields, models
from odoo.exceptions import UserError
from odoo.fields import Command
from odoo.tools import SQL

from .isp_token_batch import life_text

_logger = logging.getLogger(__name__)


class IspSiteDay(models.Model):
    """The sales of one day at one of the ISP's own hotspots, as one invoice to its guests (a credit note, where more was given back than
    sold): prices are with taxes.

    Idempotency keys: (site, day) UNIQUE; an order stands on one day, for ever (``day_id``), and once more as a deduction on a later
    one when its money went back (``refund_day_id``). What comes to light late stands on the next day that is not booked. Mobile money is
    reconciled with the invoice; cash stays open until the cash desk takes it in.

    What resellers sell is in it by their ledger (``isp.reseller.entry.day_id``) and not by the orders: single sales and prepaid batches when
    the float pays them, consignment when a token is used. The price is revenue, the commission an expense; ``set_off_id`` pays the invoice
    from the floats, adds to the debts, and books the commission.
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
    entry_ids = fields.One2many("isp.reseller.entry", "day_id", string="Sales of resellers", readonly=True)
    resold = fields.Monetary(string="By resellers", readonly=True, help="Of the amount.")
    commission = fields.Monetary(string="Commission of resellers", readonly=True)
    set_off_id = fields.Many2one("account.move", string="Set off with resellers", readonly=True, ondelete="restrict", index="btree_not_null")

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
        """:return: [(site, day)] of own sites with sales that stand on no day, the oldest first; today is not over.

        What belongs to a day that is booked, or to one before it, counts on the day after the last one that is.
        """
        self.env.flush_all()
        found = []
        for [company] in self.env["isp.site"].sudo()._read_group([("active", "in", (True, False))], ["company_id"]):
            rows = self.env.execute_query(
                SQL(
                    """
                    WITH sold AS (
                        SELECT o.site_id, o.done_at AS at
                          FROM isp_token_order o JOIN isp_site s ON s.id = o.site_id LEFT JOIN isp_token t ON t.id = o.token_id
                         WHERE s.own AND s.company_id = %(company)s AND o.day_id IS NULL AND o.state = 'done' AND o.amount > 0 AND t.reseller_id IS NULL
                     UNION ALL
                        SELECT e.site_id, e.at FROM (%(entries)s) e),
                    due AS (
                        SELECT DISTINCT n.site_id,
                               GREATEST((n.at AT TIME ZONE 'UTC' AT TIME ZONE %(zone)s)::date, (SELECT max(d.day) + 1 FROM isp_site_day d WHERE d.site_id = n.site_id)) AS day
                          FROM sold n)
                    SELECT site_id, day FROM due WHERE day < %(today)s ORDER BY day, site_id
                    """,
                    entries=self._sql_entries(company),
                    zone=company._isp_zone(),
                    company=company.id,
                    today=company._isp_today(),
                )
            )
            found += [(self.env["isp.site"].browse(site_id), day) for site_id, day in rows]
        return found

    @api.model
    def _sql_entries(self, company):
        """:return: SQL: sales in the ledgers of the company's own resellers that stand on no day: id, site_id, at"""
        return SQL(
            """
            SELECT e.id, e.at, COALESCE((SELECT site_id FROM isp_token_batch WHERE id = e.batch_id), (SELECT site_id FROM isp_token_order WHERE id = e.order_id)) AS site_id
              FROM isp_reseller_entry e JOIN isp_reseller r ON r.id = e.reseller_id
             WHERE r.company_id = %s AND r.owner_id = %s AND e.day_id IS NULL AND e.kind IN ('sale', 'prepaid', 'consignment', 'return')
            """,
            company.id,
            company.partner_id.id,
        )

    @api.model
    def _book(self, site, day):
        """Book what was sold at ``site`` until the end of ``day`` (the company's) and stands on no day yet.

        :return: the ``isp.site.day`` (sudo); empty where nothing was sold, or the day is booked. Lock: the site's row.
            Transaction: the caller's; cut off, nothing of it is booked
        """
        site = site.sudo()
        # Sales that are under way refer to the site: they do not hinder, and stand on the next one.
        site.lock_for_update(allow_referencing=True)
        company = site.company_id
        end = company._isp_utc(fields.Datetime.to_datetime(fields.Date.add(day, days=1)))
        if self.sudo().search_count([("site_id", "=", site.id), ("day", "=", day)], limit=1):
            return self.browse()
        orders = self.env["isp.token.order"].sudo()
        paid = ["|", ("method", "=", "cash"), "&", ("method", "=", "momo"), ("transaction_id.is_post_processed", "=", True)]
        due = [("site_id", "=", site.id), ("day_id", "=", False), ("state", "=", "done"), ("amount", ">", 0), ("done_at", "<", end), ("token_id.reseller_id", "=", False)]
        sales = orders.search([*due, *paid]) if site.own else orders
        returned = orders.search([("site_id", "=", site.id), ("day_id", "!=", False), ("refund_day_id", "=", False), ("state", "=", "refunded")])
        record = self.sudo().create({"site_id": site.id, "day": day})
        if not (record._take_entries(end) or sales or returned):
            record.unlink()
            return self.browse()
        sales.day_id = record
        returned.refund_day_id = record
        record.amount = sum(sales.mapped("amount")) - sum(returned.mapped("amount")) + record.resold
        record._invoice()
        record._set_off()
        record._reconcile()
        return record

    def _take_entries(self, end):
        """What resellers sold here before ``end`` (UTC) stands on this day. :return: how many entries"""
        self.env.flush_all()
        count = len(
            self.env.execute_query(
                SQL(
                    "UPDATE isp_reseller_entry SET day_id = %s WHERE id IN (SELECT e.id FROM (%s) e WHERE e.site_id = %s AND e.at < %s) RETURNING id",
                    self.id,
                    self._sql_entries(self.company_id),
                    self.site_id.id,
                    end,
                )
            )
        )
        self.env["isp.reseller.entry"].invalidate_model(["day_id"])
        if count:
            [(self.resold, self.commission)] = self.env["isp.reseller.entry"]._read_group([("day_id", "=", self.id)], [], ["price:sum", "commission:sum"])
        return count

    def _invoice(self):
        company, guests = self.company_id, self.env.ref("isp_hotspot.partner_guest")
        sign = -1 if self.amount < 0 else 1
        lines = self._prepare_lines(sign)
        if company.currency_id.is_zero(self.amount):
            return
        invoice = self.env["account.move"].with_company(company).create(
            {
                "move_type": "out_invoice" if sign > 0 else "out_refund",
                "partner_id": guests.id,
                "journal_id": company._isp_invoice_journal().id,
                "invoice_date": self.day,
                "invoice_date_due": self.day,
                "ref": f"{self.site_id.name} {self.day}",
                "invoice_line_ids": [Command.create(line) for line in lines],
            }
        )  # fmt: skip
        rest = company.currency_id.round(sign * self.amount - invoice.amount_total)
        if rest:  # prices are whole with taxes, their bases are not
            invoice.invoice_line_ids = [Command.create({"name": self.env._("Rounding"), "quantity": 1, "price_unit": rest, "account_id": invoice.invoice_line_ids[:1].account_id.id, "tax_ids": False})]
        invoice.action_post()
        self.invoice_id = invoice

    def _set_off(self):
        """What resellers sold is paid by them: from the float, as a debt, and by their commission."""
        sums = ["price:sum", "commission:sum", "amount:sum", "debt:sum"]
        groups = self.env["isp.reseller.entry"]._read_group([("day_id", "=", self.id)], ["reseller_id"], sums)
        company, currency = self.company_id, self.currency_id
        guests = self.env.ref("isp_hotspot.partner_guest").with_company(company)
        lines = [(guests, guests.property_account_receivable_id, -self.resold)]
        for reseller, _price, commission, balance, debt in groups:
            partner = reseller.partner_id.commercial_partner_id
            lines += [(partner, company._isp_reseller_account(name), value) for name, value in (("float", -balance), ("debt", debt), ("share", commission)) if value]
        lines = [(partner, account, value) for partner, account, value in lines if not currency.is_zero(value)]
        if not lines:
            return
        text = self.env._("WiFi sold by resellers, %(site)s %(day)s", site=self.site_id.name, day=self.day)
        journal = self.env["account.journal"].search([*self.env["account.journal"]._check_company_domain(company), ("type", "=", "general")], limit=1)
        values = [{"partner_id": partner.id, "account_id": account.id, "balance": value, "name": text} for partner, account, value in lines]
        self.set_off_id = self.env["account.move"].with_company(company).create(
            {"move_type": "entry", "journal_id": journal.id, "date": self.day, "ref": text, "line_ids": [Command.create(line) for line in values]}
        )  # fmt: skip
        self.set_off_id.action_post()

    def _reconcile(self):
        """The invoice with mobile money, with what went back, and with what resellers pay."""
        payments = (self.order_ids | self.refund_ids).transaction_id
        payments = (payments | payments.child_transaction_ids.filtered(lambda tx: tx.operation == "refund" and tx.state == "done")).payment_id
        lines = (self.invoice_id | self.set_off_id | payments.move_id).line_ids
        lines = lines.filtered(lambda line: line.account_id.account_type == "asset_receivable" and not line.reconciled)
        for same in lines.grouped("account_id").values():
            if len(same) > 1:
                same.reconcile()

    def _prepare_lines(self, sign=1):
        """:param sign: -1 for a credit note
        :return: values of invoice lines: one for each time and price, what was given back deducted"""
        product = self.company_id._isp_hotspot_product("token")
        taxes = product.taxes_id.filtered(lambda tax: tax.company_id == self.company_id)
        counts = Counter()
        for way, orders in ((1, self.order_ids), (-1, self.refund_ids)):
            for order in orders:
                counts[order.seconds, order.amount] += way
        for seconds, price, count in self._resold_counts():
            counts[seconds, price] += count
        return [
            {
                "product_id": product.id,
                "name": self.env._("WiFi, %(time)s", time=life_text(self.env, seconds)),
                "quantity": sign * count,
                "price_unit": taxes._get_tax_details(price, 1, precision_rounding=0.0001, special_mode="total_included")["total_excluded"],
                "tax_ids": [Command.set(taxes.ids)],
            }
            for (seconds, price), count in sorted(counts.items())
            if count
        ]

    def _resold_counts(self):
        """:return: [(seconds, price, count)] of what resellers sold; what was taken back is deducted"""
        return self.env.execute_query(
            SQL(
                """
                SELECT COALESCE(o.seconds, b.seconds), (e.price / e.count)::float, sum(e.count)::int
                  FROM isp_reseller_entry e LEFT JOIN isp_token_order o ON o.id = e.order_id LEFT JOIN isp_token_batch b ON b.id = e.batch_id
                 WHERE e.day_id = %s AND e.count != 0 AND e.price != 0 GROUP BY 1, 2
                """,
                self.id,
            )
        )
