# License AGPL-3.0 or later (https://www.gnu.org/licenses/agpl).
"""Routers with an API, at the simulator: health, what is kept, what is verified, and everything that goes wrong."""

import sys
from datetime import timedelta
from pathlib import Path
from unittest.mock import patch

from freezegun import freeze_time

from odoo import fields
from odoo.exceptions import AccessError, UserError, ValidationError
from odoo.tests import new_test_user, tagged
from odoo.tests.common import _super_send

from odoo.addons.queue_job.exception import RetryableJobError
from odoo.addons.queue_job.tests.common import trap_jobs

from ..drivers import coa, routeros, routeros_api
from ..models.isp_router import MAX_FAILURES
from .common import NetworkCommon

sys.path.append(str(Path(__file__).resolve().parents[3]))
from simulators.routeros.device import Fault
from simulators.routeros.world import World


class RouterCommon(NetworkCommon):
    def setUp(self):
        super().setUp()
        self.world = World(running=False)
        self.addCleanup(self.world.stop)
        self.device = self.world.add("tower", address="127.0.0.1", password="pw", has_rtc=True)
        self.device.singleton("system/ntp/client").update({"enabled": "true", "servers": "198.51.100.1"})
        self.device.sync_time()
        self.router.write(
            {"wire": "api", "api_port": self.device.port("api"), "api_user": "admin", "api_password": "pw", "api_tls": False, "ppp_local_address": "10.9.0.1", "ppp_pool": "customers"}
        )
        self.patch(routeros.Address, "__init__", self._patient(routeros.Address.__init__))
        original = coa.Client.__init__
        self.patch(coa.Client, "__init__", lambda client, host, port, secret: original(client, host, port, secret, 0.2, 2))
        with self._api() as api:
            api.add("ip/pool", {"name": "customers", "ranges": "10.9.1.1-10.9.9.254"})
            api.add("interface/pppoe-server/server", {"interface": "ether2", "disabled": "no", "service-name": "isp"})
            api.add("ppp/secret", {"name": "manager", "password": "own", "comment": "Mr Own's"})

    @classmethod
    def _request_handler(cls, s, r, /, **kw):
        """Requests to the simulator on loopback; Odoo's own handler expects one time-out."""
        return _super_send(s, r, **kw)

    @staticmethod
    def _patient(original):
        def init(address, *args, **kwargs):
            original(address, *args, **{**kwargs, "timeout": 1})

        return init

    def _api(self):
        return routeros_api.Api(routeros.Address("127.0.0.1", self.device.port("api"), "admin", "pw", tls=False))

    def _keep(self, keeps="all", router=None):
        with trap_jobs():
            self.subscription.router_id = self.router
            self.router.keeps = keeps
        self.env["isp.router.task"].search([]).unlink()

    def _look(self):
        self.router._look_after()
        self.env.invalidate_all()

    def _confirm(self):
        with trap_jobs():
            self.router.action_confirm_plan()
        self._look()

    def _rows(self, menu="ppp/secret"):
        with self._api() as api:
            return [row for row in api.rows(menu) if row.get("comment", "").startswith("isp:") or row.get("name", "").startswith("isp-")]

    def _more(self, count):
        """:return: subscriptions line1, line2 … at this router"""
        with trap_jobs():
            lines = [self._create_subscription("active", username=f"line{number}") for number in range(1, count + 1)]
            self.env["isp.subscription"].browse([line.id for line in lines]).router_id = self.router
        self.env["isp.router.task"].search([]).unlink()
        return lines

    def _tasks(self):
        return self.env["isp.router.task"].search([("router_id", "=", self.router.id)], order="id")


