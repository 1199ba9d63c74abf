"""The demo's network: simulated MikroTik routers with customers on line, as in real life.

Each start finds routers as they come from the box. They are set up as a technician does it, by one pasted line; then customers'
devices dial, use their lines now more and now less, and dial again when they are sent away. One router, of ``demo.ROUTERS``, is
left to the newcomer: until its line is pasted it is "away", with an outage and changes that wait for it. A piece of equipment
without RADIUS asks and reports through the API.

All that screens show of it came through FreeRADIUS, the routers' API and the database. Nothing here may end the demo: what does
not work is said once in the terminal and tried again later.
"""

import json
import random
import time
import urllib.error
import urllib.request
from http.cookiejar import CookieJar

from . import demo
from .instance import Instance
from .shell import StackError, step

#: How many are on line, over all routers.
ON_LINE = 240
#: And guests with a token, of each hotspot.
GUESTS = 8
#: Seconds between two changes of what devices take; between two looks for devices that have to dial again; between two reports
#: of the equipment without RADIUS.
MOVE, DIAL, REPORT = 2, 15, 300
#: Who was refused dials again after so long.
PATIENCE = 300
#: Parts of a line's speed that people take: most are idle, some read, a few watch films.
_HABITS = [(0.0, 0.002)] * 6 + [(0.01, 0.08)] * 3 + [(0.3, 0.8)]
_ADDRESS = "02:1b:{0:02x}:{1:02x}:{2:02x}:{3:02x}"


