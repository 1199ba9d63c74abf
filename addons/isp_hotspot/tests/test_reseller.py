# License AGPL-3.0 or later (https://www.gnu.org/licenses/agpl).
import uuid

import psycopg2

from odoo import fields
from odoo.exceptions import AccessError, UserError, ValidationError
from odoo.fields import Command
from odoo.tests import new_test_user, tagged
from odoo.tools import mute_logger

from .common import PHONE
from .test_batch import BatchCommon


class ResellerCommon(BatchCommon):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.seller = new_test_user(cls.env, "seller", groups="base.group_portal", name="Garang Kiosk", company_id=cls.env.company.id)
        cls.reseller = cls._create_reseller(cls.seller)

    @classmethod
    def _create_reseller(cls, user, site=None, **more):
        site = site or cls.site
        values = {"partner_id": user.partner_id.id, "user_id": user.id, "owner_id": site.partner_id.id, "site_ids": [Command.set(site.ids)], "commission": 10}
        return cls.env["isp.reseller"].create({**values, **more})

    def _top_up(self, amount=1000, reseller=None, key=None, kind="topup", **more):
        return (reseller or self.reseller).with_user(self.manager)._take(key or str(uuid.uuid4()), kind, amount, **more)

    def _sell(self, key=None, reseller=None, **more):
        reseller = (reseller or self.reseller).sudo()
        return reseller._sell(key or str(uuid.uuid4()), reseller.site_ids.offer_ids.sorted("id")[:1], **more)

    def _right(self):
        """Float and debt are the sums of the ledger."""
        self.assertFalse(self.env["isp.reseller"]._audit())