@tagged("post_install", "-at_install")
class TestRouterHealth(RouterCommon):
    def test_what_it_is(self):
        answer = self.router.action_test_connection()
        self.assertEqual(answer["params"]["type"], "success", answer)
        self.assertEqual((self.router.identity, self.router.licence, self.router.health), ("tower", "6", "good"))
        self.assertTrue(self.router.version.startswith("7."))
        self.assertFalse(self.router.warnings)

    def test_each_thing_that_is_wrong_has_its_words(self):
        for vals, words in (
            ({"api_password": "wrong"}, "refuses the API user"),
            ({"api_port": 1}, "Nothing usable answers"),
            ({"api_tls": True}, "certificate"),
            ({"wire": "rest", "api_port": 1}, "Nothing usable answers"),
        ):
            with self.subTest(vals):
                before = {"api_password": "pw", "api_port": self.device.port("api"), "api_tls": False, "wire": "api"}
                self.router.write(vals)
                answer = self.router.action_test_connection()
                self.assertEqual(answer["params"]["type"], "danger")
                if "api_tls" not in vals:
                    self.assertIn(words, answer["params"]["message"])
                self.assertNotIn("pw", answer["params"]["message"])
                self.assertEqual(self.router.health, "bad")
                self.router.write(before)
        self.router.wire = "none"
        with self.assertRaises(UserError):
            self.router.action_test_connection()

    def test_rest_says_the_same(self):
        self.router.write({"wire": "rest", "api_port": self.device.port("www")})
        self.assertEqual(self.router.action_test_connection()["params"]["type"], "success")
        self.assertEqual(self.router.identity, "tower")

    def test_fingerprint_is_read_pinned_and_another_one_refused(self):
        with self._api() as api:
            api.add("certificate", {"name": "own", "common-name": "any.name"})
            api.run("certificate/sign", {"number": "own"})
            for service in ("api-ssl", "www-ssl"):
                [key] = [row[".id"] for row in api.rows("ip/service") if row["name"] == service]
                api.change("ip/service", key, {"certificate": "own", "disabled": "no"})
        for wire, service in (("api", "api-ssl"), ("rest", "www-ssl")):
            self.router.write({"wire": wire, "api_tls": True, "api_port": self.device.port(service), "api_fingerprint": False})
            self.assertEqual(self.router.action_test_connection()["params"]["type"], "danger", "nobody vouches for it")
            self.router.action_read_fingerprint()
            answer = self.router.action_test_connection()["params"]
            self.assertEqual(answer["type"], "success", answer["message"])
            self.router.api_fingerprint = "00" * 32
            message = self.router.action_test_connection()["params"]["message"]
            self.assertIn("not the one that was entered", message)

    def test_warnings(self):
        self.device.licence = "4"
        self.device.singleton("system/device-mode")["hotspot"] = "no"
        self.device.clock.set(self.device.clock.now() + 3600)
        self._look()
        self.router.write({"pppoe_limit": 1})
        self._acct("start", ip="10.0.0.5", mac="AA-BB-CC-DD-EE-01")
        self.router.invalidate_recordset()
        for words in ("press the router's button", "clock is wrong by", "allows 1 PPPoE"):
            self.assertIn(words, self.router.warnings)
        self.assertEqual(self.router.health, "warning")

    def test_restart_ends_its_sessions_and_a_jump_of_our_clock_does_not(self):
        self._acct("start", ip="10.0.0.5", mac="AA-BB-CC-DD-EE-01")
        self._look()
        with freeze_time(fields.Datetime.now() + timedelta(days=400)):
            self._look()
        self.assertFalse(self._sessions().stopped, "it is our clock that is wrong: the router's was set by NTP")
        self.router.write({"checked_at": fields.Datetime.now(), "uptime": 3600})
        self._acct("start", session="silent")
        self.env.cr.execute("UPDATE isp_session SET started = started - interval '1 hour', updated = updated - interval '10 minutes'")
        self.env.cr.execute("UPDATE isp_session SET stopped = last_event, presumed = true, cause = 'Lost-Service' WHERE session_id = 'silent'")
        self.device.power_cut(0)
        self.device.sync_time()
        self._look()
        for session in self._sessions() + self._sessions("silent"):
            self.assertEqual((bool(session.stopped), session.cause), (True, "NAS-Reboot"))
        self.assertTrue(self.router.rebooted_at)

    def test_bad_values_and_rights(self):
        for vals in ({"api_port": 0}, {"api_user": False}, {"api_host": "a b"}, {"api_fingerprint": "12"}, {"api_ca": "hello"}, {"wire": "none", "keeps": "all"}, {"ppp_pool": "a b"}):
            with self.assertRaises(ValidationError, msg=vals):
                self.router.write(vals)
        technician = new_test_user(self.env, "tech", groups="isp_base.group_isp_technician")
        for action in ("action_test_connection", "action_read_fingerprint", "action_confirm_plan"):
            with self.assertRaises(AccessError):
                getattr(self.router.with_user(technician), action)()
        self.assertTrue(self.router.with_user(technician).read(["warnings", "health", "held_reason"]))


