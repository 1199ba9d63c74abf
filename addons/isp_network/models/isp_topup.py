# License AGPL-3.0 or later (https://www.gnu.org/licenses/agpl).
from datetime import timedelta

from odoo import api, fields, models
from odoo.exceptions import UserError
from odoo.tools import SQL

from ..engine import fair_use as engine
from ..engine.volume import human

_JUBA = timedelta(hours=2)
#: A top-up that nobody pays is given up after so many days.
WAIT_DAYS = 7


class IspTopupOffer(models.Model):
    """Data that can be bought on top until the customer's window ends."""

    _name = "isp.topup.offer"
    _description = "Data to buy on top"
    _order = "volume_mb, id"

    name = fields.Char(required=True, translate=True)
    active = fields.Boolean(default=True)
    volume_mb = fields.Integer(string="Data (MB)", required=True)
    company_id = fields.Many2one("res.company", required=True, default=lambda self: self.env.company)
    currency_id = fields.Many2one(related="company_id.currency_id")
    price = fields.Monetary(required=True, help="Without taxes.")
    product_id = fields.Many2one(
        "product.product",
        required=True,
        ondelete="restrict",
        default=lambda self: self.env.ref("isp_network.product_topup", raise_if_not_found=False),
        help="Its taxes and accounts are charged.",
    )
    plan_ids = fields.Many2many("isp.plan", string="On plans", help="Blank: on all.")

    _positive = models.Constraint("CHECK(volume_mb > 0 AND price >= 0)", "A top-up has some data, and a price that is not negative.")


class IspTopup(models.Model):
    """One sale of data on top of what a plan includes.

    Idempotency key: ``uuid``, UNIQUE; its row of the ledger is ("usage", "topup/<id>"). Paid from credit it waits until the money is
    there (a payment at the desk or by wallet books it); postpaid lines may have it put on the next invoice.
    """

    _name = "isp.topup"
    _description = "Data bought on top"
    _order = "id desc"
    _rec_name = "offer_id"

    uuid = fields.Char(required=True, readonly=True)
    subscription_id = fields.Many2one("isp.subscription", required=True, readonly=True, ondelete="restrict", index=True)
    partner_id = fields.Many2one(related="subscription_id.partner_id", string="Customer")
    company_id = fields.Many2one(related="subscription_id.company_id", store=True)
    currency_id = fields.Many2one(related="company_id.currency_id")
    offer_id = fields.Many2one("isp.topup.offer", string="Data on top", required=True, readonly=True, ondelete="restrict")
    bytes = fields.Float(string="Data (bytes)", digits=(20, 0), required=True, readonly=True)
    price = fields.Monetary(readonly=True, help="Without taxes.")
    pay = fields.Selection([("credit", "Now"), ("invoice", "With the next invoice")], required=True, readonly=True)
    state = fields.Selection(
        [("waiting", "Waits for money"), ("done", "Given"), ("cancelled", "Given up")], required=True, readonly=True, default="waiting"
    )
    given_at = fields.Datetime(string="Given", readonly=True)
    valid_until = fields.Datetime(readonly=True, help="Blank: until the bundle is over.")
    period_id = fields.Many2one("isp.period", string="In the ledger", readonly=True, ondelete="restrict")

    _sold_once = models.UniqueIndex("(uuid)", "This top-up is sold already.")
    _waiting_index = models.Index("(subscription_id) WHERE state = 'waiting'")

    def action_cancel(self):
        """Give up what waits for money."""
        self.subscription_id.check_access("write")
        self.sudo().filtered(lambda t: t.state == "waiting").state = "cancelled"

    def _try(self):
        """Give what can be paid for now. Caller's transaction; locks the lines of the customer. Again: nothing."""
        for topup in self.sudo().filtered(lambda t: t.state == "waiting"):
            line = topup.subscription_id
            line._lock_customer()
            topup.invalidate_recordset(["state"])
            if topup.state != "waiting" or line.state != "active" or not line._can_top_up():
                continue
            vals = topup._prepare_period()
            if topup.pay == "credit":
                total = self.env["isp.quote"]._quote([vals], line.company_id).total
                if line.currency_id.compare_amounts(line._credit(), total) < 0:
                    continue
            topup.write({"state": "done", "given_at": fields.Datetime.now(), "valid_until": line._topup_until() or False})
            topup.period_id = self.env["isp.period"].sudo().create(vals)
            if topup.pay == "credit":
                topup.period_id._invoice()
            line._on_topped_up(topup)

    def _prepare_period(self):
        """:return: values of the row of the ledger"""
        self.ensure_one()
        line, env = self.subscription_id, self.subscription_id._customer_env()
        today = line.company_id._isp_today()
        lang = line.partner_id.commercial_partner_id.lang
        text = env._("%(offer)s for %(plan)s, %(day)s", offer=self.offer_id.with_env(env).name, plan=line.plan_id.with_env(env).name,
                     day=env["isp.period"]._isolated(fields.Date.to_string(today), lang))  # fmt: skip
        return {
            "subscription_id": line.id,
            "kind": "usage",
            "date_start": today,
            "date_end": today,
            "source": f"topup/{self.id}",
            "plan_id": line.plan_id.id,
            "product_id": self.offer_id.product_id.id,
            "partner_id": line.partner_id.commercial_partner_id.id,
            "company_id": line.company_id.id,
            "currency_id": line.currency_id.id,
            "price": self.price,
            "days": 1,
            "full_days": 1,
            "amount": line.currency_id.round(self.price),
            "note": text,
        }

    @api.autovacuum
    def _gc_waiting(self):
        """Nobody paid for a week: given up. Money that comes later stays credit."""
        limit = fields.Datetime.subtract(fields.Datetime.now(), days=WAIT_DAYS)
        self.search([("state", "=", "waiting"), ("create_date", "<", limit)]).state = "cancelled"


