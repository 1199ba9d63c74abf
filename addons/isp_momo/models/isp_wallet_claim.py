# License AGPL-3.0 or later (https://www.gnu.org/licenses/agpl).
from odoo import api, fields, models
from odoo.exceptions import UserError
from odoo.tools import SQL

from ..drivers import WALLETS
from ..tools.masked import masked
from ..tools.msisdn import parse


class IspWalletClaim(models.Model):
    """Money somebody speaks of and nobody has found: a payer's “I have already paid”, or a status that fits no request.

    It is never believed: staff look into the operator's portal and close it with what they found.
    """

    _name = "isp.wallet.claim"
    _description = "Wallet payment to look into"
    _inherit = ["mail.thread"]
    _order = "id desc"
    _rec_name = "reference"

    provider_id = fields.Many2one("payment.provider", required=True, readonly=True, ondelete="restrict", index=True)
    company_id = fields.Many2one(related="provider_id.company_id", store=True, index=True)
    reference = fields.Char(string="Operator's reference", required=True, readonly=True, index=True)
    msisdn = fields.Char(string="Payer's number", readonly=True)
    amount = fields.Float(string="Amount told", readonly=True, digits=(16, 2))
    currency = fields.Char(string="Currency told", readonly=True)
    partner_id = fields.Many2one("res.partner", string="Customer", readonly=True, ondelete="restrict", index="btree_not_null")
    transaction_id = fields.Many2one("payment.transaction", readonly=True, ondelete="restrict", index="btree_not_null")
    kind = fields.Selection(
        [("claim", "Says it is paid"), ("differs", "Another amount"), ("duplicate", "Reference seen twice")],
        default="claim",
        required=True,
        readonly=True,
    )
    text = fields.Text(string="What is known", readonly=True)
    state = fields.Selection(
        [("open", "To look into"), ("found", "Found"), ("rejected", "Not found")], default="open", required=True, readonly=True, tracking=True, index=True
    )
    note = fields.Char(string="Outcome", tracking=True, help="What was found, and what was done with the money.")

    _reference_unique = models.UniqueIndex("(provider_id, kind, reference)", "This reference is being looked into already.")

    # === From outside ===

    @api.model
    def _say_paid(self, provider, reference, msisdn, amount, partner):
        """Somebody says that this is paid already. Idempotency key: provider and reference.

        :param reference: the operator's reference, of its SMS
        :return: (``payment.transaction`` that has this reference, or open ones of this number which are asked for now;
            claim that staff look into): one of both is empty
        """
        transactions = self.env["payment.transaction"].sudo()
        reference, number = (reference or "").strip()[:64], parse(msisdn, provider.company_id.country_id.code or "SS")
        mine = [("provider_id", "=", provider.id), ("wallet_uuid", "!=", False), ("operation", "!=", "refund")]
        mine += [("partner_id", "child_of", partner.commercial_partner_id.ids)] if partner else []
        found = transactions.search([*mine, ("provider_reference", "=", reference)], limit=1) if reference else transactions
        if found:
            return found, self.browse()
        if number:
            domain = [*mine, ("wallet_msisdn", "=", number), ("state", "!=", "done"), ("wallet_phase", "!=", False)]
            waiting = transactions.search(domain, order="id desc", limit=5)
            if waiting:
                waiting._wallet_wake()
        else:
            waiting = transactions
        if not reference:
            return waiting, self.browse()
        return waiting, self.sudo()._note(
            provider, "claim", reference, {"msisdn": number or masked(msisdn, 40), "amount": amount, "partner_id": partner.id or None}
        )

    @api.model
    def _hold(self, transaction, problem, status):
        """The operator reports money that is not what was asked for."""
        kind = "duplicate" if problem == "DUPLICATE_REFERENCE" else "differs"
        values = {
            "msisdn": transaction.wallet_msisdn or None,
            "amount": float(status.amount or 0),
            "currency": status.currency,
            "partner_id": transaction.partner_id.id,
            "transaction_id": transaction.id,
            "text": masked(status.raw),
        }
        return self._note(transaction.provider_id, kind, status.reference or transaction.wallet_uuid, values)

    @api.model
    def _note(self, provider, kind, reference, values):
        """:return: the claim with this key, made unless it is there; the first one told stays as it is"""
        columns = {"provider_id": provider.id, "company_id": provider.company_id.id, "kind": kind, "reference": reference, "state": "open", **values}
        self.env.cr.execute(
            SQL(
                """INSERT INTO isp_wallet_claim (%s, create_uid, create_date, write_uid, write_date)
                   VALUES %s ON CONFLICT (provider_id, kind, reference) DO NOTHING""",
                SQL(", ").join(map(SQL.identifier, columns)),
                (*columns.values(), self.env.uid, fields.Datetime.now(), self.env.uid, fields.Datetime.now()),
            )
        )
        return self.search([("provider_id", "=", provider.id), ("kind", "=", kind), ("reference", "=", reference)])

    # === Staff ===

    def action_search(self):
        """Ask the operator once more about the requests of this number, and look for the reference among payments."""
        for claim in self:
            found = self.env["payment.transaction"].sudo().search(
                [("provider_id", "=", claim.provider_id.id), ("provider_reference", "=", claim.reference)], limit=1
            )
            if found:
                claim.write({"transaction_id": found.id, "state": "found", "note": claim.note or found.reference})
                continue
            domain = [("provider_id", "=", claim.provider_id.id), ("wallet_msisdn", "=", claim.msisdn), ("state", "!=", "done")]
            if claim.msisdn:
                self.env["payment.transaction"].sudo().search(domain, order="id desc", limit=5)._wallet_wake()

    def action_found(self):
        self._close("found")

    def action_reject(self):
        self._close("rejected")

    def action_reopen(self):
        self.write({"state": "open"})

    def _close(self, state):
        if self.filtered(lambda claim: not claim.note):
            raise UserError(self.env._("Write into “Outcome” what was found and what was done with the money."))
        self.write({"state": state})

    @api.model
    def _wallets(self):
        """:return: codes of providers that claims may be about"""
        return list(WALLETS)
