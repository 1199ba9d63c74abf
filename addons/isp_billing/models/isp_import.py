# License AGPL-3.0 or later (https://www.gnu.org/licenses/agpl).
from odoo import fields, models

from ..engine.periods import first_anchor
from ..engine.prepaid import midnight


class IspImport(models.Model):
    _inherit = "isp.import"

    def _on_subscribers_imported(self, batch):
        """Override of `isp_base`: say from when new lines are billed, and book their old balances."""
        result = super()._on_subscribers_imported(batch)
        self._set_billing_from(batch)
        self._set_valid_until(batch)
        self._book_opening_balances(batch)
        return result

    def _import_is_managed(self, subscription):
        """Override of `isp_base`: what has been billed here is not changed by a file any more."""
        return super()._import_is_managed(subscription) or bool(subscription.period_ids)

    def _set_billing_from(self, batch):
        """Bill from the first anchor after the hand-over: the period before was the old system's."""
        by_day = {}
        for entry in batch:
            record = entry["record"]
            if entry["created"] and record.status == "active" and record.billing_mode == "postpaid":
                start = max(self.bill_from, record.start_date)
                by_day.setdefault(first_anchor(start, record.anchor_day), []).append(entry["subscription"].id)
        for day, ids in by_day.items():
            lines = self.env["isp.subscription"].browse(ids).with_context(tracking_disable=True)
            lines.write({"billing_from": day})

    def _set_valid_until(self, batch):
        """The file does not say until when prepaid lines are paid. Nobody is cut by an import: active ones stay open to
        the end of a period after the hand-over; suspended ones are over and come back by a payment."""
        by_moment = {}
        for entry in batch:
            line, record = entry["subscription"].sudo(), entry["record"]
            if entry["created"] and record.billing_mode == "prepaid" and record.status in ("active", "suspended"):
                by_moment.setdefault(self._first_expiry(line, record.status), []).append(line.id)
        for moment, ids in by_moment.items():
            lines = self.env["isp.subscription"].browse(ids).with_context(tracking_disable=True)
            lines.write({"valid_until": moment})

    def _first_expiry(self, line, status):
        company = line.company_id
        day = max(self.bill_from, company._isp_today())
        if status == "active":
            day = line._first_period_end(day)
        return midnight(day, company._isp_zoneinfo())

    def _book_opening_balances(self, batch):
        """One journal entry a customer, once for ever; a file that says otherwise later gets a warning."""
        moves = self.env["account.move"].sudo().with_company(self.company_id)
        partners = self.env["res.partner"].browse(entry["partner"].id for entry in batch)
        booked = {
            move.isp_opening_partner_id.id: move._isp_opening_amount()
            for move in moves.search(
                [
                    ("isp_opening_partner_id", "in", partners.ids),
                    ("company_id", "=", self.company_id.id),
                    ("state", "!=", "cancel"),
                ]
            )
        }
        vals_list = []
        for entry in batch:
            partner, record = entry["partner"], entry["record"]
            known = booked.get(partner.id, 0)
            if entry["created"] and partner.id not in booked:
                if record.opening_balance:
                    vals_list.append(self._prepare_opening_vals(partner, record.opening_balance))
            elif "opening_balance" in record.given and record.opening_balance != known:
                self._warn_entry(entry, "opening_balance", "balance_managed")
        quiet = moves.with_context(tracking_disable=True, mail_create_nolog=True, mail_create_nosubscribe=True)
        quiet.create(vals_list)._isp_post()

    def _prepare_opening_vals(self, partner, amount):
        """:return: an entry that makes ``partner`` owe ``amount`` (below zero: credit) from the start"""
        company = self.company_id
        partner = partner.with_company(company)
        counterpart = company.isp_opening_account_id or company.get_unaffected_earnings_account()
        label = self.env._("Opening balance of %(account)s", account=partner.isp_account_no)
        line = {"partner_id": partner.id, "name": label, "currency_id": company.currency_id.id}
        debt = {
            "account_id": partner.property_account_receivable_id.id,
            "date_maturity": fields.Date.add(self.bill_from, days=company.isp_due_days),
            "balance": amount,
        }
        return {
            "move_type": "entry",
            "company_id": company.id,
            "date": self.bill_from,
            "ref": label,
            "partner_id": partner.id,
            "isp_opening_partner_id": partner.id,
            "line_ids": [
                fields.Command.create({**line, **debt}),
                fields.Command.create({**line, "account_id": counterpart.id, "balance": -amount}),
            ],
        }
