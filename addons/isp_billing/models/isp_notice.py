# License AGPL-3.0 or later (https://www.gnu.org/licenses/agpl).
import json
import logging
from datetime import date, datetime, timedelta

import pytz

from odoo import api, fields, models
from odoo.exceptions import UserError
from odoo.service.model import PG_CONCURRENCY_EXCEPTIONS_TO_RETRY
from odoo.tools import SQL, plaintext2html

from odoo.addons.isp_sms.engine.mobile import check
from odoo.addons.isp_sms.engine.placeholders import clean
from odoo.addons.isp_sms.engine.plain import plain
from odoo.addons.isp_sms.engine.segments import segments

from ..engine import notice as engine

_logger = logging.getLogger(__name__)

KINDS = [
    ("invoice", "Invoice"),
    ("reminder", "Reminder before the due date"),
    ("overdue", "Overdue"),
    ("suspended", "Suspended"),
    ("restored", "Back in service"),
    ("receipt", "Receipt"),
    ("renewed", "Prepaid renewed"),
    ("missing", "Payment too small to renew"),
    ("expiring", "Prepaid ends soon"),
    ("price_change", "New price"),
    ("plan_change", "Change of plan"),
    ("instalment", "Instalment due"),
    ("instalment_broken", "Instalment agreement broken"),
    ("usage", "Part of the data used"),
    ("used_up", "Data used up"),
    ("overage", "Data above the bundle is charged"),
    ("token", "WiFi code"),
    ("appointment", "Appointment to install"),
    ("outage", "Outage"),
]
#: What the text of a kind may show: the parameters ``_isp_notify`` is called with. Those of "" are always there.
PLACEHOLDERS = {
    "": ("name", "account", "company"),
    "invoice": ("amount", "due", "number", "date", "link"),
    "reminder": ("amount", "date"),
    "overdue": ("amount", "date", "days"),
    "suspended": ("amount", "date"),
    "restored": ("plan",),
    "receipt": ("amount", "number", "date", "balance"),
    "renewed": ("plan", "amount", "date", "until"),
    "missing": ("plan", "amount", "paid", "missing"),
    "expiring": ("plan", "amount", "date", "until"),
    "price_change": ("plan", "price", "old_price", "date"),
    "plan_change": ("plan", "old_plan", "amount", "date"),
    "instalment": ("amount", "date"),
    "instalment_broken": ("amount", "date"),
    "usage": ("percent", "plan"),
    "used_up": ("plan",),
    "overage": ("plan", "price"),
    "token": ("user", "password", "ssid", "until"),
    "appointment": ("date", "plan", "technician"),
    "outage": ("site", "date"),
}
#: Parameters that are amounts in the company's currency.
MONEY = {"amount", "due", "missing", "paid", "balance", "price", "old_price", "fee"}
#: Names: shortened where the text would take a second SMS, which operators of the country may not carry.
ELASTIC = ("plan", "old_plan", "site", "technician", "name", "company")
#: Answers to what the customer has just done: they do not wait for the morning.
IMMEDIATE = {"receipt", "restored", "used_up", "overage", "token"}
#: Untrue once the customer owes nothing any more.
ABOUT_DEBT = {"reminder", "overdue", "suspended"}
#: The last of these is true, those before it are history.
ABOUT_USAGE = {"usage", "used_up", "overage"}
#: Hours after which a gateway that was away need not send it any more.
VALID_HOURS = {"reminder": 72, "overdue": 72, "suspended": 72, "usage": 24, "used_up": 24, "appointment": 24, "outage": 12}
STATES = [
    ("queued", "Waiting"),
    ("sending", "With the gateway"),
    ("sent", "Sent"),
    ("failed", "Failed"),
    ("skipped", "Not sent"),
]
#: A reminder that could not be sent for so long says nothing new.
_STALE = timedelta(days=3)
#: States of core's SMS and of its e-mail, in ours.
_SMS_STATE = {"outgoing": "sending", "process": "sending", "pending": "sent", "sent": "sent", "error": "failed", "canceled": "skipped"}
_MAIL_STATE = {"outgoing": "sending", "sent": "sent", "received": "sent", "exception": "failed", "cancel": "skipped"}


