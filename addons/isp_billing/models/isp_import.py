# License AGPL-3.0 or later (https://www.gnu.org/licenses/agpl).
from odoo import fields, models

from ..engine.periods import first_anchor


class IspImport(models.Model):
    _inherit = "isp.import"

    def _prepare_subscription_vals(self, record, partner):
        """Bill from the first anchor after the hand-over: the period before was the old system's."""
        vals = super()._prepare_subscription_vals(record, partner)
        if record.status == "active":
            start = max(self.bill_from, record.start_date)
            vals["billing_from"] = first_anchor(start, record.anchor_day)
        return vals

    def _on_subscribers_imported(self, batch):
        super()._on_subscribers_imported(batch)
        self._book_opening_balances(batch)

    def _book_opening_balances(self, batch):
        """One journal entry a customer, once for ever: a later file does not change it."""
        partners = self.env["res.partner"].browse(item["subscription"].partner_id.id for item in batch)
        moves = self.env["account.move"].sudo()
        booked = {
            partner.id: total
            for partner, total in moves._read_group(
                [("isp_opening_partner_id", "in", partners.ids), ("state", "!=", "cancel")],
                ["isp_opening_partner_id"],
                ["amount_total:sum"],
            )
        }
        vals_list = []
        for item in batch:
            partner, amount = item["subscription"].partner_id, item["record"].opening_balance
            if partner.id in booked or not item["created"]:
                continue
            if amount:
                vals_list.append(self._prepare_opening_vals(partner, amount))
        moves.with_context(tracking_disable=True, mail_create_nolog=True).create(vals_list)._post(soft=False)

    def _prepare_opening_vals(self, partner, amount):
        """:return: an entry that makes ``partner`` owe ``amount`` (below zero: credit) from the start"""
        company = self.env.company
        date = self.bill_from
        receivable = partner.with_company(company).property_account_receivable_id
        counterpart = company.isp_opening_account_id or company.get_unaffected_earnings_account()
        label = self.env._("Opening balance of %(account)s", account=partner.isp_account_no)
        line = {"partner_id": partner.id, "name": label, "currency_id": company.currency_id.id}
        return {
            "move_type": "entry",
            "date": date,
            "ref": label,
            "partner_id": partner.id,
            "isp_opening_partner_id": partner.id,
            "line_ids": [
                fields.Command.create(
                    {
                        **line,
                        "account_id": receivable.id,
                        "date_maturity": fields.Date.add(date, days=company.isp_due_days),
                        "debit": max(amount, 0),
                        "credit": max(-amount, 0),
                    }
                ),
                fields.Command.create(
                    {**line, "account_id": counterpart.id, "debit": max(-amount, 0), "credit": max(amount, 0)}
                ),
            ],
        }
