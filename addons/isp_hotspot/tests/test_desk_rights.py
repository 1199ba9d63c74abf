# License AGPL-3.0 or later (https://www.gnu.org/licenses/agpl).
import base64

from odoo.exceptions import AccessError, UserError
from odoo.tests import new_test_user, tagged
from odoo.tools import mute_logger

from .test_reseller import ResellerCommon

#: Who may what: r(ead), w(rite), c(reate), u(nlink), of one's own where rules say so.
ROLES = {
    "technician": "isp_base.group_isp_technician",
    "care": "isp_base.group_isp_customer_service",
    "manager": "isp_base.group_isp_billing_manager",
    "admin": "isp_base.group_isp_administrator",
    "cashier": "isp_cash.group_isp_cashier",
    "customer": "base.group_portal",
    "owner": "isp_hotspot.group_hotspot_owner",
    "reseller": "isp_hotspot.group_hotspot_reseller",
}
TABLE = {
    #                         technician care  manager  admin   cashier customer owner reseller
    "isp.site":               ("r",      "r",  "rwc",   "rwcu", "",     "",      "r",  ""),
    "isp.token.offer":        ("r",      "r",  "rwcu",  "rwcu", "",     "",      "r",  ""),
    "isp.token":              ("",       "r",  "r",     "r",    "",     "",      "r",  "r"),
    "isp.token.event":        ("",       "r",  "r",     "r",    "",     "",      "r",  ""),
    "isp.token.order":        ("",       "r",  "rw",    "rw",   "",     "",      "r",  "r"),
    "isp.token.batch":        ("",       "r",  "rw",    "rw",   "",     "",      "r",  "r"),
    "isp.token.print":        ("",       "",   "r",     "r",    "",     "",      "r",  ""),
    "isp.token.import":       ("",       "",   "rwcu",  "rwcu", "",     "",      "",   ""),
    "isp.token.import.line":  ("",       "",   "r",     "r",    "",     "",      "",   ""),
    "isp.reseller":           ("",       "r",  "rwcu",  "rwcu", "",     "",      "r",  "r"),
    "isp.reseller.entry":     ("",       "",   "r",     "r",    "",     "",      "r",  "r"),
    "isp.hotspot.tariff":     ("",       "r",  "rwcu",  "rwcu", "",     "",      "r",  ""),
    "isp.site.statement":     ("",       "r",  "rw",    "rw",   "",     "",      "r",  ""),
    "isp.site.day":           ("",       "",   "r",     "r",    "",     "",      "",   ""),
    "isp.portal.try":         ("",       "r",  "r",     "r",    "",     "",      "",   ""),
    "isp.owner.code":         ("",       "",   "",      "ru",   "",     "",      "",   ""),
    "isp.owner.meter":        ("",       "",   "",      "ru",   "",     "",      "",   ""),
    "isp.site.holder":        ("",       "",   "",      "ru",   "",     "",      "",   ""),
    "isp.site.device":        ("",       "",   "",      "r",    "",     "",      "",   ""),
    "isp.token.act":          ("",       "rwc", "rwc",  "rwc",  "",     "",      "",   ""),
    "isp.token.give":         ("",       "rwc", "rwc",  "rwc",  "",     "",      "",   ""),
    "isp.token.batch.act":    ("",       "",   "rwc",   "rwc",  "",     "",      "",   ""),
    "isp.token.batch.give":   ("",       "",   "rwc",   "rwc",  "",     "",      "",   ""),
    "isp.token.batch.make":   ("",       "",   "rwc",   "rwc",  "",     "",      "",   ""),
    "isp.token.batch.print":  ("",       "",   "rwc",   "rwc",  "",     "",      "",   ""),
    "isp.reseller.cash":      ("",       "",   "rwc",   "rwc",  "",     "",      "",   ""),
}  # fmt: skip
#: Fields that only some of those who read the model may read.
FIELDS = {
    ("isp.token", "password"): {"care", "manager", "admin", "owner", "reseller"},
    ("isp.site", "wifi_password"): {"admin"},
    ("isp.site", "sold_today"): {"care", "manager", "admin", "owner"},
}
#: Public methods and who may call them on a record of their own; all others are refused, or nothing comes of it.
METHODS = {
    ("isp.site", "action_open"): {"manager", "admin"},
    ("isp.site", "action_block"): {"manager", "admin"},
    ("isp.token.order", "action_issue"): {"manager", "admin"},
    ("isp.token.batch", "action_fill"): {"manager", "admin"},
    ("isp.token.batch", "action_give"): {"manager", "admin"},
    ("isp.token.batch", "action_ask"): {"manager", "admin"},
    ("isp.reseller", "action_cash"): {"manager", "admin", "owner"},
}


