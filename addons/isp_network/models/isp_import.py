# License AGPL-3.0 or later (https://www.gnu.org/licenses/agpl).
from odoo import models


class IspImport(models.Model):
    _inherit = "isp.import"

    def _on_subscribers_imported(self, batch):
        """Passwords of the file go into the accesses; a blank one leaves what is there. Writes only what differs."""
        result = super()._on_subscribers_imported(batch)
        for entry in batch:
            access = entry["subscription"].sudo().access_ids[:1]
            password = entry["record"].password
            if access and password and access.password != password:
                access._apply({"password": password})
                entry["changed"] = True
        return result
