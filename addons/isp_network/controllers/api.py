# License AGPL-3.0 or later (https://www.gnu.org/licenses/agpl).
import json
import logging
import time
from http import HTTPStatus

from markupsafe import Markup
from psycopg2.errors import DeadlockDetected, LockNotAvailable, SerializationFailure

from odoo import http
from odoo.exceptions import AccessError, MissingError, UserError
from odoo.http import request, route

from ..engine import contract
from ..models.isp_api import Problem

_logger = logging.getLogger(__name__)
#: Odoo runs a request five times when it meets another one. After the fourth we say so instead of an error.
_TRIES = 4


class Strangers:
    """Counts requests without a good key; the log is told once a minute."""

    count, told = 0, 0.0

    @classmethod
    def add(cls):
        cls.count += 1
        now = time.monotonic()
        if now - cls.told > 60:
            _logger.info("API: %s requests without a good key refused", cls.count)
            cls.count, cls.told = 0, now


class IspApiController(http.Controller):
    """The operations of ``engine/contract.py``. One request, one transaction; Odoo runs it again when it met another one."""

    @route([contract.BASE, f"{contract.BASE}/"], type="http", auth="none", save_session=False, methods=["GET"])
    def page(self, **_values):
        """The same in words, for a person."""
        return request.make_response(_page(), [("Content-Type", "text/html; charset=utf-8"), ("Content-Security-Policy", "default-src 'none'; style-src 'unsafe-inline'")])

    @route(f"{contract.BASE}/<path:rest>", type="http", auth="none", csrf=False, save_session=False)
    def ask(self, rest, **_values):
        http_request = request.httprequest
        began = time.monotonic()
        method = "GET" if http_request.method == "HEAD" else http_request.method
        operation, found = contract.find(method, f"/{rest}")
        if operation and operation.name == "openapi":
            return _json(contract.document(http_request.host_url), 200)
        if not operation:
            if found:
                return _refusal(Problem(405, f"This address has: {', '.join(found)}."), [("Allow", ", ".join(found))])
            return _refusal(Problem(404, f"There is no such address: {contract.BASE}/{rest[:200]}"))
        key = request.env(su=True)["isp.api.key"]._of_header(http_request.headers.get("Authorization"))
        if not key:
            Strangers.add()
            return _refusal(
                Problem(401, "No key, or not a valid one. Send the header Authorization: Bearer isp_…"), [("WWW-Authenticate", 'Bearer realm="isp"')]
            )
        used = key._used_in_minute()
        if used >= key.per_minute:
            problem = Problem(429, f"More than {key.per_minute} requests in this minute.")
            # The first of them is in the log; the others would fill it.
            if used == key.per_minute:
                self._log(key, operation, problem.status, problem.detail, began)
            return _refusal(problem, [("Retry-After", "60")])
        try:
            with request.env.cr.savepoint():
                answer = self._answer(key, operation, found)
        except Problem as problem:
            self._log(key, operation, problem.status, problem.detail, began)
            return _refusal(problem)
        except (AccessError, MissingError, UserError) as error:
            problem = Problem(404 if isinstance(error, MissingError) else 409, str(error))
            self._log(key, operation, problem.status, problem.detail, began)
            return _refusal(problem)
        except (DeadlockDetected, LockNotAvailable, SerializationFailure):
            tries = http_request.environ["isp.api.tries"] = http_request.environ.get("isp.api.tries", 0) + 1
            if tries < _TRIES:
                raise
            request.env.cr.rollback()
            return _refusal(Problem(503, "Others are writing the same at this moment."), [("Retry-After", "2")])
        self._log(key, operation, operation.status, "", began)
        return _json(answer, operation.status)

    def _answer(self, key, operation, ids):
        """:raise Problem: the key may not, or the values do not fit"""
        if not key[operation.scope]:
            raise Problem(403, f"The key “{key.name}” may not do this; it lacks: {contract.SCOPES[operation.scope]}.")
        values, faults = contract.read_query(operation, list(request.httprequest.args.items(multi=True)))
        if not faults and operation.body:
            values = self._body(operation)
            faults = contract.check(operation.body, values)
        if faults:
            raise Problem(422, f"{faults[0][0]} {faults[0][1]}.", faults[:20])
        company = key.company_id
        env = request.env(user=key.user_id.id, su=True, context={"lang": "en_US", "tz": "UTC", "allowed_company_ids": company.ids, "isp_api_key": key.name})
        answer = getattr(env["isp.api"], f"_answer_{operation.name}")(company.with_env(env), ids, values)
        env.flush_all()
        return answer

    def _body(self, operation):
        http_request = request.httprequest
        if (http_request.content_length or 0) > contract.LONGEST:
            raise Problem(413, f"A request has at most {contract.LONGEST} bytes.")
        data = http_request.get_data()
        if len(data) > contract.LONGEST:
            raise Problem(413, f"A request has at most {contract.LONGEST} bytes.")
        if not data and not operation.body["required"]:
            return {}
        if http_request.mimetype != "application/json":
            raise Problem(415, "The request has to be JSON: Content-Type: application/json")
        try:
            return json.loads(data, parse_constant=_no_number, parse_float=_number)
        except (ValueError, RecursionError) as error:
            raise Problem(400, f"The request is not JSON: {error}") from None

    def _log(self, key, operation, status, detail, began):
        key.env["isp.api.log"].create(
            {
                "key_id": key.id,
                "operation": operation.name,
                "path": request.httprequest.path[:200].replace("\x00", ""),
                "status": status,
                "detail": detail[:250].replace("\x00", ""),
                "ip": request.httprequest.remote_addr,
                "milliseconds": (time.monotonic() - began) * 1000,
            }
        )