class Network:
    def __init__(self, instance: Instance):
        self.instance = instance
        self.chance = random.Random(2026)
        self.customers = self._customers() + self._guests()
        self.process = None
        self.trouble = ""
        self._forget()

    # --- what time brings ---

    def tick(self) -> None:
        """Do what is due; called again and again. The first call sets the routers up, which takes some seconds."""
        routers = self.instance.routers
        if not self.customers or routers.process is None:
            return
        try:
            if self.process is not routers.process:
                self._forget()
                self._set_up()
                self.process = routers.process
            now = time.monotonic()
            if now >= self.next_move:
                self.next_move = now + MOVE
                self._move()
            if now >= self.next_dial:
                self.next_dial = now + DIAL
                self._dial()
            if now >= self.next_report:
                self.next_report = now + REPORT
                self._report()
        except (StackError, OSError, LookupError, ValueError) as error:
            self._say(f"The simulated network rests a minute: {error}")
            self.next_move = self.next_dial = self.next_report = time.monotonic() + 60
        else:
            self.trouble = ""

    def _forget(self) -> None:
        """The simulated routers were started (again): nothing is as it was."""
        self.next_move = self.next_dial = self.next_report = 0.0
        self.on_line: dict[str, dict] = {}  # user name -> session
        self.refused: dict[str, float] = {}
        self.office = Office(self.instance)
        self.key = ""

    def _say(self, text: str) -> None:
        if text != self.trouble:
            step(text)
        self.trouble = text

    # --- routers ---

    def _set_up(self) -> None:
        """Routers from the box; all but the one for the newcomer get their line pasted."""
        known = {one["key"] for one in self.instance.routers.call("GET", "/")["routers"]}
        for router in demo.ROUTERS:
            if router["key"] not in known:
                self.instance.routers.add(router["key"], demo.router_address(self.instance, router), version=router["version"], password="admin")
        for router in demo.ROUTERS:
            if not router.get("away"):
                self._set_up_one(router)

    def _set_up_one(self, router: dict) -> None:
        ask, key = self.office.call, router["key"]
        [record] = ask("isp.router", "search", [("nas_identifier", "=", key)])
        [setup] = ask("isp.router.setup", "search", [("router_id", "=", record)], limit=1)
        step(f"Setting up router {router['name']} by one pasted line")
        line = ask("isp.router.setup", "action_make_line", [setup])["context"]["default_line"]
        self._console(key, line)
        # Looked at now, as a person would: it was restarted, so what was on before is over.
        ask("isp.router", "action_test_connection", [record])
        if not ask("isp.router.config", "search_count", [("router_id", "=", record)]):
            ask("isp.router", "action_read_config", [record])

    def _console(self, key: str, text: str) -> None:
        self.instance.routers.call("POST", f"/routers/{key}/console", {"text": text})

    # --- customers ---

    def _customers(self) -> list[dict]:
        """Who has a line, with the key of its router: {router, name, password, mac, kind, up, down}, up and down in bits a second."""
        query = """
            SELECT coalesce(json_agg(json_build_object('router', r.nas_identifier, 'name', a.name, 'password', a.password, 'mac', coalesce(a.mac, ''),
                       'kind', p.service_type, 'id', a.id, 'slow', a.fup_rate <> '', 'up', coalesce(p.up_kbps, 1024) * 1000, 'down', coalesce(p.down_kbps, 1024) * 1000) ORDER BY a.id), '[]')
              FROM isp_access a JOIN isp_plan p ON p.id = a.plan_id JOIN isp_subscription s ON s.id = a.subscription_id JOIN isp_router r ON r.id = s.router_id
             WHERE a.state IN ('allowed', 'walled') AND p.service_type IN ('pppoe', 'hotspot') AND a.password <> ''
        """
        postgres = self.instance.postgres
        if not postgres.psql("SELECT to_regclass('isp_router_setup')", database=demo.DATABASE):
            return []
        found = json.loads(postgres.psql(query, database=demo.DATABASE))
        # Who is slowed down is on line, so that there is something to see.
        slow = [one for one in found if one["slow"]]
        others = [one for one in found if not one["slow"]]
        chosen = sorted(slow + self.chance.sample(others, min(ON_LINE, len(others))), key=lambda one: one["id"])
        return self._with_devices(chosen)

    def _with_devices(self, callers: list[dict]) -> list[dict]:
        for one in callers:
            number = one["id"]
            one["mac"] = one["mac"] or _ADDRESS.format(number >> 24 & 255, number >> 16 & 255, number >> 8 & 255, number & 255)
            one["habit"] = self.chance.choice(_HABITS)
        return callers

    def _guests(self) -> list[dict]:
        """Holders of tokens who like to be on line, some of each hotspot; as ``_customers``."""
        query = f"""
            SELECT coalesce(json_agg(to_json(g)), '[]') FROM (
                SELECT r.nas_identifier AS router, a.name, a.password, '' AS mac, 'hotspot' AS kind, a.id, 1000000 AS up, 4000000 AS down,
                       row_number() OVER (PARTITION BY r.id ORDER BY t.id) AS rank
                  FROM isp_token t JOIN isp_access a ON a.id = t.access_id JOIN isp_router r ON r.site_id = t.site_id
                 WHERE t.state = 'in_use' AND a.state = 'allowed') g
             WHERE g.rank <= {GUESTS}
        """
        if not self.instance.postgres.psql("SELECT to_regclass('isp_token')", database=demo.DATABASE).strip():
            return []
        return self._with_devices(json.loads(self.instance.postgres.psql(query, database=demo.DATABASE)))

    def _dial(self) -> None:
        """Devices that are not on dial, at routers that are set up."""
        now = time.monotonic()
        for router in self.instance.routers.call("GET", "/")["routers"]:
            key = router["key"]
            on = {one["user"]: one for one in self.instance.routers.call("GET", f"/routers/{key}/sessions")["sessions"]}
            if not (router["powered"] and router["linked"] and router["coa"]["accept"]):
                continue
            own = [one for one in self.customers if one["router"] == key]
            calling = [one for one in own if one["name"] not in on and self.refused.get(one["name"], 0) <= now]
            if calling and not on:
                # Somebody mistypes the password first: customer service sees it.
                self._call_in(key, [{**one, "password": "forgotten"} for one in calling[:1]])
            sessions = self._call_in(key, calling)
            if not on and sessions:
                step(f"{len(sessions)} customers are on line at {router['name']}")
            self.on_line = {name: one for name, one in self.on_line.items() if one["router"] != key}
            for one in own:
                session = sessions.get(one["name"]) or on.get(one["name"])
                if session:
                    self.on_line[one["name"]] = {**one, "session": session["id"]}
                else:
                    self.refused[one["name"]] = now + PATIENCE

    def _call_in(self, key: str, callers: list[dict]) -> dict[str, dict]:
        """:return: {user name: session} of those who got in"""
        clients = [
            {"user": one["name"], "password": one["password"], "mac": one["mac"], "interface": "ether2"} for one in callers if one["kind"] == "pppoe"
        ]
        answers = self.instance.routers.call("POST", f"/routers/{key}/pppoe/many", {"clients": clients})["results"] if clients else []
        found = {client["user"]: answer for client, answer in zip(clients, answers, strict=True) if "error" not in answer}
        for one in callers:
            if one["kind"] == "hotspot":
                try:
                    login = {"mac": one["mac"], "user": one["name"], "password": one["password"]}
                    found[one["name"]] = self.instance.routers.call("POST", f"/routers/{key}/hotspot/login", login)
                except StackError:
                    continue  # no hotspot there, or refused: tried again later
        return found

    def _move(self) -> None:
        """A part of the devices takes more or less than before."""
        wishes: dict[str, dict] = {}
        for one in self.on_line.values():
            if self.chance.random() > 0.3:
                continue
            if self.chance.random() < 0.02:
                one["habit"] = self.chance.choice(_HABITS)
            down = one["down"] * self.chance.uniform(*one["habit"])
            wishes.setdefault(one["router"], {})[one["session"]] = [int(down * self.chance.uniform(0.05, 0.2)), int(down)]
        for key, sessions in wishes.items():
            self.instance.routers.call("POST", f"/routers/{key}/use", {"sessions": sessions})

    # --- equipment without RADIUS ---

    def _report(self) -> None:
        """A controller of radio links says what its lines used, and once asks for what its key may not do."""
        if not self.key:
            found = self.office.call("isp.api.key", "search", [("name", "=", demo.API_KEY)], limit=1)
            if not found:
                return
            self.key = self.office.call("isp.api.key", "action_make_key", found)["params"]["message"]
            self._ask("GET", "lines?limit=1")
        lines = self.instance.postgres.psql(
            "SELECT a.name FROM isp_access a JOIN isp_plan p ON p.id = a.plan_id WHERE p.service_type = 'static' AND a.state = 'allowed' ORDER BY a.id LIMIT 12",
            database=demo.DATABASE,
        ).splitlines()
        base = int(time.time()) * 100
        items = [
            {"sequence": base + number, "login": name, "kind": "delta", "up": self.chance.randrange(10**7), "down": self.chance.randrange(10**8), "seconds": REPORT}
            for number, name in enumerate(lines)
        ]
        self._ask("GET", "sessions?limit=5")
        if items:
            self._ask("POST", "usage", {"device": "Radio controller", "items": items})

    def _ask(self, method: str, path: str, body: dict | None = None) -> int:
        """:return: the status; a refusal is an answer like another here"""
        headers = {"Authorization": f"Bearer {self.key}", "Content-Type": "application/json"}
        request = urllib.request.Request(
            f"{self.office.url}/isp/api/v1/{path}", json.dumps(body).encode() if body is not None else None, headers, method=method
        )
        try:
            with urllib.request.urlopen(request, timeout=30) as answer:
                return answer.status
        except urllib.error.HTTPError as error:
            return error.code


class Office:
    """The administrator, at the same address as everybody."""

    def __init__(self, instance: Instance):
        self.url = f"http://127.0.0.1:{instance.ports['odoo']}"
        self._open = urllib.request.build_opener(urllib.request.HTTPCookieProcessor(CookieJar())).open
        self._logged_in = False

    def call(self, model: str, method: str, *args, **kwargs):
        """One call of a model's method.

        :raise StackError: the server says why not
        """
        if not self._logged_in:
            admin = demo.USERS[0]
            self._post("/web/session/authenticate", {"db": demo.DATABASE, "login": admin["login"], "password": admin["password"]})
            self._logged_in = True
        return self._post(f"/web/dataset/call_kw/{model}/{method}", {"model": model, "method": method, "args": args, "kwargs": kwargs})

    def _post(self, path: str, params: dict):
        body = json.dumps({"jsonrpc": "2.0", "params": params}).encode()
        request = urllib.request.Request(self.url + path, body, {"Content-Type": "application/json"})
        with self._open(request, timeout=60) as answer:
            said = json.load(answer)
        if "error" in said:
            self._logged_in = False
            raise StackError(f"{path}: {said['error'].get('data', {}).get('message') or said['error']['message']}")
        return said.get("result")
