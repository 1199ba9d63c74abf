# License AGPL-3.0 or later (https://www.gnu.org/licenses/agpl).
import difflib
import hashlib
import logging
import re

from odoo import api, fields, models
from odoo.tools.translate import LazyTranslate

from ..drivers import routeros
from ..fields import Sentence

_logger = logging.getLogger(__name__)
_lt = LazyTranslate(__name__)


class IspRouter(models.Model):
    """Set-up of a router, and copies of its configuration."""

    _inherit = "isp.router"

    setup_ids = fields.One2many("isp.router.setup", "router_id", readonly=True)
    setup_id = fields.Many2one("isp.router.setup", string="Last set-up", compute="_compute_setup_id")
    setup_health = fields.Selection(selection="_selection_setup_health", string="Set-up", compute="_compute_setup_id")
    config_ids = fields.One2many("isp.router.config", "router_id", readonly=True)
    config_count = fields.Integer(compute="_compute_config_count", string="Configurations")
    config_read_at = fields.Datetime(string="Configuration read", readonly=True, copy=False)
    config_error = Sentence(string="Configuration not read", readonly=True, copy=False)

    @api.model
    def _selection_setup_health(self):
        return self.env["isp.router.setup"]._fields["health"]._description_selection(self.env)

    # === Computes ===

    @api.depends("setup_ids")
    def _compute_setup_id(self):
        for router in self:
            router.setup_id = router.setup_ids.sorted("id")[-1:]
            router.setup_health = router.setup_id.health

    @api.depends("config_ids")
    def _compute_config_count(self):
        groups = self.env["isp.router.config"]._read_group([("router_id", "in", self.ids)], ["router_id"], ["__count"])
        counts = {router.id: count for router, count in groups}
        for router in self:
            router.config_count = counts.get(router.id, 0)

    # === Actions ===

    def action_set_up(self):
        """The last set-up of this router, or a new one."""
        self.ensure_one()
        action = self.env["ir.actions.act_window"]._for_xml_id("isp_network.action_isp_router_setup")
        return {**action, "view_mode": "form", "views": [(False, "form")], "res_id": self.setup_id.id, "context": {"default_router_id": self.id}}

    def action_view_configs(self):
        self.ensure_one()
        action = self.env["ir.actions.act_window"]._for_xml_id("isp_network.action_isp_router_config")
        return {**action, "domain": [("router_id", "=", self.id)], "context": {}}

    def action_read_config(self):
        """Read it in the background, now."""
        self.env["isp.router.setup"].check_access("write")
        self.sudo()._queue_read_config()
        return {
            "type": "ir.actions.client",
            "tag": "display_notification",
            "params": {"type": "info", "message": self.env._("The configuration is being read; a change shows up in the list.")},
        }

    # === Business ===

    def _config_driver(self):
        """:return: a driver of the router's API, not connected yet"""
        self.ensure_one()
        if self.sudo().wire == "none":
            raise routeros.Unreachable(self.env._("No API is set up for this router"))
        return self._driver()

    def _queue_read_config(self):
        """One waiting job a router."""
        for router in self.sudo():
            router.with_delay(
                channel=router._channel(),
                identity_key=f"isp_network.config.{router.id}",
                description=self.env._("Read the configuration of router %(name)s", name=router.name),
            )._read_config()

    def _read_config(self):
        """Job: keep the configuration when it is another than the last one. Without passwords and keys (``hide-sensitive``).

        Reads only, but for the file of the export, which is removed again. A failure is kept on the router and shown; the next round tries again.

        :return: the new ``isp.router.config``, empty when nothing has changed or it failed
        """
        self.ensure_one()
        configs = self.env["isp.router.config"].sudo()
        router = self.sudo()
        router._lock()
        try:
            with router._config_driver() as driver:
                text = driver.export()
        except routeros.RouterError as error:
            router.config_error = router._explain(error)
            _logger.info("Configuration of router %s not read: %s", router.name, error.message)
            return configs
        router.write({"config_error": False, "config_read_at": fields.Datetime.now()})
        lines = text.split("\n")
        head = [line for line in lines[:5] if line.startswith("#")]
        # The first lines hold the time of the export.
        body = "\n".join(line for line in lines[len(head) :]).strip("\n") + "\n"
        if not body.strip():
            router.config_error = _lt("The router gave an empty export.")
            return configs
        digest = hashlib.sha256(body.encode()).hexdigest()
        last = configs.search([("router_id", "=", router.id)], limit=1)
        if last.digest == digest:
            return configs
        before = last.content.split("\n") if last else []
        marks = [line[:1] for line in difflib.unified_diff(before, body.split("\n"), n=0, lineterm="")][2:]
        found = re.search(r"RouterOS (\S+)", " ".join(head))
        made = configs.create(
            {
                "router_id": router.id,
                "content": body,
                "digest": digest,
                "version": found and found[1],
                "added": marks.count("+") if last else 0,
                "removed": marks.count("-") if last else 0,
            }
        )
        configs._forget_old(router)
        return made

    # === Cron ===

    @api.model
    def _cron_read_configs(self):
        """Every night: one job for each router that has an API."""
        self.search([("wire", "!=", "none")])._queue_read_config()
