# License AGPL-3.0 or later (https://www.gnu.org/licenses/agpl).
from datetime import timedelta

from odoo import api, fields, models
from odoo.tools import SQL

#: Invoices told in one transaction.
_BATCH = 500
#: So long a stopped run may still post the step it was in.
_LAST_STEP = timedelta(minutes=10)


class IspBillingRun(models.Model):
    """Customers are told of their invoices after the run, by a scheduled action of its own: billing is not slower for it."""

    _inherit = "isp.billing.run"

    to_tell = fields.Boolean("Invoices are to be told", readonly=True, copy=False)

    _to_tell_index = models.Index("(id) WHERE to_tell")

    def action_stop(self):
        """Extend: what was billed before the stop is told."""
        posted = self.filtered(lambda run: run.state == "running")
        result = super().action_stop()
        posted._tell_later()
        return result

    def _end(self, state):
        """Extend."""
        result = super()._end(state)
        if state == "done":
            self._tell_later()
        return result

    def _tell_later(self):
        for run in self.filtered(lambda r: r.company_id.isp_invoice_sms or r.company_id.isp_invoice_email):
            run.to_tell = True
            self.env.ref("isp_billing.ir_cron_invoice_notice").sudo()._trigger()

    @api.model
    def _cron_tell_invoices(self):
        """Write the notices of runs that are over, a batch a transaction; sent by the scheduler of notices, after the quiet hours.

        Idempotency key: "invoice/<id>", UNIQUE. Killed anywhere, it goes on with the invoices that have no notice.
        """
        cron = self.env["ir.cron"]
        runs = self.search([("to_tell", "=", True), ("state", "in", ("done", "cancelled"))], order="id")
        cron._commit_progress(remaining=len(runs))
        for run in runs:
            if not run._tell_invoices(cron._commit_progress):
                break
            cron._commit_progress(1)

    def _tell_invoices(self, commit):
        """:param commit: ``commit(processed=0)`` commits and returns the seconds left
        :return: whether all are told"""
        self.ensure_one()
        notices = self.env["isp.notice"].with_user(self.create_uid).sudo()
        while rows := self._invoices_to_tell():
            notices._notify_many("invoice", [self._prepare_invoice_notice(*row) for row in rows], self.company_id)
            if not commit(0):
                return False
        if self.state == "done" or (self.ended_at or fields.Datetime.now()) < fields.Datetime.now() - _LAST_STEP:
            self.to_tell = False
        return True

    def _invoices_to_tell(self):
        """:return: (id, partner id, number, total in the company's currency, due date) of invoices nobody was told of"""
        self.env.flush_all()
        return self.env.execute_query(
            SQL(
                """
                SELECT m.id, m.partner_id, m.name, m.amount_total_signed::float, m.invoice_date_due
                  FROM account_move m
                 WHERE m.isp_run_id = %s AND m.state = 'posted' AND m.move_type = 'out_invoice'
                   AND NOT EXISTS (SELECT 1 FROM isp_notice n WHERE n.key = 'invoice/' || m.id)
                 ORDER BY m.id LIMIT %s
                """,
                self.id,
                _BATCH,
            )
        )

    def _prepare_invoice_notice(self, move_id, partner_id, number, total, due_date):
        """:return: a row of ``isp.notice._notify_many``"""
        params = {"amount": total, "number": number, "date": due_date}
        return (partner_id, f"invoice/{move_id}", params, self.env["account.move"].browse(move_id))
