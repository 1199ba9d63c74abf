# License AGPL-3.0 or later (https://www.gnu.org/licenses/agpl).
from markupsafe import Markup

from odoo import api, models

from ..tools.link import link

#: Transactions booked in one go and one commit. Half as many cost a tenth more each; twice as many save nothing and lose more when killed.
BATCH = 200


class PaymentTransaction(models.Model):
    """From a confirmed wallet payment to the books: many at once, each once.

    Idempotency key: ``account_payment.wallet_uuid`` (UNIQUE), under the lock of the transaction's row.
    """

    _inherit = "payment.transaction"

    def _post_process(self):
        """Override of `account_payment`: confirmed wallet payments are booked together; browser, cron and poller may come at once."""
        wallet = self.filtered(lambda tx: tx.wallet_uuid and tx.state == "done")
        if wallet:
            wallet._wallet_book()
        # Open requests are the poller's: core's job would only write on rows that the poller is about to lock.
        rest = (self - wallet).filtered(lambda tx: not (tx.wallet_uuid and tx.state in ("draft", "pending")))
        if rest:
            return super(PaymentTransaction, rest)._post_process()
        return None

    def _wallet_book(self):
        """Create, post and reconcile the payments of confirmed transactions.

        Lock: the transactions' rows. What is booked already is only flagged. Transaction: the caller's; a part that cannot
        be booked together is booked one by one, and one that cannot be booked raises.
        """
        self._wallet_lock()
        done = self.filtered(lambda tx: tx.state == "done" and not tx.is_post_processed)
        todo = done.filtered(lambda tx: not tx.payment_id and tx.operation != "validation")
        for company, transactions in todo.grouped("company_id").items():
            plain = transactions.filtered(lambda tx: not tx._wallet_may_batch())
            for tx in plain:
                tx.with_company(company)._create_payment(wallet_uuid=tx.wallet_uuid)
            for part in (transactions - plain)._wallet_rounds():
                part.with_company(company).with_context(tracking_disable=True, mail_create_nolog=True)._wallet_book_together()
        done._wallet_log_booked()
        done._on_wallet_booked()
        done.is_post_processed = True

    def _on_wallet_booked(self):
        """Hook: these are paid and booked, ``payment_id`` says how. In the transaction of the booking, once for each."""

    @api.model
    def _wallet_batch_size(self):
        return BATCH

    def _wallet_may_batch(self):
        """:return: whether this is booked as others are: no discount for early payment, no refund"""
        self.ensure_one()
        return self.amount > 0 and not self.invoice_ids.invoice_payment_term_id.filtered("early_discount")

    def _wallet_rounds(self):
        """:return: recordsets in which no invoice is paid twice, so that each sees what the one before left open"""
        rounds = []
        for tx in self.sorted("id"):
            for round_, invoices in rounds:
                if not set(tx.invoice_ids.ids) & invoices and len(round_) < BATCH:
                    round_.append(tx.id)
                    invoices.update(tx.invoice_ids.ids)
                    break
            else:
                rounds.append(([tx.id], set(tx.invoice_ids.ids)))
        return [self.browse(ids) for ids, _invoices in rounds]

    def _wallet_book_together(self):
        drafts = self.invoice_ids.filtered(lambda inv: inv.state == "draft")
        if drafts:
            drafts.action_post()
        payments = self.env["account.payment"].create([tx._prepare_wallet_payment() for tx in self])
        link(self, "payment_id", payments)
        payments.action_post()
        plan = [tx._wallet_lines_to_reconcile() for tx in self]
        plan = [lines for lines in plan if len(lines) > 1]
        if plan:
            self.env["account.move.line"]._reconcile_plan(plan)

    def _prepare_wallet_payment(self):
        """:return: values of the ``account.payment``, those of core's ``_create_payment``"""
        self.ensure_one()
        provider, journal = self.provider_id, self.provider_id.journal_id
        lines = journal.inbound_payment_method_line_ids.filtered(lambda line: line.payment_provider_id == provider)
        values = {
            "amount": abs(self.amount),
            "payment_type": "inbound",
            "currency_id": self.currency_id.id,
            "partner_id": self.partner_id.commercial_partner_id.id,
            "partner_type": "customer",
            "journal_id": journal.id,
            "company_id": provider.company_id.id,
            "payment_method_line_id": lines[:1].id,
            "payment_transaction_id": self.id,
            "memo": f"{self.reference} - {self.provider_reference or ''}",
            "invoice_ids": self.invoice_ids,
            "wallet_uuid": self.wallet_uuid,
        }
        terms = self.invoice_ids.line_ids.filtered(lambda line: line.display_type == "payment_term")
        if terms:
            values["destination_account_id"] = terms[0].account_id.id
        return values

    def _wallet_lines_to_reconcile(self):
        payment = self.payment_id
        invoices = self.invoice_ids.filtered(lambda inv: inv.state == "posted")
        return (payment.move_id.line_ids + invoices.line_ids).filtered(
            lambda line: line.account_id == payment.destination_account_id and not line.reconciled
        )

    def _wallet_log_booked(self):
        """One note on every invoice that was paid, all in one go, without mails."""
        notes = {}
        for tx in self.filtered("payment_id"):
            text = self.env._("%(reference)s: paid and booked as %(payment)s.", reference=tx._get_html_link(), payment=tx.payment_id._get_html_link())
            for invoice in tx._get_invoices_to_notify():
                notes.setdefault(invoice.id, []).append(text)
        if notes:
            self.env["account.move"].browse(notes)._message_log_batch({invoice: Markup("<br/>").join(texts) for invoice, texts in notes.items()})
