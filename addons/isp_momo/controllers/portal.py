# License AGPL-3.0 or later (https://www.gnu.org/licenses/agpl).
from werkzeug.exceptions import Forbidden, NotFound

from odoo import http
from odoo.exceptions import ValidationError
from odoo.http import request
from odoo.tools import consteq

from odoo.addons.payment import utils as payment_utils

from ..drivers import WALLETS


class WalletPortal(http.Controller):
    """The payer's pages: number, waiting, “I have already paid”. Signed addresses; ids from the request are never browsed."""

    @http.route("/payment/wallet/pay", type="jsonrpc", auth="public")
    def pay(self, reference, msisdn, access_token, **_kwargs):
        """Ask this number for the money of a transaction the payment form has just made.

        :return: {"url": the waiting page}, of the request made before when the same was asked in another tab
        """
        domain = [("reference", "=", reference), ("provider_code", "in", [code for code, wallet in WALLETS.items() if wallet.flow == "push"])]
        transaction = request.env["payment.transaction"].sudo().search(domain)
        if not transaction or not payment_utils.check_access_token(access_token, *transaction._wallet_access()):
            raise ValidationError(request.env._("This payment is not known. Load the page again."))
        return {"url": transaction._wallet_start_once(str(msisdn or "")[:40])._wallet_wait_url()}

    @http.route("/payment/wallet/wait/<int:tx_id>/<string:signature>", type="http", auth="public", methods=["GET"], sitemap=False)
    def wait(self, tx_id, signature, lang=None, **_kwargs):
        """What to do now, and what came of it; without a framework, works without JavaScript too."""
        transaction = self._signed(tx_id, signature, lang)
        return request.render("isp_momo.wait", {**self._page(transaction), **transaction._wallet_state()})

    @http.route("/payment/wallet/go/<int:tx_id>/<string:signature>", type="http", auth="public", methods=["GET", "POST"], csrf=False, sitemap=False)
    def go(self, tx_id, signature, lang=None, **_kwargs):
        """To the operator's page. Until there is one this page loads itself again; when there will be none it says so."""
        transaction = self._signed(tx_id, signature, lang)
        if page := transaction._wallet_page():
            return request.redirect(page, code=303, local=False)
        transaction = self._signed(tx_id, signature, lang)
        return request.render("isp_momo.wait", {**self._page(transaction), **transaction._wallet_state(), "going": True})

    @http.route(
        ["/payment/wallet/<any(back,left):way>/<int:tx_id>/<string:signature>"],
        type="http", auth="public", methods=["GET", "POST"], csrf=False, save_session=False, sitemap=False,
    )  # fmt: skip
    def came_back(self, way, tx_id, signature, **_kwargs):
        """From the operator's page, after paying or without: both only hints, whatever comes with them."""
        transaction = self._signed(tx_id, signature)
        transaction._wallet_came_back(left=way == "left")
        return request.redirect(transaction._wallet_wait_url(), code=303)

    @http.route("/payment/wallet/state/<int:tx_id>/<string:signature>", type="http", auth="public", methods=["GET"], save_session=False)
    def state(self, tx_id, signature, lang=None, **_kwargs):
        return request.make_json_response(self._signed(tx_id, signature, lang)._wallet_state(), headers={"Cache-Control": "no-store"})

    @http.route("/payment/wallet/claim/<int:tx_id>/<string:signature>", type="http", auth="public", methods=["GET", "POST"], sitemap=False)
    def claim_for(self, tx_id, signature, lang=None, **form):
        """“I have already paid”, from the waiting page."""
        transaction = self._signed(tx_id, signature, lang)
        return self._claim(transaction.provider_id, transaction.partner_id, self._page(transaction), form)

    @http.route("/my/wallet/claim", type="http", auth="user", methods=["GET", "POST"], sitemap=False)
    def claim(self, provider=None, lang=None, **form):
        """“I have already paid”, from the portal."""
        env = self._env(lang)
        providers = env["payment.provider"].sudo().search([("code", "in", list(WALLETS)), ("state", "!=", "disabled"), ("is_published", "=", True)])
        chosen = providers.filtered(lambda p: str(p.id) == provider) or providers[:1]
        if not chosen:
            raise NotFound()
        return self._claim(chosen, env.user.partner_id, {**self._page(), "providers": providers, "provider": chosen}, form)

    def _claim(self, provider, partner, page, form):
        if request.httprequest.method == "GET":
            return request.render("isp_momo.claim", page)
        claims = request.env["isp.wallet.claim"].sudo()
        if claims.search_count([("partner_id", "=", partner.id), ("state", "=", "open")], limit=20) >= 20:
            raise Forbidden()
        values = {name: str(form.get(name) or "")[:64] for name in ("reference", "msisdn", "amount")}
        if not values["reference"].strip() and not values["msisdn"].strip():
            return request.render("isp_momo.claim", {**page, **values, "missing": True})
        transactions, claim = claims._say_paid(provider, values["reference"], values["msisdn"], _number(values["amount"]), partner)
        paid = transactions.filtered(lambda tx: tx.state == "done")
        return request.render("isp_momo.claimed", {**page, "paid": paid, "waiting": transactions - paid, "claim": claim})

    def _signed(self, tx_id, signature, lang=None):
        """:return: the transaction whose page this is, in the reader's language :raise NotFound: the signature is another's"""
        if not consteq(signature, request.env["payment.transaction"].sudo()._wallet_signature(tx_id)):
            raise NotFound()
        transaction = request.env["payment.transaction"].sudo().browse(tx_id).exists()
        if not transaction:
            raise NotFound()
        # The language of the page the reader comes from, else the customer's.
        return self._env(lang or request.cookies.get("frontend_lang") or transaction.partner_lang)["payment.transaction"].sudo().browse(tx_id)

    def _env(self, lang):
        installed = [code for code, _name in request.env["res.lang"].get_installed()]
        chosen = lang if lang in installed else next((code for code in installed if lang and code[:2] == lang[:2]), None)
        if chosen:
            request.update_context(lang=chosen)
        return request.env

    def _page(self, transaction=None):
        lang = request.env["res.lang"]._lang_get(request.env.lang or "en_US") or request.env["res.lang"]._lang_get("en_US")
        return {
            "transaction": transaction,
            "direction": lang.direction or "ltr",
            "lang_code": (lang.code or "en").split("_")[0],
            "languages": [(code, name.split(" / ")[-1]) for code, name in request.env["res.lang"].get_installed()],
            "missing": False,
            "going": False,
            "reference": "",
            "msisdn": transaction.wallet_msisdn if transaction else request.env.user.partner_id.phone or "",
            "amount": "",
            "providers": None,
            "provider": transaction.provider_id if transaction else None,
        }


def _number(text):
    """:return: an amount as typed, 0 when it is none"""
    try:
        return max(float(text.replace(",", "").replace(" ", "")), 0.0)
    except ValueError:
        return 0.0
