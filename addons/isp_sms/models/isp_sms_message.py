# License AGPL-3.0 or later (https://www.gnu.org/licenses/agpl).
import json
import logging

from dateutil.relativedelta import relativedelta

from odoo import api, fields, models
from odoo.exceptions import UserError
from odoo.tools import SQL

from ..engine.segments import segments

_logger = logging.getLogger(__name__)

STATES = [
    ("queued", "Queued"),
    ("handing", "Being handed over"),
    ("accepted", "Accepted"),
    ("delivered", "Delivered"),
    ("failed", "Failed"),
    ("undeliverable", "Refused by the operator"),
    ("expired", "Expired"),
    ("canceled", "Cancelled"),
    ("unknown", "Unknown fate"),
]
#: A report never takes a message to a lower rank; "delivered" wins over everything.
RANK = {"queued": 0, "handing": 0, "unknown": 0, "canceled": 0, "accepted": 1, "expired": 2, "failed": 2, "undeliverable": 2, "delivered": 3}
FINAL = ("delivered", "failed", "undeliverable", "expired", "canceled")
#: From these a message may be handed over again as the same row: it surely did not arrive.
AGAIN = ("failed", "undeliverable", "expired", "canceled")
#: Months after which a message is forgotten, unless the setting says otherwise.
RETENTION_MONTHS = 24
#: Ours -> state of `sms.sms`.
CORE_STATE = {"accepted": "pending", "delivered": "sent", "failed": "error", "undeliverable": "error", "expired": "error", "canceled": "canceled"}