class IspSubscription(models.Model):
    _inherit = "isp.subscription"

    topup_ids = fields.One2many("isp.topup", "subscription_id", string="Bought on top", readonly=True)
    can_top_up = fields.Boolean(compute="_compute_can_top_up", compute_sudo=True)

    @api.depends("state", "plan_id", "access_ids")
    def _compute_can_top_up(self):
        for line in self:
            line.can_top_up = line.state == "active" and line._can_top_up()

    def action_top_up(self):
        self.ensure_one()
        return {
            "type": "ir.actions.act_window",
            "name": self.env._("Data on top"),
            "res_model": "isp.topup.wizard",
            "view_mode": "form",
            "target": "new",
            "context": {"default_subscription_id": self.id},
        }

    def _can_top_up(self):
        """Whether there is a volume that more data could be added to."""
        self.ensure_one()
        return bool(self.access_ids and (self._quota_cuts() or self.usage_from or (self.plan_id.fup_id.active and self.plan_id.fup_id.step_ids)))

    def _topup_offers(self):
        """:return: what this line may buy on top"""
        self.ensure_one()
        offers = self.env["isp.topup.offer"].sudo().search([("company_id", "=", self.company_id.id)])
        return offers.filtered(lambda o: not o.plan_ids or self.plan_id in o.plan_ids) if self._can_top_up() else offers.browse()

    def _topup_until(self):
        """:return: when what is bought now ends (UTC): with the window that limits the line; None: with the bundle"""
        self.ensure_one()
        if self._quota_cuts() and self._quota_is_bought():
            return None
        window = "month" if self._quota_cuts() or self.usage_from else self.plan_id.fup_id.window
        return engine.window_end(window, fields.Datetime.now() + _JUBA, self.anchor_day) - _JUBA

    def _sell_topup(self, offer, pay, uuid):
        """Sell data on top, once for ``uuid``.

        :param pay: "credit": given when the customer's credit pays it, now or when money comes; "invoice": given now (postpaid)
        :return: the ``isp.topup``, done or waiting
        :raise UserError: not for this line
        Transaction: the caller's.
        """
        self.ensure_one()
        self.sudo()._lock_customer()
        topups = self.env["isp.topup"].sudo()
        if found := topups.search([("uuid", "=", uuid)]):
            return found
        if self.state != "active" or offer not in self.sudo()._topup_offers():
            raise UserError(self.env._("%(line)s cannot buy this: it is not in service, or nothing limits its data.", line=self.display_name))
        if pay == "invoice" and self.billing_mode != "postpaid":
            raise UserError(self.env._("A prepaid line pays first."))
        topup = topups.create(
            {
                "uuid": uuid,
                "subscription_id": self.id,
                "offer_id": offer.id,
                "bytes": offer.volume_mb * 1_000_000,
                "price": offer.price,
                "pay": pay,
            }
        )
        topup._try()
        return topup

    def _on_topped_up(self, topup):
        """The network follows in the same transaction: wall and slow speed are lifted."""
        self.ensure_one()
        access = self.sudo().access_ids[:1]
        if not topup.valid_until:
            self.with_context(tracking_disable=True).quota_carried += int(topup.bytes)
            self._sync_access()
        else:
            given = self.topup_ids.filtered(lambda t: t.state == "done" and t.valid_until == topup.valid_until)
            access._apply({"topup_bytes": int(sum(given.mapped("bytes"))), "topup_until": topup.valid_until})
        self.env["isp.usage.meter"].sudo()._evaluate(access)

    def _topup_between(self, start, end):
        """Override: what was given on these days."""
        zone = _JUBA
        since, until = (fields.Datetime.to_datetime(day) - zone for day in (start, end + timedelta(days=1)))
        given = self.env["isp.topup"].sudo().search(
            [("subscription_id", "=", self.id), ("state", "=", "done"), ("given_at", ">=", since), ("given_at", "<", until)]
        )
        return super()._topup_between(start, end) + int(sum(given.mapped("bytes")))

    # === What is used, for people ===

    def _usage_now(self):
        """What limits this line and how much of it is used.

        :return: None, or {"meter": "quota", "bundle" or "ladder", "used", "volume": bytes, "until": UTC or None, "rate": the slow speed or ""}
        """
        self.ensure_one()
        access = self.sudo().access_ids[:1]
        if not access:
            return None
        now = fields.Datetime.now()
        topup = access.topup_bytes if access.topup_until and access.topup_until > now else 0
        until = self._topup_until() if self._can_top_up() else None
        if access.quota_bytes:
            left = self.sudo()._quota_left().get(self.id, 0)
            volume = access.quota_bytes + topup
            return {"meter": "quota", "used": volume - left, "volume": volume, "until": until or access.valid_until or None, "rate": ""}
        self.env.flush_all()
        meter = self.env["isp.usage.meter"]
        rows = dict(
            self.env.execute_query(
                SQL(
                    "WITH %s, %s SELECT t.key, (coalesce(u.bytes, 0), l.bundle)::text FROM target t JOIN line l ON l.access_id = t.access_id"
                    " LEFT JOIN used u ON u.key = t.key",
                    meter._sql_lines(now, access.ids),
                    meter._sql_used("target", access.ids),
                )
            )
        )
        for key in ("bundle", "ladder"):
            if key in rows:
                used, bundle = (int(number or 0) for number in rows[key].strip("()").split(","))
                volume = bundle if key == "bundle" else min(self.plan_id.fup_id.step_ids.mapped("after_mb"), default=0) * 1_000_000
                return {"meter": key, "used": used, "volume": volume + topup, "until": until, "rate": access.fup_rate or ""}
        return None

    def _usage_sentence(self):
        """:return: one line of text about ``_usage_now``, in the language of the environment; "" when nothing limits"""
        now = self._usage_now()
        if not now:
            return ""
        isolated = self.env["isp.period"]._isolated
        used, volume = (isolated(human(count), self.env.lang) for count in (max(now["used"], 0), now["volume"]))
        return self.env._("%(used)s of %(volume)s", used=used, volume=volume)


class ResPartner(models.Model):
    _inherit = "res.partner"

    def _isp_on_settled(self):
        """Override of `isp_billing`: what waits for this money comes before renewals, for it was asked for."""
        if not self.env.context.get("isp_topping_up"):
            waiting = self.env["isp.topup"].sudo().search(
                [("state", "=", "waiting"), ("subscription_id.partner_id", "child_of", self.commercial_partner_id.ids)], order="id"
            )
            waiting.with_context(isp_topping_up=True)._try()
        return super()._isp_on_settled()
