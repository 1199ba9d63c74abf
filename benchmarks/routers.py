# License AGPL-3.0 or later (https://www.gnu.org/licenses/agpl).
"""One router, many changes: ours at a simulated router, beside one command after the other on plain librouteros.

- N changed customers, brought to a router that keeps its log-ins: read, the difference written, read again.
- A router that keeps 2,000 log-ins, all as they should be: health and comparison; counted is what was written.
- 1,000 customers with live sessions are suspended: until none of the sessions is on, each verified on the router.

    script/bench routers --changes 4000 --kept 2000 --sessions 1000 --peer 1000 [--json]
"""

import argparse
import json
import time

DATABASE = "isp_bench"
PASSWORD = "bench"


def main(argv):
    from stack import addons
    from stack.instance import Instance

    parser = argparse.ArgumentParser(prog="script/bench routers", description=__doc__.split("\n")[0])
    parser.add_argument("--changes", type=int, default=4000, help="customers that changed on one router (default %(default)s)")
    parser.add_argument("--kept", type=int, default=2000, help="log-ins on the router where nothing changed (default %(default)s)")
    parser.add_argument("--sessions", type=int, default=1000, help="live sessions of suspended customers (default %(default)s)")
    parser.add_argument("--peer", type=int, default=1000, help="changes one command after the other, 0 for none (default %(default)s)")
    parser.add_argument("--json", action="store_true", help="end with one line of JSON")
    options = parser.parse_args(argv)
    instance = Instance("bench", database=DATABASE, workers=0)
    instance.postgres.start()
    try:
        addons.bring_up_to_date(instance, DATABASE)
        instance.routers.start()
        figures = measure(instance, options)
    finally:
        instance.routers.stop()
        instance.stop()
    report(figures, options)


def measure(instance, options):
    import odoo.tools
    from odoo.api import Environment
    from odoo.modules.registry import Registry

    odoo.tools.config.parse_config(["-c", str(instance.odoo.conf()), "--log-level=error"])
    with Registry(DATABASE).cursor() as cr:
        env = Environment(cr, 1, {"tracking_disable": True})
        bench = Bench(env, instance.routers)
        # Nothing is committed: the database is as it was before.
        figures = {**bench.changes(options.changes), **bench.unchanged(options.kept), **bench.suspensions(options.sessions)}
        if options.peer:
            figures["peer"] = bench.peer(options.peer)
        cr.rollback()
    return figures


