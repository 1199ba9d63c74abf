# License AGPL-3.0 or later (https://www.gnu.org/licenses/agpl).
import socket
import threading
from datetime import timedelta

from pyrad import packet

from odoo import fields
from odoo.exceptions import ValidationError
from odoo.tests import tagged
from odoo.tools import SQL

from odoo.addons.queue_job.tests.common import trap_jobs

from ..drivers import coa
from ..models.isp_router import BACK_OFF, MAX_FAILURES
from .common import NetworkCommon

SECRET = b"testing123"


class FakeRouter(threading.Thread):
    """A NAS on loopback that answers Disconnect- and CoA-Requests: "ack", "nak 503", "nak 401", "no rates", "silent" or "forged"."""

    def __init__(self, behaviour="ack"):
        super().__init__(daemon=True)
        self.behaviour = behaviour
        self.requests = []
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.socket.bind(("127.0.0.1", 0))
        self.socket.settimeout(0.2)
        self.port = self.socket.getsockname()[1]
        self.running = True
        self.start()

    def run(self):
        while self.running:
            try:
                data, source = self.socket.recvfrom(4096)
            except TimeoutError:
                continue
            request = packet.CoAPacket(packet=data, secret=SECRET, dict=coa._DICTIONARY)
            self.requests.append((request, request.VerifyCoARequest() and request.verify_message_authenticator()))
            if self.behaviour == "silent":
                continue
            reply = request.CreateReply()
            if self.behaviour == "no rates" and request.code == packet.CoARequest:
                reply.code = packet.CoANAK
                reply["Error-Cause"] = 401
            if self.behaviour.startswith("nak"):
                reply.code = request.code + 2
                reply["Error-Cause"] = int(self.behaviour.split()[1])
            if self.behaviour == "forged":
                reply.secret = b"another"
            self.socket.sendto(reply.ReplyPacket(), source)

    def end(self):
        self.running = False
        self.join()
        self.socket.close()


