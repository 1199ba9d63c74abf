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
    number = fields.Char(readonly=True)
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
    _unmatched = models.Index("(reference) WHERE state = 'unmatched'")

    # In each process: when the job was last asked to come.
    _asked_until = 0.0

    @api.model
    def _take(self, gateway, receipts, attempt=None):
        """Keep reports. In the caller's transaction, which does nothing else.

        :param receipts: list of ``drivers.base.Receipt``
        :param attempt: of which handing over the report is, where it tells
        :return: how many were new
        """
        rows = [self._prepare_row(gateway, receipt, attempt) for receipt in receipts]
        self.env.cr.execute(
            """
            INSERT INTO isp_sms_receipt (key, uuid, attempt, reference, number, gateway_id, result, text, raw, state, create_uid, create_date, write_uid, write_date)
            SELECT v.key, v.uuid, v.attempt, v.reference, v.number, v.gateway_id, v.result, v.text, v.raw, 'new', 1, %s, 1, %s
              FROM jsonb_to_recordset(%s::jsonb) AS v (key varchar, uuid varchar, attempt int, reference varchar, number varchar, gateway_id int, result varchar, text varchar, raw text)
                ON CONFLICT (key) DO NOTHING
            """,
            [now := fields.Datetime.now(), now, json.dumps(rows)],
        )
        written = self.env.cr.rowcount
        if written:
            self._ask()
        return written

    def _prepare_row(self, gateway, receipt, attempt):
        key = receipt.key or f"{receipt.uuid or receipt.reference}:{receipt.state}"
        row = {
            # Ids and words of two gateways may be the same.
            "key": f"{gateway.id}:{key}"[:300] if gateway else key[:300],
            "uuid": receipt.uuid or None,
            "attempt": attempt,
            "reference": receipt.reference[:200] or None,
            "number": receipt.number[:30] or None,
            "gateway_id": gateway.id or None,
            "result": receipt.state,
            "text": receipt.text[:300],
            "raw": receipt.raw[:2000],
        }
        # PostgreSQL keeps no zero octet.
        return {name: value.replace("\0", "") if isinstance(value, str) else value for name, value in row.items()}

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
        messages._retried(self._reopen)
        while count := messages._retried(lambda: self._read_batch(batch)):
            if not cron._commit_progress(count) or count < batch:
                break

    def _reopen(self):
        """Reports that were quicker than the answer with the reference, which nobody knew yet, are looked at again."""
        self.env.cr.execute(
            """
            UPDATE isp_sms_receipt r SET state = 'new'
              FROM isp_sms_message m
             WHERE r.state = 'unmatched' AND r.create_date > %s AND m.reference = r.reference AND m.gateway_id = r.gateway_id
            """,
            [fields.Datetime.now() - timedelta(days=7)],
        )
        self.invalidate_model(["state"])

    def _read_batch(self, batch):
        """Match by our uuid; else by the gateway's reference; else, where a message of unknown fate waits for word, by its number.

        :return: how many were looked at
        """
        rows = self.env.execute_query(
            SQL(
                """
                SELECT r.id, m.id, r.attempt, r.result, r.text, m.state, m.tries, r.create_date, m.uuid, r.reference, m.way
                  FROM (SELECT * FROM isp_sms_receipt WHERE state = 'new' ORDER BY id LIMIT %s FOR UPDATE SKIP LOCKED) r
             LEFT JOIN LATERAL (
                       SELECT 1 AS way, id, state, tries, uuid FROM isp_sms_message WHERE uuid = r.uuid
                        UNION ALL
                       SELECT 2, id, state, tries, uuid FROM isp_sms_message
                        WHERE r.uuid IS NULL AND reference = r.reference AND gateway_id = r.gateway_id
                        UNION ALL
                       SELECT 3, min(id), min(state), min(tries), min(uuid) FROM isp_sms_message
                        WHERE r.uuid IS NULL AND number = r.number AND gateway_id = r.gateway_id AND state IN ('handing', 'unknown')
                              AND reference IS NULL AND handed_at <= r.create_date + interval '1 second'
                       HAVING count(*) = 1
                        ORDER BY 1, 2 DESC LIMIT 1) m ON TRUE
                """,
                batch,
            )
        )
        if not rows:
            return 0
        seen, best, known = [], {}, {}
        for receipt, message, attempt, result, text, state, tries, at, uuid, reference, way in rows:
            kind = "unmatched" if not message else "unclear" if result not in RANK else "done"
            seen.append({"id": receipt, "message": message, "state": kind})
            if kind != "done":
                continue
            known.setdefault(message, (state, uuid))
            # What failed at an earlier attempt says nothing about this one; what arrived, arrived.
            earlier = attempt < tries if attempt is not None else way == 2 and state in ("queued", "handing")
            if earlier and result not in ("accepted", "delivered"):
                continue
            now = best.get(message, (state,))[0]
            if RANK[result] > RANK[now]:
                best[message] = (result, text, at, reference if way == 3 else None)
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
                "reference": reference,
            }
            for message, (state, text, at, reference) in best.items()
        ]
        self.env.cr.execute(
            """
            UPDATE isp_sms_message m
               SET state = v.state, accepted_at = COALESCE(m.accepted_at, v.at), final_at = CASE WHEN v.final THEN v.at ELSE m.final_at END,
                   next_try = NULL, error = v.error, error_code = NULL, write_date = v.at, reference = COALESCE(m.reference, v.reference)
              FROM jsonb_to_recordset(%s::jsonb) AS v (id int, state varchar, at timestamp, final bool, error varchar, reference varchar) WHERE m.id = v.id
            """,
            [json.dumps(values)],
        )