class IspNotice(models.Model):
    """Something a customer is told, once.

    Idempotency key: ``key``, UNIQUE in the database. Written in the transaction of its cause; sent afterwards
    by the scheduler: the text is made, and a core ``sms.sms`` (and an e-mail, if the text has one) is written in
    the same small transaction that takes the notice off the queue. Each has one SMS at most, UNIQUE in the database.
    """

    _name = "isp.notice"
    _description = "Notice to a customer"
    _order = "id desc"
    _rec_name = "kind"

    key = fields.Char(required=True, readonly=True)
    kind = fields.Selection(KINDS, required=True, readonly=True, index=True)
    partner_id = fields.Many2one("res.partner", string="Customer", required=True, readonly=True, ondelete="cascade", index=True)
    company_id = fields.Many2one("res.company", required=True, readonly=True, default=lambda self: self.env.company)
    params = fields.Json(readonly=True, help="What the text is made of.")
    state = fields.Selection(STATES, required=True, readonly=True, default="queued", index=True)
    send_after = fields.Datetime(readonly=True, default=fields.Datetime.now, help="Not before; the quiet hours are over then.")
    reason = fields.Char(readonly=True, help="Why it was not sent.")
    res_model = fields.Char("About (model)", readonly=True)
    res_id = fields.Many2oneReference("About (id)", model_field="res_model", readonly=True)
    to_number = fields.Char("Only to", readonly=True, help="A number that is not the customer's, as of who buys a code.")
    lang = fields.Char(string="Language", readonly=True)
    number = fields.Char(string="Sent to", readonly=True)
    email = fields.Char(string="E-mail", readonly=True)
    body = fields.Text(string="Text", readonly=True)
    sms_count = fields.Integer(string="SMS", readonly=True, help="How many SMS the text takes.")
    sent_at = fields.Datetime(string="Sent", readonly=True)

    _told_once = models.UniqueIndex("(key)", "The customer has been told already.")
    _queue_index = models.Index("(send_after, id) WHERE state = 'queued'")

    @api.depends("kind")
    @api.depends_context("lang")
    def _compute_display_name(self):
        kinds = dict(self._fields["kind"]._description_selection(self.env))
        for notice in self:
            notice.display_name = kinds.get(notice.kind)

    # === CRUD ===

    @api.ondelete(at_uninstall=False)
    def _unlink_only_waiting(self):
        if any(notice.state not in ("queued", "skipped") for notice in self):
            raise UserError(self.env._("What a customer was told is kept."))

    # === Actions ===

    def action_retry(self):
        """Once more, after the cause of a failure was mended. What was sent is not sent again."""
        self.check_access("write")
        again = self.filtered(lambda n: n.state in ("failed", "skipped"))
        again.sudo().write({"state": "queued", "reason": False, "send_after": fields.Datetime.now()})

    def action_open_record(self):
        """Open what it is about: the invoice, the payment, the line."""
        self.ensure_one()
        record = self.env[self.res_model].browse(self.res_id).exists() if self.res_model in self.env and self.res_id else False
        if not record:
            raise UserError(self.env._("What this notice is about is not known or has been deleted."))
        record.check_access("read")
        return {"type": "ir.actions.act_window", "res_model": self.res_model, "res_id": self.res_id, "views": [(False, "form")]}

    def action_view_sms(self):
        """The log of the SMS that this notice became."""
        self.ensure_one()
        action = self.env["ir.actions.act_window"]._for_xml_id("isp_sms.action_isp_sms_message")
        return {**action, "domain": [("isp_notice_id", "=", self.id)], "context": {}}

    # === Writing ===

    @api.model
    def _notify_many(self, kind, rows, company=None):
        """Write notices of one kind for many customers: each key once for ever.

        :param kind: key of KINDS
        :param rows: iterable of (partner id, key, params[, about[, to]]), as for ``res.partner._isp_notify``
        :param company: in whose name; default the current one
        :return: the notices written; a key told before gives none

        Transaction: the caller's; nothing is sent in it. Two callers at once: the second waits, then
        finds the key or is tried again by its serialization failure.
        """
        if kind not in dict(KINDS):
            raise ValueError(f"no kind of notice {kind!r}")
        company = company or self.env.company
        now = fields.Datetime.now()
        send_after = now if kind in IMMEDIATE else company._isp_after_quiet(now)
        values = [self._sql_row(company, *row) for row in rows]
        written = self.browse()
        for start in range(0, len(values), 1000):
            found = self.env.execute_query(
                SQL(
                    """
                    INSERT INTO isp_notice (key, partner_id, company_id, params, res_model, res_id, to_number, kind, state, send_after,
                                            create_uid, create_date, write_uid, write_date)
                    SELECT v.*, %(kind)s, 'queued', %(after)s, %(uid)s, %(now)s, %(uid)s, %(now)s
                      FROM (VALUES %(values)s) AS v (key, partner_id, company_id, params, res_model, res_id, to_number)
                        ON CONFLICT (key) DO NOTHING
                 RETURNING id
                    """,
                    kind=kind,
                    after=send_after,
                    uid=self.env.uid,
                    now=now,
                    values=SQL(", ").join(values[start : start + 1000]),
                )
            )
            written += self.browse(row[0] for row in found)
        if written and kind in IMMEDIATE:
            self.env.ref("isp_billing.ir_cron_notice").sudo()._trigger()
        return written

    def _sql_row(self, company, partner_id, key, params, about=None, to=None):
        model, res_id = (about._name, about.id) if about else (None, None)
        return SQL("(%s, %s, %s, %s::jsonb, %s, %s::int, %s)", key, partner_id, company.id, json.dumps(self._plain(params)), model, res_id, to or None)

    @api.model
    def _plain(self, params):
        """:return: the parameters as JSON can hold them: days and moments in ISO form, amounts as numbers"""

        def plain(value):
            if isinstance(value, datetime):
                return fields.Datetime.to_string(value)
            if isinstance(value, date):
                return fields.Date.to_string(value)
            return value if isinstance(value, (str, int, float, bool, type(None))) else str(value)

        return {name: plain(value) for name, value in (params or {}).items()}

    # === Text ===

    @api.model
    def _readable(self, params, company, lang):
        """:return: the parameters as customers read them: money without piasters, days and moments by the local clock"""
        zone = pytz.timezone(company._isp_zone())
        values = {"company": company.isp_sms_name or company.name}
        for name, value in params.items():
            stamp = engine.parsed(value)
            if name in MONEY and isinstance(value, (int, float)) and not isinstance(value, bool):
                values[name] = self._money(value, company, lang)
            elif isinstance(stamp, datetime):
                # With seconds as the database writes moments, in UTC; without: somebody's local text.
                local = pytz.utc.localize(stamp).astimezone(zone) if len(value) > 16 else stamp
                values[name] = engine.moment(local, lang)
            elif stamp:
                values[name] = engine.day(stamp, lang)
            else:
                values[name] = value
        return values

    @api.model
    def _money(self, amount, company, lang):
        currency = company.currency_id
        whole = currency.name == "SSP" or float(amount).is_integer()
        unit = currency.name
        if unit == "SSP" and (lang or "").startswith("ar"):
            unit = "جنيه"
        return engine.money(amount, unit, 0 if whole else currency.decimal_places)

    def _values(self, lang):
        self.ensure_one()
        partner = self.partner_id
        name = partner.isp_name_ar if lang.startswith("ar") and partner.isp_name_ar else partner.name
        own = {"name": name, "account": partner.commercial_partner_id.isp_account_no or partner.isp_account_no or partner.id}
        values = {**own, **self._readable(self.params or {}, self.company_id, lang)}
        # Whatever a customer calls himself, it is one line without characters that steer.
        return {name: clean(value) if isinstance(value, str) else value for name, value in values.items()}

    # === Sending ===

    @api.model
    def _cron_send(self):
        """Hand what may go out now to the SMS and e-mail queues, a batch a transaction.

        Killed between two batches nothing is lost or told twice; inside one it is undone whole.
        """
        self._send_queued(commit=True)

    @api.model
    def _send_queued(self, *, commit=False, batch=200):
        """:return: how many notices were looked at"""
        cron, total = self.env["ir.cron"], 0
        domain = [("state", "=", "queued"), ("send_after", "<=", fields.Datetime.now())]
        if commit:
            cron._commit_progress(remaining=self.search_count(domain))
        while notices := self.search(domain, order="id", limit=batch).try_lock_for_update():
            notices._hand_over()
            self.env.flush_all()
            total += len(notices)
            if commit and not cron._commit_progress(len(notices)):
                break
            self.env.invalidate_all()
        return total

    def _hand_over(self):
        """Make the texts of these locked notices and write their SMS and e-mails. One that fails is marked, alone."""
        self.invalidate_recordset()
        dues = self.partner_id.commercial_partner_id._isp_dues()
        texts = {}
        for notice in self.filtered(lambda n: n.state == "queued"):
            place = (notice.kind, notice.company_id)
            if place not in texts:
                texts[place] = self.env["isp.notice.template"]._for_kind(*place)
            try:
                with self.env.cr.savepoint():
                    notice._hand_over_one(texts[place], dues)
                    self.env.flush_all()
            except PG_CONCURRENCY_EXCEPTIONS_TO_RETRY:
                raise
            except Exception as error:
                _logger.warning("Notice %s (%s) failed", notice.id, notice.key, exc_info=True)
                self.env.invalidate_all()
                notice._close("failed", str(error) or type(error).__name__)

    def _hand_over_one(self, template, dues):
        self.ensure_one()
        if refusal := self._refusal(template, dues):
            self._close("skipped", refusal)
            return
        lang = self._customer_lang()
        template = template.with_context(lang=lang)
        number, why_not = self._mobile()
        if refusal := number and self._refusal_of_sms():
            number, why_not = False, refusal
        email = self._email() if template.email_body else False
        try:
            body, mail = self._texts(template, lang, email)
        except engine.MissingValue as error:
            self._close("failed", self.env._("The text has no value for {%(name)s}.", name=error.args[0]))
            return
        if not (number or email):
            self._close("skipped", why_not)
            return
        if number:
            self._queue("sms.sms", self._prepare_sms_vals(number, body))
        if email:
            self._queue("mail.mail", self._prepare_mail_vals(email, *mail))
        self.write(
            {
                "state": "sending",
                "reason": False if number else why_not,
                "lang": lang,
                "number": number,
                "email": email,
                "body": body if number else mail[1],
                "sms_count": segments(body)[2] if number else 0,
            }
        )

    def _texts(self, template, lang, email):
        """:return: (SMS, (subject, text of the e-mail)). The SMS is one, if shorter names and plain letters can make it so
        :raise engine.MissingValue:"""
        texts = [template.sms_body, *((template.email_subject, template.email_body) if email else ("", ""))]
        values = self._values(lang)
        values |= self._late_values(lang, set().union(*map(engine.placeholders, texts)))
        whole = engine.render(texts[0], values)
        if segments(whole)[0] == "ucs2" and segments(plain(whole))[0] == "gsm":
            values = {name: plain(value) if isinstance(value, str) else value for name, value in values.items()}
            texts[0] = plain(texts[0])
        body = engine.fitted(texts[0], values, ELASTIC, lambda text: segments(text)[2] <= 1)
        named = {**values, "company": self.company_id.name}
        return body, (engine.render(texts[1], named), engine.render(texts[2], named))

    def _late_values(self, lang, wanted):
        """:param wanted: placeholders of the texts
        :return: values that are true only now, when the text is made. Hook"""
        return {}

    def _refusal_of_sms(self):
        """:return: why it goes by e-mail alone, None for an SMS. Hook"""
        return None

    def _email(self):
        """:return: the address to write to, False for none. Hook"""
        return self.partner_id.email_normalized

    def _refusal(self, template, dues):
        """:return: why this notice is not to be sent any more, None to send it"""
        if not template:
            return self.env._("No text is in use for this kind of notice.")
        if self.kind in ABOUT_DEBT:
            due = dues.get((self.partner_id.commercial_partner_id.id, self.company_id.id))
            if not due or due.balance <= 0:
                return self.env._("Paid meanwhile.")
            if self.send_after < fields.Datetime.now() - _STALE:
                return self.env._("Too late: it waited more than three days.")
        if self.kind in ABOUT_USAGE and self._is_overtaken():
            return self.env._("A newer one has been written.")
        return None

    def _is_overtaken(self):
        """80 % that waited for the morning says nothing after 100 %."""
        same = [("partner_id", "=", self.partner_id.id), ("kind", "in", list(ABOUT_USAGE)), ("id", ">", self.id)]
        return bool(self.search_count([*same, ("res_model", "=", self.res_model), ("res_id", "=", self.res_id)], limit=1))

    def _customer_lang(self):
        langs = dict(self.env["res.lang"].get_installed())
        wanted = (self.partner_id.lang, self.partner_id.commercial_partner_id.lang, self.company_id.partner_id.lang, "en_US")
        return next((lang for lang in wanted if lang in langs), next(iter(langs)))

    def _mobile(self):
        """:return: (number in E.164 or False, why there is none)"""
        partner = self.partner_id
        country = (partner.country_id or self.company_id.country_id).code
        own = (partner.phone, partner.isp_alt_phone, partner.commercial_partner_id.phone)
        given = [number for number in ((self.to_number,) if self.to_number else own) if number]
        if not given:
            return False, self.env._("The customer has no telephone number.")
        for number in given:
            mobile, _why = check(number, country)
            if mobile:
                return mobile, None
        return False, self.env._("%(number)s is not a mobile number.", number=given[0])

    def _queue(self, model, vals):
        """Write the message, or put back the one that failed before: a notice has one of a kind for ever."""
        before = self.env[model].search([("isp_notice_id", "=", self.id)])
        if not before:
            self.env[model].create(vals)
        elif before.state in ("error", "canceled", "exception", "cancel"):
            fresh = {name: value for name, value in vals.items() if name != "isp_notice_id"}
            before.write({**fresh, "state": "outgoing"})

    def _prepare_sms_vals(self, number, body):
        return {"number": number, "body": body, "partner_id": self.partner_id.id, "isp_notice_id": self.id}

    def _prepare_mail_vals(self, email, subject, body):
        return {
            "email_to": email,
            "email_from": self.company_id.email_formatted or self.env.user.email_formatted,
            "subject": subject or self.company_id.name,
            "body_html": plaintext2html(body),
            "auto_delete": True,
            "isp_notice_id": self.id,
        }

    def _close(self, state, reason=False):
        self.write({"state": state, "reason": reason and reason[:500]})

    def _on_delivery(self, state, reason=False):
        """An SMS or an e-mail of these notices has changed state.

        :param state: key of STATES; whatever was sent on one way stays sent when the other fails
        """
        open_ones = self.filtered(lambda n: n.state != "sent" and n.state != state)
        vals = {"state": state, "reason": reason}
        if state == "sent":
            vals["sent_at"] = fields.Datetime.now()
        open_ones.write(vals)
