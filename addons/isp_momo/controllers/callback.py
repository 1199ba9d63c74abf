# License AGPL-3.0 or later (https://www.gnu.org/licenses/agpl).
import re

from odoo import http
from odoo.http import request

_TOKEN = re.compile(r"[\w-]{32}")
#: Bytes of a callback that are read at all, and of them kept.
LONGEST = 16 * 1024


class WalletCallback(http.Controller):
    """What operators call. It wakes the poller and is never believed: who knows the address can make us ask, no more."""

    @http.route(
        "/payment/wallet/<string:token>", type="http", auth="public", methods=["GET", "POST", "PUT"], csrf=False, save_session=False
    )
    def called_back(self, token, **_rubbish):
        if not _TOKEN.fullmatch(token):
            return request.make_response("", status=404)
        http_request = request.httprequest
        body = b""
        if http_request.method != "GET" and (http_request.content_length or 0) <= LONGEST:
            body = http_request.get_data(cache=True)
        told = http_request.method != "GET"
        known = any(request.env[model].sudo()._wallet_called_back(token, body, told) for model in ("payment.transaction", "isp.wallet.payout"))
        return request.make_response("", status=200 if known else 404)
