# License AGPL-3.0 or later (https://www.gnu.org/licenses/agpl).
from datetime import timedelta

from odoo import api, fields, models
from odoo.exceptions import UserError

from odoo.addons.isp_momo.drivers import WALLETS

#: Orders whose money goes back, or is back.
BACK = ("refunding", "refunded")


class IspSite(models.Model):
    """The money of a hotspot: what came in, what was kept, what was paid out."""

    _inherit = "isp.site"

    tariff_id = fields.Many2one("isp.hotspot.tariff", string="Commission", default=lambda self: self._usual_tariff(), tracking=True, ondelete="restrict")
    statement_ids = fields.One2many("isp.site.statement", "site_id", string="Statements", readonly=True)

    @api.model
    def _usual_tariff(self):
        return self.env["isp.hotspot.tariff"].search([("company_id", "=", self.env.company.id)], limit=1)

    def _due_domain(self, until):
        """Sales that stand on no statement yet: mobile money that is booked, and cash of which a commission is due."""
        return [
            ("site_id", "=", self.id),
            ("statement_id", "=", False),
            ("state", "=", "done"),
            ("done_at", "<=", until),
            "|",
            "&",
            ("method", "=", "momo"),
            ("transaction_id.is_post_processed", "=", True),
            "&",
            ("method", "=", "cash"),
            ("commission", ">", 0),
        ]

    def _payout_wallet(self):
        """:return: the ``payment.provider`` (sudo) that pays owners, of the site's company"""
        codes = [name for name, wallet in WALLETS.items() if "disbursement" in wallet.products]
        domain = [("code", "in", codes), ("state", "!=", "disabled"), ("company_id", "=", self.company_id.id)]
        return self.env["payment.provider"].sudo().search(domain, order="sequence, id", limit=1)

    def _hold_money(self):
        """Nobody else settles or gives back before this transaction ends. Who had begun before is run again: the row was written."""
        self.lock_for_update(allow_referencing=True)
        self.env.cr.execute("UPDATE isp_site SET write_date = %s WHERE id = ANY(%s)", [fields.Datetime.now(), self.ids])

    def _goes_back(self):
        """:return: whether money that stands on a statement is on its way back to a guest, the operator has not answered"""
        return bool(self.env["isp.token.order"].sudo().search_count([("site_id", "=", self.id), ("state", "=", "refunding"), ("statement_id", "!=", False)], limit=1))

    def _money(self):
        """The owner's account, since the beginning.

        :return: {"received": mobile money of sales, "commission": the ISP's part, with taxes where it is settled, "paid": paid out, "on_its_way": being paid
            out, "due": not yet on a statement, less commission, "balance": both, "cash": taken in cash, "returned": given back to guests, or on its way};
            in the company's currency
        """
        self.ensure_one()
        orders = self.env["isp.token.order"].sudo()
        groups = orders._read_group([("site_id", "=", self.id), ("state", "in", ("done", *BACK))], ["method", "state", "statement_id"], ["amount:sum", "commission:sum"])
        received = cash = due = returned = kept = 0
        for method, state, statement, amount, commission in groups:
            if method == "cash" and state not in BACK:
                cash += amount
                if not statement:
                    due -= commission
                    kept += commission
            if method == "momo" and state in BACK:
                returned += amount
            if method == "momo":
                received += amount
                if not statement and state not in BACK:
                    due += amount - commission
                    kept += commission
        paid = way = 0
        for state, amount, commission in self.env["isp.site.statement"].sudo()._read_group([("site_id", "=", self.id)], ["state"], ["amount:sum", "commission:sum"]):
            kept += commission
            if state == "done":
                paid += amount
            else:
                way += amount
        later = orders._read_group(
            [("site_id", "=", self.id), ("state", "in", BACK), ("statement_id", "!=", False), ("refund_statement_id", "=", False)], [], ["amount:sum", "commission:sum"]
        )
        due -= (later[0][0] or 0) - (later[0][1] or 0)
        return {"received": received, "commission": kept, "paid": paid, "on_its_way": way, "due": due, "balance": due + way, "cash": cash, "returned": returned}

    def _app_money(self):
        """:return: ``_money``, the tariff in words of figures, whether something can be paid out now, and the last statements, newest first"""
        self.ensure_one()
        money, tariff = self._money(), self.tariff_id
        return {
            **money,
            "checked": not self.company_id.wallet_payout_limit,
            "tariff": {"momo": tariff.momo_percent, "cash": tariff.cash_percent, "fixed": tariff.fixed, "from": tariff.payout_from},
            "can": bool(money["due"] > 0 and self.momo_msisdn),
            "statements": [statement._app_row() for statement in self.sudo().statement_ids.sorted("id", reverse=True)[:50]],
        }

    def _app_pay_out(self):
        """The owner wants the money now. :return: as ``_app_money`` :raise UserError: nothing is due, no number, or again within an hour"""
        self.ensure_one()
        self._need_open()
        self.lock_for_update(allow_referencing=True)
        last = self.sudo().statement_ids.sorted("id")[-1:]
        if last and last.create_date > fields.Datetime.now() - timedelta(hours=1):
            raise UserError(self.env._("You were paid out a moment ago. Try again in an hour."))
        self.env["isp.site.statement"]._settle(self, asked_by_owner=True)
        return self._app_money()
