# License AGPL-3.0 or later (https://www.gnu.org/licenses/agpl).
import logging

from odoo import models

from .isp_token_app import stamp

_logger = logging.getLogger(__name__)
#: SMS of one hotspot in a day (system parameter ``isp_hotspot.sms_per_day``): the ISP pays for them.
SMS_A_DAY, DAY = 300, 86400


class IspTokenOrder(models.Model):
    """Orders as the owner's app shows them. Called with orders (sudo) of the owner's own hotspot."""

    _inherit = "isp.token.order"

    def _send_sms(self):
        """Only so many a day: a hotspot is no way to write to strangers at our cost. The code stands on the screen all the same; who paid by
        mobile money is always told.
        """
        meter = self.env["isp.owner.meter"].sudo()
        given = self.filtered(lambda order: order.phone and order.method != "momo" and not order.site_id.own)
        silent = given.filtered(lambda order: not meter._take(f"sms/{order.site_id.id}", meter._limit("sms_per_day", SMS_A_DAY), DAY))
        if silent:
            _logger.info("Hotspots %s have sent their SMS of this day: orders %s go without", silent.site_id.ids, silent.ids)
        return super(IspTokenOrder, self - silent)._send_sms()

    def _app_row(self, tokens=None):
        """:param tokens: as ``isp.token._app_rows`` gives them, where there are many orders :return: a line of the list"""
        self.ensure_one()
        token = self.token_id
        return {
            "id": self.id,
            "uuid": self.uuid,
            "at": stamp(self.ordered_at),
            "method": self.method,
            "amount": self.amount,
            "seconds": self.seconds,
            "offer": self.offer_id._text(),
            "phone": self.phone or "",
            "payer": self.payer or "",
            "by": self.user_id.name or "",
            "state": self.state,
            "reason": self._how_it_stands()["text"] if self.state in ("failed", "owed") else "",
            "token": (tokens or token._app_rows()).get(token.id) if token else None,
        }

    def _app_answer(self):
        """:return: what the screen that asked for it shows: how it stands and, when it is there, the log-in"""
        self.ensure_one()
        row = {"uuid": self.uuid, "id": self.id, "method": self.method, "amount": self.amount, "seconds": self.seconds, "phone": self.phone or "", **self._how_it_stands()}
        if self.token_id and self.state == "done":
            row["token"] = {"id": self.token_id.id, **self.token_id._app_log_in()}
        return row
