# License AGPL-3.0 or later (https://www.gnu.org/licenses/agpl).
from odoo.exceptions import UserError
from odoo.tests import TransactionCase, new_test_user
from odoo.tools import mute_logger


class IspCommon(TransactionCase):
    """A plan, a customer and a subscription to play with."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.env = cls.env(context={**cls.env.context, "tracking_disable": True})
        cls.plan = cls._create_plan("T-HOME")
        cls.partner = cls.env["res.partner"].create({"name": "Achol Deng", "isp_account_no": "T1"})

    @classmethod
    def _create_plan(cls, code, **vals):
        return cls.env["isp.plan"].create(
            {"code": code, "name": code.title(), "list_price": 180000, "down_kbps": 2048, "up_kbps": 1024, **vals}
        )

    @classmethod
    def _create_subscription(cls, state=None, **vals):
        subscription = cls.env["isp.subscription"].create(
            {"partner_id": cls.partner.id, "plan_id": cls.plan.id, "anchor_day": 1, **vals}
        )
        if state:
            subscription._set_state(state, "activation")
        return subscription


class RightsMixin:
    """Rights, cell by cell: what each role may do with the rows of each model, and that what it may not is refused when tried.

    ``made[model]``: rows to try on. Of a model without one only its rights by role are looked at, and whether a row can be made.
    """

    ROLES = (
        "isp_base.group_isp_administrator",
        "isp_base.group_isp_billing_manager",
        "isp_base.group_isp_customer_service",
        "isp_base.group_isp_technician",
        "base.group_portal",
    )
    OPERATIONS = {"R": "read", "W": "write", "C": "create", "D": "unlink"}

    def _assert_rights(self, module, table):
        """:param table: {model: letters of each of ``ROLES``}, of every model that ``module`` makes"""
        models = self.env["ir.model"].search([("model", "=like", "isp.%"), ("transient", "=", False), ("abstract", "=", False)])
        own = {model.model for model in models if model.get_external_id()[model.id].startswith(f"{module}.")}
        self.assertFalse(own - table.keys(), "a new model has rights too")
        for number, role in enumerate(self.ROLES):
            self._assert_role(role, {model: letters[number] for model, letters in table.items()})

    def _assert_role(self, role, table):
        """:param table: {model: letters}"""
        user = self._user_of(role)
        for model, letters in table.items():
            row = self.made.get(model, self.env[model])[:1].with_user(user).sudo(False)
            for letter, operation in self.OPERATIONS.items():
                may = row.has_access(operation)
                self.assertEqual(may, letter in letters, f"{role} {'may' if may else 'may not'} {operation} {model}")
                if not may and (row or operation == "create"):
                    with self.subTest(role=role, model=model, operation=operation), mute_logger("odoo.addons.base.models.ir_model", "odoo.addons.base.models.ir_rule"):
                        with self.assertRaises(UserError):  # AccessError is one
                            self._try(row, operation)

    def _user_of(self, role):
        return new_test_user(self.env, f"rights-{role}", groups=role)

    @staticmethod
    def _try(row, operation):
        """Really do it, the way an RPC call would."""
        if operation == "read":
            row.invalidate_recordset()
            row.read(["display_name"])
        elif operation == "write":
            row.write({})
        elif operation == "create":
            row.create({})
        else:
            row.unlink()
