# License AGPL-3.0 or later (https://www.gnu.org/licenses/agpl).
import logging
from datetime import timedelta

from odoo import fields, models

_logger = logging.getLogger(__name__)

#: Requests that brought no money hold a line, together, for the company's hours in so many days.
MEMORY = timedelta(days=7)


class IspSubscription(models.Model):
    """Nobody is cut while the money is on its way: open wallet requests hold a cut, for a bounded time."""

    _inherit = "isp.subscription"

    # === Actions ===

    def action_isp_wallet(self):
        """Ask the customer's telephone for what is owed; for a prepaid line for what its next renewal needs."""
        self.ensure_one()
        self.check_access("read")
        asks = self.env["isp.wallet.ask"]
        partner = self.partner_id.commercial_partner_id
        return asks.create(asks._prepare_ask(partner, self.company_id, line=self))._action_form()

    # === Cuts ===

    def _suspend_if_overdue(self, cutoff, tolerance=0):
        rest = self - self._hold_for_wallet()
        return super(IspSubscription, rest)._suspend_if_overdue(cutoff, tolerance) if rest else rest

    def _terminate_if_overdue(self, cutoff, tolerance=0):
        rest = self - self._hold_for_wallet()
        return super(IspSubscription, rest)._terminate_if_overdue(cutoff, tolerance) if rest else rest

    def _suspend_if_expired(self):
        return super()._suspend_if_expired() if not self._hold_for_wallet() else False

    def _hold_for_wallet(self):
        """Lines of these that are not to be cut now: a wallet request of the customer is open, or paid and not booked.

        Bounded: a request holds for the company's hours (0: not at all), and requests that bring no money hold a line no
        longer than that in a week, however often they are made. Each is noted on the line once.

        :return: the lines held. Transaction: the caller's, that of the cut
        """
        transactions = self.env["payment.transaction"]._isp_on_the_way(self.sudo().partner_id.commercial_partner_id)
        held = self.browse()
        for line in self if transactions else self.browse():
            customer, company = line.sudo().partner_id.commercial_partner_id, line.sudo().company_id
            mine = transactions.filtered(lambda tx, c=customer, co=company: tx.partner_id.commercial_partner_id == c and tx.company_id == co)
            waited = line._wallet_waited()
            mine = mine.filtered(lambda tx, waited=waited, co=company: tx.state == "done" or waited < timedelta(hours=co.isp_wallet_hold_hours))[:1]
            if mine:
                line.sudo()._note_wallet_hold(mine)
                held += line
        return held

    def _wallet_waited(self):
        """:return: how long requests that brought no money have held this line already"""
        now = fields.Datetime.now()
        domain = [("isp_held_ids", "in", self.ids), ("state", "!=", "done"), ("wallet_since", ">", now - MEMORY)]
        first = self.env["payment.transaction"].sudo().search(domain, order="wallet_since, id", limit=1)
        return now - first.wallet_since if first else timedelta(0)

    def _note_wallet_hold(self, transaction):
        if self in transaction.isp_held_ids:
            return
        transaction.isp_held_ids += self
        _logger.info("%s: not cut, %s is open", self.name, transaction.reference)
        self.message_post(
            body=self.env._(
                "Not cut: %(amount)s are on their way (%(provider)s, request %(reference)s).",
                amount=transaction.currency_id.format(transaction.amount),
                provider=transaction.provider_id.name,
                reference=transaction.reference,
            )
        )
