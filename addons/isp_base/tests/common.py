# License AGPL-3.0 or later (https://www.gnu.org/licenses/agpl).
from odoo.tests import TransactionCase


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