class Bench:
    def __init__(self, env, routers):
        self.env, self.routers = env, routers
        self.plan = env["isp.plan"].create({"code": "BENCH-R", "name": "Bench routers", "list_price": 1, "down_kbps": 2048, "up_kbps": 1024})
        self.partner = env["res.partner"].create({"name": "Bench routers"})
        self.number = 0

    def router(self, keeps):
        """:return: isp.router of a new simulated router"""
        self.number += 1
        address = f"127.0.71.{self.number}"
        made = self.routers.add(f"bench-{self.number}", address, password=PASSWORD, has_rtc=True)
        ports = made["ports"]
        router = self.env["isp.router"].create(
            {"name": f"Bench {self.number}", "nas_ip": address, "radius_secret": "testing123", "wire": "api", "api_port": ports["api"], "api_user": "admin",
             "api_password": PASSWORD, "api_tls": False, "keeps": keeps, "ppp_local_address": "10.9.0.1", "ppp_pool": "customers", "coa_port": 23799}
        )  # fmt: skip
        with router._driver() as driver:
            driver.add("ip/pool", {"name": "customers", "ranges": "10.8.0.1-10.8.255.254"})
            driver.add("interface/pppoe-server/server", {"interface": "ether2", "disabled": "no", "service-name": "isp"})
            driver.set("radius/incoming", {"accept": "yes", "port": str(router.coa_port)})
            driver.add("radius", {"service": "ppp", "address": "127.0.0.1", "secret": "testing123"})
        return router

    def lines(self, router, count):
        """:return: accesses of ``count`` new active lines at the router"""
        create = self.env["isp.subscription"].create
        lines = create([{"partner_id": self.partner.id, "plan_id": self.plan.id, "anchor_day": 1, "username": f"r{router.id}n{n}"} for n in range(count)])
        lines._sync_access()
        accesses = lines.access_ids
        self.env.cr.execute("UPDATE isp_access SET state = 'allowed', password = 'pw' || id WHERE id = ANY(%s)", (accesses.ids,))
        self.env.cr.execute("UPDATE isp_subscription SET router_id = %s WHERE id = ANY(%s)", (router.id, lines.ids))
        self.env.invalidate_all()
        return accesses

    def fill(self, router):
        """Everything as it should be; a person has seen the first plan."""
        router._look_after()
        if router.held_plan:
            router.confirmed_plan = router.held_plan
            router._look_after()
        assert not (router.held_reason or router.api_error), router.held_reason or router.api_error

    def changes(self, count):
        from stack.shell import step

        step(f"{count} changes on one router")
        router = self.router("all")
        accesses = self.lines(router, count)
        self.fill(router)
        self.env.cr.execute("UPDATE isp_access SET password = 'new' || id WHERE id = ANY(%s)", (accesses.ids,))
        self.env.invalidate_all()
        tasks = self.env["isp.router.task"]
        started = time.monotonic()
        tasks._queue_sync(accesses)
        queued = time.monotonic() - started
        started = time.monotonic()
        router._apply_tasks()
        self.env.flush_all()
        seconds = time.monotonic() - started
        done = tasks.search_count([("router_id", "=", router.id), ("state", "=", "done")])
        with router._driver() as driver:
            right = sum(row["password"].startswith("new") for row in driver.rows("ppp/secret", ["password"]))
        assert done == right == count, (done, right)
        return {"queued": queued, "changes": seconds}

    def unchanged(self, count):
        from stack.shell import step

        from odoo.addons.isp_network.drivers.routeros_api import Api

        step(f"A router with {count} log-ins, unchanged")
        router = self.router("all")
        self.lines(router, count)
        self.fill(router)
        written, original = [], Api.run_many

        def run_many(driver, commands):
            written.extend(commands)
            return original(driver, commands)

        Api.run_many = run_many
        started = time.monotonic()
        router._look_after()
        self.env.flush_all()
        seconds = time.monotonic() - started
        Api.run_many = original
        assert router.kept_items == count and not router.api_error
        return {"unchanged": seconds, "written": len(written)}

    def suspensions(self, count):
        from stack.shell import step

        step(f"{count} suspensions, {count} live sessions")
        router = self.router("all")
        accesses = self.lines(router, count)
        self.fill(router)
        router.keeps = "nothing"
        clients = [{"user": access.name, "password": access.password, "mac": f"02:00:00:00:{n >> 8:02X}:{n & 255:02X}"} for n, access in enumerate(accesses)]
        self.routers.call("POST", f"/routers/bench-{self.number}/pppoe/many", {"clients": clients})
        sessions = self.on(router)
        assert len(sessions) == count, len(sessions)
        now = self.env.cr.now()
        for session in sessions:
            self.env.cr.execute(
                "SELECT radius.acct('start', %s, %s, '', %s, '', %s, '', '', %s, '', '', '0', '0', '0', '0', '0', '')",
                (session["id"], session["user"], router.nas_ip, session["address"], str(int(now.timestamp()))),
            )
        self.env.invalidate_all()
        started = time.monotonic()
        accesses.write({"state": "walled"})
        tasks = self.env["isp.router.task"]
        while tasks.search_count([("router_id", "=", router.id), ("state", "=", "pending")]):
            router._apply_tasks()
        self.env.flush_all()
        seconds = time.monotonic() - started
        done = tasks.search_count([("router_id", "=", router.id), ("state", "=", "done")])
        left = len(self.on(router))
        assert done == count and not left, (done, left)
        return {"suspensions": seconds}

    def on(self, router):
        return self.routers.call("GET", f"/routers/bench-{self.number}/sessions")["sessions"]

    def peer(self, count):
        """Seconds for ``count`` changes as most programs make them: a command, its answer, the next."""
        from librouteros import connect
        from stack.shell import step

        step(f"One command after the other: {count} changes")
        router = self.router("nothing")
        api = connect(host=router.nas_ip, port=router.api_port, username="admin", password=PASSWORD, encoding="utf-8")
        secrets = api.path("ppp", "secret")
        ids = [secrets.add(name=f"peer{n}", password="old", comment=f"peer {n}") for n in range(count)]
        started = time.monotonic()
        for key in ids:
            secrets.update(**{".id": key, "password": "new"})
        seconds = time.monotonic() - started
        api.close()
        return seconds


def report(figures, options):
    print("\nRouters, simulated on this machine")
    print(f"{options.changes} changes on one router      {figures['changes']:>7.1f} s   aim: under 10 s; written as tasks in {figures['queued']:.1f} s")
    print(f"{options.kept} log-ins, unchanged         {figures['unchanged']:>7.2f} s   aim: under 2 s; {figures['written']} writes")
    print(f"{options.sessions} suspensions, live sessions {figures['suspensions']:>7.1f} s   aim: under 60 s; all ended, each verified")
    rate = options.changes / figures["changes"]
    measures = {
        "changes": {"ours": round(rate, 1), "peer": None, "ratio": None, "unit": "1/s"},
        "unchanged": {"ours": round(figures["unchanged"], 2), "peer": None, "ratio": None, "unit": "s"},
        "written": {"ours": figures["written"], "peer": None, "ratio": None, "unit": "commands"},
        "suspensions": {"ours": round(figures["suspensions"], 1), "peer": None, "ratio": None, "unit": "s"},
    }
    if "peer" in figures:
        theirs = options.peer / figures["peer"]
        print(f"ours                        {rate:>7.0f} changes a second, each read before and after")
        print(f"one after the other         {theirs:>7.0f} changes a second, none read: ours is {rate / theirs:.2f} times as fast")
        measures["changes"].update(peer=round(theirs, 1), ratio=round(rate / theirs, 2))
    if options.json:
        print(json.dumps({"name": "routers", "measures": measures}))