class IspSmsMessage(models.Model):
    """One SMS to one number: queue and log in one row, which stays when `sms.sms` is swept away.

    Idempotency key: ``uuid``, UNIQUE; that of `sms.sms` where there is one. Written in the transaction of its cause
    (`_enqueue`), handed over by the dispatcher (isp_sms_dispatch.py), which alone may take it out of ``queued``.
    """

    _name = "isp.sms.message"
    _description = "SMS"
    _order = "id desc"
    _rec_name = "number"

    uuid = fields.Char("UUID", required=True, readonly=True)
    number = fields.Char(readonly=True)
    partner_id = fields.Many2one("res.partner", readonly=True, index="btree_not_null")
    company_id = fields.Many2one("res.company", required=True, readonly=True, index=True)
    body = fields.Text(readonly=True)
    encoding = fields.Selection([("gsm", "GSM"), ("ucs2", "Unicode")], readonly=True)
    parts = fields.Integer("SMS parts", readonly=True)
    cost = fields.Float(readonly=True, digits=(16, 4))
    currency_id = fields.Many2one("res.currency", readonly=True)
    gateway_id = fields.Many2one("isp.sms.gateway", readonly=True, index="btree_not_null")
    reference = fields.Char("Gateway's reference", readonly=True, index="btree_not_null")
    kind = fields.Selection([("service", "Service"), ("bulk", "Bulk")], default="service", readonly=True)
    res_model = fields.Char("About (model)", readonly=True)
    res_id = fields.Many2oneReference("About (id)", model_field="res_model", readonly=True)
    res_name = fields.Char("About", compute="_compute_res_name")
    reason = fields.Char(readonly=True)
    state = fields.Selection(STATES, default="queued", required=True, readonly=True)
    tries = fields.Integer("Times handed over", readonly=True)
    next_try = fields.Datetime(readonly=True)
    valid_until = fields.Datetime(readonly=True, help="Later it is not worth sending, as with a code.")
    handed_at = fields.Datetime("Handed over", readonly=True)
    accepted_at = fields.Datetime("Accepted on", readonly=True)
    final_at = fields.Datetime("Ended", readonly=True)
    error = fields.Char(readonly=True)
    error_code = fields.Char(readonly=True)
    receipt_ids = fields.One2many("isp.sms.receipt", "message_id", readonly=True)

    _uuid_unique = models.UniqueIndex("(uuid)", "This SMS is in the log already.")
    _queued = models.Index("(kind DESC, id) WHERE state = 'queued'")
    _handing = models.Index("(gateway_id) WHERE state IN ('handing', 'unknown')")
    _kept = models.Index("(COALESCE(final_at, handed_at)) WHERE body IS NOT NULL AND state NOT IN ('queued', 'handing')")

    # === Writing ===

    @api.model
    def _enqueue(self, rows):
        """Write messages, each once.

        :param rows: dicts of ``uuid``, ``number`` (E.164), ``body``, ``company_id`` and, as known, ``partner_id``, ``kind``, ``res_model``,
            ``res_id``, ``reason``, ``valid_until``, ``state`` (failed, with ``error`` and ``error_code``), ``create_uid``
        :return: how many were written. A uuid that is there gives none; one that surely did not arrive is queued again

        Transaction: the caller's. Nothing is sent in it; the dispatcher starts after its commit.
        """
        values = [self._prepare_row(row) for row in rows]
        written = 0
        for start in range(0, len(values), 1000):
            written += len(self.env.execute_query(self._insert_query(values[start : start + 1000])))
        if written:
            self.invalidate_model()
            self._trigger()
        return written

    def _prepare_row(self, row):
        encoding, _units, parts = segments(row["body"] or "")
        state = row.get("state") or "queued"
        valid_until = row.get("valid_until")
        return {
            "uuid": row["uuid"],
            "number": row["number"] or "",
            "partner_id": row.get("partner_id") or None,
            "company_id": row["company_id"],
            "body": row["body"] or "",
            "encoding": encoding,
            "parts": parts,
            "kind": row.get("kind") or "service",
            "res_model": row.get("res_model") or None,
            "res_id": row.get("res_id") or None,
            "reason": (row.get("reason") or "")[:200] or None,
            "state": state,
            "valid_until": fields.Datetime.to_string(valid_until) if valid_until else None,
            "error": row.get("error") or None,
            "error_code": row.get("error_code") or None,
            "create_uid": row.get("create_uid") or self.env.uid,
        }

    def _insert_columns(self):
        """:return: {column: type} of what `_prepare_row` gives; add-ons that keep more of who and why extend both"""
        return {
            "uuid": "varchar", "number": "varchar", "partner_id": "int", "company_id": "int", "body": "text", "encoding": "varchar", "parts": "int",
            "kind": "varchar", "res_model": "varchar", "res_id": "int", "reason": "varchar", "state": "varchar", "valid_until": "timestamp",
            "error": "varchar", "error_code": "varchar", "create_uid": "int",
        }  # fmt: skip

    def _insert_query(self, values):
        columns = self._insert_columns()
        return SQL(
            """
            INSERT INTO isp_sms_message AS m (%(names)s, tries, final_at, create_date, write_uid, write_date)
            SELECT %(given)s, 0, CASE WHEN v.state = 'queued' THEN NULL ELSE %(now)s::timestamp END, %(now)s, v.create_uid, %(now)s
              FROM jsonb_to_recordset(%(values)s::jsonb) AS v (%(typed)s)
                ON CONFLICT (uuid) DO UPDATE
               SET state = EXCLUDED.state, number = EXCLUDED.number, body = EXCLUDED.body, encoding = EXCLUDED.encoding, parts = EXCLUDED.parts,
                   error = EXCLUDED.error, error_code = EXCLUDED.error_code, valid_until = EXCLUDED.valid_until, final_at = EXCLUDED.final_at,
                   next_try = NULL, gateway_id = NULL, write_date = EXCLUDED.write_date
             WHERE m.state IN %(again)s
         RETURNING m.id
            """,
            names=SQL(", ").join(SQL.identifier(name) for name in columns),
            given=SQL(", ").join(SQL.identifier("v", name) for name in columns),
            typed=SQL(", ").join(SQL("%s %s", SQL.identifier(name), SQL(kind)) for name, kind in columns.items()),
            values=json.dumps(values),
            now=fields.Datetime.now(),
            again=AGAIN,
        )

    @api.model
    def _trigger(self, at=None):
        self.env.ref("isp_sms.ir_cron_dispatch").sudo()._trigger(at)

    @api.model
    def _refusal_label(self, reason, number):
        """:return: in words why a number is not written to"""
        texts = {
            "missing": self.env._("There is no number."),
            "format": self.env._("%s is not a telephone number.", number),
            "invalid": self.env._("%s is not a number that exists.", number),
            "not_mobile": self.env._("%s is not a mobile number.", number),
        }
        return texts.get(reason) or reason

    # === Telling others ===

    @api.model
    def _tell(self, changed):
        """Tell `sms.sms` and its trackers. In the caller's transaction.

        :param changed: {uuid: state} of messages whose state has changed; others may listen by overriding this
        """
        by_state = {}
        for uuid, state in changed.items():
            if state in CORE_STATE:
                by_state.setdefault(state, []).append(uuid)
        for state, uuids in by_state.items():
            self._tell_core(state, uuids)

    def _tell_core(self, state, uuids):
        core = CORE_STATE[state]
        trackers = self.env["sms.tracker"].sudo().search([("sms_uuid", "in", uuids)])
        error = {"failed": "not_delivered", "undeliverable": "rejected", "expired": "expired"}.get(state)
        if trackers and error:
            trackers._action_update_from_provider_error(error)
        elif trackers:
            trackers._action_update_from_sms_state(core)
        sms = self.env["sms.sms"].sudo().search([("uuid", "in", uuids)])
        if sms:
            vals = {"state": core, "failure_type": "unknown" if core == "error" else False}
            # Failed ones stay, so that a person can send them again.
            sms.write({**vals, "to_delete": core in ("pending", "sent", "canceled")})

    # === Actions ===

    def action_send_again(self):
        """A person decides: hand it over (again). For what failed or whose fate nobody knows."""
        if not all(message.body and message.number for message in self):
            raise UserError(self.env._("Text or number of this message is missing or was forgotten: it cannot be sent again."))
        self._by_hand(AGAIN + ("unknown",), {"state": "queued", "next_try": False, "final_at": False, "error": False, "error_code": False, "gateway_id": False})
        self._trigger()

    def action_was_sent(self):
        """A person knows that it went, from the gateway's own list."""
        self._by_hand(("unknown",), {"state": "accepted", "accepted_at": fields.Datetime.now(), "error": False})

    def action_cancel(self):
        self._by_hand(("queued",), {"state": "canceled", "final_at": fields.Datetime.now()})

    def _by_hand(self, states, vals):
        """Change messages by a person's word, if they still stand as seen (the dispatcher may have them by now)."""
        self.check_access("write")
        locked = self.try_lock_for_update()
        locked.invalidate_recordset()
        fit = locked.filtered(lambda m: m.state in states)
        if not fit:
            raise UserError(self.env._("This message stands otherwise by now."))
        fit.write(vals)
        self.env.flush_all()
        self._tell({message.uuid: message.state for message in fit})

    # === What it is about ===

    @api.depends("res_model", "res_id")
    @api.depends_context("uid", "allowed_company_ids", "lang")
    def _compute_res_name(self):
        """One query a model, whatever the number of messages. What the reader may not see is not named."""
        self.res_name = False
        for model, messages in self.filtered("res_id").grouped("res_model").items():
            if model not in self.env or not self.env[model].has_access("read"):
                continue
            wanted = self.env[model].browse(set(messages.mapped("res_id"))).exists()
            names = {record.id: record.display_name for record in wanted._filtered_access("read")}
            for message in messages:
                message.res_name = names.get(message.res_id, False)

    def action_open_record(self):
        """Open what the message is about: an invoice, a payment, a customer."""
        self.ensure_one()
        if not self.res_id or self.res_model not in self.env:
            raise UserError(self.env._("This message is about no record."))
        record = self.env[self.res_model].browse(self.res_id).exists()
        if not record:
            raise UserError(self.env._("What this message is about has been deleted."))
        record.check_access("read")
        return {"type": "ir.actions.act_window", "res_model": self.res_model, "res_id": self.res_id, "views": [(False, "form")]}

    # === Retention ===

    @api.model
    def _retention_months(self):
        """:return: months for which texts and numbers are kept (setting ``isp_sms.retention_months``), 0 for ever"""
        text = self.env["ir.config_parameter"].sudo().get_param("isp_sms.retention_months") or ""
        return int(text) if text.strip().isdecimal() else RETENTION_MONTHS

    @api.model
    def _prepare_forgotten(self):
        """:return: {column: value} that makes an old message nobody's; what the report of costs counts stays. Hook"""
        return {"body": None, "number": None, "partner_id": None, "res_id": None, "error": None, "reference": None}

    @api.model
    def _cron_retention(self, batch=2000):
        """Forget who got what, of messages that ended longer ago than the setting says, a batch a transaction.

        The row stays with day, gateway, kind, parts and cost for the report, and with its uuid, so that it never goes out again.
        """
        months = self._retention_months()
        if not months:
            return
        limit = fields.Datetime.now() - relativedelta(months=months)
        self.env.flush_all()
        cron = self.env["ir.cron"]
        for query in self._retention_queries(limit, batch):
            while True:
                self.env.cr.execute(query)
                count = self.env.cr.rowcount
                if not cron._commit_progress(count) or count < batch:
                    break
        self.env.invalidate_all()

    def _retention_queries(self, limit, batch):
        old = SQL(
            "SELECT id FROM isp_sms_message WHERE COALESCE(final_at, handed_at) < %s AND body IS NOT NULL AND state NOT IN ('queued', 'handing') LIMIT %s",
            limit,
            batch,
        )
        blank = SQL(", ").join(SQL("%s = %s", SQL.identifier(name), value) for name, value in self._prepare_forgotten().items())
        return (
            SQL(
                """DELETE FROM isp_sms_receipt WHERE id IN (
                        SELECT r.id FROM isp_sms_receipt r LEFT JOIN isp_sms_message m ON m.id = r.message_id
                         WHERE r.create_date < %(limit)s AND (m.id IS NULL OR COALESCE(m.final_at, m.handed_at) < %(limit)s) LIMIT %(batch)s)""",
                limit=limit,
                batch=batch,
            ),
            SQL("UPDATE isp_sms_message SET %s WHERE id IN (%s)", blank, old),
        )
