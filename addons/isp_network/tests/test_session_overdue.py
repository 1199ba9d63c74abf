# License AGPL-3.0 or later (https://www.gnu.org/licenses/agpl).
import time
from datetime import datetime, timedelta

from odoo import fields
from odoo.tests import tagged
from odoo.tools import SQL

from odoo.addons.queue_job.tests.common import trap_jobs

from .common import NetworkCommon

GB = 1_000_000_000
PHONE, LAPTOP = "AA:BB:CC:00:00:01", "AA:BB:CC:00:00:02"


@tagged("post_install", "-at_install")
class TestSessionOverdue(NetworkCommon):
    """One gigabyte for two devices at two routers, neither of which knows when it is used up."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.other = cls.env["isp.router"].create({"name": "Other", "nas_ip": "127.0.0.2", "radius_secret": "testing123"})
        cls.access._apply({"quota_bytes": GB, "quota_day": 0, "quota_from": datetime(2020, 1, 1), "device_limit": 2})

    def _on(self, session="s1", nas="127.0.0.1", mac=PHONE, **more):
        """:return: a session that began a minute ago"""
        self._acct("Start", session=session, nas=nas, mac=mac, **more)
        row = self._sessions(session)[-1:]
        self._older(SQL("isp_session"), ("started", "updated", "last_event"), timedelta(minutes=1), SQL("id = %s", row.id))
        return row

    def _both(self):
        return self._on() + self._on("s2", "127.0.0.2", LAPTOP)

    def _heard(self, session="s1", down=0, seconds=300, nas="127.0.0.1", **more):
        self._acct("Interim-Update", session=session, nas=nas, down=down, seconds=seconds, **more)

    def _ended(self, **more):
        """One run of the scheduled job, without the jobs for routers. :return: the sessions it has ended"""
        with trap_jobs() as trap:
            sessions = self.env["isp.session"]._end_overdue(**more)
            self.jobs = len(trap.enqueued_jobs)
        self.env.invalidate_all()
        return sessions

    def _put_off(self):
        with trap_jobs():
            return self.env["isp.session"]._end_surplus()

    def test_devices_that_came_at_the_same_moment(self):
        """RADIUS lets in who is not counted yet; who came last is put off, once."""
        self._on()
        self._on("s1b")  # the same telephone has two sessions: one device
        self._on("s2", "127.0.0.2", LAPTOP)
        self.assertFalse(self._put_off())
        third = self._on("s3", mac="AA:BB:CC:00:00:03")
        self.assertEqual(self._put_off(), third)
        self.assertFalse(self._put_off(), "told already")
        self._tasks("disconnect").state = "done"
        self.assertFalse(self._put_off(), "not heard since")
        self._later(minutes=16)
        for session, nas in (("s1", "127.0.0.1"), ("s2", "127.0.0.2"), ("s3", "127.0.0.1")):
            self._heard(session, nas=nas, seconds=1200)
        self.assertEqual(self._put_off(), third, "its router lets it go on")
        for round in (3, 4):
            self._tasks("disconnect").state = "done"
            self._later(minutes=16)
            for session, nas in (("s1", "127.0.0.1"), ("s2", "127.0.0.2"), ("s3", "127.0.0.1")):
                self._heard(session, nas=nas, seconds=1200 * round)
            self.assertEqual(self._put_off(), third if round == 3 else self.env["isp.session"])
        self.assertEqual(self._tasks("disconnect").mapped("state").count("failed"), 1, "it stands in the list of a person")
        self._later(minutes=16)
        self._heard("s3", seconds=9000)
        self.assertFalse(self._put_off())

    def test_a_device_more_is_allowed_now(self):
        self._both()
        self._on("s3", mac="AA:BB:CC:00:00:03")
        self.access._apply({"device_limit": 3})
        self.assertFalse(self._put_off())

    def test_devices_that_are_gone_are_not_counted(self):
        self._both()
        self._later(minutes=15)
        self._on("s3", mac="AA:BB:CC:00:00:03")
        self.assertFalse(self._put_off())
        self.access._apply({"device_limit": 1, "moved_at": fields.Datetime.now() - timedelta(minutes=3)})
        self._heard("s1", seconds=960)
        self.assertFalse(self._put_off(), "moved to another device since")

    def _tasks(self, kind="over"):
        return self.env["isp.router.task"].search([("kind", "=", kind)], order="id")

    def _later(self, **span):
        """So much time goes by: what was written is as much older."""
        self.env.flush_all()
        columns = {
            "isp_session": ("started", "updated", "last_event", "stopped"), "isp_quota_counter": ("spent_at",), "isp_router_task": ("write_date",),
            "isp_access": ("valid_until", "topup_until"),
        }  # fmt: skip
        for table, names in columns.items():
            self._older(SQL.identifier(table), names, timedelta(**span))

    def _older(self, table, names, span, where=SQL("true")):  # noqa: B008
        columns = SQL(", ").join(SQL("%s = %s - %s", SQL.identifier(name), SQL.identifier(name), span) for name in names)
        self.env.cr.execute(SQL("UPDATE %s SET %s WHERE %s", table, columns, where))
        self.env.invalidate_all()

    def _end_at(self, moment):
        """Its time is over at that moment: nobody writes anything when it comes."""
        self.env.flush_all()
        self.env.cr.execute(SQL("UPDATE isp_access SET valid_until = %s WHERE id = %s", moment, self.access.id))
        self.env.invalidate_all()

    # --- data and time on line ---

    def test_two_devices_on_one_quota(self):
        both = self._both()
        self.assertEqual(self._authr(mac=PHONE)["Mikrotik-Total-Limit"], str(GB), "each is told all of it")
        self._heard(down=600_000_000)
        self._heard("s2", 399_999_999, nas="127.0.0.2")
        self.assertFalse(self._ended())
        self._heard("s2", 400_000_000, seconds=600, nas="127.0.0.2")
        self.assertEqual(self._ended(), both)
        self.assertEqual([(task.session_id, task.router_id, task.state) for task in self._tasks()], list(zip(both, self.router + self.other, ["pending"] * 2, strict=True)))
        self.assertEqual(self.jobs, 2, "one a router")
        self.assertFalse(self._ended(), "while a router has not answered it is told nothing else")
        self.assertEqual(len(self._tasks()), 2)

    def test_who_is_in_the_walled_garden_stays_there(self):
        self._both()
        self._heard(down=GB)
        self._ended()
        for session, nas in (("s1", "127.0.0.1"), ("s2", "127.0.0.2")):
            self._acct("Stop", session=session, nas=nas, down=GB if session == "s1" else 0, seconds=310)
        self._tasks().write({"state": "done"})
        self._later(minutes=5)
        self.assertEqual(self._authr(mac=PHONE)["Mikrotik-Address-List"], "isp-quota")
        self._on("s3")
        self._heard("s3", down=5000)
        self.assertFalse(self._ended())
        self._later(minutes=20)
        self._heard("s3", down=6000, seconds=600)
        self.assertFalse(self._ended())

    def test_data_on_top(self):
        """Bought meanwhile: it goes on. That used up too, in one go: the end."""
        first = self._on()
        self._heard(down=GB)
        self.assertEqual(self._ended(), first)
        with trap_jobs():
            self.access._apply({"topup_bytes": GB // 10, "topup_until": fields.Datetime.now() + timedelta(days=5)})
        self.assertFalse(self._tasks()._drop_settled(), "the router was away, and what waited for it is no longer right")
        self.assertEqual(self._tasks().mapped("message"), ["What the session has is right again."])
        self._tasks("disconnect").unlink()
        self._later(minutes=20)
        self.assertFalse(self._ended())
        self._acct("Stop", seconds=310, down=GB)
        second = self._on("s2")
        self._later(minutes=5)
        self._heard("s2", down=GB // 10 - 1)
        self.assertFalse(self._ended())
        self._later(minutes=5)
        self._heard("s2", down=GB // 10, seconds=600)
        self.assertEqual(self._ended(), second)

    def test_data_on_top_used_up_before_the_first_packet(self):
        """No packet came while something was left: it is another end all the same."""
        self._on()
        self._heard(down=GB)
        self._acct("Stop", seconds=310, down=GB)
        self._later(minutes=10)
        with trap_jobs():
            self.access._apply({"topup_bytes": GB // 10, "topup_until": fields.Datetime.now() + timedelta(days=5)})
        second = self._on("s2")
        self._later(minutes=5)
        self._heard("s2", down=GB)
        self.assertEqual(self._ended(), second)

    def test_what_was_bought_on_top_has_an_end(self):
        with trap_jobs():
            self.access._apply({"topup_bytes": GB, "topup_until": fields.Datetime.now() + timedelta(minutes=4)})
        session = self._on()
        self._heard(down=GB + 1)
        self.assertFalse(self._ended())
        self._later(minutes=5)
        self._heard(down=GB + 2, seconds=600)
        self.assertEqual(self._ended(), session)

    def test_the_next_bundle(self):
        self._on()
        self._heard(down=GB)
        self.env.cr.execute(SQL("UPDATE isp_access SET quota_from = %s WHERE id = %s", datetime.now(), self.access.id))
        self.assertFalse(self._ended())
        self._heard(down=GB + 1, seconds=600)
        self.assertFalse(self.env["isp.quota.counter"].search([("access_id", "=", self.access.id)]).spent_at)

    def test_time_on_line_is_shared_too(self):
        self.access._apply({"quota_bytes": 0, "time_limit": 3600})
        both = self._both()
        self._heard(seconds=2000)
        self._heard("s2", seconds=1599, nas="127.0.0.2")
        self.assertFalse(self._ended())
        self._heard("s2", seconds=1600, nas="127.0.0.2")
        self.assertEqual(self._ended(), both)

    def test_a_ladder_ends_nothing(self):
        """Fair use, with hours that are free: slow, not over."""
        ladder = self.env["isp.fup"].create(
            {
                "code": "T-1",
                "name": "1 GB",
                "step_ids": [(0, 0, {"sequence": 1, "after_mb": 1000, "down_kbps": 64, "up_kbps": 64})],
                "hour_ids": [(0, 0, {"hour_from": 0, "hour_to": 24})],
            }
        )
        self.plan.fup_id = ladder
        self.access._apply({"quota_bytes": 0})
        self._on()
        self._heard(down=3 * GB)
        self.assertFalse(self._ended())
        self.access._apply({"quota_bytes": GB})
        self._heard(down=4 * GB, seconds=600)
        self.assertEqual(len(self._ended()), 1, "a quota counts all hours: its router counts them too")

    # --- time by the clock ---

    def test_a_router_that_does_not_end_in_time(self):
        session = self._on()
        self._later(hours=1)
        self._heard(seconds=3600)
        self._end_at(fields.Datetime.now() - timedelta(seconds=5))
        self.assertFalse(self._ended(), "it had no time to end it")
        self._later(minutes=4)
        self.assertFalse(self._ended(), "nothing was heard since: it may have ended")
        self._heard(seconds=3840)
        self.assertEqual(self._ended(), session)

    def test_whatever_the_routers_clock(self):
        for name, hours in (("ahead", 3), ("behind", -3), ("broken", None)):
            with self.subTest(name):
                event = 5 if hours is None else int(time.time()) + hours * 3600
                with trap_jobs():
                    self.access._apply({"valid_until": False})
                session = self._on(f"{name}-1", event=event)
                self._later(minutes=60)
                self._end_at(datetime.now() - timedelta(minutes=10))
                event = 5 if hours is None else int(time.time()) + hours * 3600
                self._heard(f"{name}-1", seconds=3660, event=event)
                self.assertEqual(self._ended(), session)
                self._acct("Stop", session=f"{name}-1", seconds=3661, event=event + 1)
                self.assertEqual(self._authr(mac=PHONE)["Mikrotik-Address-List"], "isp-expired")
                self._on(f"{name}-2", event=event + 10)
                self._heard(f"{name}-2", seconds=300, event=event + 310)
                self.assertFalse(self._ended(), "it began after the end: it is in the walled garden")

    def test_dialled_again_at_once(self):
        """Routers say whole seconds: a session that seems to have begun in the second before the end began after it."""
        session = self._on()
        self._heard(down=GB)
        for milliseconds, ended in ((-500, False), (500, False), (1500, True)):
            self.env.cr.execute(
                SQL("UPDATE isp_quota_counter SET spent_at = (SELECT started + (updated - last_event) + %s FROM isp_session WHERE id = %s)", timedelta(milliseconds=milliseconds), session.id)
            )
            self.assertEqual(bool(self._ended()), ended, milliseconds)

    def test_let_in_after_the_end_where_there_is_no_walled_garden(self):
        """By a copy on the router, say."""
        self.access._apply({"refuse_ended": True})
        self._end_at(datetime.now() - timedelta(minutes=10))
        session = self._on()
        self.assertEqual(self._ended(), session)

    # --- whose ---

    def test_places(self):
        """A session that somebody else's router tells of a customer is nobody's; of its own hotspot's log-in it is ended."""
        shop = self.env["isp.router"].create({"name": "Shop", "nas_ip": "127.0.0.7", "radius_secret": "testing123", "zone": 7, "outside": True})
        self._on()
        self._on("foreign", shop.nas_ip, LAPTOP)
        self._heard("foreign", down=3 * GB, nas=shop.nas_ip)
        self.assertFalse(self._ended())
        token = self.env["isp.access"].create({"name": "k7mq", "password": "x", "state": "allowed", "zone": 7, "quota_bytes": GB, "device_limit": 2, "refuse_ended": True})
        both = self._on("t1", shop.nas_ip, login="k7mq") + self._on("t2", shop.nas_ip, LAPTOP, login="k7mq")
        self._heard("t1", down=GB, nas=shop.nas_ip, login="k7mq")
        self.assertEqual(self._ended(), both)
        self.assertEqual(both.access_id, token)

    def test_nowhere_to_send_to(self):
        self._on("u1", "10.9.9.9")
        self._on("s2", "127.0.0.2")
        self.other.active = False
        self._heard("u1", down=GB, nas="10.9.9.9")
        self.assertFalse(self._ended())

    # --- told already ---

    def test_what_a_person_has_to_look_at_is_not_told_again(self):
        both = self._both()
        self._heard(down=GB)
        self.assertEqual(self._ended(), both)
        for task, state in zip(self._tasks(), ("failed", "dropped"), strict=True):
            task.state = state
        self._later(hours=1)
        self._heard(down=GB + 1, seconds=3900)
        self._heard("s2", down=1, seconds=3900, nas="127.0.0.2")
        self.assertFalse(self._ended())

    def test_a_router_that_says_yes_and_goes_on(self):
        session = self._on()
        self._heard(down=GB)
        for number in range(1, 4):
            self.assertEqual(self._ended(), session)
            self._tasks()[-1].write({"state": "done", "attempts": 1})
            self._later(minutes=10)
            self._heard(down=GB + number, seconds=300 + 600 * number)
            self.assertFalse(self._ended(), "a while later")
            self._later(minutes=10)
        self.assertFalse(self._ended(), "it was not heard again")
        self._heard(down=GB + 9, seconds=3000)
        self.assertFalse(self._ended())
        self.assertEqual(self._tasks().mapped("state"), ["done", "done", "failed"])
        self.assertIn("it goes on", self._tasks()[-1].message)
        self._later(hours=1)
        self._heard(down=GB + 10, seconds=6600)
        self.assertFalse(self._ended())
        with trap_jobs():
            self._tasks()[-1].action_retry()
        self.assertEqual(self._tasks().mapped("state"), ["done", "done", "pending"], "a person may")

    def test_heard_again_after_weeks(self):
        session = self._on()
        self._heard(down=GB)
        self._later(days=20)
        self._heard(down=GB + 1, seconds=86400 * 20)
        self.assertFalse(self._ended())
        with trap_jobs():
            self.env["isp.session"]._cron_end_overdue(days=400)
        self.assertEqual(self._tasks().session_id, session)