@tagged("post_install", "-at_install")
class TestRouterKeeps(RouterCommon):
    def test_first_plan_waits_then_all_follows_and_an_unchanged_router_is_not_written(self):
        self._more(6)
        self._keep()
        self._look()
        self.assertIn("first time", self.router.held_reason)
        self.assertEqual(len(self.router.change_ids), 8, "a profile and seven log-ins")
        self.assertNotIn("pw", " ".join(self.router.change_ids.mapped("detail")).replace("password", ""))
        self.assertFalse(self._rows(), "nothing before somebody has seen it")
        self._confirm()
        self.assertFalse(self.router.held_reason or self.router.change_ids)
        self.assertEqual({row["name"] for row in self._rows()}, {"achol", *(f"line{n}" for n in range(1, 7))})
        [row] = [row for row in self._rows() if row["name"] == "achol"]
        self.assertEqual((row["password"], row["comment"], row["service"]), ("pw", f"isp:{self.access.id}", "pppoe"))
        session = self.device.desk.dial("achol", "pw")
        self.assertEqual(self.device.desk.queue_of(session.address)["max-limit"], "1024000/2048000")
        with patch.object(routeros_api.Api, "run_many", side_effect=AssertionError("nothing is to be written")):
            self._look()
        self.assertFalse(self.router.api_error)

    def test_suspended_customers_are_walled_and_their_session_ended(self):
        self._keep()
        self._look()
        self.device.desk.dial("achol", "pw")
        with trap_jobs() as trap:
            self.subscription._set_state("suspended", "overdue")
            trap.perform_enqueued_jobs()
        self.assertEqual((self._tasks().kind, self._tasks().state), ("sync", "done"))
        self.assertFalse(self.device.desk.sessions, "the session went on with the old speed")
        session = self.device.desk.dial("achol", "pw")
        with self._api() as api:
            self.assertIn((session.address, "isp-suspended"), [(row["address"], row["list"]) for row in api.rows("ip/firewall/address-list")])
        with trap_jobs() as trap:
            self.subscription._set_state("terminated", "customer")
            trap.perform_enqueued_jobs()
        self.assertFalse(self._rows())
        with self._api() as api:
            self.assertEqual([row["name"] for row in api.rows("ppp/secret")], ["manager"])

    def test_log_in_survives_a_dead_server(self):
        with self._api() as api:
            api.set("ppp/aaa", {"use-radius": "yes"})
            api.add("radius", {"service": "ppp", "address": "127.0.0.99", "secret": "x", "timeout": "100ms"})
        self._keep("fixed")
        self._look()
        self.assertTrue(self.device.desk.dial("achol", "pw").address)

    def _static_line(self, username, address):
        with trap_jobs():
            plan = self.env["isp.plan"].search([("code", "=", "T-STATIC")]) or self._create_plan("T-STATIC", service_type="static", down_kbps=2048, up_kbps=1024)
            line = self._create_subscription("active", username=username)
            line.write({"plan_id": plan.id, "static_ip": address})
            line.router_id = self.router
        self.env["isp.router.task"].search([]).unlink()
        return line

    def _static_lines(self):
        """:return: ({address: speed}, {address: list}) of what stands on the router"""
        queues = {row["target"].removesuffix("/32"): row["max-limit"] for row in self._rows("queue/simple")}
        return queues, {row["address"]: row["list"] for row in self._rows("ip/firewall/address-list")}

    def _do(self, change):
        """A business change, then the jobs that it queued."""
        with trap_jobs() as trap:
            change()
            trap.perform_enqueued_jobs()
        self.env.invalidate_all()
        self.assertEqual(set(self._tasks().mapped("state")), {"done"})

    def test_static_lines_are_queues(self):
        line = self._static_line("bank", "10.5.5.5")
        self._keep()
        self._look()
        self.assertEqual(self._static_lines(), ({"10.5.5.5": "1024000/2048000"}, {}))
        self._do(lambda: line._set_state("suspended", "overdue"))
        self.assertEqual(self._static_lines(), ({"10.5.5.5": "128000/256000"}, {"10.5.5.5": "isp-suspended"}))

    def test_closed_static_lines_get_nothing(self):
        """Nobody logs in at such a line: what is taken away there is its limit and its wall."""
        bank, shop, clinic = (self._static_line(name, f"10.5.5.{number}") for number, name in enumerate(("bank", "shop", "clinic"), 5))
        self._keep()
        self._look()
        self._do(lambda: bank._set_state("suspended", "overdue"))
        self._do(lambda: bank._set_state("terminated", "customer"))
        self._do(lambda: shop.write({"username": False}))
        self._do(lambda: clinic.access_ids._apply({"state": "blocked"}))
        addresses = ("10.5.5.5", "10.5.5.6", "10.5.5.7")
        closed = (dict.fromkeys(addresses, "128000/256000"), dict.fromkeys(addresses, "isp-suspended"))
        self.assertEqual(self._static_lines(), closed)
        self._look()
        self.assertEqual(self._static_lines(), closed)
        self.assertFalse(self.router.held_reason)

    def test_address_of_a_closed_line_belongs_to_who_has_it_now(self):
        shop, bank = self._static_line("shop", "10.5.5.6"), self._static_line("bank", "10.5.5.5")
        self._keep()
        self._look()
        self._do(lambda: bank._set_state("terminated", "customer"))
        self._do(lambda: shop.write({"static_ip": "10.5.5.5"}))
        for _round in range(2):
            self.assertEqual(self._static_lines(), ({"10.5.5.5": "1024000/2048000"}, {}), "at once, and the next round agrees")
            self._look()
        self._do(lambda: shop._set_state("terminated", "customer"))
        for _round in range(2):
            self.assertEqual(self._static_lines(), ({"10.5.5.5": "128000/256000"}, {"10.5.5.5": "isp-suspended"}))
            self._look()
        self.assertFalse(self.router.last_round or self.router.held_reason)
        self._do(lambda: shop.write({"static_ip": "10.5.5.9"}))
        self._look()
        self.assertEqual(set(self._static_lines()[1]), {"10.5.5.5", "10.5.5.9"}, "its last customer may still use it")

    def _wall_lists(self):
        """:return: (the list of achol's next session, {address: list} of static lines)"""
        with self._api() as api:
            profiles = {row["name"]: row.get("address-list", "") for row in api.rows("ppp/profile")}
        [row] = self._rows()
        return profiles[row["profile"]], self._static_lines()[1]

    def test_each_reason_has_its_list(self):
        """As in RADIUS answers: a router may send them to different pages."""
        bank = self._static_line("bank", "10.5.5.5").access_ids
        self._acct("start", seconds=0)
        self._acct("interim-update", seconds=60, up=1000, down=2000)
        self._keep()
        self._look()
        self.assertEqual(self._wall_lists(), ("", {}))
        yesterday = fields.Datetime.now() - timedelta(days=1)
        for vals, name in (({"valid_until": yesterday}, "isp-expired"), ({"state": "walled"}, "isp-suspended"), ({"state": "allowed", "valid_until": False}, "")):
            self._do(lambda vals=vals: (self.access + bank)._apply(vals))
            self.assertEqual(self._wall_lists(), (name, {"10.5.5.5": name} if name else {}))
        self._do(lambda: self.access._apply({"quota_bytes": 5000, "quota_from": yesterday}))
        self._acct("interim-update", seconds=120, up=4000, down=4000)
        self._look()
        self.assertEqual(self._wall_lists(), ("isp-quota", {}))

    def test_another_list_takes_nothing_away(self):
        """Who is in the walled garden for another reason from now on does not make a plan wait for a person."""
        lines = self._filled(20)
        accesses = self.env["isp.access"].union(*(line.access_ids for line in lines))
        self._do(lambda: accesses._apply({"valid_until": fields.Datetime.now() - timedelta(days=1)}))
        self.env.cr.execute("UPDATE isp_access SET state = 'walled' WHERE id = ANY(%s)", (accesses.ids,))
        self.env.invalidate_all()
        self._look()
        self.assertFalse(self.router.held_reason)
        self.assertEqual(len({row["profile"] for row in self._rows()}), 2)

    def test_what_opens_or_slows_a_line_is_kept_at_once(self):
        """The session is ended, and the device dials again before the next round."""
        self._acct("start", seconds=0)
        self._acct("stop", seconds=60, up=4000, down=4000)
        with trap_jobs():
            self.access._apply({"quota_bytes": 5000, "quota_from": fields.Datetime.now() - timedelta(days=1)})
        self._acct("start", session="s2", seconds=0)
        self._acct("stop", session="s2", seconds=60, up=4000, down=4000)
        self._keep()
        self._look()
        walled = self.device.desk.dial("achol", "pw")
        self.assertEqual(self._wall_lists()[0], "isp-quota")
        self._do(lambda: self.access._apply({"topup_bytes": 50000, "topup_until": fields.Datetime.now() + timedelta(days=1)}))
        self.assertNotIn(walled, self.device.desk.sessions)
        self.assertEqual(self.device.desk.queue_of(self.device.desk.dial("achol", "pw").address)["max-limit"], "1024000/2048000")
        for vals, rate in (({"own_rate": "3M/4M"}, "3000000/4000000"), ({"fup_rate": "64k/64k"}, "64000/64000")):
            self._do(lambda vals=vals: self.access._apply(vals))
            self.assertEqual(self.device.desk.queue_of(self.device.desk.dial("achol", "pw").address)["max-limit"], rate)

    def test_given_up_and_answers_again(self):
        self._keep()
        self._look()
        self.device.link(False)
        self.router.failures = MAX_FAILURES - 1
        with trap_jobs():
            self.access._apply({"password": "new"})
            self.router._apply_tasks()
        self.assertEqual(self._tasks().state, "failed")
        self._look()
        self.env.cr.execute("UPDATE isp_router_task SET write_date = write_date - interval '2 hours'")
        self.env.cr.execute("UPDATE isp_router SET checked_at = checked_at + interval '1 second'")
        self.env.invalidate_all()
        with trap_jobs() as trap:
            self.env["isp.router"]._cron_apply_tasks()
            trap.assert_jobs_count(0)
        self.device.link(True)
        self._look()
        with trap_jobs() as trap:
            self.env["isp.router"]._cron_apply_tasks()
            trap.perform_enqueued_jobs()
        self.assertEqual(self._tasks().state, "done")

    def test_somebody_elses_item_is_told_and_not_touched(self):
        with self._api() as api:
            api.add("ppp/secret", {"name": "achol", "password": "by hand"})
        self._keep()
        self._look()
        self.assertIn("somebody else's item", self.router.last_round)
        with self._api() as api:
            self.assertEqual([row["password"] for row in api.rows("ppp/secret", where={"name": "achol"})], ["by hand"])
        with trap_jobs() as trap:
            self.access._apply({"password": "new"})
            trap.perform_enqueued_jobs()
        self.assertEqual(self._tasks().state, "failed")
        self.assertIn("somebody else's item", self._tasks().message)

    def test_what_a_person_changed_on_the_router_is_put_right(self):
        self._keep()
        self._look()
        with self._api() as api:
            [row] = [row for row in api.rows("ppp/secret") if row["name"] == "achol"]
            api.change("ppp/secret", row[".id"], {"password": "guessed", "profile": "default"})
        self._look()
        [row] = self._rows()
        self.assertEqual(row["password"], "pw")
        self.assertTrue(row["profile"].startswith("isp-"))

    def _filled(self, count=20):
        lines = self._more(count)
        self._keep()
        self._look()
        self._confirm()
        self.assertEqual(len(self._rows()), count + 1)
        return lines

    def test_no_empty_wish_and_no_big_loss_without_a_person(self):
        """A database that lost its customers, a server whose clock is a year ahead, a restored back-up."""
        lines = self._filled()
        self.env.cr.execute("UPDATE isp_subscription SET router_id = NULL WHERE router_id = %s", (self.router.id,))
        self.env.invalidate_all()
        self._look()
        self.assertIn("all of them", self.router.held_reason)
        self.assertEqual(len(self._rows()), 21)
        self.env.cr.execute("UPDATE isp_subscription SET router_id = %s WHERE id = ANY(%s)", (self.router.id, [line.id for line in lines[:10]]))
        self.env.invalidate_all()
        self._look()
        self.assertIn("11 of 11", self.router.held_reason)
        self.assertEqual(len(self._rows()), 21)
        self.assertIn("20 %", self.router.held_reason)
        held = self.router.held_plan
        self.env.cr.execute("UPDATE isp_subscription SET router_id = %s WHERE id = %s", (self.router.id, lines[10].id))
        self.env.invalidate_all()
        with trap_jobs():
            self.router.action_confirm_plan()
        self._look()
        self.assertNotEqual(self.router.held_plan, held, "another plan than the one that was read waits again")
        self.assertEqual(len(self._rows()), 21)
        self._confirm()
        self.assertEqual(len(self._rows()), 11)

    def test_restored_database_takes_nothing_away(self):
        self._filled(6)
        with self._api() as api:
            api.add("ppp/secret", {"name": "newest", "comment": "isp:99999999"})
        self._look()
        self.assertIn("restored from a back-up", self.router.held_reason)
        self.assertIn("newest", [row["name"] for row in self._rows()])

    def test_clock_of_the_server(self):
        lines = self._filled(6)
        for line in lines:
            self.env.cr.execute("UPDATE isp_access SET valid_until = now() - interval '1 day' WHERE subscription_id = %s", (line.id,))
        self.env.invalidate_all()
        with freeze_time(fields.Datetime.now() + timedelta(days=300)):
            self._look()
            self.assertIn("is the server's clock wrong", self.router.held_reason)
            with trap_jobs():
                self.router.action_confirm_plan()
            self._look()
            self.assertIn("is the server's clock wrong", self.router.held_reason, "no person can say yes to that")
        self.assertEqual(len({row["profile"] for row in self._rows()}), 1)

    def test_an_empty_or_broken_answer_is_no_reason_to_write(self):
        self._filled(6)
        before = self._rows()
        faults = [Fault("empty", path="/ppp/secret"), *(Fault(kind, path="/ppp/secret") for kind in ("half", "other", "garbage", "drop", "silent", "fatal"))]
        for fault in faults:
            with self.subTest(fault.kind):
                self.device.faults.append(fault)
                self._look()
                if fault.kind != "empty":  # once only: it is asked again, for the number of items does not agree
                    self.assertTrue(self.router.api_error, "it is told")
                self.device.faults.clear()
                self.assertEqual(self._rows(), before)
        self.device.faults.append(Fault("empty", path="/ppp/secret", times=None))
        self._look()
        self.assertTrue(self.router.api_error or self.router.held_reason)
        self.device.faults.clear()
        self.assertEqual(self._rows(), before)
        self._look()
        self.assertFalse(self.router.api_error or self.router.held_reason)
        self.device.faults.append(Fault("big_word", 1 << 20, path="/ppp/secret/print"))
        self._look()
        self.device.faults.clear()
        self._look()
        self.assertEqual([{k: v for k, v in row.items() if k != ".id"} for row in self._rows()], [{k: v for k, v in row.items() if k != ".id"} for row in before])

    def test_router_that_was_reset_waits_for_a_person(self):
        self._filled(6)
        with self._api() as api:
            api.remove("ppp/secret", *[row[".id"] for row in self._rows()])
        self._look()
        self.assertIn("was the router reset", self.router.held_reason)
        self._confirm()
        self.assertEqual(len(self._rows()), 7)

    def test_broken_off_in_the_middle(self):
        self._more(30)
        self._keep()
        self._look()
        for kind in ("drop", "drop_after", "half"):
            self.device.faults.append(Fault(kind, path="/ppp/secret/add"))
            if self.router.held_plan:
                self._confirm()
            else:
                self._look()
            self.device.faults.clear()
        self._look()
        if self.router.held_plan:
            self._confirm()
        names = [row["name"] for row in self._rows()]
        self.assertEqual((len(names), len(set(names))), (31, 31))

    def test_a_day_of_changes_is_one_change(self):
        lines = self._filled(6)
        with trap_jobs():
            for _hour in range(12):
                for line in lines:
                    line._set_state("suspended", "overdue")
                    line._set_state("active", "payment")
        self.assertEqual(len(self._tasks()), 6)
        self.device.link(False)
        with trap_jobs() as trap:
            self.router._apply_tasks()
            self.assertTrue(trap.enqueued_jobs[0].eta)
        self.assertEqual((set(self._tasks().mapped("state")), self.router.failures), ({"pending"}, 1))
        self.assertIn("Nothing usable answers", self._tasks()[0].message)
        self.device.link(True)
        with patch.object(routeros_api.Api, "run_many", side_effect=AssertionError("all is as it was")), trap_jobs():
            self.router._apply_tasks()
        self.assertEqual((set(self._tasks().mapped("state")), self.router.failures), ({"done"}, 0))

    def test_two_workers(self):
        with self.registry.cursor() as other:
            other.execute("SELECT pg_advisory_xact_lock(hashtext('isp.router'), %s)", (self.router.id,))
            with self.assertRaises(RetryableJobError):
                self.router._look_after()
            self._keep()
            with trap_jobs():
                self.access._apply({"password": "new"})
            with self.assertRaises(RetryableJobError):
                self.router._apply_tasks()


