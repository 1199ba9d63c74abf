# License AGPL-3.0 or later (https://www.gnu.org/licenses/agpl).
from datetime import timedelta

from odoo import fields
from odoo.exceptions import AccessError, UserError
from odoo.tests import tagged

from ..engine import code
from .common import DEVICE, OTHER, HotspotCommon

REJECTED = {"Auth-Type": "Reject"}


@tagged("post_install", "-at_install")
class TestToken(HotspotCommon):
    def test_code_lets_in_and_time_begins_with_it(self):
        token = self._made()
        self.assertTrue(code.is_code(token.code))
        check, reply = self._log_in(token)
        self.assertEqual(check, {"Cleartext-Password": token.code, "Tmp-Integer-1": "1"})
        self.assertEqual(reply["Session-Timeout"], "3600")
        self._later(mins=40)
        check, reply = self._log_in(token)
        self.assertNotIn("Tmp-Integer-1", check)
        self.assertAlmostEqual(int(reply["Session-Timeout"]), 1200, delta=5)
        self._later(mins=21)
        check, reply = self._log_in(token)
        self.assertEqual((check, reply), (REJECTED, {"Reply-Message": "Expired"}))

    def test_a_name_alone_starts_nothing(self):
        token = self._made()
        self._authz(token.code)
        self.assertIsNone(token._facts()[token.id]["first"])

    def test_first_packet_starts_it_where_nobody_told(self):
        token = self._made()
        self._acct("Start", login=token.code, nas="127.0.3.1", mac=DEVICE, event=self.start)
        self.assertEqual(token._facts()[token.id]["first"].timestamp(), self.start)

    def test_two_log_ins_begin_it_once(self):
        token = self._made()
        self._log_in(token)
        first = token._facts()[token.id]["first"]
        self._later(mins=10)
        self.env.cr.execute("SELECT radius.first_use(%s, %s, %s)", (token.code, "127.0.3.1", OTHER))
        self.assertEqual(token._facts()[token.id]["first"], first - timedelta(minutes=10))

    def test_only_at_its_own_site(self):
        token = self._made()
        for nas in ("127.0.3.2", "127.0.0.1", "10.1.2.3"):
            check, reply = self._log_in(token, nas=nas)
            self.assertEqual((check, reply), (REJECTED, {"Reply-Message": "Not valid at this place"}), nas)

    def test_owners_router_lets_in_nobody_else(self):
        """Who knows the secret of one router neither tries the ISP's customers with it nor counts on them."""
        self.assertEqual(self._ask("authz", "achol", None, "127.0.3.1"), REJECTED)
        self._acct("Start", login="achol", nas="127.0.3.1", up=5 * 10**6)
        self._acct("Start", login="x", class_=f"isp:{self.access.id}", nas="127.0.3.1", session="s2", up=5 * 10**6)
        self.assertEqual(self._used(), (0, 0, 0))
        self.assertFalse((self._sessions() + self._sessions("s2")).access_id)

    def test_own_sites_router_serves_the_isps_customers_too(self):
        self.site.partner_id = self.site.company_id.partner_id
        self.assertFalse(self.nas.outside)
        self.assertEqual(self._ask("authz", "achol", None, "127.0.3.1"), {"Cleartext-Password": "pw"})

    def test_devices(self):
        token = self._made()
        self._log_in(token)
        self._acct("Start", login=token.code, nas="127.0.3.1", mac=DEVICE, ip="10.5.50.2")
        self.assertEqual(self._log_in(token, OTHER)[1], {"Reply-Message": "Too many devices are logged in"})
        token._move()
        self.assertIn("Cleartext-Password", self._log_in(token, OTHER)[0])
        self.assertIn("disconnect", self.env["isp.router.task"].search([("router_id", "=", self.nas.id)]).mapped("kind"))

    def test_bound_to_its_device(self):
        token = self.env["isp.token"]._make(self.site, self.offer._prepare_terms(), mac=DEVICE)
        self.assertEqual(self._log_in(token, OTHER)[1], {"Reply-Message": "Not for this device"})
        self.assertIn("Cleartext-Password", self._log_in(token)[0])

    def test_states_follow(self):
        used, unused = self._made(2)
        self._log_in(used)
        self._follow()
        self.assertEqual((used.state, unused.state), ("in_use", "made"))
        self.assertEqual(used.ends_at, used.first_used + timedelta(hours=1))
        self._later(mins=61)
        self._follow()
        self.assertEqual((used.state, used.ended_at), ("expired", used.ends_at))

    def test_router_that_goes_on_is_told(self):
        token = self._made()
        self._log_in(token)
        self._acct("Start", login=token.code, nas="127.0.3.1", mac=DEVICE, ip="10.5.50.2")
        self._follow()
        self._later(mins=70)
        self._acct("Interim-Update", login=token.code, nas="127.0.3.1", mac=DEVICE, seconds=4200)
        self._follow()
        self.env["isp.session"]._end_overdue()
        tasks = self.env["isp.router.task"].search([("access_id", "=", token.access_id.id)])
        self.assertEqual(tasks.mapped("kind"), ["over"])
        self.env["isp.session"]._end_overdue()
        self.assertEqual(len(self.env["isp.router.task"].search([("access_id", "=", token.access_id.id)])), 1)

    def test_a_router_in_1970(self):
        """Its clock began anew: time runs by ours from the first log-in, ends on the second, and is not begun again with its packets."""
        token = self._made()
        self._log_in(token)
        self._acct("Start", login=token.code, nas="127.0.3.1", mac=DEVICE, event=30)
        self._follow()
        self.assertAlmostEqual(token.ends_at, fields.Datetime.now() + timedelta(hours=1), delta=timedelta(seconds=5))
        self._later(mins=50)
        self.assertAlmostEqual(int(self._log_in(token)[1]["Session-Timeout"]), 600, delta=5)
        self._acct("Interim-Update", login=token.code, nas="127.0.3.1", mac=DEVICE, event=3030, seconds=3000, down=7)
        self._follow()
        self.assertEqual((token.state, token._facts()[token.id]["used"], token._facts()[token.id]["bytes"]), ("in_use", 3000, 7))
        self._later(mins=11)
        self.assertEqual(self._log_in(token)[1], {"Reply-Message": "Expired"})
        self._acct("Stop", login=token.code, nas="127.0.3.1", mac=DEVICE, event=3660, seconds=3600, down=9)
        self._follow()
        self.assertEqual(token.state, "expired")
        self.assertEqual(self._log_in(token)[1], {"Reply-Message": "Expired"})

    def test_data_of_several_devices(self):
        """Each was told all of it at its log-in: used up together, it is the end for both."""
        token = self._made(volume_bytes=10**9, devices=2)
        for number, mac in enumerate((DEVICE, OTHER)):
            self.assertEqual(self._log_in(token, mac)[1]["Mikrotik-Total-Limit"], str(10**9))
            self._acct("Start", session=f"d{number}", login=token.code, nas="127.0.3.1", mac=mac)
        for number in range(2):
            self._acct("Interim-Update", session=f"d{number}", login=token.code, nas="127.0.3.1", seconds=300, down=5 * 10**8)
        self.assertEqual(self.env["isp.session"]._end_overdue(), self._sessions("d0") + self._sessions("d1"))
        self._follow()
        self.assertEqual(token.state, "used_up")
        self.assertEqual(self._log_in(token)[0], REJECTED)

    def test_pause_keeps_what_is_left(self):
        token = self._made()
        self._log_in(token)
        self._follow()
        self._later(mins=20)
        token._pause()
        self.assertEqual(self._log_in(token)[0], REJECTED)
        self._later(hours=5)
        token.paused_at -= timedelta(hours=5)
        self.assertAlmostEqual(token._facts()[token.id]["left"], 2400, delta=5)
        self._follow()
        self.assertEqual(token.state, "in_use")
        token._resume()
        self.assertAlmostEqual(int(self._log_in(token)[1]["Session-Timeout"]), 2400, delta=5)

    def test_extend_what_is_over(self):
        token = self._made()
        self._log_in(token)
        self._later(hours=3)
        self._follow()
        self._follow()
        self.assertEqual(token.state, "expired")
        token._extend(1800)
        self.assertEqual(token.state, "in_use")
        self.assertAlmostEqual(int(self._log_in(token)[1]["Session-Timeout"]), 1800, delta=5)
        with self.assertRaises(UserError):
            token._extend(400 * 86400)

    def test_pause_before_the_first_use_gives_nothing_away(self):
        token = self._place().token_id
        last_day = token.ends_at
        token._pause()
        token.paused_at -= timedelta(hours=5)
        token._resume()
        self.assertEqual((token.seconds, token.access_id.use_seconds), (3600, 3600))
        self.assertAlmostEqual(token.ends_at, last_day + timedelta(hours=5), delta=timedelta(seconds=2))
        self.assertEqual(self._log_in(token)[1]["Session-Timeout"], "3600")

    def test_pause_in_the_first_minute(self):
        token = self._place().token_id
        self._log_in(token)
        token._pause()
        self.assertEqual(token.state, "in_use")
        token.paused_at -= timedelta(hours=5)
        self._later(hours=5)
        token._resume()
        self.assertAlmostEqual(token.ends_at, fields.Datetime.now() + timedelta(hours=1), delta=timedelta(seconds=5))
        self.assertAlmostEqual(int(self._log_in(token)[1]["Session-Timeout"]), 3600, delta=5)

    def test_extend_what_runs(self):
        token = self._made()
        self._log_in(token)
        self._later(mins=20)
        token._extend(1800)
        self.assertEqual(token.seconds, 5400)
        self.assertAlmostEqual(int(self._log_in(token)[1]["Session-Timeout"]), 4200, delta=5)
        self._follow()
        self.assertAlmostEqual(token.ends_at, fields.Datetime.now() + timedelta(minutes=70), delta=timedelta(seconds=5))

    def test_extend_is_not_the_time_that_was_missed(self):
        token = self._made()
        self._log_in(token)
        self._later(hours=30)
        self._follow()
        token._extend(1800)
        self.assertEqual(token.seconds, 5400)
        self.assertAlmostEqual(token._facts()[token.id]["left"], 1800, delta=5)

    def test_extend_what_was_never_used(self):
        """A last day that is over begins anew; the time is what was bought before, and now."""
        for counting in ("first", "online"):
            self.offer.counting = counting
            token = self._place().token_id
            self._later(days=91)
            self._follow()
            self.assertEqual((token.state, self._log_in(token)[1]), ("expired", {"Reply-Message": "Expired"}), counting)
            token._extend(3600)
            self.assertEqual((token.state, token.seconds), ("sold", 7200), counting)
            self.assertEqual(self._log_in(token)[1]["Session-Timeout"], "7200", counting)
            self._follow()
            if counting == "first":
                self.assertAlmostEqual(token.ends_at, fields.Datetime.now() + timedelta(hours=2), delta=timedelta(seconds=5))
            else:
                self.assertAlmostEqual(token.ends_at, fields.Datetime.now() + timedelta(days=90), delta=timedelta(seconds=5))

    def test_extend_time_on_line(self):
        token = self._made(counting="online")
        self._acct("Start", login=token.code, nas="127.0.3.1", mac=DEVICE, session="o")
        self._acct("Stop", login=token.code, nas="127.0.3.1", mac=DEVICE, session="o", seconds=4000)
        self._follow()
        self.assertEqual(token.state, "used_up")
        token._extend(1800)
        self.assertEqual((token.state, token._facts()[token.id]["left"]), ("in_use", 1800))
        self.assertEqual(self._log_in(token)[1]["Session-Timeout"], "1800")

    def test_more_time_is_no_data(self):
        token = self._made(volume_bytes=10**6)
        self._log_in(token)
        self._acct("Start", login=token.code, nas="127.0.3.1", mac=DEVICE)
        self._acct("Stop", login=token.code, nas="127.0.3.1", mac=DEVICE, up=2 * 10**6)
        self._follow()
        with self.assertRaisesRegex(UserError, "data is used up"):
            token._extend(3600)
        self.assertEqual((token.state, token.seconds), ("used_up", 3600))

    def test_good_until_counts_when_it_is_in_use_too(self):
        until = fields.Datetime.now() + timedelta(minutes=30)
        token = self.env["isp.token"]._make(self.site, self.offer._prepare_terms(), until=until)
        self.assertAlmostEqual(int(self._log_in(token)[1]["Session-Timeout"]), 1800, delta=5)
        self._follow()
        self.assertEqual((token.state, token.ends_at), ("in_use", until))
        self.assertAlmostEqual(token._facts()[token.id]["left"], 1800, delta=5)
        self._later(mins=31)
        self._follow()
        self.assertEqual((token.state, self._log_in(token)[1]), ("expired", {"Reply-Message": "Expired"}))

    def test_last_day_of_the_first_log_in_cuts_nobody_off(self):
        token = self._place().token_id
        self._later(days=89, hours=23, mins=50)
        self.assertEqual(self._log_in(token)[1]["Session-Timeout"], "3600")
        self.assertEqual(token._facts()[token.id]["left"], 3600)
        self._later(mins=20)
        self.assertAlmostEqual(int(self._log_in(token)[1]["Session-Timeout"]), 2400, delta=5)
        self._follow()
        self.assertEqual(token.state, "in_use")
        late = self._place().token_id
        self._later(days=90, mins=1)
        self.assertEqual(self._log_in(late), (REJECTED, {"Reply-Message": "Expired"}))
        self._follow()
        self.assertEqual(late.state, "expired")

    def test_time_from_the_sale_waits_for_it(self):
        token = self._made(counting="sale")
        self._later(hours=3)
        self._follow()
        self.assertEqual((token.state, token._facts()[token.id]["left"]), ("made", 3600))
        token._sell()
        self.assertAlmostEqual(int(self._log_in(token)[1]["Session-Timeout"]), 3600, delta=5)

    def test_block_and_unblock(self):
        token = self._made()
        self._log_in(token)
        self._follow()
        token._block("lost")
        self.assertEqual((token.state, self._log_in(token)[0]), ("blocked", REJECTED))
        token._unblock()
        self.assertEqual(token.state, "in_use")
        self.assertIn("Cleartext-Password", self._log_in(token)[0])
        self.assertEqual(token.event_ids.mapped("what"), ["unblocked", "blocked"])

    def test_countings(self):
        sale = self._made(counting="sale")
        self.assertEqual(self._log_in(sale)[0], REJECTED)
        sale._sell()
        self.assertAlmostEqual(int(self._log_in(sale)[1]["Session-Timeout"]), 3600, delta=5)
        online = self._made(counting="online", state="sold")
        self._acct("Start", login=online.code, nas="127.0.3.1", mac=DEVICE, session="o")
        self._acct("Stop", login=online.code, nas="127.0.3.1", mac=DEVICE, session="o", seconds=3000)
        self.assertEqual(self._log_in(online)[1]["Session-Timeout"], "600")
        until = fields.Datetime.now() + timedelta(hours=2)
        dated = self.env["isp.token"]._make(self.site, {**self.offer._prepare_terms(), "counting": "date"}, until=until)
        self.assertAlmostEqual(int(self._log_in(dated)[1]["Session-Timeout"]), 7200, delta=5)

    def test_data_and_speed(self):
        token = self._made(volume_bytes=5 * 10**9, rate="512k/1M")
        reply = self._log_in(token)[1]
        self.assertEqual((reply["Mikrotik-Total-Limit"], reply["Mikrotik-Total-Limit-Gigawords"]), (str(5 * 10**9 % 2**32), "1"))
        self.assertEqual(reply["Mikrotik-Rate-Limit"], "512k/1M")
        self._acct("Start", login=token.code, nas="127.0.3.1", mac=DEVICE, ip="10.5.50.2")
        self._acct("Stop", login=token.code, nas="127.0.3.1", mac=DEVICE, up=705032705, up_giga=1)
        self.assertEqual(self._log_in(token)[1], {"Reply-Message": "Data used up"})
        self._follow()
        self.assertEqual(token.state, "used_up")

    def test_thousands_are_two_statements(self):
        with self.assertQueryCount(6):
            tokens = self._made(2000)
        self.assertEqual(len(set(tokens.mapped("code"))), 2000)
        self.assertTrue(all(code.is_code(token.code) for token in tokens))
        self.assertEqual(self._log_in(tokens[-1])[0]["Cleartext-Password"], tokens[-1].code)

    def test_guessing_locks_the_device(self):
        token = self._made()
        for number in range(10):
            self.env.cr.execute("SELECT radius.postauth(%s, '127.0.3.1', %s, 'hs')", (f"guess{number}", OTHER))
        self.assertEqual(self._log_in(token, OTHER)[1], {"Reply-Message": "Too many wrong tries: wait a while"})
        self.assertIn("Cleartext-Password", self._log_in(token, DEVICE)[0])
        self.env.cr.execute("SELECT count(radius.postauth('more' || n, '127.0.3.1', %s, 'hs')) FROM generate_series(1, 200) n", (OTHER,))
        self.assertIn("Cleartext-Password", self._log_in(token, DEVICE)[0], "one device keeps nobody else out")
        self.env.cr.execute("UPDATE isp_login_guess SET since = since - interval '16 minutes'")
        self.assertIn("Cleartext-Password", self._log_in(token, OTHER)[0])

    def test_guessing_from_many_devices_locks_new_ones(self):
        token, known = self._made(2)
        self._log_in(known)
        self._acct("Start", login=known.code, nas="127.0.3.1", mac=DEVICE, ip="10.5.50.2")
        for number in range(60):
            self.env.cr.execute("SELECT radius.postauth(%s, '127.0.3.1', %s, 'hs')", (f"guess{number}", f"AA:00:00:00:00:{number:02X}"))
        self.assertEqual(self._log_in(token, OTHER)[1], {"Reply-Message": "Too many wrong tries: wait a while"})
        self.assertIn("Cleartext-Password", self._log_in(known, DEVICE)[0])
        self.env.cr.execute("SELECT count(*) FROM isp_login_guess WHERE nas_ip = '127.0.0.1'")
        self.assertEqual(self.env.cr.fetchone(), (0,))

    def test_ten_thousand_codes_tried_by_one_device(self):
        """It is locked out after ten, and what it tries afterwards fills no table."""
        token = self._made()
        self.env["isp.login.attempt"].search([]).unlink()
        self.env.cr.execute("SELECT count(radius.postauth('code' || n, '127.0.3.1', %s, 'hs')) FROM generate_series(1, 10000) n", (OTHER,))
        self.env.invalidate_all()
        self.assertEqual(self._log_in(token, OTHER)[1], {"Reply-Message": "Too many wrong tries: wait a while"})
        self.assertIn("Cleartext-Password", self._log_in(token, DEVICE)[0])
        attempts = self.env["isp.login.attempt"].search([])
        self.assertLessEqual(len(attempts), 121)
        self.assertEqual(sum(attempts.mapped("times")), 10000)

    def test_owner_sees_own_tokens_only(self):
        own, foreign = self._made(), self._made(site=self.other_site)
        tokens = self.env["isp.token"].with_user(self.owner)
        self.assertEqual(tokens.search([]), own.with_user(self.owner))
        self.assertEqual(own.with_user(self.owner).password, own.code)
        with self.assertRaises(AccessError):
            foreign.with_user(self.owner).read(["code"])
        with self.assertRaises(AccessError):
            own.with_user(self.owner).write({"state": "sold"})
        self.assertEqual(self.env["isp.site"].with_user(self.owner).search([]).ids, self.site.ids)
        for name in ("wifi_password",):
            with self.assertRaises(AccessError):
                self.site.with_user(self.owner).read([name])
