# License AGPL-3.0 or later (https://www.gnu.org/licenses/agpl).
import collections
import logging
import threading
import time

from odoo import http
from odoo.http import Controller, request, route

_logger = logging.getLogger(__name__)
#: Questions of one address with a wrong token, in a minute, before it is not listened to any more. Per process.
MAX_WRONG = 20
_MINUTE = 60
#: A report has a dozen lines.
_LONGEST = 20000


class Strangers:
    """Addresses that ask with wrong tokens. Bounded: the oldest are forgotten."""

    def __init__(self):
        self._lock = threading.Lock()
        self._wrong = collections.OrderedDict()
        self._told = 0.0

    def refused(self, address):
        """:return: whether the address has been wrong too often of late"""
        with self._lock:
            since, count = self._wrong.get(address, (0, 0))
            return count >= MAX_WRONG and time.monotonic() - since < _MINUTE

    def add(self, address):
        with self._lock:
            now = time.monotonic()
            since, count = self._wrong.pop(address, (now, 0))
            self._wrong[address] = (now, 1) if now - since >= _MINUTE else (since, count + 1)
            while len(self._wrong) > 1000:
                self._wrong.popitem(last=False)
            if now - self._told > _MINUTE:
                _logger.info("A wrong token of a router's set-up from %s", address)
                self._told = now


strangers = Strangers()


class IspRouterSetup(Controller):
    """What a router asks for while it sets itself up. The token in the address is all that is believed."""

    @route(
        ["/isp_network/router/<string:token>", "/isp_network/router/<string:token>/<string:version>"],
        type="http", auth="none", csrf=False, save_session=False, methods=["GET"], readonly=False,
    )  # fmt: skip
    def script(self, token, version="", **_values):
        return self._answer(token, lambda setup, address: setup._serve(version, address))

    @route("/isp_network/router/<string:token>/report", type="http", auth="none", csrf=False, save_session=False, methods=["POST"])
    def report(self, token, **_values):
        length = request.httprequest.content_length
        if length is None or length > _LONGEST:
            return _text("too long or without a length", 413)
        body = request.httprequest.get_data().decode("utf-8", "replace")
        return self._answer(token, lambda setup, address: setup._take_report(body, address))

    def _answer(self, token, what):
        address = request.httprequest.remote_addr or ""
        if strangers.refused(address):
            return _text("too many questions", 429)
        setup = request.env(su=True)["isp.router.setup"]._of_token(token)
        if not setup:
            strangers.add(address)
            return _text("not known", 404)
        status, text = what(setup, address)
        return _text(text, status)


def _text(text, status):
    """Never kept by anything in between."""
    return http.Response(text, status=status, content_type="text/plain; charset=utf-8", headers={"Cache-Control": "no-store"})
