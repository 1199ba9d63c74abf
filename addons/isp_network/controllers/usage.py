# License AGPL-3.0 or later (https://www.gnu.org/licenses/agpl).
from werkzeug.exceptions import NotFound

from odoo import http
from odoo.http import content_disposition, request

from ..engine.volume import human
from ..models.isp_subscription_series import SPANS


class UsagePages(http.Controller):
    """What a customer has used: pages without framework and scripts, light enough for a line that has become slow."""

    @http.route("/isp/usage", type="http", auth="public", methods=["GET"], sitemap=False, save_session=False)
    def here(self, lang=None, **_kwargs):
        """Where routers send who stands in the walled garden: the line is known by its address; behind NAT by nobody."""
        return self._light(self._env(lang)["isp.subscription"]._usage_line_at(request.httprequest.remote_addr), lang)

    @http.route("/isp/usage/<int:line_id>/<string:signature>", type="http", auth="public", methods=["GET"], sitemap=False, save_session=False)
    def signed(self, line_id, signature, lang=None, **_kwargs):
        line = self._env(lang)["isp.subscription"]._usage_line_of(line_id, signature)
        if not line:
            raise NotFound()
        return self._light(line, lang)

    @http.route(["/my/usage", "/my/usage/<int:line_id>"], type="http", auth="user", methods=["GET"], sitemap=False)
    def own(self, line_id=None, span="day", lang=None, **_kwargs):
        """A customer's own lines (record rules), with a graph."""
        env = self._env(lang)
        lines = env["isp.subscription"].search([("access_ids", "!=", False)] if env.user._is_internal() else [], limit=50)
        lines = lines.filtered(lambda s: s.state not in ("draft", "terminated"))
        line = self._readable(env, line_id) if line_id else lines[:1]
        span = span if span in SPANS else "day"
        return self._render("isp_network.usage_own", line.sudo(), lang, lines=lines.sudo(), span=span, chart=line.sudo()._usage_svg(span) if line else "")

    @http.route("/my/usage/<int:line_id>/csv", type="http", auth="user", methods=["GET"], sitemap=False)
    def csv(self, line_id, span="day", **_kwargs):
        line = self._readable(request.env, line_id)
        span = span if span in SPANS else "day"
        headers = [("Content-Type", "text/csv; charset=utf-8"), ("Content-Disposition", content_disposition(f"usage-{line.name}-{span}.csv".replace("/", "-")))]
        return request.make_response(line.sudo()._usage_csv(span), headers)

    # === Parts ===

    def _light(self, line, lang):
        """In the language that was chosen, else in the customer's."""
        return self._render("isp_network.usage_light", line, lang or line.partner_id.commercial_partner_id.lang)

    def _readable(self, env, line_id):
        """:return: the line, if this user may read it; what he may not read is not there"""
        line = env["isp.subscription"].search([("id", "=", line_id)])
        if not line:
            raise NotFound()
        return line

    def _env(self, lang):
        """The environment in the language that was asked for, else the user's, of who is not logged in the browser's: ours that comes nearest."""
        known = dict(request.env["res.lang"].sudo().get_installed())
        own = request.httprequest.accept_languages.values() if request.env.user._is_public() else (request.env.context.get("lang") or "",)
        # A telephone says ar, ar-SD or ar-EG.
        wanted = [(lang or "").replace("-", "_"), *(code.replace("-", "_") for code in own)]
        near = (ours for code in wanted for ours in (code, *known) if ours in known and ours.partition("_")[0] == code.partition("_")[0])
        return request.env(context={**request.env.context, "lang": next(near, next(iter(known)))})

    def _render(self, template, line, lang, **values):
        env = self._env(lang)
        data = env["res.lang"].sudo()._get_data(code=env.context["lang"])
        languages = [(code, name.split("/")[-1].strip()) for code, name in env["res.lang"].sudo().get_installed()]
        now = line._usage_now() if line else None
        wall = line._wall() if line else ""
        due, due_since = line._wall_due(wall) if wall else (0, None)
        company = line.company_id if line else env["res.company"].sudo().search([], limit=1, order="id")
        response = env["ir.qweb"]._render(
            template,
            {
                "line": line,
                "company": company,
                "now": now,
                "wall": wall,
                "due": due,
                "due_since": due_since,
                "percent": min(100 * now["used"] // now["volume"], 999) if now and now["volume"] else None,
                "until": line._local_text(now["until"]) if now and now["until"] else "",
                "offers": line._topup_offers().with_context(lang=env.context["lang"]) if line else (),
                "account": line.partner_id.commercial_partner_id.isp_account_no if line else "",
                "human": human,
                "lang_code": (data.code or "en_US").replace("_", "-"),
                "direction": data.direction or "ltr",
                "languages": languages,
                "user": env.user,
                **values,
            },
        )
        return request.make_response(response, headers=[("Content-Type", "text/html; charset=utf-8"), ("Cache-Control", "no-store")])
