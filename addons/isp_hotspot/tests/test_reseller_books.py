# License AGPL-3.0 or later (https://www.gnu.org/licenses/agpl).
import random
import uuid
from datetime import timedelta
from unittest.mock import patch

from psycopg2.errors import UniqueViolation

from odoo.exceptions import AccessError, UserError
from odoo.fields import Command
from odoo.tests import Form, new_test_user, tagged
from odoo.tools import mute_logger

from odoo.addons.isp_billing_momo.tests.common import BridgeCommon

from .common import HotspotMixin

DAY = timedelta(days=1)


@tagged("post_install", "-at_install")
class TestResellerBooks(HotspotMixin, BridgeCommon):
    """What resellers of the ISP's own hotspots pay, owe and keep, in the books: at any moment what their ledger says."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls._create_hotspots()
        cls.site.partner_id = cls.company.partner_id
        cls.accounts = {
            name: cls._account(name, kind) for name, kind in (("float", "liability_current"), ("debt", "asset_current"), ("share", "expense"))
        }
        cls.company.write({f"isp_reseller_{name}_account_id": account.id for name, account in cls.accounts.items()})
        cls.bank = cls.env["account.journal"].create({"name": "Bank", "code": "RBNK", "type": "bank", "company_id": cls.company.id})
        cls.cash = cls.company._isp_reseller_journal("cash")
        cls.tax = cls.env["account.tax"].create({"name": "Excise", "amount": 20, "type_tax_use": "sale", "price_include_override": "tax_excluded"})
        cls.env.ref("isp_hotspot.product_token").taxes_id = cls.tax
        cls.days = cls.env["isp.site.day"]
        cls.reseller, cls.second = (cls._create_reseller(name, commission) for name, commission in (("garang", 10), ("nyibol", 7.5)))

    @classmethod
    def _create_reseller(cls, login, commission, site=None):
        site = site or cls.site
        user = new_test_user(cls.env, login, groups="base.group_portal", company_id=cls.company.id, company_ids=[Command.set(cls.company.ids)])
        values = {"partner_id": user.partner_id.id, "user_id": user.id, "owner_id": site.partner_id.id, "site_ids": [Command.set(site.ids)]}
        return cls.env["isp.reseller"].create({**values, "commission": commission, "company_id": cls.company.id})

    # === What happens ===

    def _money(self, kind="topup", amount=1000, reseller=None, **more):
        return (reseller or self.reseller).with_user(self.manager)._take(str(uuid.uuid4()), kind, amount, **more)

    def _sell(self, reseller=None, offer=None):
        return (reseller or self.reseller).sudo()._sell(str(uuid.uuid4()), offer or self.offer)

    def _batch(self, count=3, price=500):
        terms = {**self.offer._prepare_terms(), "price": price}
        return self.env["isp.token.batch"]._place(self.site, str(uuid.uuid4()), terms, count)

    def _use(self, token):
        self.env.cr.execute("SELECT radius.first_use(%s, '127.0.3.1', NULL)", [token.code])
        self.env["isp.token"]._follow_begun()
        self.env["isp.token.batch"]._follow_consignment()

    def _night(self, days=1):
        """Days go by, and the job runs."""
        self.env.flush_all()
        for table, column in (("isp_reseller_entry", "at"), ("isp_token_order", "done_at")):
            self.env.cr.execute(f"UPDATE {table} SET {column} = {column} - make_interval(days => %s)", [days])  # pylint: disable=sql-injection
        for step in (days + 999, -999):  # in two steps: no day meets another on the way
            self.env.cr.execute("UPDATE isp_site_day SET day = day - %s", [step])
        self.env.invalidate_all()
        booked = self.days
        for site, day in self.days._open_days():
            booked |= self.days._book(site, day)
        return booked

    # === What the books say ===

    def _on(self, account, partner=None):
        domain = [("account_id", "=", account.id), ("parent_state", "=", "posted")]
        return sum(self.env["account.move.line"].search(domain + ([("partner_id", "=", partner.id)] if partner else [])).mapped("balance"))

    def _ledger(self, *kinds):
        entries = self.env["isp.reseller.entry"].search([("kind", "in", kinds)]) if kinds else self.env["isp.reseller.entry"].search([])
        return {name: sum(entries.mapped(name)) for name in ("price", "commission", "amount", "debt")}

    def _check(self, cash=0):
        """:param cash: sold by the ISP itself, in cash, and not taken in yet"""
        for reseller in self.reseller | self.second:
            self.assertEqual(-self._on(self.accounts["float"], reseller.partner_id), reseller.balance)
            self.assertEqual(self._on(self.accounts["debt"], reseller.partner_id), reseller.debt)
        sums = self._ledger("sale", "prepaid", "consignment", "return")
        self.assertEqual(self._on(self.accounts["share"]), sums["commission"])
        days = self.days.search([])
        signed = sum(days.invoice_id.mapped("amount_total_signed"))
        self.assertEqual((signed, sum(days.mapped("resold"))), (sums["price"] + cash, sums["price"]))
        guests = self.env.ref("isp_hotspot.partner_guest")
        receivable = guests.with_company(self.company).property_account_receivable_id
        self.assertEqual(self._on(receivable, guests), cash)
        self.assertEqual(sum(days.invoice_id.mapped("amount_residual_signed")), cash)
        money = self._ledger("topup", "settle", "payback", "correction")
        payments = self.env["account.payment"].sudo().search([("isp_reseller_entry_id", "!=", False)])
        self.assertEqual(sum(payments.mapped("amount_signed")), money["amount"] - money["debt"])
        self.assertFalse(payments.move_id.filtered(lambda move: move.state != "posted"))
        self.assertFalse(self.env["isp.reseller"]._audit())

    # === Money ===

    def test_money_is_a_payment_at_once_and_once(self):
        key = str(uuid.uuid4())
        for _time in range(2):
            entry = self.reseller.with_user(self.manager)._take(key, "topup", 1000, method="bank", reference="R 7")
        payment = entry.payment_ids
        self.assertEqual((len(payment), payment.amount, payment.payment_type, payment.journal_id.type, payment.move_id.state), (1, 1000, "inbound", "bank", "posted"))
        self.assertEqual(-self._on(self.accounts["float"], self.reseller.partner_id), 1000)
        self.assertIn("R 7", payment.memo)
        self.assertEqual(self._balance(self.reseller.partner_id), 0, "no credit of a customer")
        with self.assertRaises(UniqueViolation), mute_logger("odoo.sql_db"), self.env.cr.savepoint():
            payment.copy({"isp_reseller_entry_id": entry.id}).flush_recordset()

    def test_each_kind_of_money(self):
        self._money(amount=1000)
        self._money("payback", 300)
        self._money("correction", -200, note="counted wrongly")
        batch = self._batch()
        batch._give(self.reseller, "consignment")
        self._use(batch.token_ids[0])
        self._night()
        self._money("settle", 400)
        self._check()
        self.assertEqual((self._on(self.accounts["debt"]), self._on(self.accounts["float"])), (50, -500))
        self.assertEqual(self._on(self.cash.default_account_id), 1000 - 300 - 200 + 400)

    def test_cash_at_the_desk_is_in_the_drawer_of_the_shift(self):
        with self.assertRaises(UserError), self.env.cr.savepoint():
            self._money(journal=self.drawer)
        shift = self._open(self.manager, counts={1000: 1})
        entry = self._money(amount=700)
        self.assertEqual((entry.payment_ids.isp_shift_id, shift.expected), (shift, 1700))
        self._money("payback", 700)
        shift.invalidate_recordset()
        self.assertEqual(shift.expected, 1000)
        self._money(amount=2000, method="bank")
        with self.assertRaises(UserError), self.env.cr.savepoint():
            self._money("payback", 2000)
        self.env.invalidate_all()
        self._money("payback", 2000, method="bank")
        self._check()

    def test_form(self):
        with Form(self.env["isp.reseller.cash"].with_user(self.manager).with_context(default_reseller_id=self.reseller.id)) as form:
            self.assertEqual((form.journal_id, form.journal_id.type), (self.cash, "cash"))
            self.assertNotEqual(form.journal_id, self.drawer)
            form.method = "wallet"
            self.assertEqual(form.journal_id, self.provider.journal_id)
            form.method = "bank"
            self.assertEqual(form.journal_id, self.bank)
            form.amount = 800
        wizard = form.save()
        for _time in range(2):
            wizard.action_book()
        self.assertEqual((self.reseller.balance, -self._on(self.accounts["float"])), (800, 800))

    def test_without_an_account_nothing_is_booked(self):
        self.company.isp_reseller_float_account_id = False
        with self.assertRaisesRegex(UserError, "Floats of resellers"), self.env.cr.savepoint():
            self._money()
        self.env.invalidate_all()
        self.assertFalse(self.reseller.balance or self.reseller.entry_ids)

    def test_resellers_of_owners_are_not_in_the_books(self):
        theirs = self._create_reseller("lado", 10, self.other_site)
        self.other_site.offer_ids[0].price = 500
        self.assertFalse(theirs.own)
        entry = theirs.with_user(self.manager)._take("k", "topup", 1000)
        self._sell(theirs, self.other_site.offer_ids[0])
        self.assertFalse(entry.payment_ids or self._night() or theirs.entry_ids.day_id)
        self.assertEqual(theirs.balance, 550)

    # === Sales ===

    def test_a_sale_is_revenue_from_the_float_less_commission(self):
        self._money(amount=1000)
        self._sell()
        self._place()
        day = self._night()
        self.assertEqual((day.amount, day.resold, day.commission), (1000, 500, 50))
        self.assertEqual((day.invoice_id.amount_total, day.invoice_id.amount_residual, len(day.order_ids)), (1000, 500, 1))
        self.assertEqual(day.invoice_id.invoice_line_ids.mapped("quantity"), [2])
        self.assertAlmostEqual(day.invoice_id.amount_tax, 1000 / 6, delta=1)
        self._check(cash=500)
        self.assertFalse(self._night(0))

    def test_prepaid_batch_and_what_is_taken_back_of_it(self):
        self._money(amount=1350)
        batch = self._batch()
        batch._give(self.reseller, "prepaid")
        first = self._night()
        self._use(batch.token_ids[0])
        self.assertEqual((first.amount, first.commission), (1500, 150))
        self._check()
        batch._take_back("does not sell")
        second = self._night()
        self.assertEqual((second.amount, second.commission, second.invoice_id.move_type, second.invoice_id.amount_total), (-1000, -100, "out_refund", 1000))
        self._check()
        self.assertEqual((self._ledger("return")["price"], self.reseller.balance), (-1000, 900))

    def test_sold_and_taken_back_on_one_day_is_no_invoice(self):
        self._money(amount=1350)
        batch = self._batch()
        batch._give(self.reseller, "prepaid")
        batch._take_back("wrong one")
        day = self._night()
        self.assertFalse(day.amount or day.invoice_id or day.set_off_id)
        self._check()

    def test_consignment_is_revenue_when_used(self):
        batch = self._batch()
        batch._give(self.second, "consignment")
        self.assertFalse(self._night())
        self._use(batch.token_ids[0])
        day = self._night()
        self.assertEqual((day.amount, day.commission, self._on(self.accounts["debt"])), (500, 38, 462))
        batch._take_back("does not sell")
        self._night()
        self._check()

    def test_a_late_sale_stands_on_the_next_day(self):
        self._money(amount=2000)
        self._sell()
        first = self._night()
        late = self._sell()
        self.env["isp.reseller.entry"].flush_model()
        self.env.cr.execute("UPDATE isp_reseller_entry SET at = at - interval '1 day' WHERE order_id = %s", [late.id])
        self.env.invalidate_all()
        self.assertFalse(self._night(0), "it waits until the day after the booked one is over")
        self.assertEqual(first.amount, 500)
        second = self._night()
        self.assertEqual((second.amount, second.day - first.day, second.day), (500, DAY, self.company._isp_today() - DAY))
        self._sell()
        third = self._night()
        self.assertEqual((third.amount, third.day), (500, self.company._isp_today() - DAY), "and shifts nothing that comes after it")
        self._check()

    def test_days_of_an_outage_are_booked_each(self):
        self._money(amount=2000)
        self._sell()
        self.env.cr.execute("UPDATE isp_reseller_entry SET at = at - interval '2 days' WHERE kind = 'sale'")
        self._sell()
        self.env.invalidate_all()
        days = self._night()
        self.assertEqual((len(days), set(days.mapped("amount"))), (2, {500}))
        self._check()

    def test_cut_off_while_it_books(self):
        self._money(amount=1000)
        self._sell()
        self._place()
        for method in ("_invoice", "_set_off", "_reconcile"):
            with patch.object(type(self.days), method, side_effect=ConnectionError), self.assertRaises(ConnectionError), self.env.cr.savepoint():
                self._night()
            self.env.invalidate_all()
            self.assertFalse(self.days.search([]) or self.reseller.entry_ids.day_id)
        self.assertEqual(len(self._night()), 1)
        self._check(cash=500)

    def test_what_cannot_be_booked_waits(self):
        self._money(amount=1000)
        self._sell()
        self.company.isp_reseller_share_account_id = False
        with self.assertRaisesRegex(UserError, "Commission of resellers"), self.env.cr.savepoint():
            self._night()
        self.env.invalidate_all()
        self.company.isp_reseller_share_account_id = self.accounts["share"]
        self.assertEqual(len(self._night()), 1)
        self._check()

    def test_a_day_that_fails_holds_up_no_other(self):
        """The job: one hotspot's day is refused; the other's is booked, and the first is tried again."""
        park = self.env["isp.site"].create({"name": "Park", "company_id": self.company.id})
        for site in self.site | park:
            self._place("cash", site, amount=500)
        self.env["isp.token.order"].flush_model()
        self.env.cr.execute("UPDATE isp_token_order SET done_at = done_at - interval '1 day'")
        self.env.invalidate_all()
        book, bad = type(self.days)._book, [self.site]

        def refuse(days, site, day):
            if site in bad:
                raise UserError(site.name)
            return book(days, site, day)

        progress = patch.object(self.registry["ir.cron"], "_commit_progress", return_value=1)
        with progress, patch.object(type(self.days), "_book", refuse), patch.object(self.env.cr, "rollback"):
            with self.assertLogs("odoo.addons.isp_hotspot.models.isp_site_day", "WARNING") as logs:
                self.days._cron_book()
            self.assertEqual((len(logs.output), self.days.search([]).site_id), (1, park))
            bad.clear()
            self.days._cron_book()
            self.days._cron_book()
        self.assertEqual(self.days.search([]).mapped("amount"), [500, 500])
        self._check(cash=1000)

    def test_any_order_of_things(self):
        """Random days: the books are the ledger each night, and a second run of the job changes nothing."""
        for seed in range(4):
            with self.subTest(seed), self.env.cr.savepoint() as savepoint:
                self._live(random.Random(seed))
                savepoint.rollback()
            self.env.invalidate_all()

    def _live(self, dice):
        cash, batches = 0, self.env["isp.token.batch"]
        offers = self.site.offer_ids[:2]
        offers[1].price = 333
        for reseller in self.reseller | self.second:
            self._money(amount=20000, reseller=reseller)
        for _day in range(6):
            for _thing in range(dice.randrange(9)):
                what, reseller = dice.randrange(9), dice.choice(self.reseller | self.second)
                if what == 0:
                    self._money(amount=dice.randrange(1, 5000), reseller=reseller, method=dice.choice(("cash", "bank", "wallet")))
                elif what == 1:
                    self._money("payback", dice.randrange(1, 500), reseller=reseller)
                elif what == 2:
                    self._money("correction", dice.choice((-1, 1)) * dice.randrange(1, 300), reseller=reseller, note="counted")
                elif what == 3 and reseller.debt:
                    self._money("settle", max(reseller.debt // 2, 1), reseller=reseller)
                elif what == 4:
                    batch = self._batch(dice.randrange(1, 4), dice.choice((500, 201)))
                    batch._give(reseller, dice.choice(("prepaid", "consignment")))
                    batches |= batch
                elif what == 5 and batches.token_ids.filtered(lambda token: token.state == "made"):
                    self._use(dice.choice(batches.token_ids.filtered(lambda token: token.state == "made")))
                elif what == 6 and (left := batches.filtered("left_count")):
                    dice.choice(left)._take_back("back")
                elif what == 7:
                    cash += self._place(offer=dice.choice(offers)).amount
                else:
                    self._sell(reseller, dice.choice(offers))
            self._night()
            self._check(cash)
            self.assertFalse(self._night(0))
            self._check(cash)

    # === Rights ===

    def test_who_sees_and_does(self):
        entry = self._money()
        self.assertTrue(entry.with_user(self.manager).sudo(False).payment_ids)
        with self.assertRaises(AccessError):
            entry.with_user(self.reseller.user_id).sudo(False).read(["payment_ids"])
        with self.assertRaises(AccessError):
            entry.with_user(self.reseller.user_id).sudo(False).read(["day_id"])
        for user in (self.care, self.cashier, self.reseller.user_id, self.owner):
            with self.subTest(user.login), self.assertRaises(AccessError):
                self.reseller.with_user(user)._take(str(uuid.uuid4()), "topup", 100)
        self.assertEqual(self.env["account.payment"].sudo().search_count([("isp_reseller_entry_id", "!=", False)]), 1)
