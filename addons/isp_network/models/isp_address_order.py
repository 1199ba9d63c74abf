# License AGPL-3.0 or later (https://www.gnu.org/licenses/agpl).
import base64
import csv
import hashlib
import io
import ipaddress

from odoo import api, fields, models
from odoo.exceptions import UserError, ValidationError

_COLUMNS = ("framed_ip", "started", "stopped", "user_name", "customer", "account_no", "mac", "router", "nas_ip", "session")


class IspAddressOrder(models.Model):
    """A lawful order to say who had an address, and what was handed out: written once, never changed, never deleted.

    Creating it *is* the export: the file is made in the same transaction and stays with it, with its digest. What is
    not asked for by an order with a number does not leave the log. It is for the company in which the officer works at that moment, and hands out
    its customers only.
    """

    _name = "isp.address.order"
    _description = "Lawful order for an address"
    _order = "id desc"
    _rec_name = "number"

    number = fields.Char(string="Number of the order", required=True)
    authority = fields.Char(required=True, help="Which court or office.")
    ordered_on = fields.Date(string="Dated", required=True)
    address = fields.Char(required=True)
    moment_from = fields.Datetime(string="From", required=True)
    moment_to = fields.Datetime(string="To", required=True)
    company_id = fields.Many2one("res.company", required=True, readonly=True, default=lambda self: self.env.company)
    row_count = fields.Integer(string="Rows handed out", readonly=True)
    content = fields.Binary(string="File", readonly=True, attachment=False)
    file_name = fields.Char(readonly=True)
    digest = fields.Char(string="SHA-256 of the file", readonly=True)

    _order_of_time = models.Constraint("CHECK(moment_from <= moment_to)", "The end lies before the beginning.")

    @api.constrains("number", "authority")
    def _check_text(self):
        for order in self:
            if not ((order.number or "").strip() and (order.authority or "").strip()):
                raise ValidationError(self.env._("An order has a number and comes from an authority."))

    @api.model_create_multi
    def create(self, vals_list):
        self.check_access("create")
        self.env["isp.address.log"].sudo()._sync()
        return super().create([{**vals, **self._prepare_export(vals)} for vals in vals_list])

    # pylint: disable=method-required-super,no-raise-unlink  # refusing is the whole point
    def write(self, vals):
        raise UserError(self.env._("What was handed out for an order cannot be changed."))

    def unlink(self):
        raise UserError(self.env._("What was handed out for an order cannot be deleted."))

    def copy(self, default=None):
        raise UserError(self.env._("Each order is registered by itself."))

    @api.model
    def _prepare_export(self, vals):
        """The file of an order: CSV, times in UTC, as the rows stand at this moment.

        :raise ValidationError: the address is none, or the time is missing
        """
        try:
            address = ipaddress.ip_address((vals.get("address") or "").strip())
        except ValueError:
            raise ValidationError(self.env._("%(ip)s is not an address.", ip=vals.get("address") or "")) from None
        moments = [fields.Datetime.to_datetime(vals.get(name)) for name in ("moment_from", "moment_to")]
        if not all(moments):
            raise ValidationError(self.env._("From when to when?"))
        rows = self.env["isp.address.log"].sudo()._who_had(self.env.company, address, *moments)
        stream = io.StringIO()
        writer = csv.writer(stream)
        writer.writerow([f"{name}_utc" if name in ("started", "stopped") else name for name in _COLUMNS])
        for row in rows:
            writer.writerow([_cell(row[name]) for name in _COLUMNS])
        content = stream.getvalue().encode()
        return {
            "address": str(address),
            "company_id": self.env.company.id,
            "row_count": len(rows),
            "content": base64.b64encode(content),
            "file_name": f"{str(address).replace(':', '-')}.csv",
            "digest": hashlib.sha256(content).hexdigest(),
        }


def _cell(value):
    """Text for a spreadsheet, which must not take what a customer calls himself for a formula."""
    text = "" if value is False else str(value)
    return f"'{text}" if text[:1] in ("=", "+", "-", "@", "\t", "\r") else text