@tagged("post_install", "-at_install")
class TestReseller(ResellerCommon):
    def tearDown(self):
        self._right()
        super().tearDown()

    def test_top_up_once(self):
        key = str(uuid.uuid4())
        self.assertEqual(self._top_up(key=key, reference="R 7"), self._top_up(key=key))
        self.assertEqual((self.reseller.balance, len(self.reseller.entry_ids)), (1000, 1))
        entry = self.reseller.entry_ids
        self.assertEqual((entry.method, entry.reference, entry.user_id), ("cash", "R 7", self.manager))

    def test_form_sent_twice(self):
        wizard = self.env["isp.reseller.cash"].with_user(self.manager).create({"reseller_id": self.reseller.id, "amount": 700})
        wizard.action_book()
        wizard.action_book()
        self.assertEqual(self.reseller.balance, 700)

    def test_a_sale_is_price_less_commission(self):
        self._top_up()
        order = self._sell(phone="0921 234 567")
        self.assertEqual((order.state, order.amount, order.phone, order.reseller_id, order.token_id.reseller_id), ("done", 500, PHONE, self.reseller, self.reseller))
        entry = self.reseller.entry_ids[0]
        self.assertEqual((entry.kind, entry.price, entry.commission, entry.amount, entry.key), ("sale", 500, 50, -450, f"sale/{order.token_id.id}"))
        self.assertEqual(self.reseller.balance, 550)
        self.assertNotIn("Auth-Type", self._log_in(order.token_id)[0])

    def test_a_sale_sent_twice_is_one(self):
        self._top_up()
        key = str(uuid.uuid4())
        self.assertEqual(self._sell(key), self._sell(key))
        self.assertEqual(self.reseller.balance, 550)

    def test_never_below_zero(self):
        self._top_up(800)
        self._sell()
        tokens = self.env["isp.token"].search_count([])
        with self.assertRaises(UserError), self.env.cr.savepoint():
            self._sell()
        self.assertEqual((self.reseller.balance, self.env["isp.token"].search_count([])), (350, tokens))
        with self.assertRaises(UserError):
            self._top_up(351, kind="payback")
        with self.assertRaises(psycopg2.errors.CheckViolation), mute_logger("odoo.sql_db"), self.env.cr.savepoint():
            self.env.cr.execute("UPDATE isp_reseller SET balance = -1 WHERE id = %s", [self.reseller.id])

    def test_what_a_reseller_may_not_sell(self):
        self._top_up()
        self.assertRaises(UserError, self.reseller._sell, str(uuid.uuid4()), self.other_site.offer_ids[0])
        free = self.site.offer_ids[1]
        self.assertFalse(free.price)
        self.assertRaises(UserError, self.reseller._sell, str(uuid.uuid4()), free)
        for values in ({"method": "free"}, {"method": "cash", "amount": 1}):
            with self.env.cr.savepoint() as savepoint:
                try:
                    self._place(user=self.seller, **values)
                except UserError:
                    continue
                # A lower price on the paper does not make the owner's part smaller.
                self.assertEqual(self.reseller.balance, 550)
                savepoint.rollback()
        self.env.invalidate_all()

    def test_another_sellers_key_shows_nothing(self):
        other = self._create_reseller(new_test_user(self.env, "seller2", groups="base.group_portal", company_id=self.env.company.id))
        self._top_up()
        self._top_up(reseller=other)
        key = str(uuid.uuid4())
        self._sell(key)
        with self.assertRaises(UserError):
            self._sell(key, reseller=other)
        self.assertEqual(other.balance, 1000)

    def test_prepaid_batch(self):
        batch = self._batch(4)
        self._top_up(1799)
        with self.assertRaises(UserError), self.env.cr.savepoint():
            batch._give(self.reseller, "prepaid")
        self.env.invalidate_all()
        self._top_up(1)
        batch._give(self.reseller, "prepaid")
        self.assertEqual((self.reseller.balance, batch.state, batch.net, batch.token_ids.reseller_id), (0, "given", 450, self.reseller))
        with self.assertRaises(UserError):
            batch._give(self.reseller, "prepaid")
        self._log_in(batch.token_ids[0])
        self._follow()
        self.assertEqual((self.reseller.balance, self.reseller.debt), (0, 0))

    def test_take_back_once(self):
        batch = self._batch(4)
        self._top_up(1800)
        batch._give(self.reseller, "prepaid")
        self._log_in(batch.token_ids[0])  # RADIUS knows, the minute is not over
        batch._take_back("does not sell")
        self.assertEqual((self.reseller.balance, batch.returned_count), (1350, 3))
        self.assertEqual(batch.token_ids.mapped("state"), ["in_use", "blocked", "blocked", "blocked"])
        self.assertTrue(all(self._refused(token) for token in batch.token_ids[1:]))
        with self.assertRaises(UserError):
            batch._take_back("again")
        self.assertEqual(self.reseller.balance, 1350)
        with self.assertRaises(UserError):
            batch.token_ids[1]._unblock()
        batch._block("lost")
        batch._unblock("found")
        self.assertEqual(batch.token_ids.mapped("state"), ["in_use", "blocked", "blocked", "blocked"])

    def test_a_lost_batch_is_taken_back_too(self):
        """Lost at the reseller's: blocked at once, paid back when that is agreed."""
        batch = self._batch(3)
        self._top_up(1350)
        batch._give(self.reseller, "prepaid")
        batch._block("burnt")
        batch._take_back("agreed")
        self.assertEqual(self.reseller.balance, 1350)

    def test_consignment(self):
        batch = self._batch(4)
        batch._give(self.reseller, "consignment")
        self.assertEqual((self.reseller.balance, self.reseller.debt), (0, 0))
        self._log_in(batch.token_ids[0])
        self._log_in(batch.token_ids[1], "AA:BB:CC:00:00:07")
        self._follow()
        self.assertEqual((self.reseller.debt, batch.used_count), (900, 2))
        self._follow()
        self.env["isp.token"]._cron_follow_all()
        self.assertEqual(self.reseller.debt, 900)
        batch._take_back("does not sell")
        self.assertEqual((self.reseller.balance, self.reseller.debt, batch.returned_count), (0, 900, 2))
        with self.assertRaises(UserError), self.env.cr.savepoint():
            self._top_up(901, kind="settle")
        self._top_up(900, kind="settle")
        self.assertEqual(self.reseller.debt, 0)

    def test_used_in_the_minute_of_the_block_is_owed(self):
        batch = self._batch(2)
        batch._give(self.reseller, "consignment")
        used = batch.token_ids[0]
        self._log_in(used)
        batch._block("lost")
        self.assertEqual(used.state, "blocked")
        self._follow()
        self.assertEqual(self.reseller.debt, 450)
        batch._unblock("found")
        self.assertEqual(used.state, "in_use")

    def test_commission_as_it_was_at_hand_over(self):
        batch = self._batch(2)
        batch._give(self.reseller, "consignment")
        self.reseller.commission = 50
        self._log_in(batch.token_ids[0])
        self._follow()
        self.assertEqual(self.reseller.debt, 450)

    def test_whose_batches(self):
        batch = self._batch(2, site=self.other_site)
        with self.assertRaises(UserError):
            batch._give(self.reseller, "consignment")
        batch = self._batch(2)
        batch._block("lost")
        with self.assertRaises(UserError):
            batch._give(self.reseller, "consignment")

    def test_hotspots_are_the_owners(self):
        with self.assertRaises(ValidationError):
            self.reseller.site_ids = [Command.link(self.other_site.id)]
        with self.assertRaises(ValidationError):
            self.reseller.user_id = self.owner

    def test_ledger_is_never_changed(self):
        entry = self._top_up()
        for step in (lambda: entry.sudo().write({"amount": 5}), entry.sudo().unlink, lambda: self.reseller.with_user(self.manager).write({"balance": 10**6}), self.reseller.unlink):
            with self.assertRaises(UserError):
                step()
        created = self.env["isp.reseller"].with_user(self.manager).create({"partner_id": self.care.partner_id.id, "owner_id": self.site.partner_id.id, "site_ids": [Command.set(self.site.ids)], "balance": 500})
        self.assertEqual(created.balance, 0)

    def test_correction_says_why(self):
        with self.assertRaises(UserError):
            self._top_up(50, kind="correction")
        self._top_up(50, kind="correction", note="counted wrongly")
        self._top_up(-20, kind="correction", note="counted wrongly again")
        self.assertEqual(self.reseller.balance, 30)

    def test_who_books_money(self):
        self.reseller.with_user(self.owner)._take("k1", "topup", 100)
        self.assertEqual(self.reseller.balance, 100)
        for user in (self.care, self.seller, self.other_owner):
            with self.subTest(user.login), self.assertRaises(AccessError):
                self.reseller.with_user(user)._take(f"k{user.id}", "topup", 100)

    def test_statement(self):
        self._top_up(5000, reference="R 1")
        for _number in range(3):
            self._sell()
        batch = self._batch(2)
        batch._give(self.reseller, "prepaid")
        batch._take_back("no")
        statement = self.reseller._statement()
        self.assertEqual([(row["kind"], row["count"], row["amount"]) for row in statement["rows"]], [("topup", 0, 5000), ("sale", 3, -1350), ("prepaid", 2, -900), ("return", -2, 900)])
        self.assertEqual((statement["balance"], statement["sold"], statement["commission"]), (self.reseller.balance, 1500, 150))
        today = fields.Date.today()
        later = self.reseller._statement(since=fields.Date.add(today, days=2))
        self.assertEqual((later["opening"], later["rows"]), (self.reseller.balance, []))
        text = self.reseller._statement_csv().decode("utf-8-sig")
        self.assertEqual(len(text.splitlines()), 5)
        pdf, _kind = self.env["ir.actions.report"]._render_qweb_pdf("isp_hotspot.report_isp_reseller", self.reseller.ids)
        self.assertTrue(pdf.startswith(b"%PDF"))

    def test_a_reseller_sees_own_only(self):
        other = self._create_reseller(new_test_user(self.env, "seller2", groups="base.group_portal", company_id=self.env.company.id))
        self._top_up()
        self._top_up(reseller=other)
        mine, theirs, owners = self._sell(), self._sell(reseller=other), self._place()
        env = self.env(user=self.seller)
        self.assertEqual(env["isp.reseller"].search([]), self.reseller.with_env(env))
        self.assertEqual(env["isp.token.order"].search([]).ids, mine.ids)
        self.assertEqual(env["isp.token"].search([]).ids, mine.token_id.ids)
        self.assertEqual(env["isp.token"].search([]).password, mine.token_id.code)
        self.assertEqual(env["isp.reseller.entry"].search([]), self.reseller.entry_ids.with_env(env))
        for record in (theirs, owners, theirs.token_id, other, other.entry_ids):
            with self.subTest(record._name), self.assertRaises(AccessError):
                record.with_user(self.seller).sudo(False).read(["id", record._rec_name or "id"])
        for model in ("isp.site", "isp.token.offer", "isp.token.print"):
            self.assertFalse(env[model].has_access("read"), model)
