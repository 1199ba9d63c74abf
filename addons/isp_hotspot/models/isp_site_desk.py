# License AGPL-3.0 or later (https://www.gnu.org/licenses/agpl).
from datetime import timedelta

from odoo import api, fields, models
from odoo.tools import SQL

from odoo.addons.isp_network.models.isp_session import ALIVE

_JUBA = timedelta(hours=2)
#: Who sees figures of tokens.
_WHO = "isp_base.group_isp_customer_service,isp_hotspot.group_hotspot_owner"


class IspSite(models.Model):
    """A hotspot in figures, for lists and forms: each is one query, however many hotspots are shown."""

    _inherit = "isp.site"

    batch_count = fields.Integer(string="Batches", compute="_compute_batch_count", groups=_WHO)
    token_good_count = fields.Integer(string="Good tokens", compute="_compute_token_good_count", groups=_WHO, help="Made, sold or in use.")
    online_count = fields.Integer(string="On line", compute="_compute_online_count", groups=_WHO)
    sold_today = fields.Monetary(string="Sold today", compute="_compute_sold_today", groups=_WHO)
    owed_count = fields.Integer(string="Owed", compute="_compute_owed_count", groups=_WHO, help="Paid by mobile money, and no token could be made.")

    def _compute_batch_count(self):
        self._count("batch_count", "isp.token.batch", [])

    def _compute_token_good_count(self):
        self._count("token_good_count", "isp.token", [("state", "in", ("made", "sold", "in_use"))])

    def _compute_owed_count(self):
        self._count("owed_count", "isp.token.order", [("state", "=", "owed")])

    @api.depends("company_id")
    def _compute_sold_today(self):
        """Since midnight in Juba."""
        local = fields.Datetime.now() + _JUBA
        since = local.replace(hour=0, minute=0, second=0, microsecond=0) - _JUBA
        domain = [("site_id", "in", self.ids), ("state", "=", "done"), ("method", "in", ("cash", "momo")), ("done_at", ">=", since)]
        groups = self.env["isp.token.order"].sudo()._read_group(domain, ["site_id"], ["amount:sum"])
        sold = {site.id: amount for site, amount in groups}
        for site in self:
            site.sold_today = sold.get(site.id, 0)

    def _compute_online_count(self):
        """Sessions that still report, at the hotspots' routers."""
        self.env.flush_all()
        rows = self.env.execute_query(
            SQL(
                "SELECT r.site_id, count(*) FROM isp_session s JOIN isp_router r ON r.id = s.router_id"
                " WHERE s.stopped IS NULL AND s.updated > %s AND r.site_id = ANY(%s) GROUP BY r.site_id",
                fields.Datetime.now() - ALIVE,
                self.ids,
            )
        )
        counts = dict(rows)
        for site in self:
            site.online_count = counts.get(site.id, 0)

    def _count(self, name, model, domain):
        groups = self.env[model].sudo()._read_group([("site_id", "in", self.ids), *domain], ["site_id"], ["__count"])
        counts = {site.id: count for site, count in groups}
        for site in self:
            site[name] = counts.get(site.id, 0)

    # === Actions ===

    def action_view_tokens(self):
        return self._action_of("action_isp_token")

    def action_view_orders(self):
        return self._action_of("action_isp_token_order")

    def action_view_owed(self):
        return self._action_of("action_isp_token_order_owed", ("state", "=", "owed"))

    def action_view_batches(self):
        return self._action_of("action_isp_token_batch")

    def _action_of(self, name, *more):
        self.ensure_one()
        action = self.env["ir.actions.act_window"]._for_xml_id(f"isp_hotspot.{name}")
        return {**action, "domain": [("site_id", "=", self.id), *more], "context": {}}
