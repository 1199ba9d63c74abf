# License AGPL-3.0 or later (https://www.gnu.org/licenses/agpl).
import base64
from datetime import datetime

import qrcode

from odoo import models
from odoo.exceptions import UserError

from ..engine import form, life

#: Events of a token that its page shows.
EVENTS = 20
EPOCH = datetime(1970, 1, 1)


class IspToken(models.Model):
    """Tokens as the owner's app shows them. Called with tokens (sudo) of the owner's own hotspot."""

    _inherit = "isp.token"

    def _app_log_in(self):
        """What the recipient needs.

        :return: {"code", "password" ("" where the code is enough), "url" that logs in by itself, "qr" of it}
        """
        self.ensure_one()
        url = self._login_url()
        return {"code": self.code, "password": self.password if self.password != self.code else "", "url": url, "qr": qr_bits(url)}

    def _app_rows(self):
        """One query for all. :return: {id: {"id", "code", "state", "left" (s), "online", "paused"}}"""
        facts = self._facts()
        return {
            token.id: {
                "id": token.id,
                "code": token.code,
                "state": facts[token.id]["state"],
                "left": facts[token.id]["left"],
                "online": facts[token.id]["online"],
                "begun": bool(facts[token.id]["first"]) or token.counting in ("sale", "date"),
                "paused": bool(token.paused_at),
                "counting": token.counting,
            }
            for token in self
        }

    def _app_page(self):
        """:return: all that the page of one token shows"""
        self.ensure_one()
        facts = self._facts()[self.id]
        order = self.order_ids[:1]
        events = [
            {"at": stamp(event.at), "what": event.what, "label": event._app_label(), "note": event.note or "", "by": event.user_id.name or ""} for event in self.event_ids[:EVENTS]
        ]
        return {
            **self._app_rows()[self.id],
            **self._app_log_in(),
            "label": dict(self._fields["state"]._description_selection(self.env))[facts["state"]],
            "seconds": self.seconds,
            "devices": self.devices,
            "rate": self.rate or "",
            "bytes": facts["bytes"],
            "data_left": facts["data_left"],
            "used": facts["used"],
            "first": stamp(facts["first"]),
            "sold_at": stamp(self.sold_at),
            "batch": self.batch_id.name or "",
            "order": order._app_row() if order else None,
            "events": events,
        }

    def _app_do(self, what, seconds=None):
        """:param what: pause, resume, extend (by ``seconds``), move, block, unblock, refund :raise UserError: it cannot be done with this one"""
        self.ensure_one()
        self.site_id._need_open()
        if what == "extend":
            seconds = form.whole(seconds, 60, life.LONGEST)
            if not seconds:
                raise UserError(self.env._("By how long?"))
            self._extend(seconds)
            return
        methods = {"pause": self._pause, "resume": self._resume, "move": self._move, "block": self._block, "unblock": self._unblock}
        if self.order_ids:
            methods["refund"] = self.order_ids._refund_by_owner
        if what not in methods:
            raise UserError(self.env._("This cannot be done with a token."))
        if what == "unblock":
            self._need_own_block()
        methods[what]()

    def _need_own_block(self):
        """:raise UserError: the ISP has blocked it, for a reason the owner does not undo"""
        by = self.event_ids.filtered(lambda event: event.what == "blocked")[:1].user_id
        if by and not self.site_id._is_theirs(by):
            raise UserError(self.env._("%(company)s blocked this token. Ask there.", company=self.company_id.name))


class IspTokenEvent(models.Model):
    _inherit = "isp.token.event"

    def _app_label(self):
        return dict(self._fields["what"]._description_selection(self.env))[self.what]


def stamp(moment):
    """:return: seconds since 1970 of a moment (UTC), None when there is none"""
    return int((moment - EPOCH).total_seconds()) if moment else None


def qr_bits(text):
    """A QR code small enough to be kept on a telephone by the dozen: the app draws it.

    :return: {"n": modules a side, "b": its modules row by row as bits, base64}

    >>> found = qr_bits("http://wifi.example/a")
    >>> found["n"], len(base64.b64decode(found["b"]))
    (25, 79)
    """
    code = qrcode.QRCode(border=0, error_correction=qrcode.constants.ERROR_CORRECT_M)
    code.add_data(text)
    rows = code.get_matrix()
    bits = "".join("1" if module else "0" for row in rows for module in row)
    bits += "0" * (-len(bits) % 8)
    return {"n": len(rows), "b": base64.b64encode(int(bits, 2).to_bytes(len(bits) // 8, "big")).decode()}
