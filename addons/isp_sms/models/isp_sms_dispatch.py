# License AGPL-3.0 or later (https://www.gnu.org/licenses/agpl).
import json
import logging
import queue
import random
import time
from contextlib import ExitStack, contextmanager
from datetime import datetime, timedelta

from odoo import api, fields, models
from odoo.service.model import PG_CONCURRENCY_EXCEPTIONS_TO_RETRY
from odoo.tools import SQL, hmac

from ..drivers.base import GatewayError, Message
from ..tools.sender import Sender

_logger = logging.getLogger(__name__)
#: Messages claimed at once: what a killed dispatcher leaves in doubt is no more than this.
BATCH = 200
#: Seconds that a connection which brings receipts itself is listened to at the end, and how many times more came.
_LISTEN, _LISTEN_MOST = 1.0, 200
#: Times a transaction that met another one is tried.
_TRIES = 8
_LOCK = 1936749423  # "sms/": the first half of our advisory locks, the gateway's id is the second
RECEIPT_SCOPE = "isp_sms-receipt"


class IspSmsMessage(models.Model):
    """The dispatcher: claims (committed), hands over (no transaction open), records (committed).

    One at a time for a gateway: a session's advisory lock, held outside the transactions, which PostgreSQL lets go when
    the process dies. So what stands in ``handing`` while we hold the lock is of a dispatcher that was killed, or has an
    unknown outcome: it is never simply sent again. See `_resolve`.
    """

    _inherit = "isp.sms.message"

    @api.model
    def _cron_dispatch(self):
        """Hand over all that may go out now. A message that waits has its gateway resting, its rate, or nobody who serves it."""
        self._dispatch(self.env["ir.cron"]._commit_progress)

    @api.model
    def _dispatch(self, commit):
        """:param commit: ``commit(processed=0)`` commits and returns the seconds left
        :return: number of messages that the gateways have accepted
        """
        with ExitStack() as stack:
            self._retried(self._expire)
            commit()
            gateways = self.env["isp.sms.gateway"].search([("active", "=", True)])
            held = gateways.filtered(lambda g: stack.enter_context(self._dispatching(g)))
            self.env.cr.commit()  # pylint: disable=invalid-commit  # locks of the session stay
            senders = {}
            for gateway in held:
                self._retried(lambda g=gateway: self._resolve(g))
                senders[gateway.id] = stack.enter_context(self._sender(gateway))
            accepted = self._hand_over(gateways, held, senders, commit)
            for gateway in held:
                self._listen(gateway, senders[gateway.id], _LISTEN)
        self._wake_later()
        commit()
        return accepted

    @contextmanager
    def _sender(self, gateway):
        sender = Sender(gateway._make_driver(), connections=gateway.connections, rate=gateway.rate)
        try:
            yield sender
        finally:
            sender.close()

    @contextmanager
    def _dispatching(self, gateway):
        """Try to be the dispatcher of this gateway. Yields whether we are."""
        cr = self.env.cr
        cr.execute("SELECT pg_try_advisory_lock(%s, %s)", [_LOCK, gateway.id])
        got = cr.fetchone()[0]
        try:
            yield got
        finally:
            if got:
                if cr._cnx.get_transaction_status() == 3:  # in error: say nothing in a broken transaction
                    cr.rollback()
                cr.execute("SELECT pg_advisory_unlock(%s, %s)", [_LOCK, gateway.id])

    # === Batches: each gateway has one on its way, none waits for another's ===

    def _hand_over(self, gateways, held, senders, commit):
        """:return: number of messages accepted; when nothing is left that may go, or the time is over"""
        accepted, going, ready, running = 0, True, queue.SimpleQueue(), {}
        while True:
            if going:
                self._start_batches(gateways, held, senders, running, ready)
            if not running:
                return accepted
            # No transaction is open here.
            gateway, messages, wait = running.pop(ready.get())
            outcomes, sender = wait(), senders[gateway.id]
            self._retried(lambda g=gateway, o=outcomes, p=sender.problem: self._record(g, o, p))
            accepted += sum(outcome.state == "accepted" for outcome in outcomes.values())
            self._listen(gateway, sender)
            # Without time left, what is on its way is waited for and nothing is begun.
            going = bool(commit(len(messages))) and going

    def _start_batches(self, gateways, held, senders, running, ready):
        """Give a batch to each gateway that has none. One before it in line keeps what it serves, unless it rests."""
        before = self.env["isp.sms.gateway"]
        for gateway in gateways:
            if gateway.state == "resting":
                continue
            if gateway in held and gateway.id not in running:
                messages = self._retried(lambda g=gateway, b=before: self._claim(g, b))
                if messages:
                    wait = senders[gateway.id].start(messages, done=lambda g=gateway.id: ready.put(g))
                    running[gateway.id] = (gateway, messages, wait)
            before += gateway

    def _listen(self, gateway, sender, patience=0.0):
        """Take the receipts that came on the gateway's own connection: kept and committed first, then acknowledged."""
        if not gateway.receipts or not gateway._driver_class().listens or gateway.state == "resting":
            return
        try:
            for _n in range(_LISTEN_MOST):
                receipts = sender.poll(patience)
                if not receipts:
                    break
                self._retried(lambda r=receipts: self.env["isp.sms.receipt"]._take(gateway, r))
                sender.confirm()
        except GatewayError as error:
            self._retried(lambda e=error: gateway._failed(e.text))

    def _claim(self, gateway, before):
        """Take a batch for this gateway: what it serves and none of those before it does (they are working, or they would rest).

        Committed by the caller before anything is sent. Service messages go before bulk.
        """
        limit = max(1, min(BATCH, int(gateway.rate) or BATCH))
        served = SQL(" AND NOT ").join([self._served_by(gateway), *(self._served_by(other) for other in before)])
        now = fields.Datetime.now()
        rows = self.env.execute_query(
            SQL(
                """
                WITH taken AS (
                UPDATE isp_sms_message SET state = 'handing', gateway_id = %s, handed_at = %s, tries = tries + 1, next_try = NULL, error = NULL, error_code = NULL
                 WHERE id IN (SELECT id FROM isp_sms_message
                               WHERE state = 'queued' AND (next_try IS NULL OR next_try <= %s) AND (valid_until IS NULL OR valid_until > %s) AND %s
                               ORDER BY kind DESC, id LIMIT %s FOR UPDATE SKIP LOCKED)
             RETURNING kind, id, uuid, number, body, encoding, parts, tries)
                SELECT uuid, number, body, encoding, parts, tries FROM taken ORDER BY kind DESC, id
                """,
                gateway.id,
                now,
                now,
                now,
                served,
                limit,
            )
        )
        return self._prepare_messages(gateway, rows)

    def _served_by(self, gateway):
        """:return: SQL condition on isp_sms_message"""
        parts = [SQL("TRUE")]
        if gateway.company_id:
            parts.append(SQL("company_id = %s", gateway.company_id.id))
        prefixes = (gateway.prefixes or "").replace(",", " ").split()
        if prefixes:
            parts.append(SQL("number LIKE ANY (%s)", [f"{prefix}%" for prefix in prefixes]))
        return SQL("(%s)", SQL(" AND ").join(parts))

    def _prepare_messages(self, gateway, rows):
        receipt_url, sender = gateway._receipt_url(), gateway.sender or ""
        return [
            Message(
                uuid=uuid,
                number=number,
                text=body,
                sender=sender,
                dlr_url=receipt_url(uuid, tries) if gateway.receipts else "",
                encoding=encoding,
                parts=parts,
            )
            for uuid, number, body, encoding, parts, tries in rows
        ]

    @api.model
    def _receipt_path(self, uuid, attempt):
        return f"/isp_sms/receipt/{uuid}/{attempt}/{self._receipt_signature(uuid, attempt)}"

    @api.model
    def _receipt_signature(self, uuid, attempt):
        """A report is believed by this alone: HMAC of the message and the attempt, with the secret of the database."""
        return hmac(self.env(su=True), RECEIPT_SCOPE, f"{uuid}/{attempt}")[:40]

    # === What became of them ===

    def _record(self, gateway, outcomes, problem):
        """Write the outcomes down. A report that was quicker than we are has moved its message on already: it stays."""
        now = fields.Datetime.now()
        wait = now + timedelta(seconds=max(gateway.resolve_wait, 1))
        states = {
            "accepted": ("accepted", None),
            "refused": ("failed", None),
            "unsent": ("queued", None),
            "unknown": ("handing", wait) if gateway.receipts else ("unknown", None),
        }
        currencies = self._currencies({o.currency for o in outcomes.values()})
        values = [
            {
                "uuid": uuid,
                "state": states[o.state][0],
                "next_try": states[o.state][1] and fields.Datetime.to_string(states[o.state][1]),
                "reference": o.reference or None,
                "cost": o.cost,
                "currency": currencies.get(o.currency),
                "error": None if o.state == "accepted" else (o.text or "")[:500] or None,
                "code": None if o.state == "accepted" else o.code or None,
                "ok": o.state == "accepted",
            }
            for uuid, o in outcomes.items()
        ]
        rows = self.env.execute_query(
            SQL(
                """
                UPDATE isp_sms_message m
                   SET state = CASE WHEN m.state = 'handing' THEN v.state ELSE m.state END,
                       reference = COALESCE(v.reference, m.reference),
                       cost = CASE WHEN v.ok THEN COALESCE(m.cost, 0) + COALESCE(v.cost, m.parts * %(price)s) ELSE m.cost END,
                       currency_id = CASE WHEN v.ok THEN COALESCE(v.currency, %(currency)s) ELSE m.currency_id END,
                       accepted_at = CASE WHEN v.ok THEN COALESCE(m.accepted_at, %(now)s) ELSE m.accepted_at END,
                       final_at = CASE WHEN m.state = 'handing' AND v.state = 'failed' THEN %(now)s ELSE m.final_at END,
                       gateway_id = CASE WHEN m.state = 'handing' AND v.state = 'queued' THEN NULL ELSE m.gateway_id END,
                       next_try = v.next_try, error = v.error, error_code = v.code, write_date = %(now)s
                  FROM jsonb_to_recordset(%(values)s::jsonb) AS v (uuid varchar, state varchar, next_try timestamp, reference varchar, cost float, currency int, error varchar, code varchar, ok bool)
                 WHERE m.uuid = v.uuid AND m.state NOT IN ('queued', 'canceled')
             RETURNING m.uuid, m.state
                """,
                values=json.dumps(values),
                price=gateway.price or 0.0,
                currency=gateway.currency_id.id or None,
                now=now,
            )
        )
        self.invalidate_model()
        self._tell(dict(rows))
        if any(o.code == "credit" for o in outcomes.values()):
            gateway._alert()
        if problem:
            gateway._failed(problem)
        elif any(o.state in ("accepted", "refused") for o in outcomes.values()):
            gateway._went_well()

    def _currencies(self, names):
        """:return: {name: id} of those that there are"""
        names = [name for name in names if name]
        found = self.env["res.currency"].with_context(active_test=False).search([("name", "in", names)]) if names else ()
        return {currency.name: currency.id for currency in found}

    def _resolve(self, gateway):
        """What stands in ``handing`` is in doubt: its dispatcher was killed, or the gateway did not answer.

        Without reports nobody can know: ``unknown``, for a person. With reports: any report proves that it went and
        takes it out of here. None within the wait, counted from the first look after we and the gateway are back: where
        reports carry our uuid it surely did not go and is handed over again, as the same uuid; elsewhere a person decides.
        """
        now = fields.Datetime.now()
        if not gateway.receipts:
            self.env.cr.execute(
                "UPDATE isp_sms_message SET state = 'unknown', error = COALESCE(error, %s) WHERE state = 'handing' AND gateway_id = %s",
                [self.env._("The server stopped while it was handed over."), gateway.id],
            )
        else:
            # A gateway that is away may have it in its own queue; reports that are late come in their turn.
            self.env.cr.execute(
                """UPDATE isp_sms_message SET next_try = %s
                    WHERE state = 'handing' AND gateway_id = %s AND (next_try IS NULL OR %s OR handed_at > %s)""",
                [
                    now + timedelta(seconds=max(gateway.resolve_wait, 1)),
                    gateway.id,
                    gateway.state == "resting" or not self._receipts_are_done(),
                    self._reported_up_to(gateway) or datetime.max,
                ],
            )
            if gateway._driver_class().traces(gateway._prepare_settings()):
                change = SQL("state = 'queued', next_try = NULL, gateway_id = NULL")
            else:
                text = self.env._("The gateway did not say that it took it, and no report came.")
                change = SQL("state = 'unknown', next_try = NULL, error = COALESCE(error, %s)", text)
            self.env.cr.execute(SQL("UPDATE isp_sms_message SET %s WHERE state = 'handing' AND gateway_id = %s AND next_try <= %s", change, gateway.id, now))
        self.invalidate_model()

    def _receipts_are_done(self):
        """Reports that wait to be read could be of those in doubt."""
        return not self.env["isp.sms.receipt"].search_count([("state", "=", "new")], limit=1)

    def _reported_up_to(self, gateway):
        """:return: when those were handed over whose reports are coming in now; None when none came of late"""
        since = fields.Datetime.now() - timedelta(seconds=max(gateway.resolve_wait, 1))
        rows = self.env.execute_query(
            SQL(
                """
                SELECT max(m.handed_at)
                  FROM (SELECT message_id, create_date FROM isp_sms_receipt WHERE message_id IS NOT NULL ORDER BY id DESC LIMIT 500) r
                  JOIN isp_sms_message m ON m.id = r.message_id
                 WHERE m.gateway_id = %s AND r.create_date > %s
                """,
                gateway.id,
                since,
            )
        )
        return rows[0][0]

    def _expire(self):
        rows = self.env.execute_query(
            SQL(
                "UPDATE isp_sms_message SET state = 'expired', final_at = %(now)s WHERE state = 'queued' AND valid_until <= %(now)s RETURNING uuid, state",
                now=fields.Datetime.now(),
            )
        )
        self.invalidate_model()
        self._tell(dict(rows))

    def _wake_later(self):
        """Come back when a gateway ends its rest, if something waits."""
        if self.search_count([("state", "in", ("queued", "handing"))], limit=1):
            ends = [g.resting_until for g in self.env["isp.sms.gateway"].search([("resting_until", ">", fields.Datetime.now())])]
            if ends:
                self._trigger(min(ends))

    def _retried(self, work):
        """Do ``work()`` and commit; again when another transaction was in the way. What it writes stands once."""
        cr = self.env.cr
        for attempt in range(_TRIES):
            try:
                result = work()
                self.env.flush_all()
                cr.commit()  # pylint: disable=invalid-commit  # the step is whole
                return result
            except PG_CONCURRENCY_EXCEPTIONS_TO_RETRY:
                cr.rollback()
                self.env.invalidate_all()
                if attempt == _TRIES - 1:
                    raise
                time.sleep(random.uniform(0, 0.05 * 2**attempt))
        return None
