# License AGPL-3.0 or later (https://www.gnu.org/licenses/agpl).
import hmac
import logging
import re
import time

from odoo import http
from odoo.http import Controller, request, route

from ..drivers.kannel import receipt

_logger = logging.getLogger(__name__)
_UUID = re.compile(r"[0-9a-f]{32}")


class Forged:
    """Counts what is refused; the log is told once a minute."""

    count, told = 0, 0.0

    @classmethod
    def add(cls):
        cls.count += 1
        now = time.monotonic()
        if now - cls.told > 60:
            _logger.info("%s forged or broken SMS delivery reports refused", cls.count)
            cls.count, cls.told = 0, now


class IspSmsReceipts(Controller):
    """Delivery reports. The routes only keep them; `isp.sms.receipt` reads them later."""

    @route("/isp_sms/receipt/<string:uuid>/<int:attempt>/<string:signature>", type="http", auth="none", csrf=False, save_session=False, methods=["GET", "POST"])
    def kannel(self, uuid, attempt, signature, **values):
        env = request.env(su=True)
        good = _UUID.fullmatch(uuid) and 0 <= attempt < 10000
        if not good or not _signed(env, uuid, attempt, signature):
            Forged.add()
            return request.make_response("forged", status=403)
        env["isp.sms.receipt"]._take(env["isp.sms.gateway"], [receipt(uuid, attempt, values)], attempt)
        return http.Response("OK", status=200, content_type="text/plain")

    @route(
        ["/isp_sms/report/<string:token>", "/isp_sms/report/<string:token>/<string:uuid>/<int:attempt>/<string:signature>"],
        type="http", auth="none", csrf=False, save_session=False, methods=["GET", "POST"],
    )  # fmt: skip
    def gateway(self, token, uuid="", attempt=None, signature="", **values):
        """Of Africa's Talking (form), of plain HTTP gateways (query, form or JSON). The token in the address is what is believed."""
        env = request.env(su=True)
        gateway = env["isp.sms.gateway"]._of_token(token)
        good = not uuid or (_UUID.fullmatch(uuid) and 0 <= attempt < 10000)
        if good and uuid:
            good = _signed(env, uuid, attempt, signature)
        if not gateway or not good:
            Forged.add()
            return request.make_response("forged", status=403)
        try:
            gateway._keep_report({**values, **_json_body()}, uuid, attempt)
        except ValueError as error:
            return request.make_response(f"not a delivery report: {error}", status=400)
        return http.Response("OK", status=200, content_type="text/plain")


def _signed(env, uuid, attempt, signature):
    return hmac.compare_digest(env["isp.sms.message"]._receipt_signature(uuid, attempt).encode(), signature.encode("utf-8", "surrogatepass"))


def _json_body():
    """:return: the object that was posted as JSON, without what is nested; {} when it is none"""
    if "json" not in (request.httprequest.mimetype or ""):
        return {}
    try:
        value = request.get_json_data()
    except ValueError:
        return {}
    return {str(name): str(text) for name, text in value.items() if isinstance(text, str | int | float)} if isinstance(value, dict) else {}
