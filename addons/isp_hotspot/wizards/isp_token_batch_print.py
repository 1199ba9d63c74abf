# License AGPL-3.0 or later (https://www.gnu.org/licenses/agpl).
from odoo import api, fields, models

from ..models.isp_token_print import PAPERS


class IspTokenBatchPrint(models.TransientModel):
    """On which paper, in which language, which of them."""

    _name = "isp.token.batch.print"
    _description = "Print a batch of tokens"

    batch_id = fields.Many2one("isp.token.batch", string="Batch", required=True, readonly=True)
    paper = fields.Selection(PAPERS, required=True, default="a4_30")
    lang = fields.Selection(lambda self: self.env["res.lang"].get_installed(), string="Language", required=True)
    first = fields.Integer(string="From number", required=True, default=1)
    last = fields.Integer(string="To number", required=True)

    @api.model
    def default_get(self, fields_list):
        values = super().default_get(fields_list)
        batch = self.env["isp.token.batch"].browse(values.get("batch_id"))
        return {"lang": batch.site_id.lang, "last": batch.made_count, **values}

    def action_print(self):
        self.ensure_one()
        self.batch_id.check_access("read")
        prints = self.env["isp.token.print"]._ask(self.batch_id, self.paper, self.lang, self.first, self.last)
        if len(prints) == 1 and prints.state == "done":
            return prints.action_download()
        return self.batch_id.action_view_prints()