@tagged("post_install", "-at_install")
class TestRouterVerify(RouterCommon):
    """CoA is taken at its word by nobody."""

    def setUp(self):
        super().setUp()
        with self._api() as api:
            api.set("radius/incoming", {"accept": "yes", "port": str(self._free_port())})
            api.add("radius", {"service": "ppp", "address": "127.0.0.1", "secret": "testing123"})
            api.add("ppp/secret", {"name": "achol", "password": "pw", "service": "pppoe", "local-address": "10.9.0.1", "remote-address": "10.9.1.1"})
            self.router.coa_port = int(api.get("radius/incoming")["port"])
        self.session = self.device.desk.dial("achol", "pw")
        self._acct("start", session=self.session.id, ip=self.session.address, mac="AA-BB-CC-DD-EE-01")

    @staticmethod
    def _free_port():
        import socket

        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
            sock.bind(("127.0.0.1", 0))
            return sock.getsockname()[1]

    def _disconnect(self):
        with trap_jobs() as trap:
            self._sessions(self.session.id)._queue_disconnect()
            trap.perform_enqueued_jobs()
        return self._tasks()

    def test_disconnect_and_verified(self):
        task = self._disconnect()
        self.assertEqual((task.state, task.message), ("done", "Disconnected"))
        self.assertFalse(self.device.desk.sessions)

    def test_the_next_means(self):
        for fault, words in ((Fault("coa_lie", times=None), "Disconnected"), (Fault("coa_nak", 401, times=None), "401"), (Fault("coa_silent", times=None), "No answer")):
            with self.subTest(fault.kind):
                if not self.device.desk.sessions:
                    self.session = self.device.desk.dial("achol", "pw")
                    self._acct("start", session=self.session.id, ip=self.session.address, mac="AA-BB-CC-DD-EE-01")
                self.device.faults[:] = [fault]
                task = self._disconnect()
                self.assertEqual(task.state, "done")
                self.assertIn("Removed by the API", task.message)
                self.assertIn(words, task.message)
                self.assertFalse(self.device.desk.sessions)
                self.device.faults.clear()
                task.unlink()

    def test_no_means_left(self):
        self.device.faults[:] = [Fault("coa_lie", times=None), Fault("ignore", path="/ppp/active/remove", times=None)]
        task = self._disconnect()
        self.assertEqual((task.state, task.message), ("failed", "Still online after CoA and removal by the API."))
        self.device.faults[:] = [Fault("coa_silent", times=None)]
        self.router.api_port = 1
        with trap_jobs() as trap:
            task.action_retry()
            self.assertFalse(self._tasks().message)
            self.router._apply_tasks()
            self.assertTrue(trap.enqueued_jobs)
        self.assertEqual((self._tasks().state, self.router.failures), ("pending", 1))

    def test_speed_that_was_only_acknowledged(self):
        with trap_jobs() as trap:
            self.access._apply({"fup_rate": "256k/512k"})
            self._sessions(self.session.id)._queue_rate()
            trap.perform_enqueued_jobs()
        self.assertEqual((self._tasks().state, self._tasks().message), ("done", "Speed 256k/512k"))
        self.assertTrue(self.device.desk.sessions)
        self.device.faults[:] = [Fault("coa_lie", times=None)]
        with trap_jobs() as trap:
            self.access._apply({"fup_rate": "128k/128k"})
            self._sessions(self.session.id)._queue_rate()
            trap.perform_enqueued_jobs()
        self.assertIn("Removed by the API", self._tasks()[-1].message)
        self.assertFalse(self.device.desk.sessions, "the device dials again and gets the speed")

    def test_suspended_and_paid_meanwhile(self):
        with trap_jobs() as trap:
            self.subscription._set_state("suspended", "overdue")
            self.subscription._set_state("active", "payment")
            with patch.object(coa.Client, "disconnect", side_effect=AssertionError("the session is right")):
                trap.perform_enqueued_jobs()
        self.assertEqual((self._tasks().state, self._tasks().message), ("done", "What the session has is right again."))
        self.assertTrue(self.device.desk.sessions)

    def test_give_up(self):
        self.device.faults[:] = [Fault("coa_lie", times=None), Fault("ignore", path="/ppp/active/remove", times=None)]
        task = self._disconnect()
        service = new_test_user(self.env, "service", groups="isp_base.group_isp_customer_service")
        with self.assertRaises(AccessError):
            task.with_user(service)._give_up("no")
        technician = new_test_user(self.env, "tech", groups="isp_base.group_isp_technician")
        action = task.with_user(technician).action_give_up()
        self.env["isp.router.task.give.up"].with_user(technician).with_context(**action["context"]).create({"reason": "Tower is gone"}).action_apply()
        self.assertEqual(task.state, "dropped")
        self.assertIn("Tower is gone (Still online", task.message)
        self.assertEqual(self.router.open_tasks, 0)
        with trap_jobs() as trap:
            task.action_retry()
            trap.assert_jobs_count(0)

    def test_age(self):
        task = self._disconnect()
        task.state = "pending"
        for minutes, text in ((5, "5 min"), (125, "2 h 5 min"), (3000, "2 d 2 h")):
            self.env.cr.execute("UPDATE isp_router_task SET create_date = clock_timestamp() AT TIME ZONE 'UTC' - %s * interval '1 minute' - interval '5 seconds' WHERE id = %s", (minutes, task.id))
            task.invalidate_recordset()
            self.assertEqual(task.age, text)
