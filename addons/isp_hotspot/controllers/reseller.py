# License AGPL-3.0 or later (https://www.gnu.org/licenses/agpl).
import uuid

from werkzeug.exceptions import NotFound

from odoo import http
from odoo.exceptions import UserError
from odoo.http import content_disposition, request

from .batch import csv_response

#: Money that changes hands on the owner's page; a correction is made by staff.
BY_OWNER = ("topup", "settle", "payback")


class ResellerPages(http.Controller):
    """A reseller's page (sell, float, own sales, statement) and the owner's page of resellers. Hand-written, light, no scripts.

    Every reseller is found by a search with the user's own rights; what he does not see is not there.
    """

    @http.route(["/my/reseller", "/my/reseller/<int:reseller_id>"], type="http", auth="user", methods=["GET"], sitemap=False)
    def own(self, reseller_id=None, sold=None, lang=None, **_kwargs):
        env = self._env(lang)
        resellers = env["isp.reseller"].search([("user_id", "=", env.uid)])
        reseller = self._mine(env, reseller_id) if reseller_id else resellers[:1]
        if not reseller:
            raise NotFound()
        order = env["isp.token.order"].search([("uuid", "=", sold), ("reseller_id", "=", reseller.id)], limit=1) if sold else env["isp.token.order"]
        return self._page(env, reseller, resellers, order=order)

    @http.route("/my/reseller/<int:reseller_id>/sell", type="http", auth="user", methods=["POST"], sitemap=False)
    def sell(self, reseller_id, key="", offer="", phone="", lang=None, **_kwargs):
        """Sell one; sent twice (``key``), it is one sale."""
        env = self._env(lang)
        reseller = self._mine(env, reseller_id).sudo()
        offers = reseller._offers()
        chosen = offers.filtered(lambda one: str(one.id) == offer)
        try:
            key = str(uuid.UUID(key))
            if not chosen:
                raise UserError(env._("Choose what is sold."))
            with env.cr.savepoint():
                reseller._sell(key, chosen, phone=phone, lang=env.context["lang"], device=request.httprequest.user_agent.string)
        except ValueError:
            raise NotFound() from None
        except UserError as error:
            return self._page(env, self._mine(env, reseller_id), env["isp.reseller"].search([("user_id", "=", env.uid)]), error=str(error), key=key, phone=phone, chosen=chosen)
        return request.redirect(f"/my/reseller/{reseller.id}?sold={key}&lang={env.context['lang']}")

    @http.route("/my/reseller/<int:reseller_id>/statement.csv", type="http", auth="user", methods=["GET"], sitemap=False, readonly=True)
    def statement_csv(self, reseller_id, **_kwargs):
        reseller = self._readable(request.env, reseller_id)
        return csv_response(reseller.sudo()._statement_csv(), f"reseller-{reseller.id}.csv")

    @http.route("/my/reseller/<int:reseller_id>/statement.pdf", type="http", auth="user", methods=["GET"], sitemap=False)
    def statement_pdf(self, reseller_id, **_kwargs):
        reseller = self._readable(request.env, reseller_id)
        pdf, _kind = request.env["ir.actions.report"].sudo()._render_qweb_pdf("isp_hotspot.report_isp_reseller", reseller.ids)
        headers = [("Content-Type", "application/pdf"), ("Content-Disposition", content_disposition(f"reseller-{reseller.id}.pdf")), ("Cache-Control", "no-store")]
        return request.make_response(pdf, headers=headers)

    @http.route("/my/resellers", type="http", auth="user", methods=["GET"], sitemap=False)
    def owners(self, lang=None, **_kwargs):
        """The resellers of an owner: float, debt, and money taken from them."""
        return self._owners_page(self._env(lang))

    @http.route("/my/resellers/<int:reseller_id>/take", type="http", auth="user", methods=["POST"], sitemap=False)
    def take(self, reseller_id, key="", kind="topup", amount="", lang=None, **_kwargs):
        env = self._env(lang)
        reseller = self._theirs(env).filtered(lambda one: one.id == reseller_id)
        if not reseller or kind not in BY_OWNER:
            raise NotFound()
        try:
            key = str(uuid.UUID(key))
        except ValueError:
            raise NotFound() from None
        try:
            with env.cr.savepoint():
                reseller._take(key, kind, self._whole(env, amount))
        except UserError as error:
            return self._owners_page(env, error=str(error))
        return request.redirect(f"/my/resellers?lang={env.context['lang']}")

    # === Parts ===

    def _mine(self, env, reseller_id):
        return self._found(env["isp.reseller"].search([("id", "=", reseller_id), ("user_id", "=", env.uid)]))

    def _readable(self, env, reseller_id):
        """Own, of one's hotspots, or staff's."""
        return self._found(env["isp.reseller"].search([("id", "=", reseller_id)]) if env["isp.reseller"].has_access("read") else env["isp.reseller"])

    def _theirs(self, env):
        resellers = env["isp.reseller"]
        if not resellers.has_access("read"):
            raise NotFound()
        return resellers.search([("owner_id", "=", env.user.commercial_partner_id.id)])

    def _found(self, reseller):
        if not reseller:
            raise NotFound()
        return reseller

    def _whole(self, env, text):
        text = text.strip().replace(",", "").replace(" ", "")
        if not text.isdigit() or len(text) > 12:
            raise UserError(env._("An amount is a whole number, like 5000."))
        return int(text)

    def _env(self, lang):
        known = dict(request.env["res.lang"].sudo().get_installed())
        wanted = lang if lang in known else request.env.context.get("lang") or next(iter(known))
        return request.env(context={**request.env.context, "lang": wanted})

    def _page(self, env, reseller, resellers, **values):
        orders = env["isp.token.order"].search([("reseller_id", "=", reseller.id)], limit=30)
        return self._render(
            env,
            "isp_hotspot.reseller_page",
            {
                "reseller": reseller.sudo(),
                "resellers": resellers.sudo(),
                "offers": reseller.sudo()._offers(),
                "orders": orders.sudo(),
                "batches": env["isp.token.batch"].search([("reseller_id", "=", reseller.id)], limit=30).sudo(),
                "key": str(uuid.uuid4()),
                "error": "",
                "phone": "",
                "order": env["isp.token.order"],
                "chosen": env["isp.token.offer"],
                **{name: value.sudo() if hasattr(value, "sudo") else value for name, value in values.items()},
            },
        )

    def _owners_page(self, env, error=""):
        resellers = self._theirs(env)
        kinds = [kind for kind in env["isp.reseller.cash"]._fields["kind"]._description_selection(env) if kind[0] in BY_OWNER]
        values = {"resellers": resellers.sudo(), "keys": {one.id: str(uuid.uuid4()) for one in resellers}, "kinds": kinds, "error": error}
        return self._render(env, "isp_hotspot.reseller_owners", values)

    def _render(self, env, template, values):
        data = env["res.lang"].sudo()._get_data(code=env.context["lang"])
        shared = {
            "lang_code": (data.code or "en_US").replace("_", "-"),
            "direction": data.direction or "ltr",
            "languages": [(code, name.split("/")[-1].strip()) for code, name in env["res.lang"].sudo().get_installed()],
            "csrf": request.csrf_token(),
            "lang": env.context["lang"],
        }
        response = env["ir.qweb"].sudo()._render(template, {**shared, **values})
        return request.make_response(response, headers=[("Content-Type", "text/html; charset=utf-8"), ("Cache-Control", "no-store")])
