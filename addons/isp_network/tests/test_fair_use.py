# License AGPL-3.0 or later (https://www.gnu.org/licenses/agpl).
import random
import time
from datetime import UTC, datetime, timedelta

from psycopg2 import IntegrityError

from odoo import fields
from odoo.exceptions import ValidationError
from odoo.tests import new_test_user, tagged
from odoo.tools import SQL, mute_logger

from odoo.addons.queue_job.tests.common import trap_jobs

from ..engine import fair_use as engine
from .common import NetworkCommon

GB = 1_000_000_000
JUBA = timedelta(hours=2)


class MeterCommon(NetworkCommon):
    """Ladder of 60 and 90 GB a month on the plan; usage is written as ``radius.acct`` writes it."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.ladder = cls.env["isp.fup"].create(
            {
                "code": "T-60",
                "name": "60 GB",
                "step_ids": [
                    (0, 0, {"sequence": 1, "after_mb": 60_000, "down_kbps": 1024, "up_kbps": 512}),
                    (0, 0, {"sequence": 2, "after_mb": 90_000, "down_kbps": 512, "up_kbps": 256}),
                ],
            }
        )
        cls.plan.fup_id = cls.ladder
        cls.meter = cls.env["isp.usage.meter"]
        cls.now = fields.Datetime.now()
        cls._counted_from(cls.access)

    @classmethod
    def _counted_from(cls, access, moment=None):
        """The line is older than its windows, or counts from ``moment``."""
        cls.env.flush_all()
        cls.env.cr.execute(SQL("UPDATE isp_access SET quota_from = %s WHERE id = %s", moment or datetime(2020, 1, 1), access.id))
        cls.env.invalidate_all()

    def _use(self, used, at=None, access=None):
        """Book bytes at a moment (UTC, default now)."""
        self.env.flush_all()
        self.env.cr.execute(SQL("SELECT radius.book(%s, %s, 0, %s, 60)", (access or self.access).id, at or self.now, used))
        self.env.invalidate_all()

    def _roll(self):
        self.env["isp.usage"]._roll_up()

    def _judge(self, now=None):
        """What the scheduled job does, in this transaction, without its jobs for routers."""
        with trap_jobs() as trap:
            self.meter._apply(self.meter._decide(now))
        return trap

    def _on_step(self):
        self.access.invalidate_recordset()
        return (self.access.fup_step_id.sequence, self.access.fup_rate or "")

    def _notices(self):
        return self.env["isp.notice"].search([("partner_id", "=", self.partner.id), ("kind", "in", ("usage", "used_up", "overage"))], order="id")


@tagged("post_install", "-at_install")
class TestFairUse(MeterCommon):
    def test_up_and_down_the_ladder(self):
        self._use(59_999_999_999)
        self._judge()
        self.assertEqual(self._on_step(), (0, ""))
        self._use(1)
        self._judge()
        self.assertEqual(self._on_step(), (1, "512k/1024k"))
        self.assertEqual(self._authr()["Mikrotik-Rate-Limit"], "512k/1024k")
        self._use(30 * GB)
        self._judge()
        self.assertEqual(self._on_step(), (2, "256k/512k"))
        self.assertFalse(self.meter._decide(), "judged again there is nothing to do")
        following = engine.window_end("month", self.now + JUBA, self.subscription.anchor_day) - JUBA
        self._judge(following - timedelta(seconds=1))
        self.assertEqual(self._on_step(), (2, "256k/512k"))
        self._judge(following)
        self.assertEqual(self._on_step(), (0, ""), "on the cycle day all is new")
        events = self.env["isp.fup.event"].search([("access_id", "=", self.access.id)], order="id")
        self.assertEqual(events.mapped("rate"), ["512k/1024k", "256k/512k", False])
        self.assertEqual(events.mapped("bytes"), [60 * GB, 90 * GB, 0])

    def test_hours_and_days_make_one_sum(self):
        """Summed up or not, and hours that changed after their day was summed up: the same."""
        day = engine.window_start("month", self.now + JUBA, 1) - JUBA
        # The window must hold three days.
        day = min(day, self.now - timedelta(days=3))
        self._counted_from(self.access, day)
        self.subscription.anchor_day = (day + JUBA).day
        self._counted_from(self.access, day)
        for hours in (0, 5, 30):
            self._use(19 * GB, day + timedelta(hours=hours))
        self._use(GB, day - timedelta(hours=1))
        for step in (self._roll, lambda: self._use(GB, day + timedelta(hours=5)), self._roll, lambda: self._use(2 * GB)):
            self._judge()
            self.assertEqual(self._on_step()[0], 0)
            step()
        self._judge()
        self.assertEqual(self._on_step()[0], 1)

    def test_never_faster_than_the_plan(self):
        self.plan.write({"down_kbps": 700, "up_kbps": 300})
        self._use(60 * GB)
        self._judge()
        self.assertEqual(self._on_step(), (1, "300k/700k"))
        self.plan.write({"down_kbps": 0, "up_kbps": 0})
        self._judge()
        self.assertEqual(self._on_step(), (1, "512k/1024k"))

    def _hours(self, down, up, hours=12):
        """Another speed of the plan, beginning in the middle of a span around now."""
        at = (datetime.now(UTC).replace(tzinfo=None) + JUBA - timedelta(hours=hours / 2)).hour
        vals = {"hour_from": at, "hour_to": (at + hours) % 24 or 24, "down_kbps": down, "up_kbps": up}
        self.plan.rate_ids = [(5,), (0, 0, vals)]

    def test_never_faster_than_the_hour(self):
        self._hours(256, 1024)
        self._use(60 * GB)
        self._judge()
        answer = self._authr()
        self.assertEqual(answer["Mikrotik-Rate-Limit"], "512k/256k", "the slower of step and hour, in each direction")
        self.assertLess(int(answer["Session-Timeout"]), 13 * 3600, "at the end of these hours the step is faster")
        self._hours(8192, 4096)
        answer = self._authr()
        self.assertEqual((answer["Mikrotik-Rate-Limit"], answer.get("Session-Timeout")), ("512k/1024k", None), "the step is slower at all hours")

    def test_never_faster_than_its_own_speed(self):
        self.access._apply({"own_rate": "64k/3M"})
        self._use(60 * GB)
        self._judge()
        self.assertEqual((self._on_step(), self._authr()["Mikrotik-Rate-Limit"]), ((1, "64k/1024k"), "64k/1024k"))
        self.access._apply({"own_rate": "32k/3M"})
        self.assertEqual(self._authr()["Mikrotik-Rate-Limit"], "32k/1024k", "at once, before the line is judged again")
        self._acct("start")
        status = self.env["isp.fup.status"].search([("access_id", "=", self.access.id)])
        self.env["isp.router.task"].search([]).unlink()
        self.plan.fup_id = False
        self._judge()
        self.env["isp.router.task"].search([]).write({"state": "done", "rate": "32k/3M"})
        self.plan.fup_id = self.ladder
        self.env.flush_all()
        status = self.env["isp.fup.status"].search([("access_id", "=", self.access.id)])
        self.assertEqual((status.wanted, status.applied, status.differs), ("32k/3M", "32k/3M", False))

    def test_what_a_running_session_is_told(self):
        """Hours that change the speed end the session, for it would not know when; else it gets what RADIUS answers."""
        self._acct("start")
        self._use(60 * GB)
        self._hours(256, 1024)
        self._judge()
        task = self.env["isp.router.task"].search([("access_id", "=", self.access.id), ("kind", "=", "rate")])
        self.assertIsNone(task._rate_of_now())
        self._hours(8192, 4096)
        self.assertEqual(task._rate_of_now(), "512k/1024k")
        task.write({"state": "done", "rate": "512k/1024k"})
        self.env.flush_all()
        status = self.env["isp.fup.status"].search([("access_id", "=", self.access.id)])
        self.assertEqual((status.wanted, status.differs), ("512k/1024k", False))

    def test_windows(self):
        for window, back in (("day", timedelta(days=1)), ("week", timedelta(days=7))):
            self.ladder.window = window
            start = engine.window_start(window, self.now + JUBA) - JUBA
            self._use(100 * GB, start - timedelta(hours=1))
            self._roll()
            self._judge()
            self.assertEqual(self._on_step()[0], 0, window)
            self._judge(self.now - back)
            self.assertEqual(self._on_step()[0], 2)
            self._judge()
            self.assertEqual(self._on_step()[0], 0)
            self.env.cr.execute("DELETE FROM isp_usage; DELETE FROM isp_usage_day")

    def test_another_plan_and_no_ladder(self):
        self._use(60 * GB)
        self._judge()
        self.assertEqual(self._on_step()[0], 1)
        other = self._create_plan("T-OTHER", fup_id=self.ladder.id)
        with trap_jobs():
            self.subscription.plan_id = other
        self._judge(self.now + timedelta(hours=1))
        self.assertEqual(self._on_step()[0], 0, "another plan counts from its beginning")
        self._counted_from(self.access)
        self._judge()
        self.assertEqual(self._on_step()[0], 1)
        self.ladder.active = False
        self._judge()
        self.assertEqual(self._on_step(), (0, ""))

    def test_free_hours(self):
        self.ladder.write({"window": "week", "hour_ids": [(0, 0, {"effect": "free", "hour_from": 0, "hour_to": 6})]})
        monday = engine.window_start("week", self.now + JUBA) - timedelta(days=7) - JUBA
        self._counted_from(self.access, monday)
        at = monday + timedelta(days=6, hours=23)
        for hour in (0, 5, 29):
            self._use(50 * GB, monday + timedelta(hours=hour))
        self._use(59 * GB, monday + timedelta(hours=6))
        for _rolled in range(2):
            self._judge(at)
            self.assertEqual(self._on_step()[0], 0)
            self._roll()
        self.assertEqual(sum(self.env["isp.usage.day"].search([("access_id", "=", self.access.id)]).mapped("bytes_free")), 150 * GB)
        self._use(GB, monday + timedelta(hours=48))
        self._use(GB, monday + timedelta(hours=53))
        self._judge(at)
        self.assertEqual(self._on_step()[0], 0)
        self._use(GB, monday + timedelta(hours=54))
        self._judge(at)
        self.assertEqual(self._on_step()[0], 1)

    def test_slow_in_the_evening_only(self):
        self.ladder.hour_ids = [(0, 0, {"effect": "slow", "hour_from": 18, "hour_to": 23})]
        self._use(60 * GB)
        midnight = engine.window_start("day", self.now + JUBA) - JUBA
        for hour, step in ((17, 0), (18, 1), (22, 1), (23, 0)):
            self._judge(midnight + timedelta(hours=hour, minutes=59 if hour != 23 else 0))
            self.assertEqual(self._on_step()[0], step, hour)

    def test_sql_and_engine_agree(self):
        dice = random.Random(20261124)
        for window in ("day", "week", "month"):
            self.ladder.window = window
            hours = [(dice.choice(("all", "work", "3")), dice.randrange(24)) for _n in range(2)]
            self.ladder.hour_ids = [(5, 0, 0)] + [
                (0, 0, {"weekdays": days, "hour_from": start, "hour_to": (start + 5) % 24}) for days, start in hours
            ]
            self.subscription.anchor_day = dice.randrange(1, 32)
            self._counted_from(self.access)
            self.env.cr.execute("DELETE FROM isp_usage; DELETE FROM isp_usage_day; DELETE FROM isp_usage_month")
            booked = []
            for _n in range(60):
                booked.append((self.now - timedelta(minutes=dice.randrange(60 * 24 * 45)), dice.randrange(20 * GB)))
                self._use(booked[-1][1], booked[-1][0])
                if _n == 40:
                    self._roll()
            start = engine.window_start(window, self.now + JUBA, self.subscription.anchor_day) - JUBA
            mask = self.ladder.free_hours
            used = sum(n for at, n in booked if at >= start and not engine.in_mask(mask, at + JUBA))
            step = engine.step_at(used, [60 * GB, 90 * GB])
            self._judge()
            self.assertEqual(self._on_step()[0], 0 if step is None else step + 1, (window, used))

    def test_a_running_session_follows(self):
        self._acct("start", ip="10.0.0.5")
        self._use(60 * GB)
        trap = self._judge()
        trap.assert_jobs_count(1, only=self.router._apply_tasks)
        task = self.env["isp.router.task"].search([("session_id", "=", self._sessions().id)])
        self.assertEqual((task.kind, task.state), ("rate", "pending"))
        status = self.env["isp.fup.status"].search([("access_id", "=", self.access.id)])
        self.assertEqual((status.wanted, status.applied, status.differs), ("512k/1024k", "1024k/2048k", True))
        task.write({"rate": "512k/1024k", "state": "done"})
        self.env.flush_all()
        status.invalidate_recordset()
        self.assertEqual((status.applied, status.differs, status.step_number), ("512k/1024k", False, 1))
        self._acct("stop", seconds=10)
        self.env.cr.execute("UPDATE isp_fup_event SET at = at - interval '1 minute'")
        self._acct("start", session="s2")
        status = self.env["isp.fup.status"].search([("access_id", "=", self.access.id)])
        self.assertEqual((status.session_id, status.applied, status.differs), (self._sessions("s2"), "512k/1024k", False))

    def test_a_router_whose_clock_is_wrong(self):
        """When it was answered goes by our clock: a session that began before the step is not taken for one that was answered with it."""
        now = int(time.time())
        for skew, session in ((3600, "fast"), (-3600, "slow")):
            self._acct("start", session=session, event=now - 60 + skew, delay=60)
        self._use(60 * GB)
        self._judge()
        self.env.cr.execute("DELETE FROM isp_router_task; UPDATE isp_fup_event SET at = at - interval '30 seconds'")
        self._acct("start", session="later", event=now - 3600)
        rows = self.env["isp.fup.status"].search([("access_id", "=", self.access.id)])
        found = {row.session_id.session_id: (row.applied, row.differs) for row in rows}
        self.assertEqual(found, {"fast": ("1024k/2048k", True), "slow": ("1024k/2048k", True), "later": ("512k/1024k", False)})

    def test_a_session_that_lost_its_speed_is_told_again(self):
        self._acct("start")
        self._use(60 * GB)
        self._judge()
        tasks = self.env["isp.router.task"].search([("router_id", "=", self.router.id)])
        with trap_jobs() as trap:
            self.meter._mend()
            trap.assert_jobs_count(0)
        tasks.unlink()
        self.env.cr.execute("UPDATE isp_fup_event SET at = at - interval '1 hour'; UPDATE isp_session SET started = started - interval '2 hours'")
        self.env.invalidate_all()
        with trap_jobs() as trap:
            self.meter._mend()
            trap.assert_jobs_count(1)

    def test_unusable_ladders(self):
        for vals in (
            {"step_ids": [(0, 0, {"sequence": 3, "after_mb": 80_000, "down_kbps": 1, "up_kbps": 1})]},
            {"step_ids": [(0, 0, {"sequence": 3, "after_mb": 90_000, "down_kbps": 1, "up_kbps": 1})]},
        ):
            with self.assertRaises(ValidationError):
                self.ladder.write(vals)
        for hours in ((5, 5), (-1, 3), (24, 3), (3, 25)):
            with self.assertRaises(IntegrityError), mute_logger("odoo.sql_db"), self.env.cr.savepoint():
                self.ladder.hour_ids = [(0, 0, {"hour_from": hours[0], "hour_to": hours[1]})]
                self.env.flush_all()
            self.env.invalidate_all()
        for text in ("half", "0", "50,,80", "1001", "٥٠"):
            with self.assertRaises(ValidationError):
                self.plan.alert_percents = text

    def test_rights(self):
        models = ("isp.fup.event", "isp.fup.status", "isp.usage.alert", "isp.usage.rating")
        for role in ("technician", "customer_service", "billing_manager", "administrator"):
            user = new_test_user(self.env, f"fup-{role}", f"isp_base.group_isp_{role}")
            for model in models:
                self.assertTrue(self.env[model].with_user(user).has_access("read"), (model, role))
                self.assertFalse(any(self.env[model].with_user(user).has_access(mode) for mode in ("write", "create", "unlink")), (model, role))
        user = new_test_user(self.env, "fup-portal", "base.group_portal")
        self.assertFalse([model for model in models if self.env[model].with_user(user).has_access("read")])


@tagged("post_install", "-at_install")
class TestAlerts(MeterCommon):
    def test_once_each_threshold_and_only_the_highest(self):
        self.plan.write({"fup_id": False, "quota_mb": 1000})
        self._counted_from(self.access)
        steps = ((400, []), (100, [50]), (1, [50]), (320, [50, 80]), (0, [50, 80]), (400, [50, 80, 100]), (500, [50, 80, 100]))
        for megabytes, told in steps:
            self._use(megabytes * 1_000_000)
            self._judge()
            self.assertEqual(self.env["isp.usage.alert"].search([("access_id", "=", self.access.id)], order="id").mapped("percent"), told)
        self.assertEqual(self._notices().mapped("kind"), ["usage", "usage", "used_up"])
        self.assertEqual([n.params.get("percent") for n in self._notices()], [50, 80, None])
        self.assertEqual(self._notices().mapped("res_id"), [self.subscription.id] * 3)

    def test_a_jump_tells_the_last_one(self):
        self.plan.write({"fup_id": False, "quota_mb": 1000, "alert_percents": "10, 50,90"})
        self._counted_from(self.access)
        self._use(890_000_000)
        self._judge()
        self.assertEqual([n.params["percent"] for n in self._notices()], [50])

    def test_a_new_cycle_tells_again(self):
        self.plan.write({"fup_id": False, "quota_mb": 1000})
        self._counted_from(self.access)
        self._use(500_000_000)
        self._judge()
        self.access._renew_quota()
        self._judge()
        self.assertEqual(len(self._notices()), 1)
        self.env.cr.execute(SQL("UPDATE isp_access SET quota_from = %s", self.now - timedelta(minutes=1)))
        self.env.invalidate_all()
        self._use(800_000_000, self.now)
        self._judge()
        self.assertEqual([n.params["percent"] for n in self._notices()], [50, 80])

    def test_of_a_ladder_the_first_step_counts(self):
        self._use(48 * GB)
        self._judge()
        self.assertEqual([n.params["percent"] for n in self._notices()], [80])
        self.plan.alert_percents = False
        self._use(48 * GB)
        self._judge()
        self.assertEqual(len(self._notices()), 1)

    def test_walled_lines_are_left_alone(self):
        with trap_jobs():
            self.subscription._set_state("suspended", "staff")
        self._use(60 * GB)
        self._judge()
        self.assertFalse(self._notices())

    def test_two_workers_tell_once(self):
        self._use(48 * GB)
        rows = self.meter._decide()
        for _worker in range(2):
            self.meter._tell(rows)
        self.assertEqual(len(self._notices()), 1)
