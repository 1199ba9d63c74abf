# License AGPL-3.0 or later (https://www.gnu.org/licenses/agpl).
from datetime import timedelta

from psycopg2 import IntegrityError

from odoo import fields
from odoo.exceptions import AccessError, UserError
from odoo.tests import new_test_user, tagged
from odoo.tools import mute_logger

from odoo.addons.isp_billing.engine.periods import Period

from .common import NetworkCommon


@tagged("post_install", "-at_install")
class TestOutage(NetworkCommon):
    """Two towers with two customers each; time passes by making what was heard older."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.env["isp.router"].search([("id", "!=", cls.router.id)]).active = False
        cls.second = cls.env["isp.router"].create({"name": "Second", "nas_ip": "127.0.0.2", "radius_secret": "testing123"})
        cls.neighbour = cls._create_subscription("active", username="deng")
        cls.others = [cls._create_subscription("active", username=f"far{n}") for n in (1, 2)]
        cls.outages = cls.env["isp.outage"]
        cls.now = fields.Datetime.now()
        cls.outages._watch(cls.now - timedelta(hours=2), set())
        for minutes in range(115, 0, -4):
            cls.env["isp.outage.pulse"]._beat(cls.now - timedelta(minutes=minutes))
        cls.company = cls.env.company

    def _on_line(self, tower, minutes_ago, stop=False):
        """Both customers of a tower were heard so long ago."""
        nas, users = {1: ("127.0.0.1", ("achol", "deng")), 2: ("127.0.0.2", ("far1", "far2"))}[tower]
        for user in users:
            session = self._sessions(f"{tower}-{user}")
            kind = "stop" if stop else "interim-update" if session else "start"
            self._acct(kind, session=f"{tower}-{user}", login=user, nas=nas)
            self.env.cr.execute(
                "UPDATE isp_session SET updated = %s, last_event = %s, started = least(started, %s), stopped = CASE WHEN stopped IS NOT NULL THEN %s END WHERE session_id = %s",
                (*[self.now - timedelta(minutes=minutes_ago)] * 4, f"{tower}-{user}"),
            )
        self.env.invalidate_all()

    def _watch(self, minutes_ahead=0, answered=()):
        for minute in range(0, minutes_ahead, 4):
            self.env["isp.outage.pulse"]._beat(self.now + timedelta(minutes=minute))
        self.outages._watch(self.now + timedelta(minutes=minutes_ahead), set(answered))
        return self.outages.search([])

    def test_a_silent_router_is_one_incident_with_its_customers(self):
        self._on_line(1, 20)
        self._on_line(2, 1)
        outage = self._watch()
        self.assertEqual((outage.router_id, outage.started, outage.ended, outage.affected), (self.router, self.now - timedelta(minutes=20), False, 2))
        self.assertEqual(outage.line_ids.subscription_id, self.subscription | self.neighbour)
        self.assertEqual(self._watch(), outage, "one, however often looked at")
        self.env["isp.session"]._cron_close_stale()
        self._on_line(2, 0)
        self.assertEqual(self._watch(1), outage)
        self._on_line(1, 0)
        self._watch(1)
        self.assertEqual((outage.state, outage.ended), ("over", self.now))
        self.assertFalse(self.outages.search([("state", "=", "open")]))

    def test_all_silent_at_once_is_ours(self):
        self._on_line(1, 20)
        self._on_line(2, 19)
        outage = self._watch()
        self.assertEqual((len(outage), outage.router_id.id, outage.affected, outage.creditable), (1, False, 4, False))
        self.assertEqual(self._watch(30), outage, "no storm")
        self._on_line(2, 0)
        self._watch(1)
        self.assertEqual(outage.ended, self.now)
        self.assertEqual(self._watch(5), outage, "the other one has its time")

    def test_our_power_cut_blames_nobody(self):
        self._on_line(1, 20)
        self._on_line(2, 20)
        self.env["isp.outage.pulse"].search([("router_id", "=", False)]).answered = self.now - timedelta(minutes=18)
        self.assertFalse(self._watch(), "we have just come back")
        for minutes in range(1, 12):
            self.assertFalse(self._watch(minutes))

    def test_who_hung_up_is_no_outage(self):
        self._on_line(1, 30)
        self._on_line(1, 20, stop=True)
        self._on_line(2, 1)
        self.assertFalse(self._watch())

    def test_an_api_that_answers_is_a_sign_of_life(self):
        self._on_line(1, 20)
        self._on_line(2, 1)
        self.assertFalse(self._watch(answered=[self.router.id]))
        self._on_line(2, -13)
        outage = self._watch(13)
        self.assertEqual(outage.router_id, self.router, "it answered once, and does no more")
        self._watch(14, answered=[self.router.id])
        self.assertEqual(outage.state, "over")

    def test_one_open_incident_a_router(self):
        self.outages._open(self.router, self.now)
        with self.assertRaises(IntegrityError), mute_logger("odoo.sql_db"), self.env.cr.savepoint():
            self.outages.create({"router_id": self.router.id, "started": self.now})
        self.outages._open(self.env["isp.router"], self.now)
        with self.assertRaises(IntegrityError), mute_logger("odoo.sql_db"), self.env.cr.savepoint():
            self.outages.create({"started": self.now})

    def test_told_once_a_customer(self):
        self.company.isp_outage_sms = True
        self._on_line(1, 20)
        self._on_line(2, 1)
        outage = self._watch()
        notices = self.env["isp.notice"].search([("kind", "=", "outage")])
        self.assertEqual(len(notices), 1, "two lines of one customer")
        self.assertEqual(notices.params["site"], "Tower")
        self.assertTrue(outage.told)
        outage._tell()
        self.assertEqual(self.env["isp.notice"].search([("kind", "=", "outage")]), notices)

    def _billed_outage(self, hours):
        """An outage of the first tower, hours long, in a month that the subscription has been charged for."""
        self._on_line(1, hours * 60)
        outage = self.outages._open(self.router, self.now - timedelta(hours=hours))
        day = fields.Datetime.context_timestamp(outage.with_context(tz="Africa/Juba"), outage.started).date()
        first = day.replace(day=1)
        last = (first + timedelta(days=32)).replace(day=1) - timedelta(days=1)
        self.row = self.env["isp.period"].create(self.subscription._prepare_period(Period(first, last, (last - first).days + 1), price=180000))
        outage._close(self.now)
        return outage

    def test_credit_is_shown_then_booked_once(self):
        self.company.write({"isp_outage_hours": 6, "isp_outage_share": 100})
        outage = self._billed_outage(12)
        line = outage.line_ids.filtered(lambda x: x.subscription_id == self.subscription)
        wanted = self.company.currency_id.round(180000 * 0.5 / self.row.full_days)
        self.assertEqual((line.credit, outage.credit_total), (wanted, wanted))
        self.assertFalse(line.period_id, "shown, not booked")
        manager = new_test_user(self.env, "boss", groups="isp_base.group_isp_billing_manager")
        for _time in range(2):
            outage.with_user(manager).action_credit()
        booked = self.env["isp.period"].search([("source", "=", f"outage/{outage.id}")])
        self.assertEqual((len(booked), booked.kind, booked.amount, line.period_id), (1, "adjustment", -wanted, booked))
        outage.credited = False
        with self.assertRaises(IntegrityError), mute_logger("odoo.sql_db"), self.env.cr.savepoint():
            outage._book_credits()
            self.env.flush_all()

    def test_short_ones_and_ours_are_not_credited(self):
        self.company.write({"isp_outage_hours": 6, "isp_outage_share": 100})
        outage = self._billed_outage(5)
        self.assertFalse(outage.credit_total)
        self.company.isp_outage_hours = 4
        outage.invalidate_recordset()
        outage.line_ids.invalidate_recordset()
        self.assertTrue(outage.credit_total)
        outage.action_not_down()
        outage.line_ids.invalidate_recordset()
        outage.invalidate_recordset(["credit_total"])
        self.assertFalse(outage.credit_total)
        self.company.isp_outage_hours = 0
        outage.creditable = True
        outage.line_ids.invalidate_recordset()
        outage.invalidate_recordset(["credit_total"])
        self.assertFalse(outage.credit_total)

    def test_who_may(self):
        outage = self.outages._open(self.router, self.now - timedelta(hours=8))
        technician = new_test_user(self.env, "tech", groups="isp_base.group_isp_technician")
        service = new_test_user(self.env, "service", groups="isp_base.group_isp_customer_service")
        self.assertEqual(outage.with_user(technician).affected, outage.affected)
        outage.with_user(technician).note = "Generator"
        longer = {"started": outage.started - timedelta(days=9), "ended": self.now, "creditable": not outage.creditable, "affected": 900, "credited": self.now, "router_id": self.second.id}
        for user in (technician, service):
            for name, value in longer.items():
                with self.subTest(user.login, name=name), self.assertRaises(AccessError):
                    outage.with_user(user).write({"note": "Longer", name: value})
            with self.assertRaises(AccessError):
                outage.with_user(user).action_credit()
            with self.assertRaises(AccessError):
                outage.with_user(user).action_not_down()
        with self.assertRaises(AccessError):
            outage.with_user(technician).action_tell()
        outage.with_user(service).action_tell()
        with self.assertRaises(UserError):
            outage.action_credit()
        portal = new_test_user(self.env, "p", groups="base.group_portal")
        with self.assertRaises(AccessError):
            outage.with_user(portal).read(["started"])
