# License AGPL-3.0 or later (https://www.gnu.org/licenses/agpl).
from odoo import api, fields, models
from odoo.exceptions import UserError

from .isp_dunning_step import ACTIONS

STATES = [
    ("done", "Done"),
    ("superseded", "Overtaken by a later step"),
    ("waived", "Left out by a person"),
    ("undone", "Lifted again"),
]


class IspDunningLog(models.Model):
    """What dunning did about one debt: each step once.

    Idempotency key: (step, invoice, subscription), UNIQUE while not lifted. A suspension that a payment or an
    agreement lifted may come again if the same debt comes back (a bounced payment, a broken agreement).
    """

    _name = "isp.dunning.log"
    _description = "Log of dunning"
    _order = "id desc"
    _rec_name = "action"

    date = fields.Date(required=True, readonly=True)
    partner_id = fields.Many2one("res.partner", string="Customer", required=True, readonly=True, ondelete="restrict", index=True)
    subscription_id = fields.Many2one("isp.subscription", readonly=True, ondelete="restrict", index="btree_not_null")
    move_id = fields.Many2one("account.move", string="Invoice", required=True, readonly=True, ondelete="cascade", index=True)
    step_id = fields.Many2one("isp.dunning.step", readonly=True, ondelete="set null", index="btree_not_null")
    action = fields.Selection(ACTIONS, required=True, readonly=True)
    days = fields.Integer(readonly=True, help="After the due date.")
    amount = fields.Monetary(string="Owed", readonly=True, help="What the customer owed by then, or the fee.")
    company_id = fields.Many2one("res.company", required=True, readonly=True, index=True)
    currency_id = fields.Many2one(related="company_id.currency_id")
    state = fields.Selection(STATES, required=True, readonly=True, default="done")
    notice_id = fields.Many2one("isp.notice", readonly=True, ondelete="set null", index="btree_not_null")
    period_id = fields.Many2one("isp.period", string="Fee", readonly=True, ondelete="restrict")
    run_id = fields.Many2one("isp.dunning.run", readonly=True, ondelete="set null", index="btree_not_null")
    confirmed = fields.Boolean(readonly=True, help="A billing manager confirmed the list.")
    result = fields.Char(readonly=True)

    _exactly_once = models.UniqueIndex(
        "(step_id, move_id, COALESCE(subscription_id, 0)) WHERE state <> 'undone'", "This step has been done for this invoice."
    )

    @api.ondelete(at_uninstall=False)
    def _unlink_never(self):
        raise UserError(self.env._("The log of dunning is kept."))
