# License AGPL-3.0 or later (https://www.gnu.org/licenses/agpl).
from odoo.exceptions import AccessError, UserError
from odoo.tests import tagged

from .common import DEVICE
from .test_batch import BatchCommon

LIST = ["code", "site_id", "offer_id", "state", "left_text", "online_count", "sold_at", "ends_at", "price", "time_text", "batch_id", "number"]


@tagged("post_install", "-at_install")
class TestDesk(BatchCommon):
    def _form(self, token, what, user=None, **more):
        action = token.with_user(user or self.manager).with_context(what=what).action_ask()
        wizard = self.env["isp.token.act"].with_user(user or self.manager).with_context(action["context"]).create({"reason": "he asked", **more})
        return wizard.action_apply()

    def test_each_step_is_kept_with_its_reason(self):
        token = self._made()
        self._log_in(token)
        self._follow()
        for what in ("pause", "resume", "move", "block", "unblock"):
            self._form(token, what)
        self._form(token, "extend", amount=2, unit="hour")
        self.assertEqual(token.seconds, 3600 + 7200)
        events = [(event.what, event.note) for event in token.event_ids.sorted("id")]
        self.assertEqual(events, [("paused", "he asked"), ("resumed", "he asked"), ("moved", "he asked"), ("blocked", "he asked"), ("unblocked", "he asked"), ("extended", "2 hours more · he asked")])
        self.assertEqual(token.event_ids.user_id, self.manager)
        self.assertNotIn("Auth-Type", self._log_in(token)[0])

    def test_no_reason_nothing_done(self):
        token = self._made()
        with self.assertRaises(UserError):
            token.with_user(self.manager)._act("block", " ")
        self.assertEqual(token.state, "made")

    def test_who_may_do_what(self):
        may = {"block": True, "pause": True, "resume": True, "move": True, "unblock": False, "extend": False}
        for what, allowed in may.items():
            with self.subTest(what):
                token = self._made(state="sold")
                if allowed:
                    self._form(token, what, self.care)
                    continue
                for step in (lambda token=token, what=what: token.with_user(self.care).with_context(what=what).action_ask(), lambda token=token, what=what: token.with_user(self.care)._act(what, "x", 60)):
                    with self.assertRaises(AccessError):
                        step()
        # The form cannot be made to say something else than its user may.
        wizard = self.env["isp.token.act"].with_user(self.care).create({"token_ids": self._made().ids, "what": "extend", "reason": "x"})
        with self.assertRaises(AccessError):
            wizard.action_apply()

    def test_owners_do_it_by_their_own_pages(self):
        token = self._made()
        for what in ("block", "extend"):
            with self.assertRaises(AccessError):
                token.with_user(self.owner).with_context(what=what).action_ask()
        with self.assertRaises(AccessError):
            token.with_user(self.owner).action_view_sessions() and self.env["isp.session"].with_user(self.owner).search([])

    def test_what_is_shown_is_true_now(self):
        token = self._made(volume_bytes=50_000_000)
        self.assertEqual((token.left_text, token.data_left_text, token.online_count, token.time_text), ("1 h 00 min", "50 MB", 0, "1 hour"))
        self._log_in(token)
        self._acct("Start", login=token.code, nas="127.0.3.1", mac=DEVICE, ip="10.5.50.2")
        self._later(mins=39)
        self._acct("Interim-Update", login=token.code, nas="127.0.3.1", mac=DEVICE, seconds=2340, down=20_000_000)
        self.assertEqual((token.left_text, token.data_left_text, token.online_count), ("21 min", "30 MB", 1))
        self.assertIn("Access-Accept", token.with_user(self.care).radius_answer)
        token._block()
        self.assertIn("This account is closed", token.with_user(self.care).radius_answer)
        self.assertEqual(self.env["isp.token"]._duration_text(3 * 86400 + 5 * 3600), "3 d 5 h")

    def test_lists_ask_little(self):
        """As many questions for eighty tokens as for eight."""
        batch = self._batch(80)
        counts = []
        for limit in (8, 80):
            self.env.invalidate_all()
            before = self.env.cr.sql_log_count
            tokens = self.env["isp.token"].with_user(self.manager)
            found = tokens.web_search_read([("batch_id", "=", batch.id)], {name: {} for name in LIST}, limit=limit)
            self.assertEqual(len(found["records"]), limit)
            counts.append(self.env.cr.sql_log_count - before)
        self.assertLessEqual(counts[1], counts[0])
        self.assertEqual(sorted(record["number"] for record in found["records"]), list(range(1, 81)))

    def test_hotspots_in_figures(self):
        self._place()
        self._place("free")
        self._batch(3)
        token = self._made(site=self.other_site)
        self._log_in(token, nas="127.0.3.2")
        self._acct("Start", login=token.code, nas="127.0.3.2", mac=DEVICE, ip="10.5.50.2")
        sites = (self.site + self.other_site).with_user(self.care)
        for name, wanted in (("token_good_count", [5, 1]), ("sold_today", [500, 0]), ("batch_count", [1, 0]), ("online_count", [0, 1]), ("owed_count", [0, 0])):
            with self.subTest(name):
                counts = []
                for some in (sites[0], sites):
                    self.env.invalidate_all()
                    before = self.env.cr.sql_log_count
                    found = some.mapped(name)
                    counts.append(self.env.cr.sql_log_count - before)
                self.assertEqual(found, wanted)
                self.assertLessEqual(counts[1], counts[0])

    def test_buttons_of_a_hotspot(self):
        self._place()
        self._place("free", site=self.other_site)
        for name, model in (("tokens", "isp.token"), ("orders", "isp.token.order"), ("batches", "isp.token.batch"), ("owed", "isp.token.order")):
            action = getattr(self.site.with_user(self.care), f"action_view_{name}")()
            found = self.env[model].search(action["domain"])
            self.assertEqual((action["res_model"], found.site_id), (model, self.site if name in ("tokens", "orders") else self.site.browse()))

    def test_time_of_an_offer_as_it_is_said(self):
        self.assertEqual((self.offer.time_count, self.offer.time_unit), (1, "hour"))
        self.offer.write({"time_count": 2, "time_unit": "week"})
        self.assertEqual(self.offer.seconds, 14 * 86400)
        offer = self.env["isp.token.offer"].create({"site_id": self.site.id, "name": "Lunch", "time_count": 45, "time_unit": "minute"})
        self.assertEqual((offer.seconds, offer.time_count, offer.time_unit), (2700, 45, "minute"))
