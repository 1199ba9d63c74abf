# License AGPL-3.0 or later (https://www.gnu.org/licenses/agpl).
from odoo import fields, models


class IspOutageLine(models.Model):
    """A line that was down in an outage, and what is given for it."""

    _name = "isp.outage.line"
    _description = "Line in an outage"
    _rec_name = "subscription_id"
    _log_access = False

    outage_id = fields.Many2one("isp.outage", required=True, readonly=True, ondelete="cascade")
    subscription_id = fields.Many2one("isp.subscription", required=True, readonly=True, ondelete="restrict", index=True)
    partner_id = fields.Many2one("res.partner", string="Customer", readonly=True, ondelete="restrict")
    company_id = fields.Many2one(related="subscription_id.company_id")
    currency_id = fields.Many2one(related="subscription_id.currency_id")
    credit = fields.Monetary(compute="_compute_credit", compute_sudo=True, help="Of the period's price, as long as the outage was. Booked by the button, not before.")
    booked = fields.Monetary(readonly=True)
    period_id = fields.Many2one("isp.period", string="Ledger", readonly=True, ondelete="restrict")

    _line_unique = models.UniqueIndex("(outage_id, subscription_id)")

    def _compute_credit(self):
        """What the company's policy gives: from a length on, the share of the period's price that the outage took of it.

        Of plan periods with a price only, and never more than the period cost. What is booked is shown as booked.
        """
        self.fetch(["outage_id", "subscription_id", "booked"])
        self.subscription_id.fetch(["company_id"])
        periods = self._periods()
        for line in self:
            outage, company = line.outage_id, line.company_id
            line.credit = line.booked
            if line.booked or not outage.creditable or outage.credited or not company.isp_outage_hours or outage.duration < company.isp_outage_hours:
                continue
            period = periods.get((outage.id, line.subscription_id.id))
            if period:
                hours = 24 * (period.full_days or period.days or 30)
                share = min(outage.duration / hours, 1) * company.isp_outage_share / 100
                line.credit = line.currency_id.round(min(period.price * share, period.amount))

    def _periods(self):
        """:return: {(outage, subscription): the plan's row of the ledger on the day the outage began}; one query an outage"""
        found = {}
        for outage, lines in self.grouped("outage_id").items():
            day = fields.Datetime.context_timestamp(outage.with_context(tz="Africa/Juba"), outage.started).date()
            domain = [
                ("subscription_id", "in", lines.subscription_id.ids),
                ("kind", "in", ("recurring", "proration")),
                ("date_start", "<=", day),
                ("date_end", ">=", day),
                ("amount", ">", 0),
                "|",
                ("source", "=", "plan"),
                ("source", "=like", "prepaid/%"),
            ]
            for period in self.env["isp.period"].search_fetch(domain, ["subscription_id", "price", "amount", "days", "full_days"], order="date_start, id"):
                found[outage.id, period.subscription_id.id] = period
        return found
