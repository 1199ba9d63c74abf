# License AGPL-3.0 or later (https://www.gnu.org/licenses/agpl).
import json
import time
from datetime import UTC, datetime, timedelta

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from odoo.tests import tagged
from odoo.tools import SQL

from .common import ACCT, NetworkCommon

GIGA = 2**32
PROPERTY = settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
#: Text as FreeRADIUS can pass it: no NUL, valid UTF-8.
TEXT = st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), max_size=60)


def _counters(up, down, seconds):
    return {
        "up": up % GIGA,
        "up_giga": up // GIGA,
        "down": down % GIGA,
        "down_giga": down // GIGA,
        "seconds": seconds,
    }


@tagged("post_install", "-at_install")
class TestRadiusAcct(NetworkCommon):
    def _book(self, *packets, clock=True, **common):
        """Packets as (kind, seconds, upload, download), each at start + seconds."""
        for kind, seconds, up, down in packets:
            event = {"event": self.start + seconds} if clock else {}
            self.assertEqual(self._acct(kind, **{**event, **_counters(up, down, seconds), **common}), 1)

    def _assert_session(self, up, down, seconds, stopped=True, session="s1"):
        row = self._sessions(session)
        self.assertEqual(len(row), 1)
        self.assertEqual((row.bytes_up, row.bytes_down, row.seconds, bool(row.stopped)), (up, down, seconds, stopped))
        self.assertEqual(self._used(), (up, down, seconds))
        return row

    # --- a session ---

    def test_plain_session(self):
        self._book(("Start", 0, 0, 0), ("Interim-Update", 300, 10, 100), ("Stop", 400, 15, 160), ip="10.0.0.2", cause="User-Request")
        row = self._assert_session(15, 160, 400)
        self.assertEqual((row.access_id, row.router_id, row.framed_ip, row.cause), (self.access, self.router, "10.0.0.2", "User-Request"))
        self.assertEqual(row.started.replace(tzinfo=UTC).timestamp(), self.start)
        self.assertEqual(row.stopped.replace(tzinfo=UTC).timestamp(), self.start + 400)

    def test_repeated_packets_add_nothing(self):
        packets = [("Start", 0, 0, 0), ("Interim-Update", 300, 10, 100), ("Stop", 400, 15, 160)]
        for clock in (True, False):
            session = f"clock-{clock}"
            before = self._used()
            self._book(*[p for packet in packets for p in (packet, packet)], *packets, clock=clock, session=session)
            self.assertEqual([b - a for a, b in zip(before, self._used(), strict=True)], [15, 160, 400])
            self.assertEqual(len(self._sessions(session)), 1)

    def test_beyond_four_gigabytes(self):
        self._book(("Start", 0, 0, 0), *[("Interim-Update", 60 * n, n, n * 1_000_000_000) for n in range(1, 9)])
        self._book(("Stop", 540, 9, 9_000_000_000))
        self._assert_session(9, 9_000_000_000, 540)

    def test_stop_first(self):
        self._book(("Stop", 400, 15, 160), ("Interim-Update", 300, 10, 100), ("Start", 0, 0, 0))
        row = self._assert_session(15, 160, 400)
        self.assertEqual(row.started.replace(tzinfo=UTC).timestamp(), self.start)

    def test_interim_after_stop_with_more(self):
        self._book(("Start", 0, 0, 0), ("Stop", 400, 15, 160), ("Interim-Update", 410, 20, 200))
        self._assert_session(20, 200, 410)

    def test_router_restarts_its_ids(self):
        """The same session id again after a reboot: a session of its own, and late packets of the first go to the first."""
        self._book(("Start", 0, 0, 0), ("Interim-Update", 600, 50, 5000))
        self.start += 900
        self._book(("Start", 0, 0, 0), ("Interim-Update", 60, 5, 1000))
        self.assertEqual(self._used(), (55, 6000, 660))
        self.start -= 900
        self._book(("Interim-Update", 700, 60, 5500), ("Interim-Update", 300, 20, 2000))
        first, second = self._sessions()
        self.assertEqual((first.bytes_down, second.bytes_down), (5500, 1000))
        self.assertEqual(self._used(), (65, 6500, 760))

    def test_reboot_seen_by_the_second_packet_only(self):
        self._book(("Start", 0, 0, 0), ("Stop", 600, 50, 5000))
        self.start += 900
        self._book(("Interim-Update", 60, 5, 1000))
        self.assertEqual(self._sessions().mapped("bytes_down"), [5000, 1000])

    def _heard(self, moment, seconds, down, event=None):
        """An interim packet that came in at ``moment``; ``event``: what the router's clock said."""
        self._acct("Interim-Update", event=moment if event is None else event, received=moment, seconds=seconds, down=down)

    def test_ids_begin_again_while_nobody_listens(self):
        """The router rebooted and the customer dialled again; when we hear of it, the new session has carried more than the old one."""
        self._heard(self.start + 300, 300, 50)
        self.env.cr.execute(SQL("UPDATE isp_session SET updated = last_event"))
        self._heard(self.start + 7000, 6000, 900)
        self.assertEqual([(row.seconds, row.bytes_down) for row in self._sessions()], [(300, 50), (6000, 900)])
        self._heard(self.start + 7100, 6100, 910)
        self.assertEqual(self._used(), (0, 960, 6400))

    def test_a_clock_that_jumps_begins_nothing_again(self):
        """The router's alone, or ours alone."""
        self._heard(self.start, 300, 50, event=self.start - 36000)
        self.env.cr.execute(SQL("UPDATE isp_session SET updated = to_timestamp(%s) AT TIME ZONE 'UTC'", self.start))
        self._heard(self.start + 300, 600, 60)
        self._assert_session(0, 60, 600, stopped=False)
        self.env.cr.execute("UPDATE isp_session SET updated = updated - interval '10 hours'")
        self._heard(self.start + 600, 900, 70)
        self._assert_session(0, 70, 900, stopped=False)

    def test_ids_begin_again_in_1970(self):
        """Of a reboot that we know of no clock is needed."""
        self._heard(self.start + 300, 300, 50)
        self.env.cr.execute("UPDATE isp_session SET updated = last_event")
        self.env.cr.execute("SELECT radius.acct_nas('127.0.0.1', '', '', '')")
        self._heard(self.start + 7000, 6000, 900, event=86400)
        self.assertEqual([(row.seconds, row.bytes_down) for row in self._sessions()], [(300, 50), (6000, 900)])

    def test_clock_of_1970(self):
        came = int(time.time())
        self._acct("Start", event=86400)
        self._acct("Interim-Update", event=86700, **_counters(1, 2, 300))
        row = self._sessions()
        self.assertAlmostEqual(row.started.replace(tzinfo=UTC).timestamp(), came, delta=5)
        self.assertEqual(row.wrong_clock, "86700")
        self.assertEqual(self._used(), (1, 2, 300))

    def test_packet_that_waited_on_disk(self):
        received = int(time.time()) - 5 * 86400
        self._acct("Start", session="w1", event=received - 30, received=received, delay=999)
        self._acct("Start", session="w2", event=1, received=received)
        self._acct("Start", session="w3", received=received)
        for session, started in (("w1", received - 30), ("w2", received), ("w3", received)):
            self.assertEqual(self._sessions(session).started.replace(tzinfo=UTC).timestamp(), started)
        self.assertFalse(any(self._sessions(s).online for s in ("w1", "w2", "w3")))

    def test_delay_without_a_clock(self):
        self._acct("Start", delay=120)
        self.assertAlmostEqual(self._sessions().started.replace(tzinfo=UTC).timestamp(), time.time() - 120, delta=5)

    def test_hours(self):
        self._book(("Start", 0, 0, 0), ("Interim-Update", 3590, 1, 10), ("Interim-Update", 3610, 2, 30), ("Stop", 7100, 4, 70))
        rows = self.env["isp.usage"].search([("access_id", "=", self.access.id)], order="hour")
        self.assertEqual([(r.hour.replace(tzinfo=UTC).timestamp() - self.start, r.bytes_down) for r in rows], [(0, 10), (3600, 60)])

    # --- whose ---

    def test_class_wins(self):
        for class_ in (f"isp:{self.access.id}", "0x" + f"isp:{self.access.id}".encode().hex()):
            self._acct("stop", session=class_, login="old-name", class_=class_, down=7, seconds=1)
            self.assertEqual(self._sessions(class_).access_id, self.access)
        self.assertEqual(self._used(), (0, 14, 2))

    def test_class_of_an_access_that_was_made_after_the_session_began(self):
        """A restored back-up: the number of a customer it does not know is given out again, while that customer is on line."""
        self.env.cr.execute("UPDATE isp_access SET create_date = now() AT TIME ZONE 'UTC' - interval '10 minutes' WHERE id = %s", (self.access.id,))
        class_ = f"isp:{self.access.id}"
        self._acct("interim-update", login="newest", class_=class_, down=7, seconds=3600)
        self.assertFalse(self._sessions().access_id)
        self.assertEqual(self._used(), (0, 0, 0))
        self._acct("interim-update", session="s2", login="newest", class_=class_, down=7, seconds=300)
        self.assertEqual(self._sessions("s2").access_id, self.access, "renamed meanwhile")
        self._acct("interim-update", session="s3", class_=class_, down=7, seconds=3600)
        self.assertEqual(self._sessions("s3").access_id, self.access, "name and Class say the same")
        newest = self._create_subscription("active", username="newest").access_ids
        self._acct("interim-update", login="newest", class_=class_, down=9, seconds=3900)
        self.assertEqual(self._sessions().access_id, newest)
        self.assertEqual(self._used(newest), (0, 9, 3900))

    def test_strange_class_falls_back_to_the_name(self):
        for class_ in ("0x00ff", "isp:999999999", "isp:99999999999999", "0x6973703a39393939393939393939", "isp:-1", "'"):
            self._acct("start", session=class_, class_=class_)
            self.assertEqual(self._sessions(class_).access_id, self.access, class_)

    def test_unknown_user_is_kept_and_booked_when_known(self):
        self._acct("start", login="later", event=self.start)
        self._acct("interim-update", login="later", event=self.start + 300, **_counters(5, 50, 300))
        self.assertFalse(self._sessions().access_id)
        other = self.env["isp.access"].create({"name": "later", "plan_id": self.plan.id, "state": "allowed"})
        self._acct("interim-update", login="later", event=self.start + 600, **_counters(6, 60, 600))
        self.assertEqual(self._sessions().access_id, other)
        self.assertEqual(self._used(other), (6, 60, 600))

    # --- what cannot be used ---

    def test_quarantine(self):
        bad = (
            {"kind": "Tunnel-Start"},
            {"kind": ""},
            {"session": ""},
            {"nas": ""},
            {"down_giga": 4_000_000_000},
            {"down_giga": 65536},
            {"up": GIGA},
            {"up": "-1"},
            {"up": "1e9"},
            {"up": "9" * 40},
            {"seconds": 315360001},
            {"seconds": "x"},
        )
        for change in bad:
            self.assertEqual(self._acct(**{"kind": "Stop", "session": "bad", **change}), 1, change)
        kept = self.env["isp.acct.quarantine"].search([], order="id")
        self.assertEqual(len(kept), len(bad))
        self.assertEqual(json.loads(kept[4].payload)["Acct-Output-Gigawords"], "4000000000")
        self.assertFalse(self._sessions("bad"))
        self.assertEqual(self._used(), (0, 0, 0))
        self.assertEqual(self._acct("Stop", session="good", down_giga=65535, down=GIGA - 1, seconds=1), 1)
        self.assertEqual(self._sessions("good").bytes_down, 65536 * GIGA - 1)

    def test_router_on_and_off(self):
        self._book(("Start", 0, 0, 0), ("Interim-Update", 300, 1, 2))
        self._acct("start", session="after", event=self.start + 1000)
        self._acct("start", session="elsewhere", nas="10.0.0.9", event=self.start)
        self.env.cr.execute("SELECT radius.acct_nas('127.0.0.1', %s, '', '')", (str(self.start + 900),))
        self.env.invalidate_all()
        row = self._sessions()
        self.assertEqual((row.cause, row.presumed), ("NAS-Reboot", True))
        self.assertFalse(self._sessions("after").stopped or self._sessions("elsewhere").stopped)
        self._book(("Interim-Update", 1200, 2, 4))
        self.assertFalse(self._sessions().stopped, "it goes on after all")
        for args in (("", "", "", ""), ("x" * 10000, "-1", "y", "z"), ("'", "9" * 30, "1e5", "☃")):
            self.env.cr.execute("SELECT radius.acct_nas(%s, %s, %s, %s)", args)
            self.assertEqual(self.env.cr.fetchone(), (1,))

    def test_silent_sessions_are_closed_and_open_again(self):
        self._acct("start")
        self.env["isp.session"]._cron_close_stale()
        self.assertFalse(self._sessions().stopped)
        self.env.cr.execute("UPDATE isp_session SET updated = updated - interval '17 minutes', last_event = last_event - interval '17 minutes', started = started - interval '17 minutes'")
        self.env["isp.session"]._cron_close_stale()
        self.assertEqual(self._sessions().cause, "Lost-Service")
        self._acct("interim-update", seconds=1020, up=5)
        row = self._sessions()
        self.assertEqual((len(row), row.stopped, row.online), (1, False, True))

    def test_silent_sessions_open_again_whatever_the_routers_clock(self):
        """A clock that is hours behind ours is believed; the session that it tells of goes on."""
        for number, hours in enumerate((0, 3, -3)):
            session, at = f"z{number}", self.start + 7200 - 3600 * hours
            self._acct("start", session=session, event=at)
            self._acct("interim-update", session=session, event=at + 300, seconds=300, up=5)
            self.env.cr.execute("UPDATE isp_session SET updated = updated - interval '17 minutes' WHERE stopped IS NULL")
            self.env["isp.session"]._cron_close_stale()
            self.assertEqual(self._sessions(session).cause, "Lost-Service")
            self._acct("interim-update", session=session, event=at + 300, seconds=300, up=5)
            self.assertTrue(self._sessions(session).stopped, "a packet of before says nothing new")
            self._acct("interim-update", session=session, event=at + 1500, seconds=1500, up=7)
            row = self._sessions(session)
            self.assertEqual((len(row), row.stopped, row.bytes_up), (1, False, 7), hours)

    # --- properties ---

    @PROPERTY
    @given(st.data())
    def test_any_order_and_any_doubles_give_the_final_counters(self, data):
        """Whatever happens to the packets of a session on their way, the totals are those of the last counters."""
        steps = data.draw(st.lists(st.tuples(*[st.integers(0, 3 * GIGA)] * 2), min_size=1, max_size=6))
        up = down = 0
        packets = [("Start", 0, 0, 0)]
        for number, (more_up, more_down) in enumerate(steps, 1):
            up, down = up + more_up, down + more_down
            packets.append(("Interim-Update", 300 * number, up, down))
        packets.append(("Stop", 300 * len(steps) + 7, up, down))
        sent = packets + data.draw(st.lists(st.sampled_from(packets), max_size=8))
        sent = data.draw(st.permutations(sent))
        clock = data.draw(st.booleans())
        session = f"p{time.monotonic_ns()}"
        before = self._used()
        self._book(*sent, session=session, clock=clock)
        rows = self._sessions(session)
        self.assertEqual(sum(rows.mapped("bytes_up")), up)
        self.assertEqual(sum(rows.mapped("bytes_down")), down)
        self.assertEqual(len(rows), 1)
        self.assertTrue(rows.stopped)
        added = tuple(b - a for a, b in zip(before, self._used(), strict=True))
        self.assertEqual(added, (up, down, 300 * len(steps) + 7))

    @PROPERTY
    @given(st.fixed_dictionaries({}, optional=dict.fromkeys(ACCT, TEXT | st.integers(-10, 2**70).map(str))))
    def test_no_packet_raises(self, values):
        texts = [values.get(name, "") for name in ACCT]
        query = SQL("SELECT radius.acct(%s)", SQL(", ").join(SQL("%s", text) for text in texts))
        self.assertEqual(self.env.execute_query(query), [(1,)])
        texts = [values.get(name) for name in ACCT]
        query = SQL("SELECT radius.acct(%s)", SQL(", ").join(SQL("%s", text) for text in texts))
        self.assertEqual(self.env.execute_query(query), [(1,)])
        huge = SQL("SELECT radius.acct(%s)", SQL(", ").join(SQL("%s", (text or "x") * 200) for text in texts))
        self.assertEqual(self.env.execute_query(huge), [(1,)])

    @PROPERTY
    @given(st.lists(TEXT | st.integers(-10, 2**70).map(str), min_size=4, max_size=4))
    def test_no_text_breaks_the_other_functions(self, texts):
        for long in (1, 300):
            values = [text * long for text in texts]
            marks = SQL(", ").join(SQL("%s", value) for value in values)
            self.assertEqual(self.env.execute_query(SQL("SELECT radius.acct_nas(%s), radius.postauth(%s)", marks, marks)), [(1, 1)])
            self.assertEqual(self.env.execute_query(SQL("SELECT count(*) FROM radius.nas(%s)", values[0])), [(0,)])

    def test_wrapped_counters_without_gigawords(self):
        """A router that does not send gigawords: its counter of 32 bits begins again within a session, as often as it likes."""
        self._book(("Start", 0, 0, 0))
        low = {"event": self.start + 300, "seconds": 300, "up": 10, "down": 4_000_000_000}
        self._acct("Interim-Update", **low)
        self._acct("Interim-Update", event=self.start + 600, seconds=600, up=20, down=5_000_000)
        self._assert_session(20, 2**32 + 5_000_000, 600, stopped=False)
        self._acct("Interim-Update", **low)  # a late one, from before
        self._acct("Interim-Update", event=self.start + 600, seconds=600, up=20, down=5_000_000)  # and a repeated one
        self._assert_session(20, 2**32 + 5_000_000, 600, stopped=False)
        for turn in range(1, 4):
            seconds = 600 + 600 * turn
            self._acct("Interim-Update", event=self.start + seconds - 300, seconds=seconds - 300, up=20 + turn, down=4_200_000_000)
            self._acct("Interim-Update", event=self.start + seconds, seconds=seconds, up=20 + turn, down=turn)
        self._acct("Stop", event=self.start + 2400, seconds=2400, up=23, down=9)
        self._assert_session(23, 4 * 2**32 + 9, 2400)

    def test_a_counter_that_falls_a_little_has_not_wrapped(self):
        self._book(("Start", 0, 0, 0))
        self._acct("Interim-Update", event=self.start + 300, seconds=300, down=3_000_000_000)
        self._acct("Interim-Update", event=self.start + 600, seconds=600, down=2_999_999_000)
        self._assert_session(0, 3_000_000_000, 600, stopped=False)

    def test_without_session_time(self):
        """Acct-Session-Time may be missing (RFC 2866): the counters of one session are not booked again with every packet."""
        for minutes, down in ((0, 0), (5, 100), (10, 300), (10, 300), (5, 100), (20, 450)):
            self._acct("Interim-Update" if minutes else "Start", event=self.start + 60 * minutes, down=down)
        self._assert_session(0, 450, 0, stopped=False)
        self._acct("Start", event=self.start + 1800)
        self._acct("Interim-Update", event=self.start + 2100, down=70)
        self.assertEqual(self._sessions().mapped("bytes_down"), [450, 70])
        self.assertEqual(self._used(), (0, 520, 0))

    def test_without_session_time_and_clock(self):
        for down in (100, 300, 300, 200, 301):
            self._acct("Interim-Update", down=down)
        self._assert_session(0, 301, 0, stopped=False)

    def test_a_clock_ahead_begins_no_cycle(self):
        """Tomorrow a new quota begins; a router that is already there neither gives it today nor hides what others count."""
        today = datetime.now(UTC) + timedelta(hours=2)  # in Juba
        self.access._apply({"quota_bytes": 1000, "quota_day": (today + timedelta(days=1)).day, "quota_from": datetime(2020, 1, 1)})
        self._acct("interim-update", session="right", seconds=10, down=1000)
        self.assertEqual(self._verdict(), "wall")
        ahead = int(time.time()) + 23 * 3600
        self._acct("interim-update", session="ahead", event=ahead, seconds=10, down=5)
        self.assertEqual(self._verdict(), "wall")
        self._acct("interim-update", session="right", seconds=20, down=1010)
        counter = self.env["isp.quota.counter"].search([("access_id", "=", self.access.id)])
        self.assertEqual(counter.bytes, 1015)

    def _verdict(self):
        self.env.flush_all()
        ((found,),) = self.env.execute_query(SQL("SELECT verdict FROM radius.verdict('achol', '', false)"))
        return found

    def test_a_delay_of_days_and_a_clock_that_is_right(self):
        now = int(time.time())
        self._acct("interim-update", event=now - 5, delay=7776000, seconds=5, down=100)
        row = self._sessions()
        self.assertGreater(row.last_event, datetime.now() - timedelta(minutes=2))
        self.assertFalse(row.wrong_clock)

    def test_our_clock_was_a_year_ahead(self):
        """What was written then neither hides what comes later nor keeps anybody on line for a year."""
        year = "interval '1 year'"
        self.access._apply({"quota_bytes": 1000, "quota_day": 1, "quota_from": datetime(2020, 1, 1), "device_limit": 0})
        self._book(("Start", 0, 0, 0), ("Interim-Update", 300, 10, 100), session="goes-on")
        self._acct("start", session="gone")
        self.env.cr.execute(f"UPDATE isp_session SET updated = updated + {year}, last_event = last_event + {year}, started = started + {year}")
        self.env.cr.execute(f"UPDATE isp_quota_counter SET since = since + {year}")
        self._book(("Interim-Update", 600, 20, 300), session="goes-on")
        row = self._sessions("goes-on")
        self.assertLess(row.updated, datetime.now() + timedelta(minutes=1))
        self.assertEqual(row.last_event.replace(tzinfo=UTC).timestamp(), self.start + 600)
        self.assertEqual(self._authr().get("Mikrotik-Total-Limit"), "790")
        self.env["isp.session"]._cron_close_stale()
        gone = self._sessions("gone")
        self.assertEqual((gone.cause, gone.stopped <= datetime.now(), self._sessions("goes-on").stopped), ("Lost-Service", True, False))
        self.env.cr.execute("UPDATE isp_session SET stopped = stopped - interval '10 minutes' WHERE session_id = 'gone'")
        self._acct("interim-update", session="gone", seconds=5, down=1)
        self.assertFalse(self._sessions("gone").stopped, "it goes on after all")

    def test_resumed_after_a_power_cut_of_the_server(self):
        """Hours without a word, closed by us meanwhile; then the session goes on with higher counters: all of it is booked."""
        self._book(("Start", 0, 0, 0), ("Interim-Update", 300, 1, 10))
        self.env.cr.execute("UPDATE isp_session SET stopped = last_event, presumed = true, cause = 'Lost-Service'")
        self._book(("Interim-Update", 7000, 5, 5000))
        row = self._assert_session(5, 5000, 7000, stopped=False)
        self.assertFalse(row.cause or row.presumed)

    def test_a_session_of_an_older_generation_is_not_fed_by_the_new(self):
        self._book(("Start", 0, 0, 0), ("Interim-Update", 600, 50, 5000))
        self.start += 900
        self._book(("Start", 0, 0, 0), ("Interim-Update", 300, 60, 6000), ("Stop", 400, 61, 6100))
        first, second = self._sessions()
        self.assertEqual((first.superseded, second.superseded), (True, False))
        self.assertEqual((first.bytes_down, second.bytes_down, bool(second.stopped)), (5000, 6100, True))
        self.assertEqual(self._used(), (111, 11100, 1000))
