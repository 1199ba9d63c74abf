# License AGPL-3.0 or later (https://www.gnu.org/licenses/agpl).
from odoo import fields, models


class IspBillingStep(models.Model):
    """One transaction of a billing run: written in it, so it is there if and only if its work is.

    A run is divided into shares by the remainder of the id, so that several workers do not meet; ``last_id``
    of the latest step says where the next one of the share goes on.
    """

    _name = "isp.billing.step"
    _description = "Step of a billing run"
    _order = "id desc"
    _rec_name = "phase"

    run_id = fields.Many2one("isp.billing.run", required=True, readonly=True, ondelete="cascade", index=True)
    attempt = fields.Integer(readonly=True)
    phase = fields.Selection(
        [("simulate", "Simulating"), ("rate", "Rating"), ("invoice", "Invoicing")], required=True, readonly=True
    )
    share = fields.Integer(readonly=True)
    last_id = fields.Integer(readonly=True, help="Last subscription or customer of the step.")
    items = fields.Integer(readonly=True)
    seconds = fields.Float(readonly=True)
