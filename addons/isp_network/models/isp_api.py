# License AGPL-3.0 or later (https://www.gnu.org/licenses/agpl).
import hashlib
import hmac

from odoo import api, fields, models
from odoo.exceptions import UserError
from odoo.tools import SQL


class Problem(Exception):
    """An answer that is no success: ``status`` and a sentence for the person who writes the other side."""

    def __init__(self, status, detail, errors=()):
        super().__init__(detail)
        self.status, self.detail = status, detail
        self.errors = [{"where": where, "what": what} for where, what in errors]


class IspApi(models.AbstractModel):
    """What the operations of ``engine/contract.py`` do: ``_answer_<name>(company, ids, values)`` → what is sent as JSON.

    Called with superuser rights in the name of the key's person: every search names the company, and what is found otherwise is 404.
    Values are checked already.
    """

    _name = "isp.api"
    _description = "API for equipment"

    # === Reading ===

    @api.model
    def _answer_routers(self, company, _ids, values):
        domain = [("company_id", "in", (company.id, False)), ("id", ">", values.get("after", 0))]
        routers, after = self._page("isp.router", domain, values)
        rows = [
            {
                "id": router.id,
                "name": router.name,
                "address": router.nas_ip,
                "online": router.open_sessions,
                "last_seen": _moment(router.last_seen),
                "failures": router.failures,
            }
            for router in routers
        ]
        return {"routers": rows, "next": after}

    @api.model
    def _answer_sessions(self, company, _ids, values):
        domain = self._session_domain(company) & self.env["isp.session"]._live_domain() & fields.Domain("id", ">", values.get("after", 0))
        if "router" in values:
            domain &= fields.Domain("nas_ip", "=", self._router(company, values["router"]).nas_ip)
        if "login" in values:
            domain &= fields.Domain("user_name", "=", values["login"])
        if "line" in values:
            domain &= fields.Domain("access_id", "in", self._line(company, values["line"]).access_ids.ids)
        sessions, after = self._page("isp.session", domain, values)
        return {"sessions": [self._session_row(session) for session in sessions], "next": after}

    @api.model
    def _session_row(self, session):
        seconds = session.added_seconds or 0
        return {
            "id": session.id,
            "login": session.user_name or "",
            "line": session.subscription_id.id or None,
            "router": session.router_id.id or None,
            "address": session.framed_ip or None,
            "mac": session.mac or None,
            "started": _moment(session.started),
            "updated": _moment(session.updated),
            "seconds": session.seconds,
            "up": session.bytes_up,
            "down": session.bytes_down,
            "up_bps": session.added_up * 8 // seconds if seconds else 0,
            "down_bps": session.added_down * 8 // seconds if seconds else 0,
        }

    @api.model
    def _answer_lines(self, company, _ids, values):
        domain = fields.Domain([("company_id", "=", company.id), ("id", ">", values.get("after", 0))])
        if "login" in values:
            domain &= fields.Domain("username", "=", values["login"])
        if "number" in values:
            domain &= fields.Domain("name", "=", values["number"])
        if "mac" in values:
            [(mac,)] = self.env.execute_query(SQL("SELECT radius.mac(%s)", values["mac"]))
            domain &= fields.Domain("access_ids.mac", "=", mac) if mac else fields.Domain.FALSE
        lines, after = self._page("isp.subscription", domain, values)
        return {"lines": self._lines(lines), "next": after}

    @api.model
    def _answer_line(self, company, ids, _values):
        [line] = self._lines(self._line(company, ids["line"]))
        return line

    @api.model
    def _lines(self, lines):
        left = lines._quota_left()
        return [
            {
                "id": line.id,
                "number": line.name,
                "login": line.username or None,
                "mac": line.mac or None,
                "plan": line.plan_id.display_name,
                "state": line.state,
                "network": line.access_state or None,
                "valid_until": _moment(line.access_ids[:1].valid_until),
                "online": line.online,
                "address": line.online_address or None,
                "data_left": left.get(line.id),
            }
            for line in lines
        ]

    # === May this user log in? ===

    @api.model
    def _answer_authorise(self, company, _ids, values):
        """What RADIUS answers: its functions are asked, and the password is compared as FreeRADIUS does. Refusals stand in the same log."""
        router = self._router(company, values["router"]) if "router" in values else self.env["isp.router"]
        # "": nowhere, and no device. (NULL would leave place and device out of the rules.)
        login, mac, nas = values["login"], values.get("mac") or "", router.nas_ip or ""
        self.env.flush_all()
        query = SQL(
            """SELECT v.access_id, a.company_id, a.subscription_id, v.password, v.verdict, v.reason, v.message, v.by_mac
                 FROM radius.verdict(%s, %s, true, %s) v LEFT JOIN isp_access a ON a.id = v.access_id""",
            login,
            mac,
            nas,
        )
        [(access, owner, line, password, verdict, reason, message, by_mac)] = self.env.execute_query(query)
        foreign = access and owner != company.id
        if not access or foreign:
            if not foreign:
                self._refused(login, nas, mac)
            return {"result": "reject", "reason": "credentials", "message": None, "line": None, "attributes": []}
        if verdict == "reject":
            self._refused(login, nas, mac)
            return {"result": "reject", "reason": reason, "message": message, "line": line, "attributes": []}
        if not by_mac and not _proves(password, values):
            self._refused(login, nas, mac)
            return {"result": "reject", "reason": "credentials", "message": None, "line": None, "attributes": []}
        rows = self.env.execute_query(SQL("SELECT attribute, value FROM radius.authr(%s, %s, %s)", login, nas, mac))
        if verdict == "accept":
            self.env.cr.execute(SQL("SELECT radius.first_use(%s, %s, %s)", login, nas, mac))
        attributes = [{"name": name, "value": value} for name, value in rows]
        return {"result": verdict, "reason": reason, "message": message, "line": line, "attributes": attributes}

    @api.model
    def _refused(self, login, nas, mac):
        self.env.cr.execute(SQL("SELECT radius.postauth(%s, %s, %s, 'API')", login, nas, mac))

    # === Usage ===

    @api.model
    def _answer_usage(self, company, _ids, values):
        router = self._router(company, values["router"]) if "router" in values else self.env["isp.router"]
        return {"items": self.env["isp.api.push"]._take(company, values["device"], router, values["items"])}

    # === Lines ===

    @api.model
    def _answer_start(self, company, ids, values):
        line = self._line(company, ids["line"])
        if line.state in ("draft", "terminated"):
            raise Problem(409, f"Line {line.name} is {line.state}: a person has to put it into service.")
        return self._set_state(line, "active", values)

    @api.model
    def _answer_stop(self, company, ids, values):
        line = self._line(company, ids["line"])
        if line.protected and line.state != "suspended":
            raise Problem(409, f"Line {line.name} is protected: a person has to stop it.")
        if line.state == "paused":
            raise Problem(409, f"Line {line.name} is paused by the customer's wish; it is in the walled garden already.")
        return self._set_state(line, "suspended", values)

    @api.model
    def _set_state(self, line, state, values):
        note = values.get("note") or f"API: {self.env.context.get('isp_api_key', '')}"
        try:
            events = line._set_state(state, values.get("reason", "staff"), note)
        except UserError as error:
            raise Problem(409, str(error)) from None
        return {"changed": bool(events), "line": self._answer_line(line.company_id, {"line": line.id}, {})}

    # === Orders ===

    @api.model
    def _answer_order(self, company, _ids, values):
        domain = self._session_domain(company) & fields.Domain([("stopped", "=", False), ("router_id", "!=", False)])
        if "session" in values:
            domain &= fields.Domain("id", "=", values["session"])
        if "line" in values:
            domain &= fields.Domain("access_id", "in", self._line(company, values["line"]).access_ids.ids)
        if "login" in values:
            domain &= fields.Domain("user_name", "=", values["login"])
        sessions = self.env["isp.session"].search(domain, limit=1000)
        if "session" in values and not sessions:
            raise Problem(404, f"There is no running session {values['session']}.")
        kind = self._kind_of_order(values["kind"])
        tasks = self.env["isp.router.task"]
        tasks._queue(kind, sessions)
        return {"orders": [self._order_row(task) for task in tasks.search([("session_id", "in", sessions.ids), ("kind", "=", kind), ("state", "=", "pending")])]}

    @api.model
    def _kind_of_order(self, kind):
        """A session is refreshed by telling it its speed, where tasks can; else by ending it: the device dials again at once."""
        kinds = dict(self.env["isp.router.task"]._fields["kind"]._description_selection(self.env))
        return "rate" if kind == "refresh" and "rate" in kinds else "disconnect"

    @api.model
    def _answer_order_state(self, company, ids, _values):
        sessions = self.env["isp.session"]._search(self._session_domain(company))
        task = self.env["isp.router.task"].search([("id", "=", ids["order"]), ("session_id", "in", sessions)])
        if not task:
            raise Problem(404, f"There is no order {ids['order']}. Orders that were carried out are forgotten after some time.")
        return self._order_row(task)

    @api.model
    def _order_row(self, task):
        return {"id": task.id, "kind": task.kind, "session": task.session_id.id or None, "state": task.state, "message": task.message or None}

    # === Utilities ===

    @api.model
    def _page(self, model, domain, values):
        """:return: (records in the order of their ids, the id after which there are more or None)"""
        limit = values.get("limit", 100)
        found = self.env[model].search(domain, order="id", limit=limit + 1)
        return found[:limit], found[limit - 1].id if len(found) > limit else None

    @api.model
    def _session_domain(self, company):
        """Sessions of our users; and those of unknown users on our own routers."""
        return fields.Domain("access_id.company_id", "=", company.id) | fields.Domain([("access_id", "=", False), ("router_id.company_id", "=", company.id)])

    @api.model
    def _router(self, company, key):
        router = self.env["isp.router"].search([("id", "=", key), ("company_id", "in", (company.id, False))])
        if not router:
            raise Problem(404, f"There is no router {key}.")
        return router

    @api.model
    def _line(self, company, key):
        line = self.env["isp.subscription"].search([("id", "=", key), ("company_id", "=", company.id)])
        if not line:
            raise Problem(404, f"There is no line {key}.")
        return line


def _proves(password, values):
    """:return: whether what was sent is this password, or a CHAP response made with it; both take as long for a wrong one"""
    known = (password or "").encode()
    if not known:
        return False
    if "password" in values:
        return hmac.compare_digest(known, values["password"].encode())
    if "chap" in values:
        chap = values["chap"]
        wanted = hashlib.md5(bytes([chap["id"]]) + known + bytes.fromhex(chap["challenge"])).digest()
        return hmac.compare_digest(wanted, bytes.fromhex(chap["response"]))
    return False


def _moment(moment):
    return f"{moment.isoformat()}Z" if moment else None
