# License AGPL-3.0 or later (https://www.gnu.org/licenses/agpl).
from datetime import UTC, date, datetime, timedelta
from unittest.mock import patch

from freezegun import freeze_time

from odoo import fields
from odoo.tests import tagged
from odoo.tools import SQL

from .common import NetworkCommon


@tagged("post_install", "-at_install")
class TestUsage(NetworkCommon):
    """Hours, days and months; what packets added, as it came."""

    def setUp(self):
        super().setUp()
        # Three days ago, 21:00 UTC: an hour before midnight in Juba.
        moment = fields.Datetime.now().replace(hour=21, minute=0, second=0, microsecond=0) - timedelta(days=3)
        self.start = int(moment.replace(tzinfo=UTC).timestamp())
        self.day = moment.date()

    def _book(self, session, *steps):
        """Counters (seconds, download) of a session that came in when they happened."""
        for seconds, down in steps:
            at = self.start + seconds
            self._acct("Interim-Update", session, event=at, received=at, seconds=seconds, down=down)

    def _days(self):
        rows = self.env["isp.usage.day"].search([("access_id", "=", self.access.id)], order="day")
        return [(row.day - self.day, row.bytes_down, row.seconds) for row in rows]

    def _raw(self):
        query = "SELECT at, bytes_down, seconds, tableoid::regclass::text FROM isp_usage_raw WHERE access_id = %s ORDER BY at"
        return self.env.execute_query(SQL(query, self.access.id))

    def test_days_are_jubas(self):
        self._book("s1", (1800, 10), (5400, 30), (90000, 100))
        self.assertEqual(self.env["isp.usage"]._roll_up(), (3, None))
        want = [(timedelta(0), 10, 1800), (timedelta(1), 20, 3600), (timedelta(2), 70, 84600)]
        self.assertEqual(self._days(), want)
        self.assertEqual(self.env["isp.usage"]._roll_up(), (0, None), "nothing has changed")
        months = self.env["isp.usage.month"].search([("access_id", "=", self.access.id)])
        self.assertEqual(sum(months.mapped("bytes_down")), 100)
        self.assertEqual(set(months.mapped("month")), {(self.day + timedelta(n)).replace(day=1) for n in range(3)})

    def test_late_packets_change_their_day_only(self):
        self._book("s1", (1800, 10))
        self._book("s2", (90000, 5))
        self.env["isp.usage"]._roll_up()
        self._book("s1", (2000, 15))
        self.assertEqual(self.env["isp.usage"]._roll_up(), (1, None))
        self.assertEqual(self._days(), [(timedelta(0), 15, 2000), (timedelta(2), 5, 90000)])

    def _due(self):
        rows = self.env.execute_query(SQL("SELECT day FROM isp_usage_due WHERE access_id = %s ORDER BY day", self.access.id))
        return [day - self.day for (day,) in rows]

    def test_the_hour_that_runs_waits(self):
        """What a day has until now is summed up; the hour that runs then is found again though nobody has written since."""
        evening = datetime.combine(self.day, datetime.min.time()) + timedelta(hours=21)
        self._book("s1", (1800, 10), (5400, 30), (9000, 70))
        self.assertEqual(self._due(), [timedelta(0), timedelta(1)])
        with freeze_time(evening + timedelta(hours=2, minutes=40)):
            self.assertEqual(self.env["isp.usage"]._roll_up(), (2, None))
            self.assertEqual(self.env["isp.usage"]._roll_up(), (0, None))
        self.assertEqual(self._due(), [timedelta(1)], "a day that is not over")
        with freeze_time(evening + timedelta(hours=3, minutes=1)):
            self.assertEqual(self.env["isp.usage"]._roll_up(), (1, None))
        # The days' sums are made of all their hours, also of the one that ran.
        self.assertEqual([row[1] for row in self._days()], [10, 60])
        self._book("s2", (20000, 5))
        self.env["isp.usage"]._roll_up()
        self.assertEqual(([row[1] for row in self._days()], self._due()), ([10, 65], []))

    def test_batches(self):
        self._book("s1", (1800, 1), (5400, 3), (90000, 6))
        done, after, days = [], None, []
        while not done or after:
            number, after = self.env["isp.usage"]._roll_up(2, after)
            done.append(number)
            days.append(len(self._days()))
        self.assertEqual((done, days), ([2, 1], [2, 3]))
        self.assertEqual(sum(row[1] for row in self._days()), 6)
        self._book("s2", (300, 9))
        with patch.object(type(self.env["ir.cron"]), "_commit_progress", return_value=True) as progress:
            self.env["isp.usage"]._cron_roll_up()
        progress.assert_called_once_with(1, remaining=0)
        self.assertEqual(sum(row[1] for row in self._days()), 15)

    def test_what_packets_added(self):
        self._book("s1", (300, 10), (300, 10), (600, 25), (500, 20))
        self.assertEqual([row[1:3] for row in self._raw()], [(10, 300), (15, 300)])
        session = self._sessions()
        self.assertEqual((session.added_down, session.added_seconds), (0, 0), "the last packet was an old one")

    def test_audit(self):
        self._book("s1", (1800, 10), (5400, 30))
        months = {self.day.replace(day=1), (self.day + timedelta(days=1)).replace(day=1)}

        def differing():
            return [row[2:] for month in sorted(months) for row in self.env["isp.usage"]._audit(month) if row[0] == self.access.id]

        self.assertEqual(differing(), [(10, 0), (20, 0)], "not summed up yet")
        self.env["isp.usage"]._roll_up()
        self.assertEqual(differing(), [])
        self.env.cr.execute(SQL("UPDATE isp_usage_day SET bytes_down = 11 WHERE access_id = %s AND day = %s", self.access.id, self.day))
        self.assertEqual(differing(), [(10, 11)])

    def test_partitions_are_made_ahead(self):
        self._book("s1", (300, 10))
        self.assertEqual({row[3] for row in self._raw()}, {f"isp_usage_raw_{self.day + timedelta(hours=1):%Y_%m}"})
        names = {row[0] for row in self.env.execute_query(SQL("SELECT inhrelid::regclass::text FROM pg_inherits WHERE inhparent = 'isp_usage_raw'::regclass"))}
        ahead = (date.today().replace(day=1) + timedelta(days=32)).strftime("isp_usage_raw_%Y_%m")
        self.assertIn(ahead, names)

    def test_the_first_packet_of_a_month_makes_its_partition(self):
        """No scheduled job ran: the default partition takes what comes, and is emptied at once."""
        day = self.day + timedelta(hours=1)
        name = f"isp_usage_raw_{day:%Y_%m}"
        self.env.cr.execute(SQL("DROP TABLE %s", SQL.identifier(name)))
        at = datetime.combine(day, datetime.min.time())
        self.env.cr.execute(SQL("INSERT INTO isp_usage_raw VALUES (%s, %s, 0, 7, 1)", self.access.id, at))
        self.assertEqual({row[3] for row in self._raw()}, {"isp_usage_raw_default"})
        self._book("s1", (300, 10))
        self.assertEqual([row[1] for row in self._raw()], [7, 10])
        self.assertEqual({row[3] for row in self._raw()}, {name})

    def test_retention(self):
        old = date.today().replace(day=1) - timedelta(days=400)
        self.env.cr.execute(SQL("SELECT radius.usage_month(%s), radius.usage_month(%s)", old, old))
        self.assertEqual(self.env.cr.fetchone(), (True, False))
        self.env.cr.execute(
            SQL(
                "INSERT INTO isp_usage (access_id, hour, bytes_up, bytes_down, seconds, dirty) VALUES (%s, %s, 0, 9, 9, NULL)",
                self.access.id,
                old - timedelta(days=60),
            )
        )
        self.env.cr.execute(SQL("INSERT INTO isp_usage_due VALUES (%s, %s)", self.access.id, old - timedelta(days=60)))
        self.env["isp.usage"]._gc_hours()
        self.assertEqual(self._used(), (0, 9, 9), "what has not been summed up stays")
        self.env["isp.usage"]._roll_up()
        for job in ("_gc_raw", "_gc_hours", "_gc_days"):
            getattr(self.env["isp.usage"], job)()
        self.assertEqual(self._used(), (0, 0, 0))
        self.assertEqual([row[1] for row in self._days()], [9], "days are kept longer")
        name = f"isp_usage_raw_{old:%Y_%m}"
        self.assertEqual(self.env.execute_query(SQL("SELECT to_regclass(%s)", name)), [(None,)])
        self._book("s1", (300, 10))
        self.env["ir.config_parameter"].set_param("isp_network.keep_raw_months", "0")
        self.env["isp.usage"]._gc_raw()
        self.assertEqual(len(self._raw()), 1)
