# License AGPL-3.0 or later (https://www.gnu.org/licenses/agpl).
import uuid

from psycopg2 import errors

from odoo import api, fields, models
from odoo.exceptions import AccessError, ConcurrencyError, UserError

from ..engine import life

STATES = [("making", "Being made"), ("made", "Made"), ("given", "Given out"), ("blocked", "Blocked")]
#: The largest batch, and how many of it one transaction makes: the request that asks for them, then a job each.
MOST, AT_ONCE = 100_000, 10_000
#: What staff write; all else follows from what is done with the batch.
_BY_HAND = {"name", "note", "message_follower_ids", "message_ids", "activity_ids"}


class IspTokenBatch(models.Model):
    """Tokens made together: to be printed, given to a reseller, or kept on an owner's telephone for the time without a network.

    Idempotency key: ``uuid``, UNIQUE; the same form sent twice makes one batch. What is missing of its tokens is counted under the batch's lock
    before more are made, so a job that is cut off or run twice makes none too many.
    """

    _name = "isp.token.batch"
    _description = "Batch of tokens"
    _inherit = ["mail.thread"]
    _order = "id desc"

    name = fields.Char(required=True, tracking=True)
    uuid = fields.Char("UUID", required=True, readonly=True, copy=False, default=lambda self: str(uuid.uuid4()))
    site_id = fields.Many2one("isp.site", string="Hotspot", required=True, readonly=True, index=True, ondelete="restrict")
    company_id = fields.Many2one(related="site_id.company_id", store=True)
    currency_id = fields.Many2one(related="company_id.currency_id")
    source = fields.Selection([("made", "Made here"), ("file", "Codes from a file")], required=True, readonly=True, default="made")
    state = fields.Selection(STATES, required=True, readonly=True, default="made", tracking=True)
    user_id = fields.Many2one("res.users", string="Made by", readonly=True, default=lambda self: self.env.user)
    count = fields.Integer(string="Tokens", readonly=True)
    terms = fields.Json(readonly=True, help="What the tokens take over, as it was when the batch was ordered.")
    offer_id = fields.Many2one("isp.token.offer", readonly=True, ondelete="set null")
    seconds = fields.Integer(string="Time (s)", readonly=True)
    time_text = fields.Char(string="Time", compute="_compute_time_text")
    counting = fields.Selection(life.COUNTINGS, string="Time counts", readonly=True)
    price = fields.Monetary(readonly=True)
    until = fields.Datetime(string="Good until", readonly=True, help="None of them is good after it.")
    note = fields.Text()
    token_ids = fields.One2many("isp.token", "batch_id", readonly=True)
    print_ids = fields.One2many("isp.token.print", "batch_id", string="Prints", readonly=True)
    made_count = fields.Integer(string="Made", compute="_compute_counts")
    sold_count = fields.Integer(string="Sold, not used", compute="_compute_counts")
    used_count = fields.Integer(string="Used", compute="_compute_counts", help="In use or over.")
    blocked_count = fields.Integer(string="Blocked", compute="_compute_counts")
    left_count = fields.Integer(string="Left", compute="_compute_counts", help="Neither sold nor used nor blocked.")

    _uuid_unique = models.UniqueIndex("(uuid)", "This batch was made already.")
    _count_valid = models.Constraint("CHECK(count BETWEEN 0 AND 100000)", "A batch has from 1 to 100,000 tokens.")

    # === Computes ===

    @api.depends("token_ids.state")
    def _compute_counts(self):
        groups = self.env["isp.token"].sudo()._read_group([("batch_id", "in", self.ids)], ["batch_id", "state"], ["__count"])
        counts = {(batch.id, state): count for batch, state, count in groups}
        for batch in self:
            of = {state: counts.get((batch.id, state), 0) for state in ("made", "sold", "in_use", "used_up", "expired", "blocked", "refunded")}
            batch.made_count = sum(of.values())
            batch.sold_count = of["sold"]
            batch.used_count = of["in_use"] + of["used_up"] + of["expired"]
            batch.blocked_count = of["blocked"] + of["refunded"]
            batch.left_count = of["made"]

    @api.depends("seconds")
    @api.depends_context("lang")
    def _compute_time_text(self):
        for batch in self:
            batch.time_text = life_text(self.env, batch.seconds) if batch.seconds else ""

    # === CRUD ===

    def write(self, vals):
        if not self.env.su and not vals.keys() <= _BY_HAND:
            raise AccessError(self.env._("Of a batch only name and note are changed by hand."))
        return super().write(vals)

    @api.ondelete(at_uninstall=False)
    def _unlink_only_empty(self):
        if self.env["isp.token"].sudo().search_count([("batch_id", "in", self.ids)], limit=1):
            raise UserError(self.env._("A batch with tokens stays; it can be blocked."))

    # === Actions ===

    def action_view_tokens(self):
        self.ensure_one()
        action = self.env["ir.actions.act_window"]._for_xml_id("isp_hotspot.action_isp_token")
        return {**action, "domain": [("batch_id", "=", self.id)], "context": {}}

    def action_fill(self):
        """Make what is missing, if a job did not."""
        self.check_access("write")
        for batch in self:
            batch._fill()

    def action_csv(self):
        self.ensure_one()
        return {"type": "ir.actions.act_url", "url": f"/isp/hotspot/batch/{self.id}/codes.csv", "target": "download"}

    def action_print(self):
        self.ensure_one()
        self.check_access("read")
        context = {"default_batch_id": self.id}
        return {"type": "ir.actions.act_window", "name": self.env._("Print"), "res_model": "isp.token.batch.print", "view_mode": "form", "target": "new", "context": context}

    def action_view_prints(self):
        self.ensure_one()
        action = self.env["ir.actions.act_window"]._for_xml_id("isp_hotspot.action_isp_token_print")
        return {**action, "domain": [("batch_id", "=", self.id)], "context": {}}

    # === Making ===

    @api.model
    def _place(self, site, key, terms, count, *, name="", until=None, note="", user=None):
        """Make a batch, once for each ``key``.

        :param site: ``isp.site``; the caller has checked that it is theirs
        :param key: made by the form or device that asks: sent again, the first batch is answered
        :param terms: as ``isp.token.offer._prepare_terms`` gives them
        :param count: up to ``MOST``; above ``AT_ONCE`` jobs make the rest
        :param until: none is good after this moment (UTC)
        :return: the ``isp.token.batch`` (sudo)
        :raise UserError: closed, too many, another hotspot's key
        :raise ConcurrencyError: the same at the same moment: Odoo runs the request again, and it finds the first

        Transaction: the caller's.
        """
        batches = self.sudo()
        found = batches.search([("uuid", "=", key)])
        if found:
            if found.site_id != site:
                raise UserError(self.env._("This batch belongs to another hotspot."))
            return found
        site._need_open()
        if not 1 <= count <= MOST:
            raise UserError(self.env._("A batch has from 1 to %(most)s tokens.", most=f"{MOST:,}"))
        if until and until <= fields.Datetime.now():
            raise UserError(self.env._("The last day is over already."))
        batch = batches._create_once({**self._prepare_vals(site, terms, until), "uuid": key, "count": count, "name": name, "note": note, "user_id": (user or self.env.user).id})
        batch._fill()
        return batch

    def _prepare_vals(self, site, terms, until):
        return {
            "site_id": site.id,
            "state": "making",
            "terms": terms,
            "offer_id": terms.get("offer_id"),
            **{name: terms[name] for name in ("seconds", "counting", "price")},
            "until": until,
        }

    def _create_once(self, vals):
        vals["name"] = vals["name"] or f"{life_text(self.env, vals['seconds'])} × {vals['count']}"
        try:
            with self.env.cr.savepoint():
                batch = self.create(vals)
                batch.flush_recordset()
        except errors.UniqueViolation as error:
            raise ConcurrencyError(str(error)) from error
        return batch

    def _fill(self):
        """Make what is missing, at most ``AT_ONCE``; a job goes on. Idempotent: how many are missing is counted under the lock.

        Transaction: the caller's, a job's own.
        """
        self.ensure_one()
        batch = self._lock()
        if batch.state != "making":
            return
        tokens = self.env["isp.token"].sudo()
        missing = batch.count - tokens.search_count([("batch_id", "=", batch.id)])
        if missing > 0:
            tokens._make(batch.site_id, batch.terms, min(missing, AT_ONCE), batch=batch, until=batch.until or None)
        if missing > AT_ONCE:
            batch.with_delay(description=self.env._("Tokens of %(batch)s", batch=batch.name), identity_key=f"isp_token_batch-{batch.id}")._fill()
        else:
            batch.state = "made"

    def _lock(self):
        """Wait for whoever works on them, then read them anew. :return: themselves, as superuser"""
        batches = self.sudo().sorted("id")
        self.env.flush_all()
        self.env.cr.execute("SELECT id FROM isp_token_batch WHERE id = ANY(%s) ORDER BY id FOR UPDATE", [batches.ids])
        batches.invalidate_recordset()
        return batches


def life_text(env, seconds):
    """:return: "3 hours", "1 day" … in the language of ``env``"""
    return env["isp.token.order"].new({"seconds": seconds})._time_text()
