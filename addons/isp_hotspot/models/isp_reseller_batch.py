# License AGPL-3.0 or later (https://www.gnu.org/licenses/agpl).
from datetime import timedelta

from odoo import api, fields, models
from odoo.exceptions import UserError
from odoo.tools import SQL


class IspTokenBatch(models.Model):
    """A batch in the hands of a reseller: paid from the float at hand-over, or as its tokens are used; what is unused can be taken back."""

    _inherit = "isp.token.batch"

    reseller_id = fields.Many2one("isp.reseller", string="Reseller", readonly=True, copy=False, index="btree_not_null", ondelete="restrict", tracking=True)
    handover = fields.Selection([("prepaid", "Paid at hand-over"), ("consignment", "Paid as used")], string="Terms of the reseller", readonly=True, copy=False)
    net = fields.Monetary(string="The owner's part", readonly=True, copy=False, help="Of the price of each token; the rest is the commission, as it was at hand-over.")
    given_at = fields.Datetime(string="Given out", readonly=True, copy=False)
    returned_count = fields.Integer(string="Taken back", readonly=True, copy=False)

    def action_give(self):
        return self._ask("isp.token.batch.give", self.env._("Give to a reseller"))

    def _give(self, reseller, handover):
        """Hand it to a reseller, once. Prepaid: what is not yet sold or used is paid from the float, price − commission.

        :raise UserError: it is given out, blocked or still being made; another owner's reseller; the float is not enough

        Idempotency key: ``batch/<id>``. Transaction: the caller's; the batch is held, then the reseller.
        """
        self.ensure_one()
        batch = self._lock()
        if batch.state != "made" or batch.reseller_id:
            raise UserError(self.env._("Only a batch that is made, not blocked and not yet given out can be given to a reseller."))
        if batch.site_id not in reseller.sudo().site_ids:
            raise UserError(self.env._("%(reseller)s does not sell for this hotspot.", reseller=reseller.name))
        left = batch.left_count
        if not left:
            raise UserError(self.env._("Nothing of it is left."))
        net, price = reseller._net(batch.price), batch.price
        if handover == "prepaid":
            values = {"count": left, "price": left * price, "commission": left * (price - net), "batch_id": batch.id}
            reseller._book("prepaid", f"batch/{batch.id}", -left * net, **values)
        batch.write({"state": "given", "reseller_id": reseller.id, "handover": handover, "net": net, "given_at": fields.Datetime.now()})
        self._execute(SQL("UPDATE isp_token SET reseller_id = %s WHERE batch_id = %s AND state = 'made' RETURNING id", reseller.id, batch.id))
        batch.message_post(body=self.env._("Given to %(reseller)s: %(count)s tokens.", reseller=reseller.name, count=left), author_id=self.env.user.partner_id.id)

    def _take_back(self, reason):
        """What is unused is blocked for good, and what was paid for it goes back into the float; once a token.

        Who has just logged in by one keeps it: first uses that RADIUS knows and Odoo does not yet are looked up before.
        Idempotency key: ``return/<token>``. Transaction: the caller's.
        """
        self.ensure_one()
        batch = self._lock()
        reseller = batch.reseller_id._lock()
        if not reseller:
            raise UserError(self.env._("It is with no reseller."))
        self.env["isp.token"]._follow_begun()
        rows = self._execute(
            SQL(
                """
                WITH hit AS (
                    UPDATE isp_token t SET state = 'blocked', returned_at = %(now)s, write_uid = %(uid)s, write_date = %(now)s
                     WHERE batch_id = %(batch)s AND reseller_id = %(reseller)s AND returned_at IS NULL
                       AND (state = 'made' OR (state = 'blocked' AND with_batch AND first_used IS NULL AND sold_at IS NULL))
                       AND NOT EXISTS (SELECT FROM isp_access_use u WHERE u.access_id = t.access_id)
                    RETURNING id, access_id),
                shut AS (
                    UPDATE isp_access a SET state = 'blocked', write_uid = %(uid)s, write_date = %(now)s FROM hit WHERE a.id = hit.access_id AND a.state != 'blocked'),
                noted AS (
                    INSERT INTO isp_token_event (token_id, at, user_id, what, note) SELECT id, %(now)s, %(uid)s, 'blocked', %(note)s FROM hit)
                INSERT INTO isp_reseller_entry (reseller_id, at, user_id, kind, key, count, price, commission, amount, debt, batch_id, token_id, note)
                SELECT %(reseller)s, %(now)s, %(uid)s, 'return', 'return/' || id, -1, -%(price)s, -%(commission)s, %(amount)s, 0, %(batch)s, id, %(note)s FROM hit
                RETURNING token_id
                """,
                **self._who(batch, reason),
                reseller=reseller.id,
                price=batch.price if batch.handover == "prepaid" else 0,
                commission=batch.price - batch.net if batch.handover == "prepaid" else 0,
                amount=batch.net if batch.handover == "prepaid" else 0,
            )
        )
        if not rows:
            raise UserError(self.env._("Nothing of it is unused."))
        if batch.handover == "prepaid":
            reseller._add(len(rows) * batch.net, 0)
        batch.returned_count += len(rows)
        body = self.env._("%(count)s unused tokens taken back from %(reseller)s: %(reason)s", count=len(rows), reseller=reseller.name, reason=reason)
        batch.message_post(body=body, author_id=self.env.user.partner_id.id)

    @api.model
    def _follow_consignment(self, since=timedelta(days=2)):
        """Tokens on consignment that were used or sold: the reseller owes the owner's part, once a token (key ``sale/<token>``).

        :param since: how far to look back; once a day all of them
        """
        self.env.flush_all()
        rows = self.env.execute_query(
            SQL(
                """
                SELECT t.id, t.reseller_id, b.id, b.price, b.net
                  FROM isp_token t JOIN isp_token_batch b ON b.id = t.batch_id
                 WHERE t.reseller_id IS NOT NULL AND b.handover = 'consignment' AND t.returned_at IS NULL
                   AND t.sold_at > %(since)s
                   AND NOT EXISTS (SELECT FROM isp_reseller_entry e WHERE e.key = 'sale/' || t.id)
                 ORDER BY t.reseller_id, t.id
                """,
                since=fields.Datetime.now() - since,
            )
        )
        owed = {}
        for token, reseller, batch, price, net in rows:
            owed.setdefault(reseller, []).append((token, batch, price, net))
        for reseller_id, tokens in owed.items():
            reseller = self.env["isp.reseller"].browse(reseller_id)._lock()
            booked = self.env.execute_query(
                SQL(
                    """
                    INSERT INTO isp_reseller_entry (reseller_id, at, kind, key, count, price, commission, amount, debt, batch_id, token_id)
                    SELECT %(reseller)s, %(now)s, 'consignment', 'sale/' || g.token, 1, g.price, g.price - g.net, 0, g.net, g.batch, g.token
                      FROM unnest(%(tokens)s, %(batches)s, %(prices)s, %(nets)s) AS g (token, batch, price, net)
                        ON CONFLICT (key) DO NOTHING RETURNING debt
                    """,
                    reseller=reseller.id,
                    now=fields.Datetime.now(),
                    **dict(zip(("tokens", "batches", "prices", "nets"), map(list, zip(*tokens, strict=True)), strict=True)),
                )
            )
            reseller._add(0, sum(row[0] for row in booked))
        self.env["isp.reseller.entry"].invalidate_model()

    def _ask(self, model, name, **context):
        """:return: the action that opens a form about this batch; for billing managers"""
        self.ensure_one()
        self.check_access("write")
        context = {"default_batch_id": self.id, **context}
        return {"type": "ir.actions.act_window", "name": name, "res_model": model, "view_mode": "form", "target": "new", "context": context}

    def action_ask(self):
        """Open the form that asks for the reason; ``what`` in the context: block, unblock, take_back."""
        what = self.env.context.get("what")
        names = dict(self.env["isp.token.batch.act"]._fields["what"]._description_selection(self.env))
        return self._ask("isp.token.batch.act", names.get(what, ""), default_what=what)