@tagged("post_install", "-at_install")
class TestRouter(NetworkCommon):
    def setUp(self):
        super().setUp()
        self.fake = FakeRouter()
        self.addCleanup(self.fake.end)
        self.router.coa_port = self.fake.port
        self._patch_client()

    def _patch_client(self):
        """Short waits."""
        original = coa.Client.__init__
        self.patch(coa.Client, "__init__", lambda self, host, port, secret: original(self, host, port, secret, 0.2, 2))

    def _online(self, session="s1", **more):
        self._acct("start", session=session, ip="10.0.0.5", mac="AA-BB-CC-DD-EE-01", **more)

    def _tasks(self):
        return self.env["isp.router.task"].search([("router_id", "=", self.router.id)], order="id")

    def test_suspension_queues_one_job_and_one_task(self):
        self._online()
        with trap_jobs() as trap:
            self.subscription._set_state("suspended", "overdue")
            trap.assert_jobs_count(1, only=self.router._apply_tasks)
            trap.assert_enqueued_job(
                self.router._apply_tasks,
                properties={"channel": f"root.router.{self.router.id}", "identity_key": f"isp_network.router.{self.router.id}"},
            )
            self.assertEqual(self._tasks().mapped("state"), ["pending"])
            self.subscription._set_state("active", "payment")
        self.assertEqual(len(self._tasks()), 1, "the session is to end once")
        self.assertFalse(self.fake.requests, "nothing is sent inside the business transaction")

    def test_no_session_or_no_difference_no_task(self):
        with trap_jobs() as trap:
            self.subscription._set_state("suspended", "overdue")
            self._online()
            self.subscription._set_state("paused", "customer")
            self.access._apply({"note": "x", "mac": "AA:BB:CC:DD:EE:02", "password": "new"})
            self._acct("stop", seconds=1)
            self.subscription._set_state("active", "payment")
            trap.assert_jobs_count(0)
        self.assertFalse(self._tasks())

    def test_changes_that_a_live_session_must_follow(self):
        fast = self._create_plan("T-FAST", down_kbps=8192, up_kbps=8192)
        changes = ({"plan_id": fast.id}, {"static_ip": "10.1.1.1"}, {"valid_until": "2020-01-01 00:00:00"}, {"state": "blocked"}, {"name": "x"})
        for number, vals in enumerate(changes):
            self._online(session=f"c{number}", login=self.access.name)
            with trap_jobs():
                self.access._apply(vals)
            self.assertIn(self._sessions(f"c{number}"), self._tasks().session_id, vals)

    def test_disconnect(self):
        self._online()
        with trap_jobs() as trap:
            self.subscription._set_state("suspended", "overdue")
            trap.perform_enqueued_jobs()
        self.assertEqual((self._tasks().state, self._tasks().message), ("done", "Disconnected"))
        ((request, genuine),) = self.fake.requests
        self.assertTrue(genuine, "signed, with Message-Authenticator")
        self.assertEqual(request.code, packet.DisconnectRequest)
        self.assertEqual(request["User-Name"], ["achol"])
        self.assertEqual(request["Acct-Session-Id"], ["s1"])
        self.assertEqual(request["Framed-IP-Address"], ["10.0.0.5"])
        self.assertEqual(request["NAS-IP-Address"], ["127.0.0.1"])
        self.assertIn("Event-Timestamp", request)
        self.router._apply_tasks()
        self.assertEqual(len(self.fake.requests), 1, "done is done")

    def test_a_router_that_was_not_heard_for_long(self):
        """Its sessions are closed by us, and may go on: who is suspended meanwhile is sent away when it is heard again."""
        self._online()
        silent = fields.Datetime.now() - timedelta(hours=1)
        self._sessions().flush_recordset()
        self.env.cr.execute("UPDATE isp_session SET updated = %s, last_event = %s, started = %s", (silent, silent, silent - timedelta(hours=9)))
        self.env.invalidate_all()
        self.env["isp.session"]._cron_close_stale()
        self.assertEqual((self._sessions().cause, self._sessions().presumed), ("Lost-Service", True))
        self.fake.behaviour = "silent"
        with trap_jobs() as trap:
            self.subscription._set_state("suspended", "overdue")
            trap.perform_enqueued_jobs()
        self.assertEqual(self._tasks().state, "pending", "nobody takes it as done because nothing is heard")
        self.fake.behaviour = "ack"
        self.router._apply_tasks()
        self.assertEqual((self._tasks().state, self._tasks().message), ("done", "Disconnected"))

    def test_sessions_that_are_over_for_sure(self):
        """A Stop came, the router was restarted, or it was long ago: nothing is sent."""
        self._online()
        for change in ("cause = 'NAS-Reboot', presumed = true, stopped = now()", "cause = 'User-Request', presumed = false", "cause = 'Lost-Service', presumed = true, stopped = now() - interval '4 days', updated = now() - interval '4 days'"):
            self.env.cr.execute(f"UPDATE isp_session SET stopped = now(), {change}" if "stopped" not in change else f"UPDATE isp_session SET {change}")  # pylint: disable=sql-injection
            self.env.invalidate_all()
            with trap_jobs() as trap:
                self.subscription._set_state("suspended", "overdue")
                self.subscription._set_state("active", "payment")
                trap.assert_jobs_count(0)
        self.assertFalse(self._tasks())

    def test_the_reader_s_language(self):
        """What a job has said is read by each in his own language."""
        self.env["res.lang"]._activate_lang("ar_001")
        self.env["ir.module.module"].search([("name", "=", "isp_network")])._update_translations(["ar_001"], overwrite=True)
        self._online()
        with trap_jobs() as trap:
            self.subscription._set_state("suspended", "overdue")
            trap.perform_enqueued_jobs()
        self.assertEqual(self._tasks().message, "Disconnected")
        self.assertEqual(self._tasks().with_context(lang="ar_001").message, "قُطع الاتصال")
        self.router._on_silence(self.router._explain_coa(coa.UnreachableError("No answer to the Disconnect-Request")))
        arabic = self.router.with_context(lang="ar_001").last_error
        self.assertIn("(No answer to the Disconnect-Request)", arabic, "a detail of the wire stays as it is")
        self.assertIn("هل الراوتر يعمل", arabic)
        self.assertIn("is the router on", self.router.last_error)

    def _rate(self, rate="256k/512k"):
        """Queue another speed for the live session. :return: its task, done"""
        with trap_jobs() as trap:
            self.access._apply({"fup_rate": rate})
            self._sessions()._queue_rate()
            trap.perform_enqueued_jobs()
        return self._tasks()[-1:]

    def test_speed_of_a_running_session(self):
        self._online()
        task = self._rate()
        self.assertEqual((task.kind, task.state, task.rate, task.message), ("rate", "done", "256k/512k", "Speed 256k/512k"))
        ((request, genuine),) = self.fake.requests
        self.assertTrue(genuine)
        self.assertEqual((request.code, request["Mikrotik-Rate-Limit"]), (packet.CoARequest, ["256k/512k"]))
        self.assertEqual((request["Acct-Session-Id"], request["Framed-IP-Address"]), (["s1"], ["10.0.0.5"]))
        self.assertEqual(self._rate(False).rate, "1024k/2048k", "the plan's speed again")

    def test_speed_that_is_right_when_it_is_sent(self):
        self._online()
        with trap_jobs() as trap:
            for rate in ("256k/512k", "128k/128k"):
                self.access._apply({"fup_rate": rate})
                self._sessions()._queue_rate()
            trap.perform_enqueued_jobs()
        self.assertEqual([(task.state, task.rate) for task in self._tasks()], [("done", "128k/128k")])

    def test_speed_refused_ends_the_session(self):
        self._online()
        self.fake.behaviour = "no rates"
        task = self._rate()
        self.assertEqual([request.code for request, _genuine in self.fake.requests], [packet.CoARequest, packet.DisconnectRequest])
        self.assertEqual((task.state, task.rate), ("done", False))
        self.assertIn("401", task.message)

    def test_speed_of_a_session_that_is_gone(self):
        self._online()
        self.fake.behaviour = "nak 503"
        self.assertEqual(self._rate().state, "done")
        self.assertEqual(len(self.fake.requests), 1)

    def test_no_speed_to_send_ends_the_session(self):
        """No limit has no word on the wire; in the walled garden and on a plan with hours the session begins anew."""
        for number, change in enumerate(
            (
                lambda: self.plan.write({"down_kbps": 0, "up_kbps": 0}),
                lambda: self.access.write({"note": self.env.cr.execute("UPDATE isp_access SET state = 'walled' WHERE id = %s", (self.access.id,))}),
                lambda: (self.access._apply({"state": "allowed"}), self.plan.write({"rate_ids": [(0, 0, {"down_kbps": 1, "up_kbps": 1})]})),
            )
        ):
            self._online(session=f"n{number}")
            with trap_jobs():
                change()
                self.env.invalidate_all()
                self._tasks().unlink()
            self.fake.requests.clear()
            with trap_jobs() as trap:
                self._sessions(f"n{number}")._queue_rate()
                trap.perform_enqueued_jobs()
            self.assertEqual([request.code for request, _genuine in self.fake.requests], [packet.DisconnectRequest])

    def test_session_the_router_does_not_know(self):
        self._online()
        self.fake.behaviour = "nak 503"
        with trap_jobs() as trap:
            self.subscription._set_state("suspended", "overdue")
            trap.perform_enqueued_jobs()
        self.assertEqual(self._tasks().state, "done")

    def test_refused_stands_in_the_list_and_can_be_tried_again(self):
        self._online()
        self.fake.behaviour = "nak 401"
        with trap_jobs() as trap:
            self.subscription._set_state("suspended", "overdue")
            trap.perform_enqueued_jobs()
        self.assertEqual(self._tasks().state, "failed")
        self.assertIn("401", self._tasks().message)
        self.fake.behaviour = "ack"
        with trap_jobs() as trap:
            self._tasks().action_retry()
            trap.perform_enqueued_jobs()
        self.assertEqual(self._tasks().mapped("state"), ["done"])

    def test_silence_is_waited_out_longer_each_time(self):
        self._online()
        for behaviour in ("silent", "forged"):
            self.fake.behaviour = behaviour
            self.router.failures = 0
            with trap_jobs():
                self._sessions()._queue_disconnect()
            with trap_jobs() as trap:
                self.router._apply_tasks()
                self.assertTrue(trap.enqueued_jobs[0].eta)
            self.assertEqual((self._tasks().state, self.router.failures), ("pending", 1))
            self.assertIn("No answer", self.router.last_error)
        waits = []
        with trap_jobs():
            for _round in range(len(BACK_OFF)):
                self.router._on_silence("No answer")
                waits.append(self.router.next_try)
        self.assertEqual(waits, sorted(waits))
        self.router.failures = MAX_FAILURES - 1
        with trap_jobs() as trap:
            self.router._on_silence("No answer")
            trap.assert_jobs_count(0)
        self.assertEqual((self._tasks().state, self._tasks().message), ("failed", "No answer"))

    def test_nothing_listens(self):
        self._online()
        self.fake.end()
        with trap_jobs():
            self.subscription._set_state("suspended", "overdue")
            self.router._apply_tasks()
        self.assertEqual(self._tasks().state, "pending")
        self.fake = FakeRouter()

    def test_lost_jobs_are_made_again(self):
        self._online()
        with trap_jobs():
            self.subscription._set_state("suspended", "overdue")
        with trap_jobs() as trap:
            self.env["isp.router"]._cron_apply_tasks()
            trap.assert_jobs_count(1, only=self.router._apply_tasks)

    def test_session_that_ended_meanwhile(self):
        self._online()
        with trap_jobs() as trap:
            self.subscription._set_state("suspended", "overdue")
            self._acct("stop", seconds=1)
            trap.perform_enqueued_jobs()
        self.assertEqual(self._tasks().state, "done")
        self.assertFalse(self.fake.requests)

    def _silent(self, delta="1 hour", session="s1"):
        """Nothing was heard of the session for so long; it is closed."""
        self.env.cr.execute(SQL("UPDATE isp_session SET updated = updated - %s::interval WHERE session_id = %s", delta, session))
        self.env.invalidate_all()
        self.env["isp.session"]._cron_close_stale()
        self.assertEqual(self._sessions(session).cause, "Lost-Service")

    def test_silence_is_no_end(self):
        """Our power or the line was cut and customers went on: who is suspended then is disconnected all the same."""
        self._online()
        self._silent()
        with trap_jobs() as trap:
            self.subscription._set_state("suspended", "overdue")
            trap.perform_enqueued_jobs()
        self.assertEqual((self._tasks().state, len(self.fake.requests)), ("done", 1))
        with trap_jobs() as trap:
            self.subscription._set_state("active", "payment")
            self._silent()
            trap.perform_enqueued_jobs()
        self.assertEqual(len(self.fake.requests), 2, "closed between the change and its job")

    def test_what_is_certainly_over_is_left_alone(self):
        for session, end in (
            ("stop", lambda: self._acct("stop", session="stop", seconds=1)),
            ("old", lambda: self._silent("8 days", "old")),
            ("reboot", lambda: self.env.cr.execute("SELECT radius.acct_nas('127.0.0.1', '', '', '')")),
        ):
            self._online(session=session)
            end()
            self.env.invalidate_all()
        with trap_jobs() as trap:
            self.subscription._set_state("suspended", "overdue")
            trap.assert_jobs_count(0)
        self.assertFalse(self._tasks())

    def test_health_of_a_router(self):
        self.assertEqual((self.router.open_sessions, self.router.last_seen), (0, False))
        self._online()
        self._online(session="s2")
        self._acct("stop", session="s2", seconds=1)
        self.router.invalidate_recordset()
        self.assertEqual(self.router.open_sessions, 1)
        self.assertTrue(self.router.last_seen)

    def test_what_a_router_may_be_called(self):
        for vals in (
            {"nas_ip": "10.0.0.0/8"},
            {"nas_ip": "tower"},
            {"nas_ip": "010.0.0.1"},
            {"radius_secret": 'a"b"c"d'},
            {"radius_secret": "short"},
            {"radius_secret": "with space"},
            {"radius_secret": "line\nbreak"},
            {"radius_secret": "linebreak\n"},
            {"radius_secret": "back\\slash"},
        ):
            with self.assertRaises(ValidationError):
                self.router.write(vals)

    def test_api_password_is_encrypted(self):
        self.router.api_password = "topsecret"
        self.env.flush_all()
        self.env.cr.execute("SELECT api_password_encrypted FROM isp_router WHERE id = %s", (self.router.id,))
        stored = self.env.cr.fetchone()[0]
        self.assertNotIn("topsecret", stored)
        self.router.invalidate_recordset()
        self.assertFalse(self.router.api_password)