@tagged("post_install", "-at_install")
class TestDeskRights(ResellerCommon):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.users = {role: new_test_user(cls.env, f"r-{role}", groups=group, company_id=cls.env.company.id) for role, group in ROLES.items()}
        cls.users.update(owner=cls.owner, reseller=cls.seller)
        batch = cls.env["isp.token.batch"]._place(cls.site, "rights", cls.offer._prepare_terms(), 3)
        batch._give(cls.reseller, "consignment")
        cls.reseller._take("rights", "topup", 5000)
        order = cls.reseller._sell("rights", cls.offer)
        record = cls.env["isp.token.import"].create({"site_id": cls.site.id, "offer_id": cls.offer.id, "file": base64.b64encode(b"code\nshort\n")})
        cls.env["isp.token.import"].browse(record.action_read()["res_id"])
        order.token_id._block("x")
        cls.records = {
            "isp.site": cls.site,
            "isp.token.offer": cls.offer,
            "isp.token": order.token_id,
            "isp.token.event": order.token_id.event_ids,
            "isp.token.order": order,
            "isp.token.batch": batch,
            "isp.token.print": cls.env["isp.token.print"]._ask(batch, "slip", "en_US"),
            "isp.token.import": record,
            "isp.token.import.line": record.line_ids,
            "isp.reseller": cls.reseller,
            "isp.reseller.entry": cls.reseller.entry_ids[0],
        }

    def test_table(self):
        """Every model of this add-on, every role, every right: by model and, for what is theirs, by record."""
        models = {name for name, model in self.env.registry.items() if model._original_module == "isp_hotspot" and not model._abstract}
        self.assertEqual(models, set(TABLE), "A model of this add-on stands in no table of rights.")
        for model, cells in TABLE.items():
            for (role, user), cell in zip(self.users.items(), cells, strict=True):
                found = "".join(letter for letter, right in (("r", "read"), ("w", "write"), ("c", "create"), ("u", "unlink")) if self.env[model].with_user(user).has_access(right))
                self.assertEqual(found, cell, f"{model}: {role}")
                if model in self.records:
                    self.assertEqual(self.records[model].with_user(user).sudo(False).has_access("read"), "r" in cell, f"{model}: {role}")

    def test_who_gives_and_sells(self):
        """Staff sell at the ISP's own hotspots; gifts are the billing manager's; another owner's hotspot is the owner's."""
        own = self.env["isp.site"].create({"name": "Plaza", "ssid": "Plaza"})
        own.offer_ids[0].price = 500
        forms = self.env["isp.token.give"]

        def give(role, **values):
            form = forms.with_user(self.users[role]).create({"site_id": own.id, "offer_id": own.offer_ids[0].id, **values})
            return form, form.action_give()

        form, action = give("care", method="cash", phone="0921234567")
        order = self.env["isp.token.order"].search([("uuid", "=", form.uuid)])
        self.assertEqual((order.amount, order.user_id, order.phone, action["res_id"]), (500, self.users["care"], "+211921234567", order.token_id.id))
        self.assertEqual(form.action_give(), action, "a double click is one token")
        self.assertEqual(len(self.env["isp.token.order"].search([("site_id", "=", own.id)])), 1)
        _form, action = give("manager", method="free", offer_id=False, amount=2, unit="day", devices=3)
        token = self.env["isp.token"].browse(action["res_id"])
        self.assertEqual((token.seconds, token.devices, token.order_ids.amount), (2 * 86400, 3, 0))
        for role, values in (("care", {"method": "free"}), ("care", {"site_id": self.site.id, "offer_id": self.offer.id}), ("manager", {"site_id": self.site.id, "offer_id": self.offer.id})):
            with self.assertRaises(AccessError):
                give(role, **values)
        with self.assertRaisesRegex(UserError, "another hotspot"):
            give("care", offer_id=self.offer.id)
        with self.assertRaisesRegex(UserError, "cost"):
            give("care", price=0)

    def test_another_owner_has_nothing_of_it(self):
        other = self._create_hotspot("lado", "Lado Shop", "127.0.3.9")[0]
        stranger = new_test_user(self.env, "seller9", groups="isp_hotspot.group_hotspot_reseller", company_id=self.env.company.id)
        for user in (other, stranger):
            for model, record in self.records.items():
                self.assertFalse(record.with_user(user).sudo(False).has_access("read"), f"{model}: {user.login}")
                if self.env[model].with_user(user).has_access("read"):
                    self.assertFalse(self.env[model].with_user(user).search([("id", "in", record.ids)]), f"{model}: {user.login}")

    def test_fields(self):
        for (model, field), readers in FIELDS.items():
            for role, user in self.users.items():
                record = self.records[model].with_user(user).sudo(False)
                if not record.has_access("read"):
                    continue
                record.invalidate_recordset()
                try:
                    record.read([field])
                    may = True
                except AccessError:
                    may = False
                self.assertEqual(may, role in readers, f"{model}.{field}: {role}")

    @mute_logger("odoo.models.unlink")
    def test_methods(self):
        """What is called by name over the network asks who calls."""
        for (model, method), callers in METHODS.items():
            for role, user in {**self.users, "other": self.other_owner}.items():
                record = self.records[model].with_user(user).sudo(False).with_context(what="block")
                with self.env.cr.savepoint() as savepoint:
                    try:
                        getattr(record, method)()
                        may = True
                    except AccessError:
                        may = False
                    except UserError:
                        may = True
                    savepoint.rollback()
                self.env.invalidate_all()
                self.assertEqual(may, role in callers, f"{model}.{method}: {role}")

    def test_states_are_not_written_by_hand(self):
        """Where a manager may write, what decides about money and codes is not among it."""
        manager = self.users["manager"]
        batch, order = self.records["isp.token.batch"].with_user(manager), self.records["isp.token.order"].with_user(manager)
        for record, values in ((batch, {"state": "made"}), (batch, {"reseller_id": False}), (batch, {"net": 1}), (order, {"state": "owed"}), (order, {"amount": 1})):
            with self.subTest(values), self.assertRaises(UserError):
                record.write(values)
        batch.write({"name": "Box 7", "note": "in the safe"})

    def test_no_menu_leads_into_a_wall(self):
        """Whoever sees a menu may read what it opens."""
        root = self.env.ref("isp_hotspot.menu_isp_hotspot")
        for role in ("technician", "care", "manager", "admin"):
            env = self.env(user=self.users[role])
            below = env["ir.ui.menu"].sudo().search([("id", "child_of", root.id), ("action", "!=", False)])
            seen = below.filtered(lambda menu, env=env: menu.id in env["ir.ui.menu"]._visible_menu_ids())
            self.assertTrue(seen)
            for menu in seen:
                self.assertTrue(env[menu.sudo().action.res_model].has_access("read"), f"{menu.name}: {role}")
