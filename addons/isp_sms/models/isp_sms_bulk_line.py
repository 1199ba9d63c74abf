# License AGPL-3.0 or later (https://www.gnu.org/licenses/agpl).
from odoo import fields, models

REASONS = [
    ("missing", "No telephone number"),
    ("no_mobile", "Not a mobile number"),
    ("opted_out", "Wants no SMS"),
    ("double", "The same number is in it already"),
    ("no_gateway", "No gateway serves this number"),
    ("no_value", "The text would have a hole"),
    ("changed", "Does not fit the selection any more"),
    ("late", "Too late"),
    ("stopped", "Stopped"),
]


class IspSmsBulkLine(models.Model):
    """A contact that a bulk looked at: to be written to, or left out and why. Written by the preview, in SQL."""

    _name = "isp.sms.bulk.line"
    _description = "Recipient of a bulk SMS"
    _order = "id"
    _rec_name = "number"

    bulk_id = fields.Many2one("isp.sms.bulk", required=True, readonly=True, index=True, ondelete="cascade")
    partner_id = fields.Many2one("res.partner", "Contact", readonly=True, index="btree_not_null", ondelete="set null")
    number = fields.Char(readonly=True)
    text_lang = fields.Selection([("en", "English"), ("ar", "Arabic")], "Text", readonly=True)
    units = fields.Integer("Length", readonly=True)
    parts = fields.Integer("SMS parts", readonly=True)
    cost = fields.Float(readonly=True, digits=(16, 4))
    currency_id = fields.Many2one("res.currency", readonly=True)
    gateway_id = fields.Many2one("isp.sms.gateway", readonly=True, index="btree_not_null", ondelete="set null")
    state = fields.Selection([("ready", "To be sent"), ("handed", "In the log"), ("left_out", "Left out")], required=True, readonly=True)
    reason = fields.Selection(REASONS, "Left out because", readonly=True)
    at_run = fields.Boolean(readonly=True, help="Was left out when its turn came.")
    note = fields.Char("Detail", readonly=True)
    uuid = fields.Char("UUID", readonly=True, help="Of its message in the log.")

    _once = models.UniqueIndex("(bulk_id, number) WHERE state <> 'left_out'", "A number is once in a bulk.")
    _contact_once = models.UniqueIndex("(bulk_id, partner_id)", "A contact is once in a bulk.")
    _ready = models.Index("(bulk_id, id) WHERE state = 'ready'")
