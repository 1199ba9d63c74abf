# License AGPL-3.0 or later (https://www.gnu.org/licenses/agpl).
from datetime import timedelta

import pytz
from dateutil.relativedelta import relativedelta

from odoo import api, fields, models
from odoo.exceptions import AccessError, UserError, ValidationError
from odoo.tools import SQL, format_datetime, formatLang

from ..engine import placeholders as engine
from ..engine import quiet

STATES = [
    ("draft", "Draft"),
    ("previewing", "Counting"),
    ("previewed", "To confirm"),
    ("running", "Running"),
    ("paused", "Paused"),
    ("stopping", "Stopping"),
    ("stopped", "Stopped"),
    ("done", "Done"),
]
#: States in which nothing has been sent yet.
BEFORE = ("draft", "previewing", "previewed")
#: States of messages that surely did not arrive: "send to those that failed" writes to them.
FAILED = ("failed", "undeliverable", "expired")
#: Written by our own methods only.
_OURS = {
    "state", "total", "previewed_at", "confirmed_by", "started_at", "ended_at", "fed_at", "fed_count", "closed_from", "closed_to",
    "example_en", "example_ar", "longest", "longest_parts", "source_id", "figures",
}  # fmt: skip


class IspSmsBulk(models.Model):
    """One text to many contacts: draft → preview (who, how many SMS, what it costs) → confirmed → handed over bit by bit.

    Idempotency key: (bulk, number), UNIQUE in its lines and again in the log of messages. The preview writes the lines
    (isp_sms_bulk_preview.py), the run turns them into messages, a batch a transaction (isp_sms_bulk_run.py).
    """

    _name = "isp.sms.bulk"
    _description = "Bulk SMS"
    _inherit = ["mail.thread"]
    _order = "id desc"

    name = fields.Char(required=True, tracking=True, help="Why they are written to: it stands with each message in the log.")
    company_id = fields.Many2one("res.company", required=True, index=True, default=lambda self: self.env.company)
    state = fields.Selection(STATES, required=True, readonly=True, copy=False, default="draft", index=True, tracking=True)
    body = fields.Text("English text", tracking=True)
    body_ar = fields.Text("Arabic text", tracking=True)
    placeholders = fields.Char("May stand in the text", compute="_compute_placeholders")
    service = fields.Boolean(
        "Service message", tracking=True, help="An outage or a bill: goes to those too who want no advertising. Never use it for offers."
    )
    # --- to whom ---
    audience = fields.Selection("_audience_selection", "To", required=True, default="all", tracking=True)
    partner_ids = fields.Many2many("res.partner", string="Chosen contacts")
    category_ids = fields.Many2many("res.partner.category", string="With one of the tags")
    lang = fields.Selection("_lang_selection", "Whose language is")
    country_id = fields.Many2one("res.country", "In the country")
    state_ids = fields.Many2many("res.country.state", string="In one of the states")
    source_id = fields.Many2one("isp.sms.bulk", "Those that failed in", readonly=True, copy=False, index="btree_not_null", ondelete="restrict")
    # --- how ---
    gateway_id = fields.Many2one("isp.sms.gateway", help="Empty: by the order of the gateways, the next when one does not work.")
    quiet = fields.Selection(
        [("company", "As everywhere in the company"), ("own", "Own hours"), ("none", "None")], "Quiet hours", required=True, default="company"
    )
    quiet_from = fields.Float("Quiet from", default=20.0)
    quiet_to = fields.Float("Quiet until", default=8.0)
    quiet_text = fields.Char("Nothing is sent", compute="_compute_quiet_text")
    per_minute = fields.Integer("Messages a minute", help="0: as fast as the gateways go.")
    not_before = fields.Datetime("Not before")
    valid_until = fields.Datetime("Not after", help="What has not gone out by then is not sent any more. Empty: no end.")
    # --- preview ---
    total = fields.Integer("Contacts looked at", readonly=True, copy=False)
    previewed_at = fields.Datetime("Counted", readonly=True, copy=False)
    example_en = fields.Text("Example in English", readonly=True, copy=False)
    example_ar = fields.Text("Example in Arabic", readonly=True, copy=False)
    longest = fields.Text("Longest text", readonly=True, copy=False)
    longest_parts = fields.Integer("SMS of the longest text", readonly=True, copy=False)
    line_ids = fields.One2many("isp.sms.bulk.line", "bulk_id", readonly=True)
    recipient_count = fields.Integer("Recipients", compute="_compute_figures")
    left_out_count = fields.Integer("Left out", compute="_compute_figures")
    left_out_text = fields.Text("Left out because", compute="_compute_figures")
    parts_count = fields.Integer("SMS in all", compute="_compute_figures", help="Each part of a long text is one SMS.")
    long_count = fields.Integer("Get more than one SMS", compute="_compute_figures")
    cost_text = fields.Char("Expected cost", compute="_compute_figures", help="By the prices of the gateways that would take the messages.")
    # --- run ---
    confirmed_by = fields.Many2one("res.users", "Confirmed by", readonly=True, copy=False, index="btree_not_null")
    started_at = fields.Datetime("Started", readonly=True, copy=False)
    ended_at = fields.Datetime("Ended", readonly=True, copy=False)
    fed_at = fields.Datetime(readonly=True, copy=False, help="Begin of the minute that is counted.")
    fed_count = fields.Integer(readonly=True, copy=False)
    closed_from = fields.Datetime(readonly=True, copy=False, help="Nothing is handed over from then until closed_to.")
    closed_to = fields.Datetime(readonly=True, copy=False)
    figures = fields.Json(readonly=True, copy=False, help="Kept when the lines and the log are old and deleted.")
    progress = fields.Float(compute="_compute_figures", help="Per cent")
    waiting_count = fields.Integer("Waiting", compute="_compute_figures")
    accepted_count = fields.Integer("On the way", compute="_compute_figures")
    delivered_count = fields.Integer("Delivered", compute="_compute_figures")
    failed_count = fields.Integer("Failed", compute="_compute_figures")
    unknown_count = fields.Integer("Unknown fate", compute="_compute_figures")
    unsent_count = fields.Integer("Not sent", compute="_compute_figures", help="Stopped, or no longer to be written to when its turn came.")
    gone_count = fields.Integer("Gone out", compute="_compute_figures")
    hold_reason = fields.Char("Waits", compute="_compute_hold_reason")

    _sane = models.Constraint(
        "CHECK(COALESCE(per_minute, 0) >= 0 AND quiet_from BETWEEN 0 AND 24 AND quiet_to BETWEEN 0 AND 24)",
        "Messages a minute are not below zero; quiet hours lie between 0:00 and 24:00.",
    )

    # === Selections and hooks ===

    @api.model
    def _audience_selection(self):
        """Hook: add-ons add whom they know."""
        return [
            ("all", self.env._("All contacts")),
            ("chosen", self.env._("Chosen contacts")),
            ("failed", self.env._("Those another bulk did not reach")),
        ]

    @api.model
    def _lang_selection(self):
        return self.env["res.lang"].get_installed()

    @api.model
    def _allowed_placeholders(self):
        """Hook. :return: the names that may stand in the texts; `_recipient_values` gives their values"""
        return ["name", "company"]

    @api.model
    def _preview_inputs(self):
        """Hook. :return: the fields of which a preview depends"""
        return {
            "company_id", "body", "body_ar", "service", "audience", "partner_ids", "category_ids", "lang", "country_id", "state_ids", "gateway_id",
        }  # fmt: skip

    def _company_quiet(self):
        """Hook. :return: (from, until), hours on the company's clock"""
        return 20.0, 8.0

    def _zone(self):
        """:return: the company's time zone (its contact's, else that of who wrote the bulk, else UTC)"""
        return pytz.timezone(self.company_id.partner_id.tz or self.create_uid.tz or "UTC")

    # === Computes ===

    @api.depends("audience")
    def _compute_placeholders(self):
        for bulk in self:
            bulk.placeholders = " ".join(f"{{{name}}}" for name in bulk._allowed_placeholders())

    @api.depends("quiet", "quiet_from", "quiet_to", "company_id")
    def _compute_quiet_text(self):
        for bulk in self:
            start, end = bulk._quiet_hours()
            hours = {"from": _clock(start), "to": _clock(end), "zone": str(bulk._zone())}
            bulk.quiet_text = bulk.env._("%(from)s to %(to)s (%(zone)s)", **hours) if start != end else False

    def _quiet_hours(self):
        if self.quiet == "none":
            return 0.0, 0.0
        return self._company_quiet() if self.quiet == "company" else (self.quiet_from, self.quiet_to)

    def _quiet_window(self, now):
        """:return: (begin, end) in UTC of the quiet hours that ``now`` lies in or that come next; (False, False): there are none"""
        zone = self._zone()
        found = quiet.window(pytz.utc.localize(now).astimezone(zone).replace(tzinfo=None), *self._quiet_hours())
        return tuple(zone.localize(moment).astimezone(pytz.utc).replace(tzinfo=None) for moment in found) if found else (False, False)

    @api.depends("state")
    def _compute_figures(self):
        """Five queries, however many bulks."""
        lines, costs, messages = self._line_figures(), self._cost_figures(), self._message_figures()
        reasons = dict(self.env["isp.sms.bulk.line"]._fields["reason"]._description_selection(self.env))
        for bulk in self:
            kept = (bulk.figures or {}) if bulk.id not in lines else {}
            mine = lines.get(bulk.id, kept.get("lines", []))
            by_state = kept.get("messages") or messages.get(bulk.id, {})
            own_costs = costs.get(bulk.id) or {int(currency): cost for currency, cost in kept.get("costs", {}).items()}
            taken = [row for row in mine if row[0] != "left_out"]
            before = {reason: count for state, reason, at_run, count, _parts, _long in mine if state == "left_out" and not at_run}
            late = {reason: count for state, reason, at_run, count, _parts, _long in mine if state == "left_out" and at_run}
            ready = sum(row[3] for row in taken if row[0] == "ready")
            bulk.recipient_count = sum(row[3] for row in taken) + sum(late.values())
            bulk.left_out_count = sum(before.values())
            told = {**before, **{reason: before.get(reason, 0) + count for reason, count in late.items()}}
            bulk.left_out_text = "\n".join(f"{count:,} · {reasons.get(reason, reason)}" for reason, count in sorted(told.items(), key=lambda one: -one[1]))
            bulk.parts_count = sum(row[4] for row in taken)
            bulk.long_count = sum(row[5] for row in taken)
            bulk.cost_text = bulk._cost_label(own_costs)
            bulk.waiting_count = ready + by_state.get("queued", 0) + by_state.get("handing", 0)
            bulk.accepted_count = by_state.get("accepted", 0)
            bulk.delivered_count = by_state.get("delivered", 0)
            bulk.failed_count = sum(by_state.get(state, 0) for state in FAILED)
            bulk.unknown_count = by_state.get("unknown", 0)
            bulk.unsent_count = by_state.get("canceled", 0) + sum(late.values())
            bulk.gone_count = sum(by_state.values()) - sum(by_state.get(state, 0) for state in ("queued", "handing", "canceled"))
            if bulk.state == "previewing":
                bulk.progress = 100 * min(1, (bulk.recipient_count + bulk.left_out_count) / (bulk.total or 1))
            elif bulk.state in ("done", "stopped"):
                bulk.progress = 100
            else:
                bulk.progress = 100 * (1 - bulk.waiting_count / bulk.recipient_count) if bulk.recipient_count and bulk.state not in BEFORE else 0

    def _line_figures(self):
        """:return: {bulk id: [(state, reason, left out by the run, lines, SMS, lines with more than one SMS)]}"""
        self.env["isp.sms.bulk.line"].flush_model()
        found = {}
        rows = self.env.execute_query(
            SQL(
                """
                SELECT bulk_id, state, reason, at_run, COUNT(*), SUM(COALESCE(parts, 0)), COUNT(*) FILTER (WHERE parts > 1)
                  FROM isp_sms_bulk_line WHERE bulk_id = ANY(%s) GROUP BY bulk_id, state, reason, at_run
                """,
                self.ids,
            )
        )
        for bulk, *row in rows:
            found.setdefault(bulk, []).append(tuple(row))
        return found

    def _cost_figures(self):
        rows = self.env.execute_query(
            SQL(
                "SELECT bulk_id, COALESCE(currency_id, 0), SUM(cost) FROM isp_sms_bulk_line WHERE bulk_id = ANY(%s) AND state <> 'left_out' GROUP BY 1, 2",
                self.ids,
            )
        )
        found = {}
        for bulk, currency, cost in rows:
            found.setdefault(bulk, {})[currency] = float(cost or 0)
        return found

    def _message_figures(self):
        """:return: {bulk id: {state: messages}}"""
        self.env["isp.sms.message"].flush_model(["state", "res_model", "res_id"])
        rows = self.env.execute_query(
            SQL("SELECT res_id, state, COUNT(*) FROM isp_sms_message WHERE res_model = %s AND res_id = ANY(%s) GROUP BY 1, 2", self._name, self.ids)
        )
        found = {}
        for bulk, state, count in rows:
            found.setdefault(bulk, {})[state] = count
        return found

    def _cost_label(self, costs):
        currencies = {currency.id: currency for currency in self.env["res.currency"].browse([c for c in costs if c])}
        parts = [
            formatLang(self.env, cost, currency_obj=currencies[currency]) if currency else formatLang(self.env, cost)
            for currency, cost in costs.items()
            if cost
        ]
        return " + ".join(parts) or self.env._("No gateway has a price")

    @api.depends("state", "closed_from", "closed_to", "not_before")
    def _compute_hold_reason(self):
        now = fields.Datetime.now()
        for bulk in self:
            until = (
                bulk.not_before
                if bulk.not_before and bulk.not_before > now
                else bulk.closed_to
                if bulk.closed_from and bulk.closed_from <= now < bulk.closed_to
                else False
            )
            bulk.hold_reason = False
            if bulk.state != "running":
                continue
            if until:
                zone = str(bulk._zone())
                bulk.hold_reason = self.env._("Nothing goes out before %(moment)s.", moment=format_datetime(self.env, until, tz=zone, dt_format="short"))
            elif not bulk._working_gateways():
                bulk.hold_reason = self.env._("No gateway works at present; it goes on by itself when one does.")

    def _working_gateways(self):
        return (self.gateway_id or self.company_id._isp_sms_gateways()).sudo().filtered(lambda gateway: gateway.state == "ok")

    # === Constraints ===

    @api.constrains("body", "body_ar")
    def _check_text(self):
        for bulk in self:
            if not (bulk.body or "").strip() and not (bulk.body_ar or "").strip():
                raise ValidationError(self.env._("Write a text: in English, in Arabic, or both."))
            allowed = bulk._allowed_placeholders()
            for field in ("body", "body_ar"):
                if wrong := engine.wrong(bulk[field], set(allowed)):
                    raise ValidationError(
                        self.env._(
                            "%(field)s: %(wrong)s stands in braces and is not known. In braces may stand: %(allowed)s",
                            field=bulk._fields[field]._description_string(self.env),
                            wrong=", ".join(dict.fromkeys(wrong)),
                            allowed=bulk.placeholders,
                        )
                    )

    @api.constrains("not_before", "valid_until")
    def _check_span(self):
        for bulk in self:
            if bulk.not_before and bulk.valid_until and bulk.valid_until <= bulk.not_before:
                raise ValidationError(self.env._("“Not after” lies before “Not before”: nothing could be sent."))

    # === CRUD ===

    @api.model_create_multi
    def create(self, vals_list):
        for vals in vals_list:
            self._check_ours(vals)
        return super().create(vals_list)

    def write(self, vals):
        """A changed text or filter makes the preview stale; after the confirmation neither can be changed."""
        self._check_ours(vals)
        if self._preview_inputs() & set(vals):
            if any(bulk.state not in BEFORE for bulk in self):
                raise UserError(self.env._("It has been confirmed: its text and its recipients stay as they are. Copy it to send another one."))
            self.filtered(lambda bulk: bulk.state != "draft")._forget_preview()
        return super().write(vals)

    def _check_ours(self, vals):
        if not self.env.su and (wrong := _OURS & set(vals)):
            raise AccessError(self.env._("%s changes by the buttons only.", ", ".join(sorted(wrong))))

    def copy_data(self, default=None):
        vals_list = super().copy_data(default)
        for bulk, vals in zip(self, vals_list, strict=True):
            vals.setdefault("name", bulk.name)
            if bulk.audience == "failed" and not (default or {}).get("audience"):
                vals["source_id"] = bulk.source_id.id
            vals.update(not_before=False, valid_until=False)
        return vals_list

    @api.ondelete(at_uninstall=False)
    def _unlink_only_unsent(self):
        if any(bulk.state not in BEFORE for bulk in self):
            raise UserError(self.env._("What was sent to people is kept."))

    # === Actions ===

    def action_refresh(self):
        """Read the figures anew."""

    def action_view_left_out(self):
        return self._view("isp_sms.action_isp_sms_bulk_line", [("bulk_id", "=", self.id), ("state", "=", "left_out")])

    def action_view_recipients(self):
        return self._view("isp_sms.action_isp_sms_bulk_line", [("bulk_id", "=", self.id), ("state", "!=", "left_out")])

    def action_view_messages(self):
        return self._view("isp_sms.action_isp_sms_message", self._messages_domain())

    def action_view_failed(self):
        return self._view("isp_sms.action_isp_sms_message", [*self._messages_domain(), ("state", "in", FAILED)])

    def action_view_unknown(self):
        return self._view("isp_sms.action_isp_sms_message", [*self._messages_domain(), ("state", "=", "unknown")])

    def _messages_domain(self):
        return [("res_model", "=", self._name), ("res_id", "=", self.id)]

    def _view(self, xmlid, domain):
        self.ensure_one()
        action = self.env["ir.actions.act_window"]._for_xml_id(xmlid)
        return {**action, "domain": domain, "context": {"create": False}}

    def action_copy_failed(self):
        """A new draft to those that this one did not reach: nothing is sent by it."""
        self.ensure_one()
        self.check_access("write")
        if not self.failed_count:
            raise UserError(self.env._("Nothing of it has failed."))
        vals = {"audience": "failed", "source_id": self.id, "name": self.env._("%s: again", self.name)}
        copy = self.sudo().copy(vals).with_env(self.env)
        return {"type": "ir.actions.act_window", "res_model": self._name, "res_id": copy.id, "view_mode": "form"}

    # === Retention ===

    @api.autovacuum
    def _gc_lines(self, limit=20):
        """Names and numbers go when the log's do (`isp.sms.message._retention_months`); the figures stay.

        They are kept a week after the end, and shown once the lines are gone.
        """
        now = fields.Datetime.now()
        ended = [("state", "in", ("done", "stopped"))]
        fresh = self.search([*ended, ("ended_at", "<", now - timedelta(days=7)), ("figures", "=", False)], limit=limit)
        lines, costs, messages = fresh._line_figures(), fresh._cost_figures(), fresh._message_figures()
        for bulk in fresh:
            bulk.figures = {"lines": lines.get(bulk.id, []), "costs": costs.get(bulk.id, {}), "messages": messages.get(bulk.id, {})}
        months = self.env["isp.sms.message"]._retention_months()
        old = self.browse()
        if months:
            before = now - relativedelta(months=months)
            old = self.search([*ended, ("started_at", "<", before), ("figures", "!=", False), ("line_ids", "!=", False)], limit=limit)
            self.env.cr.execute("DELETE FROM isp_sms_bulk_line WHERE bulk_id = ANY(%s)", [old.ids])
            self.env["isp.sms.bulk.line"].invalidate_model()
        return len(fresh) + len(old), limit if limit in (len(fresh), len(old)) else 0


def _clock(hour):
    minutes = round(hour * 60)
    return f"{minutes // 60:02d}:{minutes % 60:02d}"