def _no_number(word):
    raise ValueError(f"{word} is no number")


def _number(text):
    """JSON Schema takes 51.0 for a whole number."""
    value = float(text)
    return int(value) if value.is_integer() and abs(value) < 2**53 else value


def _json(answer, status, headers=(), kind="application/json"):
    return request.make_response(json.dumps(answer), [("Content-Type", kind), ("Cache-Control", "no-store"), *headers], status=status)


def _refusal(problem, headers=()):
    body = {"type": "about:blank", "title": HTTPStatus(problem.status).phrase, "status": problem.status, "detail": problem.detail}
    if problem.errors:
        body["errors"] = problem.errors
    return _json(body, problem.status, headers, "application/problem+json")


def _page():
    """The document in words; no script, no style sheet from elsewhere."""
    document = contract.document()
    rows = []
    for path, methods in document["paths"].items():
        for method, operation in methods.items():
            body = operation.get("requestBody", {}).get("content", {}).get("application/json", {}).get("schema")
            parameters = Markup("").join(
                Markup("<li><code>%s</code> %s</li>") % (parameter["name"], parameter.get("description") or "") for parameter in operation["parameters"]
            )
            codes = ", ".join(operation["responses"])
            rows.append(
                Markup("<h2><code>%s %s%s</code></h2><p><b>%s.</b> %s</p><ul>%s</ul>%s<p>Answers: %s</p>")
                % (
                    method.upper(),
                    contract.BASE,
                    path,
                    operation["summary"],
                    operation["description"].removeprefix(operation["summary"]),
                    parameters,
                    Markup("<details><summary>Body</summary><pre>%s</pre></details>") % json.dumps(body, indent=1) if body else "",
                    codes,
                )
            )
    item = json.dumps(contract.USAGE_ITEM, indent=1)
    style = Markup("body{font:16px/1.5 sans-serif;max-width:50rem;margin:1rem auto;padding:0 1rem}pre{overflow:auto;background:#8882;padding:.5rem}code{overflow-wrap:anywhere}h2{font-size:1rem;border-top:1px solid #8886;padding-top:1rem}")
    return Markup(
        "<!DOCTYPE html><html lang='en'><head><meta charset='utf-8'/><meta name='viewport' content='width=device-width,initial-scale=1'/><title>%s</title><style>%s</style></head><body>"
        "<h1>%s</h1><p>%s</p><p><a href='%s/openapi.json'>openapi.json</a></p>%s<h2>An item of usage</h2><pre>%s</pre></body></html>"
    ) % (document["info"]["title"], style, document["info"]["title"], document["info"]["description"], contract.BASE, Markup("").join(rows), item)
