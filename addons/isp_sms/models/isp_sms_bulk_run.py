# License AGPL-3.0 or later (https://www.gnu.org/licenses/agpl).
import logging
from datetime import timedelta

from odoo import api, fields, models
from odoo.exceptions import UserError
from odoo.service.model import PG_CONCURRENCY_EXCEPTIONS_TO_RETRY
from odoo.tools import SQL

_logger = logging.getLogger(__name__)

#: Lines that become messages in one transaction.
FEED = 500
_MINUTE = timedelta(minutes=1)
_BUSY = ("previewing", "running", "paused", "stopping")


class IspSmsBulk(models.Model):
    """The run: lines become messages in the log, a batch a transaction; the dispatcher of isp.sms.message hands those over.

    A line and its message change in one transaction, so a kill loses nothing and doubles nothing. What the dispatcher
    may take is asked in SQL at every claim (`isp.sms.message._served_by`): pause, stop and quiet hours hold at once.
    """

    _inherit = "isp.sms.bulk"

    # === Actions ===

    def action_confirm(self):
        """Show what is about to be sent, and ask."""
        self.ensure_one()
        self._check_confirmable()
        return {
            "type": "ir.actions.act_window",
            "name": self.env._("Send now?"),
            "res_model": "isp.sms.bulk.confirm",
            "view_mode": "form",
            "target": "new",
            "context": {"default_bulk_id": self.id},
        }

    @api.model
    def _ask_above(self):
        """:return: above so many recipients their number must be typed in (system parameter isp_sms.bulk_ask_above)"""
        text = self.env["ir.config_parameter"].sudo().get_param("isp_sms.bulk_ask_above") or ""
        return int(text) if text.isdecimal() else 500

    def _check_confirmable(self):
        self.check_access("write")
        if self.state != "previewed":
            raise UserError(self.env._("Look at the preview first: it says who gets it and what it costs."))
        if not self.recipient_count:
            raise UserError(self.env._("Nobody would get it. Look at who is left out, and why."))
        if self.valid_until and self.valid_until <= fields.Datetime.now():
            raise UserError(self.env._("“Not after” is over: nothing could be sent."))

    def _start(self, typed=None):
        """Begin to send.

        :param typed: the number of recipients as a person has read it in the preview; needed above `_ask_above`
        """
        self.ensure_one()
        self.lock_for_update(allow_referencing=True)
        self.invalidate_recordset()
        self._check_confirmable()
        if self.recipient_count > self._ask_above() and typed != self.recipient_count:
            raise UserError(self.env._("It goes to %s people. Type this number to confirm.", f"{self.recipient_count:,}"))
        self.sudo().write({"state": "running", "started_at": fields.Datetime.now(), "confirmed_by": self.env.uid, "fed_at": False, "fed_count": 0})
        self._wake()

    def action_pause(self):
        """Hold at once what the dispatcher does not have in hand."""
        self._turn(("running",), "paused")

    def action_resume(self):
        self._turn(("paused",), "running")
        self.env["isp.sms.message"]._trigger()
        self._wake()

    def action_stop(self):
        """Nothing more goes out: the dispatcher is held at once, what waits is cancelled in the background."""
        self._turn(("previewing", "running", "paused"), "stopping")
        self._wake()
        gone = sum(self.mapped("gone_count"))
        message = self.env._("%s had gone out already. All others are being cancelled.", f"{gone:,}") if gone else self.env._("Nothing had gone out yet.")
        return {
            "type": "ir.actions.client",
            "tag": "display_notification",
            "params": {"type": "warning", "title": self.env._("Stopped"), "message": message, "next": {"type": "ir.actions.client", "tag": "soft_reload"}},
        }

    def _turn(self, states, state):
        self.check_access("write")
        if any(bulk.state not in states for bulk in self):
            raise UserError(self.env._("It stands otherwise by now: look again."))
        for bulk in self:
            bulk.sudo().write({"state": "draft" if bulk.state == "previewing" else state})
            if bulk.state == "draft":
                bulk._forget_preview()

    # === Background ===

    @api.model
    def _wake(self, at=None):
        self.env.ref("isp_sms.ir_cron_bulk").sudo()._trigger(at)

    @api.model
    def _cron_bulk(self):
        cron = self.env["ir.cron"]
        self._work(lambda done=0: cron._commit_progress(done, remaining=1 if done else 0))

    @api.model
    def _work(self, commit):
        """Preview, feed and stop, a small transaction each, until there is nothing to do now.

        :param commit: ``commit(processed=0)`` commits and returns the seconds left
        """
        while True:
            done = sum(bulk._step_or_hold() for bulk in self.search([("state", "in", _BUSY)], order="id"))
            if not commit(done) or not done:
                return

    def _step_or_hold(self):
        """A step, committed. One that fails holds this bulk, for a person, and no other."""
        retried = self.env["isp.sms.message"]._retried
        try:
            return retried(self._step)
        except PG_CONCURRENCY_EXCEPTIONS_TO_RETRY:
            raise
        except Exception as error:
            _logger.exception("Bulk SMS %s (%s) is held", self.id, self.name)
            self.env.cr.rollback()
            self.env.invalidate_all()
            text = str(error) or type(error).__name__
            retried(lambda: self._hold(text))
            return 0

    def _hold(self, text):
        if self.state == "previewing":
            self._forget_preview()
        elif self.state == "running":
            self.state = "paused"
        self.message_post(body=self.env._("It was held, for this error: %s", text[:500]))

    def _step(self):
        """One step of this bulk in the present transaction. :return: how many contacts it was about"""
        locked = self.try_lock_for_update(allow_referencing=True)
        locked.invalidate_recordset()
        steps = {"previewing": self._step_previewing, "running": self._step_running, "paused": self._step_paused, "stopping": self._step_stopping}
        step = steps.get(locked.state)
        return step() if step else 0

    def _step_paused(self):
        return 0

    def _step_running(self):
        now = fields.Datetime.now()
        closed_from, closed_to = self._quiet_window(now)
        if (self.closed_from, self.closed_to) != (closed_from, closed_to):
            self.write({"closed_from": closed_from, "closed_to": closed_to})
        if self.valid_until and self.valid_until <= now:
            self._leave_out_ready("late")
            return self._finish_if_over()
        if self.not_before and self.not_before > now:
            self._wake(self.not_before)
            return 0
        if closed_from and closed_from <= now:
            self._wake(closed_to)
            return 0
        lines = self._next_lines(now)
        if lines is None:
            return self._finish_if_over()
        self._feed(lines)
        return len(lines)

    def _next_lines(self, now):
        """:return: the lines whose turn it is, maybe none for this minute; None when there are no more"""
        lines = self.env["isp.sms.bulk.line"]
        ready = [("bulk_id", "=", self.id), ("state", "=", "ready")]
        limit = FEED
        if self.per_minute:
            if not self.fed_at or now >= self.fed_at + _MINUTE:
                self.write({"fed_at": now, "fed_count": 0})
            # When the gateways rest, no more than a minute's worth waits for them.
            limit = min(FEED, self.per_minute - self.fed_count, self.per_minute - self._in_the_log("queued"))
            if limit <= 0:
                self._wake(max(self.fed_at + _MINUTE, now + timedelta(seconds=5)))
                return lines if lines.search_count(ready, limit=1) else None
        found = lines.search(ready, order="id", limit=limit)
        if self.per_minute and found:
            self.fed_count += len(found)
        return found or None

    def _in_the_log(self, *states):
        self.env["isp.sms.message"].flush_model()
        query = SQL("SELECT COUNT(*) FROM isp_sms_message WHERE res_model = %s AND res_id = %s AND state IN %s", self._name, self.id, states)
        return self.env.execute_query(query)[0][0]

    def _feed(self, lines):
        """Make messages of these lines, each looked at anew: who opted out or paid meanwhile is not written to.

        Idempotency key: the line's uuid, that of its message; (bulk, number) is UNIQUE in the log besides. Transaction: the caller's.
        """
        if not lines:
            return
        found = self._recipients_of(lines)
        rows, left_out = [], {}
        for line in lines:
            one = found.get(line.id)
            if not one or (not one.reason and one.number != line.number):
                left_out.setdefault("changed", []).append(line.id)
            elif one.reason:
                left_out.setdefault(one.reason, []).append(line.id)
            else:
                rows.append(self._prepare_message(line, one))
        self.env["isp.sms.message"]._enqueue(rows)
        self._mark(lines.ids, "handed")
        for reason, ids in left_out.items():
            self._mark(ids, "left_out", reason)

    def _prepare_message(self, line, one):
        return {
            "uuid": line.uuid,
            "number": one.number,
            "body": one.text,
            "partner_id": one.partner_id,
            "company_id": self.company_id.id,
            "kind": "bulk",
            "res_model": self._name,
            "res_id": self.id,
            "reason": self.name,
            "valid_until": self.valid_until,
            "create_uid": self.confirmed_by.id,
        }

    def _mark(self, line_ids, state, reason=None):
        self.env.cr.execute(
            "UPDATE isp_sms_bulk_line SET state = %s, reason = %s, at_run = %s WHERE id = ANY(%s)", [state, reason, state == "left_out", line_ids]
        )
        self.env["isp.sms.bulk.line"].invalidate_model()

    def _leave_out_ready(self, reason):
        self.env.cr.execute(
            "UPDATE isp_sms_bulk_line SET state = 'left_out', reason = %s, at_run = TRUE WHERE bulk_id = %s AND state = 'ready'", [reason, self.id]
        )
        self.env["isp.sms.bulk.line"].invalidate_model()

    def _finish_if_over(self):
        if not self._in_the_log("queued", "handing"):
            self.write({"state": "done", "ended_at": fields.Datetime.now()})
        return 0

    def _step_stopping(self):
        """Cancel what waits. It is over when nothing is in the dispatcher's hands: what comes back from there is cancelled too."""
        self._leave_out_ready("stopped")
        messages = self.env["isp.sms.message"]
        rows = self.env.execute_query(
            SQL(
                """UPDATE isp_sms_message SET state = 'canceled', final_at = %s, error = %s
                    WHERE res_model = %s AND res_id = %s AND state = 'queued' RETURNING uuid, state""",
                fields.Datetime.now(),
                self.env._("Stopped"),
                self._name,
                self.id,
            )
        )
        messages.invalidate_model()
        messages._tell(dict(rows))
        if not self._in_the_log("handing"):
            self.write({"state": "stopped", "ended_at": fields.Datetime.now()})
            self.invalidate_recordset()
            self.message_post(
                body=self.env._("Stopped: %(gone)s had gone out, %(unsent)s were not sent.", gone=f"{self.gone_count:,}", unsent=f"{self.unsent_count:,}")
            )
        return 0
