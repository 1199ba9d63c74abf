# License AGPL-3.0 or later (https://www.gnu.org/licenses/agpl).
import logging
import socket
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

from odoo import api, fields, models
from odoo.exceptions import AccessError, UserError
from odoo.tools import SQL

from odoo.addons.isp_billing.engine.periods import Period

from ..engine import outage as engine
from .isp_session import ALIVE

_logger = logging.getLogger(__name__)

#: Seconds that a router's API has to take a connection.
PROBE = 3
#: Customers told or credited in one transaction.
BATCH = 500


class IspOutage(models.Model):
    """An incident: nobody at a router could be heard, from then until then. Without a router it is ours: all were silent at once.

    Opened and closed by ``_cron_watch``. One open incident a router, and one of ours (unique indexes). Who was on line when it began stands in
    ``isp.outage.line``: told once, credited once.
    """

    _name = "isp.outage"
    _description = "Outage"
    _inherit = ["isp.readonly.mixin", "mail.thread"]
    _order = "started desc, id desc"

    router_id = fields.Many2one("isp.router", readonly=True, ondelete="restrict", index="btree_not_null", help="Blank: our own server, power or line.")
    place = fields.Char(string="Where", compute="_compute_place")
    company_id = fields.Many2one("res.company", readonly=True)
    started = fields.Datetime(required=True, readonly=True)
    ended = fields.Datetime(readonly=True, tracking=True)
    duration = fields.Float(string="Hours", compute="_compute_duration")
    state = fields.Selection([("open", "Going on"), ("over", "Over")], compute="_compute_state", search="_search_state")
    line_ids = fields.One2many("isp.outage.line", "outage_id", readonly=True)
    affected = fields.Integer(string="Customers' lines", readonly=True, help="On line when it began.")
    told = fields.Datetime(string="Customers told", readonly=True, copy=False, tracking=True)
    creditable = fields.Boolean(string="Lines were down", readonly=True, help="Off: customers were on line all the same, as when only our server had no power. Nothing is credited.", tracking=True)
    credit_total = fields.Monetary(string="To credit", compute="_compute_credit_total")
    credited = fields.Datetime(string="Credits booked", readonly=True, copy=False, tracking=True)
    currency_id = fields.Many2one(related="company_id.currency_id")
    note = fields.Text()

    _router_open = models.UniqueIndex("(router_id) WHERE ended IS NULL AND router_id IS NOT NULL", "This router has an open outage already.")
    _own_open = models.UniqueIndex("((ended IS NULL)) WHERE ended IS NULL AND router_id IS NULL", "There is an open outage of our own already.")
    _in_order = models.Constraint("CHECK(ended >= started)", "An outage ends after it starts.")

    # === Computes ===

    @api.depends("router_id")
    @api.depends_context("lang")
    def _compute_place(self):
        everywhere = self.env._("All routers")
        for outage in self:
            outage.place = outage.router_id.name or everywhere

    @api.depends("place", "started")
    @api.depends_context("lang", "tz")
    def _compute_display_name(self):
        for outage in self:
            when = fields.Datetime.context_timestamp(outage, outage.started).strftime("%Y-%m-%d %H:%M") if outage.started else ""
            outage.display_name = f"{outage.place} · {when}"

    @api.depends("started", "ended")
    def _compute_duration(self):
        for outage in self:
            outage.duration = ((outage.ended or fields.Datetime.now()) - outage.started).total_seconds() / 3600 if outage.started else 0

    @api.depends("ended")
    def _compute_state(self):
        for outage in self:
            outage.state = "over" if outage.ended else "open"

    def _search_state(self, operator, value):
        if operator != "in":
            return NotImplemented
        wanted = [fields.Domain("ended", "!=" if state == "over" else "=", False) for state in value]
        return fields.Domain.OR(wanted)

    @api.depends("line_ids.credit")
    def _compute_credit_total(self):
        for outage in self:
            outage.credit_total = sum(outage.line_ids.mapped("credit"))

    # === Actions ===

    def action_tell(self):
        """Tell by SMS who was on line: once an outage and customer; at night in the morning."""
        self.ensure_one()
        if not self.env.user.has_group("isp_base.group_isp_customer_service"):
            raise AccessError(self.env._("Only customer service tells customers."))
        self.check_access("read")
        self.sudo()._tell()

    def action_credit(self):
        """Book what the company gives for it; who has it already is left out."""
        self.ensure_one()
        if not self.env.user.has_group("isp_base.group_isp_billing_manager"):
            raise AccessError(self.env._("Only a billing manager books credits."))
        self.check_access("read")
        if not self.ended:
            raise UserError(self.env._("The outage is not over; nobody knows yet how long it is."))
        self.sudo()._book_credits()

    def action_not_down(self):
        """Lines were on line all the same, or were not: whether there is anything to credit (staff)."""
        self.ensure_one()
        if not self.env.user.has_group("isp_base.group_isp_billing_manager"):
            raise AccessError(self.env._("Only a billing manager says what is credited."))
        if self.credited:
            raise UserError(self.env._("The credits are booked already."))
        self.sudo().creditable = not self.creditable

    # === Watching ===

    @api.model
    def _cron_watch(self):
        """Every minute: open and close incidents. Asks routers outside any transaction that holds locks; safe at any time and again."""
        now = fields.Datetime.now()
        targets = self._probe_targets()
        # Reading only until here: nothing is held open while routers are asked.
        self.env["ir.cron"]._commit_progress(remaining=1)
        answered = self._probe(targets)
        self._watch(now, answered)
        self.env["ir.cron"]._commit_progress(1, remaining=0)

    @api.model
    def _probe_targets(self):
        """:return: {router id: (host, port)} of routers with an API of ours"""
        routers = self.env["isp.router"].sudo().search([("api_user", "!=", False), ("api_port", ">", 0)])
        return {router.id: (router.api_host or router.nas_ip, router.api_port) for router in routers}

    @api.model
    def _probe(self, targets):
        """:return: ids of the routers that take a connection"""
        if not targets:
            return set()
        with ThreadPoolExecutor(min(len(targets), 16)) as pool:
            return {key for key, good in zip(targets, pool.map(_takes_connection, targets.values()), strict=True) if good}

    @api.model
    def _watch(self, now, answered):
        """Judge and write. Caller's transaction.

        :param answered: ids of routers whose API has just taken a connection
        """
        pulse = self.env["isp.outage.pulse"].sudo()
        watching_since = pulse._beat(now)
        pulse._answered(answered, now)
        heard = self._heard(now)
        opened = self.sudo().search([("ended", "=", False)])
        ours = opened.filtered(lambda o: not o.router_id)
        last_own = self.sudo().search([("router_id", "=", False), ("ended", "!=", False)], order="ended desc", limit=1)
        since = max(filter(None, (watching_since, last_own.ended)), default=None)
        verdict = engine.judge(now, heard, {o.router_id.id: o.started for o in opened if o.router_id}, ours.started or None, since)
        for outage in opened.filtered("router_id"):
            if outage.router_id.id in verdict.back:
                outage._close(verdict.back[outage.router_id.id])
        if verdict.ours_over and ours:
            ours._close(verdict.ours_over)
        for router, started in verdict.down.items():
            self._open(self.env["isp.router"].browse(router), started)
        if verdict.ours:
            self._open(self.env["isp.router"], verdict.ours)

    @api.model
    def _heard(self, now):
        """When each router that should be heard was heard last.

        It should be if its API has answered before, or if at least two people were on line there in the end without a Stop: one Stop gets lost,
        and people who all hung up are no silence. A router that was heard just now is listed in any case: it shows that we hear.

        :return: {router id: moment}
        """
        self.env.flush_all()
        rows = self.env.execute_query(
            SQL(
                """
                SELECT r.id, s.heard, p.answered,
                       (SELECT count(*) FROM isp_session g WHERE g.nas_ip = r.nas_ip AND (g.stopped IS NULL OR (g.presumed AND g.stopped > %(old)s))
                           AND g.updated > s.heard - %(alive)s)
                  FROM isp_router r
                  LEFT JOIN isp_outage_pulse p ON p.router_id = r.id
                  LEFT JOIN LATERAL (SELECT greatest(
                      (SELECT max(o.updated) FROM isp_session o WHERE o.nas_ip = r.nas_ip AND o.stopped IS NULL),
                      (SELECT max(e.updated) FROM isp_session e WHERE e.nas_ip = r.nas_ip AND e.stopped > %(old)s)) AS heard) s ON true
                 WHERE r.active
                """,
                old=now - timedelta(days=1),
                alive=engine.PATIENCE,
            )
        )
        heard = {}
        for router, packet, answered, left in rows:
            last = max(filter(None, (packet, answered)), default=None)
            if last and (answered or left >= 2 or now - last < engine.PATIENCE):
                heard[router] = last
        return heard

    @api.model
    def _open(self, router, started):
        """A new incident with who was on line. Told at once if the company wants so."""
        known = self.sudo().search([("router_id", "=", router.id), ("started", "=", started)], limit=1)
        if known:
            known.ended = False
            return known
        company = router.company_id or self.env["res.company"].search([], order="id", limit=1)
        outage = self.sudo().create({"router_id": router.id, "company_id": company.id, "started": started, "creditable": bool(router)})
        outage._write_lines()
        _logger.info("Outage: %s silent since %s, %d lines", router.name or "all routers", started, outage.affected)
        if router and company.isp_outage_sms:
            outage._tell()
        return outage

    def _close(self, ended):
        self.ended = max(ended, self.started)
        _logger.info("Outage over: %s at %s", self.router_id.name or "all routers", ended)

    def _write_lines(self):
        """Who was on line when it began: their sessions had been heard shortly before and had not ended. One statement."""
        self.ensure_one()
        self.env.flush_all()
        where = SQL("s.nas_ip = %s", self.router_id.nas_ip) if self.router_id else SQL("s.router_id IS NOT NULL")
        self.env.cr.execute(
            SQL(
                """
                INSERT INTO isp_outage_line (outage_id, subscription_id, partner_id)
                SELECT DISTINCT %(outage)s, u.id, u.partner_id
                  FROM isp_session s JOIN isp_access a ON a.id = s.access_id JOIN isp_subscription u ON u.id = a.subscription_id
                 WHERE %(where)s AND s.updated > %(from)s AND s.started <= %(at)s AND (s.stopped IS NULL OR s.presumed)
                 ORDER BY 2
                ON CONFLICT DO NOTHING
                """,
                **{"outage": self.id, "where": where, "from": self.started - ALIVE, "at": self.started},
            )
        )
        self.affected = self.env.cr.rowcount
        self.env.invalidate_all()

    # === Telling and giving ===

    def _tell(self):
        """One SMS a customer and outage, whatever his lines; the notices' own key keeps it so."""
        for company, lines in self.line_ids.grouped(lambda line: line.subscription_id.company_id).items():
            rows = {}
            for line in lines:
                values = {"site": self.router_id.name or company.name, "date": self.started}
                rows[line.partner_id.id] = (line.partner_id.id, f"outage/{self.id}/{line.partner_id.id}", values, self)
            self.env["res.partner"].with_company(company)._isp_notify_many("outage", rows.values(), company)
        self.told = self.told or fields.Datetime.now()

    def _book_credits(self):
        """One row of the ledger a line, source "outage/<id>" (UNIQUE): a second call books nothing. Caller's transaction, rows locked."""
        self.ensure_one()
        self.lock_for_update()
        if self.credited:
            return
        today = {company: company._isp_today() for company in self.line_ids.subscription_id.company_id}
        vals_list, lines = [], []
        for line in self.line_ids.filtered("credit"):
            subscription = line.subscription_id
            day = today[subscription.company_id]
            env = subscription.with_context(lang=subscription.partner_id.lang).env
            vals_list.append(
                subscription._prepare_period(
                    Period(day, day, 1),
                    -line.credit,
                    kind="adjustment",
                    source=f"outage/{self.id}",
                    note=env._("Credit for the outage of %(date)s", date=fields.Datetime.context_timestamp(self.with_context(tz="Africa/Juba"), self.started).date()),
                )
            )
            lines.append(line)
        for line, period in zip(lines, self.env["isp.period"].create(vals_list), strict=True):
            line.write({"period_id": period.id, "booked": -period.amount})
        self.credited = fields.Datetime.now()


def _takes_connection(address):
    try:
        with socket.create_connection(address, timeout=PROBE):
            return True
    except OSError:
        return False
