# License AGPL-3.0 or later (https://www.gnu.org/licenses/agpl).
from odoo import fields, models

from .isp_subscription import MONEY_REASONS


class IspSubscription(models.Model):
    """Cuts for money: who is told, what is lifted again, who ends."""

    _inherit = "isp.subscription"

    dunning_log_ids = fields.One2many("isp.dunning.log", "subscription_id", readonly=True)

    def _on_state_changed(self, events):
        """Tell the customer of a cut for money and of its end; a cut that is lifted may come again."""
        result = super()._on_state_changed(events)
        cut = events.filtered(lambda e: e.state_from != e.state_to == "suspended" and e.reason == "overdue")
        back = events.filtered(lambda e: e.state_from == "suspended" and e.state_to == "active" and e.reason in ("payment", "agreement"))
        if cut:
            self._tell_suspended(cut)
        if back:
            self._tell_restored(back)
        lifted = events.filtered(lambda e: e.state_from == "suspended" and e.state_to == "active").subscription_id
        logs = self.env["isp.dunning.log"].sudo().search(
            [("subscription_id", "in", lifted.ids), ("action", "=", "suspend"), ("state", "=", "done")]
        )
        logs.write({"state": "undone"})
        return result

    def _tell_suspended(self, events):
        """One notice a customer, however many lines were cut."""
        dues = events.partner_id.commercial_partner_id._isp_dues()
        for company, of_company in events.grouped("company_id").items():
            rows = []
            for partner, some in of_company.grouped(lambda e: e.partner_id.commercial_partner_id).items():
                due = dues.get((partner.id, company.id))
                if due:
                    params = {"amount": due.overdue or due.balance, "date": due.oldest}
                    rows.append((partner.id, f"suspended/{min(some.ids)}", params, some[0].subscription_id))
            self.env["res.partner"]._isp_notify_many("suspended", rows, company)

    def _tell_restored(self, events):
        for_money = events.filtered(lambda e: e._event_before().reason in MONEY_REASONS)
        for company, of_company in for_money.grouped("company_id").items():
            rows = [
                (partner.id, f"restored/{min(some.ids)}", {"plan": some[0].subscription_id.plan_id.name}, some[0].subscription_id)
                for partner, some in of_company.grouped(lambda e: e.partner_id.commercial_partner_id).items()
            ]
            self.env["res.partner"]._isp_notify_many("restored", rows, company)

    def _terminate_if_overdue(self, cutoff, tolerance=0):
        """End what is cut for money and still owes. Decided under the row lock, on balances read after it was taken.

        :return: the subscriptions ended
        """
        locked = self.try_lock_for_update()
        locked.invalidate_recordset()
        lines = locked.filtered(lambda s: s.state == "suspended" and not s._is_protected())
        lines = lines.filtered(lambda s: s._last_state_event().reason in MONEY_REASONS)
        owing, notes = lines._still_overdue(cutoff, tolerance)
        owing._set_state("terminated", "overdue", notes)
        return owing

    def _is_protected(self):
        return self.protected or self.partner_id.commercial_partner_id.isp_protected

    def _still_overdue(self, cutoff, tolerance=0):
        """:return: (those whose customer owes more than ``tolerance`` that was due before ``cutoff``, {id: note for the log})"""
        dues = self.partner_id.commercial_partner_id._isp_dues(cutoff)
        owing, notes = self.browse(), {}
        for line in self:
            due = dues.get((line.partner_id.commercial_partner_id.id, line.company_id.id))
            if due and due.overdue > tolerance:
                owing += line
                notes[line.id] = line._overdue_note(due)
        return owing, notes
