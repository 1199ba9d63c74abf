# License AGPL-3.0 or later (https://www.gnu.org/licenses/agpl).
from collections import namedtuple

from odoo import models

from ..tools.simulation import simulation

#: What an end of contract books: ``rows`` [(text, amount without taxes)], what is charged, given back and returned of
#: deposits (without taxes), ``tax`` and ``total`` of the documents, ``documents`` [(type, total)], what the customers owe
#: afterwards (``due``) and what they are to get (``refund``).
Settlement = namedtuple("Settlement", "rows charge credit deposit tax total documents due refund")

_QUIET = {"tracking_disable": True, "mail_create_nolog": True, "mail_create_nosubscribe": True, "mail_notrack": True}


class IspSubscription(models.Model):
    _inherit = "isp.subscription"

    def _would_settle(self, reason, waive=False):
        """What ending these lines now would book, shown before it is done: they are ended, and that is undone.

        :param reason: key of REASONS
        :param waive: without notice and fee
        :return: ``Settlement``; writes nothing
        :raise UserError: they cannot be ended
        """
        with simulation(self.env, isp_waive=waive, **_QUIET) as env:
            lines = env["isp.subscription"].browse(self.ids)
            last = lines._last_document()
            lines._set_state("terminated", reason)
            return lines._settlement_since(last)

    def _last_document(self):
        """:return: mark for ``_settlement_since``"""
        return self.env["account.move"].sudo().search([], order="id desc", limit=1).id or 0

    def _settlement_since(self, last):
        """:param last: what ``_last_document`` said before these lines were ended
        :return: ``Settlement``"""
        self.env.flush_all()
        own = self.env["isp.period"].sudo().search([("subscription_id", "in", self.ids)])
        moves = own.move_id.filtered(lambda move: move.id > last).sorted("id")
        rows = moves.line_ids.isp_period_id.sorted("id")
        deposits = rows.filtered(lambda row: row.kind == "deposit")
        amounts = (rows - deposits).mapped("amount")
        dues = self.sudo().partner_id.commercial_partner_id._isp_dues()
        companies = self.sudo().company_id.ids
        owed = [due.balance for (_partner, company), due in dues.items() if company in companies]
        total, untaxed = sum(moves.mapped("amount_total_signed")), sum(moves.mapped("amount_untaxed_signed"))
        return Settlement(
            rows=[(row.note or row.label, row.amount) for row in rows],
            charge=sum(amount for amount in amounts if amount > 0),
            credit=sum(amount for amount in amounts if amount < 0),
            deposit=sum(deposits.mapped("amount")),
            tax=total - untaxed,
            total=total,
            documents=[(move.move_type, move.amount_total) for move in moves],
            due=sum(amount for amount in owed if amount > 0),
            refund=-sum(amount for amount in owed if amount < 0),
        )
