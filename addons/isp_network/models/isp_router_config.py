# License AGPL-3.0 or later (https://www.gnu.org/licenses/agpl).
import base64
import difflib

from markupsafe import Markup, escape

from odoo import api, fields, models
from odoo.exceptions import UserError

#: Lines of a difference that are shown; the whole is in the two files.
SHOWN = 2000


class IspRouterConfig(models.Model):
    """A configuration that a router had, as its ``/export`` writes it, without passwords. One row a change."""

    _name = "isp.router.config"
    _description = "Configuration of a router"
    _order = "id desc"
    _rec_name = "create_date"

    router_id = fields.Many2one("isp.router", required=True, readonly=True, ondelete="cascade", index=True)
    company_id = fields.Many2one(related="router_id.company_id")
    content = fields.Text(readonly=True, required=True, prefetch=False)
    digest = fields.Char(readonly=True, required=True, help="SHA-256 of the text.")
    version = fields.Char(string="RouterOS", readonly=True)
    added = fields.Integer(string="Lines added", readonly=True)
    removed = fields.Integer(string="Lines removed", readonly=True)
    other_id = fields.Many2one("isp.router.config", string="Compared with", compute="_compute_other_id")
    difference = fields.Html(compute="_compute_difference", sanitize=False)
    file = fields.Binary(compute="_compute_file")

    # === Computes ===

    @api.depends("router_id")
    @api.depends_context("compare_with")
    def _compute_other_id(self):
        """The one that was chosen, else the one before."""
        chosen = self.browse(self.env.context.get("compare_with")).exists()
        for config in self:
            config.other_id = chosen or self.search([("router_id", "=", config.router_id.id), ("id", "<", config.id)], limit=1)

    @api.depends("other_id")
    @api.depends_context("compare_with", "lang")
    def _compute_difference(self):
        for config in self:
            config.difference = config._show_difference(config.other_id)

    def _compute_file(self):
        for config in self:
            config.file = base64.b64encode((config.content or "").encode())

    def _show_difference(self, other):
        """:return: the unified difference, from the other to this, as HTML"""
        self.ensure_one()
        if not other:
            return Markup("<p>%s</p>") % self.env._("The first one that was read.")
        older, newer = sorted((other, self), key=lambda c: c.id)
        lines = list(difflib.unified_diff(older.content.split("\n"), newer.content.split("\n"), n=3, lineterm=""))[2:]
        if not lines:
            return Markup("<p>%s</p>") % self.env._("No difference.")
        colours = {"+": "text-bg-success bg-opacity-25 text-body", "-": "text-bg-danger bg-opacity-25 text-body", "@": "text-muted"}
        rows = [Markup('<div class="%s">%s</div>') % (colours.get(line[:1], ""), escape(line or " ")) for line in lines[:SHOWN]]
        if len(lines) > SHOWN:
            rows.append(Markup("<div>%s</div>") % self.env._("… and %(count)s more lines", count=len(lines) - SHOWN))
        return Markup('<div dir="ltr" class="font-monospace text-start text-break" style="white-space: pre-wrap">%s</div>') % Markup("").join(rows)

    # === Actions ===

    def action_download(self):
        self.ensure_one()
        self.check_access("read")
        name = f"{self.router_id.name}-{self.create_date:%Y%m%d-%H%M}.rsc"
        url = f"/web/content/isp.router.config/{self.id}/file?download=true&filename={''.join(c if c.isalnum() or c in '.-' else '_' for c in name)}"
        return {"type": "ir.actions.act_url", "url": url, "target": "self"}

    def action_compare(self):
        """Two that were chosen in the list, side by side."""
        if len(self) != 2:
            raise UserError(self.env._("Choose two configurations."))
        older, newer = self.sorted("id")
        action = self.env["ir.actions.act_window"]._for_xml_id("isp_network.action_isp_router_config")
        return {**action, "view_mode": "form", "views": [(False, "form")], "res_id": newer.id, "context": {"compare_with": older.id}}

    # === Business ===

    @api.model
    def _forget_old(self, router):
        """Keep the newest (system parameter ``isp_network.keep_configs``, 100; 0: all)."""
        text = self.env["ir.config_parameter"].sudo().get_param("isp_network.keep_configs", "100")
        keep = int(text) if text.isdecimal() else 100
        if keep:
            self.search([("router_id", "=", router.id)], offset=keep).unlink()
