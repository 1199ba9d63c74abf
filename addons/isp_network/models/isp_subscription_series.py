# License AGPL-3.0 or later (https://www.gnu.org/licenses/agpl).
import csv
import io
from datetime import timedelta

from markupsafe import Markup

from odoo import api, fields, models
from odoo.tools import SQL, consteq, hmac

from ..engine.chart import bars

_JUBA = timedelta(hours=2)
#: How much of each a page shows.
SPANS = {"hour": 48, "day": 31, "month": 13, "year": 5}


class IspSubscription(models.Model):
    """What a line used, by hour, day, month and year: for screens, the customer's page and files."""

    _inherit = "isp.subscription"

    usage_now = fields.Char(string="Used now", compute="_compute_usage_now", compute_sudo=True)
    usage_chart = fields.Html(string="Last 31 days", compute="_compute_usage_chart", compute_sudo=True, sanitize=False)
    usage_chart_hour = fields.Html(string="Last 48 hours", compute="_compute_usage_chart", compute_sudo=True, sanitize=False)
    usage_chart_month = fields.Html(string="Last months", compute="_compute_usage_chart", compute_sudo=True, sanitize=False)
    usage_chart_year = fields.Html(string="Years", compute="_compute_usage_chart", compute_sudo=True, sanitize=False)

    @api.depends("access_ids")
    def _compute_usage_now(self):
        for line in self:
            line.usage_now = line._usage_sentence()

    @api.depends("access_ids")
    def _compute_usage_chart(self):
        for line in self:
            for name, span in (("usage_chart", "day"), ("usage_chart_hour", "hour"), ("usage_chart_month", "month"), ("usage_chart_year", "year")):
                line[name] = line._usage_svg(span)

    def action_view_usage(self):
        self.ensure_one()
        action = self.env["ir.actions.act_window"]._for_xml_id("isp_network.action_isp_usage_day")
        return {**action, "domain": [("access_id", "in", self.access_ids.ids)], "context": {}}

    def action_usage_csv(self):
        self.ensure_one()
        return {"type": "ir.actions.act_url", "url": f"/my/usage/{self.id}/csv?span=day", "target": "download"}

    # === Series ===

    def _usage_series(self, span):
        """:param span: key of SPANS
        :return: list of (text of the start by the clock in Juba, bytes down, bytes up, seconds on line), the oldest first, without gaps

        Days, months and years hold the hours that are over and summed up: they are behind by an hour at most. Not checked: who may see it.
        """
        self.ensure_one()
        count, ids = SPANS[span], self.access_ids.ids
        local = fields.Datetime.now() + _JUBA
        if span == "hour":
            table, column, shift, form, step = "isp_usage", "hour", "interval '2 hours'", "YYYY-MM-DD HH24:00", "1 hour"
            first = local.replace(minute=0, second=0, microsecond=0) - timedelta(hours=count - 1)
        elif span == "day":
            table, column, shift, form, step = "isp_usage_day", "day", "interval '0'", "YYYY-MM-DD", "1 day"
            first = local.date() - timedelta(days=count - 1)
        else:
            table, column, shift = "isp_usage_month", "month", "interval '0'"
            form, step = ("YYYY-MM", "1 month") if span == "month" else ("YYYY", "1 year")
            months = local.year * 12 + local.month - 1 - (count - 1) * (1 if span == "month" else 12)
            first = local.date().replace(year=months // 12, month=months % 12 + 1 if span == "month" else 1, day=1)
        self.env.flush_all()
        return self.env.execute_query(
            SQL(
                """
                SELECT to_char(t.at, %(form)s), coalesce(sum(u.bytes_down), 0)::bigint, coalesce(sum(u.bytes_up), 0)::bigint, coalesce(sum(u.seconds), 0)::bigint
                  FROM generate_series(%(first)s::timestamp, %(last)s::timestamp, %(step)s::interval) AS t (at)
                  LEFT JOIN %(table)s u ON u.access_id = ANY(%(ids)s) AND u.%(column)s >= t.at - %(shift)s AND u.%(column)s < t.at + %(step)s::interval - %(shift)s
                 GROUP BY t.at ORDER BY t.at
                """,
                form=form,
                first=first,
                last=local,
                step=step,
                table=SQL.identifier(table),
                ids=ids,
                column=SQL.identifier(column),
                shift=SQL(shift),
            )
        )

    def _usage_svg(self, span):
        """:return: the chart of a span, "" when nothing was used"""
        rows = self._usage_series(span)
        if not any(down + up for _label, down, up, _seconds in rows):
            return ""
        cut = {"hour": slice(11, 16), "day": slice(5, 10)}.get(span, slice(None))
        return Markup(bars([(label[cut], down, up) for label, down, up, _seconds in rows], self.env._("Download"), self.env._("Upload")))

    def _usage_csv(self, span):
        """:return: text: start, bytes down, bytes up, seconds on line; one line each, for spreadsheets"""
        stream = io.StringIO()
        writer = csv.writer(stream)
        writer.writerow(["start", "bytes_down", "bytes_up", "seconds"])
        writer.writerows(self._usage_series(span))
        return stream.getvalue()

    # === Addresses without a log-in ===

    def _usage_url(self):
        """:return: path of the customer's light page, signed: whoever has it sees use and offers of this line, nothing else"""
        self.ensure_one()
        return f"/isp/usage/{self.id}/{self._usage_signature()}"

    def _usage_signature(self):
        return hmac(self.env(su=True), "isp_network.usage", self.id)[:32]

    @api.model
    def _usage_line_of(self, line_id, signature):
        """:return: the line of a signed address (sudo), or none"""
        line = self.sudo().browse(line_id)
        return line.exists() if consteq(line._usage_signature(), signature) else line.browse()

    @api.model
    def _usage_line_at(self, address):
        """:return: the line that is on line with this address (sudo), or none; two routers may give out the same: then none"""
        sessions = self.env["isp.session"].sudo()
        found = sessions.search(sessions._live_domain() & fields.Domain("framed_ip", "=", address), limit=2)
        return found.subscription_id if len(found) == 1 else self.sudo().browse()
