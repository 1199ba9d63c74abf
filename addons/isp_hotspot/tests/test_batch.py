# License AGPL-3.0 or later (https://www.gnu.org/licenses/agpl).
import uuid
from datetime import timedelta
from unittest.mock import patch

from odoo import fields
from odoo.exceptions import AccessError, UserError
from odoo.tests import new_test_user, tagged

from odoo.addons.queue_job.tests.common import trap_jobs

from ..models import isp_token_batch
from .common import DEVICE, OTHER, HotspotCommon

REJECTED = {"Auth-Type": "Reject"}


class BatchCommon(HotspotCommon):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.manager = new_test_user(cls.env, "manager", groups="isp_base.group_isp_billing_manager", company_id=cls.env.company.id)
        cls.care = new_test_user(cls.env, "care", groups="isp_base.group_isp_customer_service", company_id=cls.env.company.id)

    def _batch(self, count=5, site=None, key=None, **more):
        site = site or self.site
        terms = {**site.offer_ids[0]._prepare_terms(), **more.pop("terms", {})}
        return self.env["isp.token.batch"]._place(site, key or str(uuid.uuid4()), terms, count, **more)

    def _refused(self, token, mac=DEVICE):
        return self._log_in(token, mac)[0] == REJECTED


@tagged("post_install", "-at_install")
class TestBatch(BatchCommon):
    def test_form_makes_it(self):
        self.env.user.tz = "Africa/Juba"
        wizard = self.env["isp.token.batch.make"].with_user(self.manager).create({"site_id": self.site.id, "offer_id": self.offer.id, "count": 7})
        batch = self.env["isp.token.batch"].browse(wizard.action_make()["res_id"])
        self.assertEqual((batch.made_count, batch.left_count, batch.state, batch.price, batch.user_id), (7, 7, "made", 500, self.manager))
        self.assertNotIn("Auth-Type", self._log_in(batch.token_ids[0])[0])

    def test_form_sent_twice_is_one_batch(self):
        wizard = self.env["isp.token.batch.make"].with_user(self.manager).create({"site_id": self.site.id, "offer_id": self.offer.id, "count": 7})
        self.assertEqual(wizard.action_make(), wizard.action_make())
        self.assertEqual(self.env["isp.token"].search_count([("site_id", "=", self.site.id)]), 7)
        with self.assertRaises(UserError):
            self._batch(site=self.other_site, key=wizard.uuid)

    def test_own_terms(self):
        wizard = self.env["isp.token.batch.make"].create({"site_id": self.site.id, "count": 2, "amount": 90, "unit": "minute", "price": 300, "devices": 2, "volume_mb": 50})
        batch = self.env["isp.token.batch"].browse(wizard.action_make()["res_id"])
        token = batch.token_ids[0]
        self.assertEqual((token.seconds, token.price, token.devices, token.volume_bytes), (5400, 300, 2, 50_000_000))

    def test_time_from_the_sale_is_no_batch(self):
        self.offer.counting = "sale"
        wizard = self.env["isp.token.batch.make"].create({"site_id": self.site.id, "offer_id": self.offer.id, "count": 2})
        with self.assertRaises(UserError):
            wizard.action_make()

    def test_what_cannot_be(self):
        for values in ({"count": 0}, {"count": 100_001}, {"until": fields.Datetime.now() - timedelta(days=1)}):
            with self.subTest(values), self.assertRaises(UserError):
                self._batch(**values)
        self.site.action_block()
        with self.assertRaises(UserError):
            self._batch()

    def test_good_until(self):
        batch = self._batch(until=fields.Datetime.now() + timedelta(minutes=30))
        self.assertAlmostEqual(int(self._log_in(batch.token_ids[0])[1]["Session-Timeout"]), 1800, delta=5)
        self._later(mins=31)
        self._follow()
        self.assertEqual(set((batch.token_ids - batch.token_ids[0]).mapped("state")), {"expired"})
        self.assertTrue(self._refused(batch.token_ids[1]))

    def test_many_are_made_by_jobs_each_a_transaction(self):
        with patch.object(isp_token_batch, "AT_ONCE", 40), trap_jobs() as trap:
            batch = self._batch(count=100)
            self.assertEqual((batch.state, batch.made_count), ("making", 40))
            trap.assert_jobs_count(1, only=batch._fill)
            batch._fill()
            self.assertEqual((batch.state, batch.made_count), ("making", 80))
            batch._fill()
            self.assertEqual((batch.state, batch.made_count), ("made", 100))
            batch._fill()
        self.assertEqual(batch.made_count, 100)
        self.assertEqual(len(set(batch.token_ids.mapped("code"))), 100)

    def test_a_job_cut_off_makes_none_too_many(self):
        with patch.object(isp_token_batch, "AT_ONCE", 40), trap_jobs():
            batch = self._batch(count=100)
            with self.assertRaises(ZeroDivisionError), self.env.cr.savepoint():
                batch._fill()
                raise ZeroDivisionError
            self.assertEqual(batch.made_count, 40)
            batch._fill()
            batch._fill()
        self.assertEqual((batch.made_count, batch.state), (100, "made"))

    def test_block_refuses_at_once_and_puts_off(self):
        batch = self._batch(300)
        used, unused, other = batch.token_ids[0], batch.token_ids[1], self._made()
        self._log_in(used)
        self._acct("Start", login=used.code, nas="127.0.3.1", mac=DEVICE, ip="10.5.50.2")
        self._follow()
        with self.assertQueryCount(60):
            batch.with_user(self.manager)._act("block", "the box was stolen")
        self.assertEqual((batch.state, batch.blocked_count, batch.left_count), ("blocked", 300, 0))
        self.assertTrue(self._refused(used) and self._refused(unused))
        self.assertFalse(self._refused(other))
        tasks = self.env["isp.router.task"].search([("access_id", "in", batch.token_ids.access_id.ids)])
        self.assertEqual((tasks.access_id, tasks.kind), (used.access_id, "disconnect"))
        event = unused.event_ids
        self.assertEqual((event.what, event.note, event.user_id), ("blocked", "the box was stolen", self.manager))
        self.assertIn("the box was stolen", batch.message_ids[0].body)
        self.assertEqual(batch.message_ids[0].author_id, self.manager.partner_id)
        batch._block("again")
        self.assertEqual(len(unused.event_ids), 1)

    def test_unblock_gives_back_what_was(self):
        batch = self._batch(6)
        used, sold, made, alone, paused, expired = batch.token_ids
        self._log_in(used)
        self._log_in(expired, OTHER)
        self._follow()
        expired.ends_at = fields.Datetime.now() - timedelta(minutes=1)
        self._follow()
        sold._sell()
        alone._block("this one only")
        paused._sell()
        paused._pause()
        before = batch.token_ids.mapped("state")
        self.assertEqual(before, ["in_use", "sold", "made", "blocked", "sold", "expired"])
        batch._block("lost")
        self.assertEqual(set(batch.token_ids.mapped("state")), {"blocked"})
        batch._unblock("found")
        self._follow()
        self.assertEqual(batch.token_ids.mapped("state"), before)
        self.assertEqual([self._refused(token) for token in (used, sold, made, alone, paused)], [False, False, False, True, True])
        self.assertEqual(batch.state, "made")
        paused._resume()
        self.assertFalse(self._refused(paused))

    def test_one_of_a_blocked_batch(self):
        """Unblocked on its own it goes its own way."""
        batch = self._batch(2)
        token = batch.token_ids[0]
        batch._block("lost")
        token._unblock("the guest has the receipt")
        self.assertFalse(self._refused(token))
        token._block("again")
        batch._unblock("found")
        self.assertEqual(batch.token_ids.mapped("state"), ["blocked", "made"])

    def test_who_may_block(self):
        batch = self._batch(2)
        for user in (self.care, self.owner, self.other_owner):
            with self.subTest(user.login), self.assertRaises(AccessError):
                batch.with_user(user)._act("block", "x")
        with self.assertRaises(UserError):
            batch.with_user(self.manager)._act("block", "  ")

    def test_a_batch_with_tokens_stays(self):
        batch = self._batch(2)
        with self.assertRaises(UserError):
            batch.unlink()

    def test_list_of_batches_is_a_few_queries(self):
        batches = self._batch(3) + self._batch(4) + self._batch(5)
        self.env.invalidate_all()
        batches.mapped("name")
        with self.assertQueryCount(1):
            self.assertEqual(sorted(batches.mapped("left_count")), [3, 4, 5])
            batches.mapped("used_count")

    def test_file_of_codes(self):
        self.site.ssid = '=HYPERLINK("http://bad")'
        batch = self._batch(3)
        content = batch._codes_csv()
        self.assertTrue(content.startswith(b"\xef\xbb\xbf"))
        lines = content.decode("utf-8-sig").splitlines()
        self.assertEqual(len(lines), 4)
        for number, (line, token) in enumerate(zip(lines[1:], batch.token_ids.sorted("id"), strict=True), 1):
            self.assertTrue(line.startswith(f"{number},{token.code},{token.code},"))
            self.assertIn("'=HYPERLINK", line)
        allowed = {user: batch.with_user(user)._may_have_codes() for user in (self.manager, self.owner, self.care, self.other_owner)}
        self.assertEqual(list(allowed.values()), [True, True, False, False])
