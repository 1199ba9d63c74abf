# License AGPL-3.0 or later (https://www.gnu.org/licenses/agpl).
import json
import logging
import time
from datetime import timedelta

from odoo import api, fields, models
from odoo.tools import SQL

from .isp_sms_message import FINAL, RANK

_logger = logging.getLogger(__name__)
#: Seconds between two wake-ups of the job that reads reports.
_EVERY = 1.0


class IspSmsReceipt(models.Model):
    """A delivery report as it came. Written by the route, read later, many at once and in any order.

    Idempotency key: ``key``, UNIQUE: the same report told twice is one row.
    """

    _name = "isp.sms.receipt"
    _description = "SMS delivery report"
    _order = "id desc"
    _rec_name = "key"

    key = fields.Char(required=True, readonly=True)
    uuid = fields.Char("UUID", readonly=True)
    attempt = fields.Integer(readonly=True)
    reference = fields.Char(readonly=True)
    gateway_id = fields.Many2one("isp.sms.gateway", readonly=True, index="btree_not_null", ondelete="cascade")
    message_id = fields.Many2one("isp.sms.message", readonly=True, index="btree_not_null", ondelete="cascade")
    result = fields.Char("Report", readonly=True)
    text = fields.Char("Gateway's words", readonly=True)
    raw = fields.Text("As it came", readonly=True)
    state = fields.Selection(
        [("new", "To read"), ("done", "Read"), ("unmatched", "Matches nothing"), ("unclear", "Unknown word")],
        default="new",
        required=True,
        readonly=True,
    )

    _key_unique = models.UniqueIndex("(key)", "This report is here already.")
    _new = models.Index("(id) WHERE state = 'new'")

    # In each process: when the job was last asked to come.
    _asked_until = 0.0

    @api.model
    def _take(self, gateway, receipts, attempt=None):
        """Keep reports. In the caller's transaction, which does nothing else.

        :param receipts: list of ``drivers.base.Receipt``
        :param attempt: of which handing over the report is, where it tells
        :return: how many were new
        """
        now = fields.Datetime.now()
        written = 0
        for receipt in receipts:
            key = receipt.key or f"{gateway.id}:{receipt.uuid or receipt.reference}:{receipt.state}"
            self.env.cr.execute(
                """
                INSERT INTO isp_sms_receipt (key, uuid, attempt, reference, gateway_id, result, text, raw, state, create_uid, create_date, write_uid, write_date)
                VALUES (%s, %s, %s, %s, %s, %s, %s, %s, 'new', 1, %s, 1, %s) ON CONFLICT (key) DO NOTHING
                """,
                [key[:300], receipt.uuid or None, attempt, receipt.reference or None, gateway.id or None, receipt.state, receipt.text[:300], receipt.raw[:2000], now, now],
            )
            written += self.env.cr.rowcount
        if written:
            self._ask()
        return written

    def _ask(self):
        """Wake the job, at most once a second in a process: later reports are read with the first."""
        cls = type(self)
        now = time.monotonic()
        if now > cls._asked_until:
            cls._asked_until = now + _EVERY
            cron = self.env.ref("isp_sms.ir_cron_receipts").sudo()
            cron._trigger(fields.Datetime.now() + timedelta(seconds=_EVERY))

    # === Reading ===

    @api.model
    def _cron_read(self, batch=1000):
        """Read what has come, a batch a transaction; a killed one is read again and changes nothing more."""
        cron, messages = self.env["ir.cron"], self.env["isp.sms.message"]
        while count := messages._retried(lambda: self._read_batch(batch)):
            if not cron._commit_progress(count) or count < batch:
                break

    def _read_batch(self, batch):
        """:return: how many were looked at"""
        rows = self.env.execute_query(
            SQL(
                """
                SELECT r.id, COALESCE(u.id, f.id), r.attempt, r.result, r.text, COALESCE(u.state, f.state), COALESCE(u.tries, f.tries), r.create_date,
                       COALESCE(u.uuid, f.uuid)
                  FROM (SELECT * FROM isp_sms_receipt WHERE state = 'new' ORDER BY id LIMIT %s FOR UPDATE SKIP LOCKED) r
             LEFT JOIN isp_sms_message u ON u.uuid = r.uuid
             LEFT JOIN isp_sms_message f ON r.uuid IS NULL AND f.reference = r.reference AND f.gateway_id = r.gateway_id
                """,
                batch,
            )
        )
        if not rows:
            return 0
        seen, best, known = [], {}, {}
        for receipt, message, attempt, result, text, state, tries, at, uuid in rows:
            kind = "unmatched" if not message else "unclear" if result not in RANK else "done"
            seen.append({"id": receipt, "message": message, "state": kind})
            if kind != "done":
                continue
            known.setdefault(message, (state, uuid))
            # What failed at an earlier attempt says nothing about this one; what arrived, arrived.
            if attempt is not None and attempt < tries and result not in ("accepted", "delivered"):
                continue
            now = best.get(message, (state,))[0]
            if RANK[result] > RANK[now]:
                best[message] = (result, text, at)
        self._mark(seen)
        self._apply(best)
        messages = self.env["isp.sms.message"]
        messages.invalidate_model()
        self.invalidate_model()
        messages._tell({known[message][1]: new[0] for message, new in best.items()})
        return len(rows)

    def _mark(self, seen):
        self.env.cr.execute(
            """
            UPDATE isp_sms_receipt r SET state = v.state, message_id = v.message
              FROM jsonb_to_recordset(%s::jsonb) AS v (id int, message int, state varchar) WHERE r.id = v.id
            """,
            [json.dumps(seen)],
        )

    def _apply(self, best):
        values = [
            {
                "id": message,
                "state": state,
                "at": fields.Datetime.to_string(at),
                "final": state in FINAL,
                "error": text[:300] if state in ("failed", "undeliverable", "expired") else None,
            }
            for message, (state, text, at) in best.items()
        ]
        self.env.cr.execute(
            """
            UPDATE isp_sms_message m
               SET state = v.state, accepted_at = COALESCE(m.accepted_at, v.at), final_at = CASE WHEN v.final THEN v.at ELSE m.final_at END,
                   next_try = NULL, error = v.error, error_code = NULL, write_date = v.at
              FROM jsonb_to_recordset(%s::jsonb) AS v (id int, state varchar, at timestamp, final bool, error varchar) WHERE m.id = v.id
            """,
            [json.dumps(values)],
        )
