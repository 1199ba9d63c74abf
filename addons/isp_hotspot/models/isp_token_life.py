# License AGPL-3.0 or later (https://www.gnu.org/licenses/agpl).
from datetime import timedelta

from odoo import fields, models
from odoo.exceptions import UserError

from ..engine import life
from .isp_token import GOOD, STEPS
from .isp_token_batch import life_text


class IspToken(models.Model):
    """What is done with a token after it was made. Each locks the token, changes its access in the same transaction, and is noted.

    Called by whoever has checked that the token is the caller's: none of them is public.
    """

    _inherit = "isp.token"

    def _sell(self, now=None):
        """They are given out now. Second time: nothing. Time that counts from the sale begins."""
        now = now or fields.Datetime.now()
        tokens = self._lock().filtered(lambda t: t.state == "made")
        for token in tokens:
            until = token.access_id.valid_until
            if token.valid_days and token.counting in ("first", "online"):
                ends = now + timedelta(days=token.valid_days)
                until = min(until, ends) if until else ends
            terms = life.access_terms(token.counting, token.seconds, now, until or None)
            token.access_id._apply({"state": "allowed", "valid_until": terms["valid_until"] or False})
            token._set_state("sold", sold_at=now, ends_at=terms["valid_until"] or False)
        return tokens

    def _block(self, note=""):
        """Nobody gets in by these any more; who is on line is put off."""
        tokens = self._lock().filtered(lambda t: t.state not in ("blocked", "refunded"))
        tokens.access_id._apply({"state": "blocked"})
        for token in tokens:
            token._set_state("blocked")
        tokens._note("blocked", note)
        return tokens

    def _unblock(self, note=""):
        """As they were before: what was used or sold stays so. Their time went on meanwhile."""
        tokens = self._lock().filtered(lambda t: t.state == "blocked")
        for token in tokens:
            waits = token.counting == "sale" and not token.sold_at
            token.access_id._apply({"state": "blocked" if waits or token.paused_at else "allowed"})
            token._set_state("in_use" if token.first_used else "sold" if token.sold_at else "made")
        tokens._note("unblocked", note)
        return tokens

    def _pause(self, note=""):
        """The time stands still and nobody is on line, until ``_resume``.

        :raise UserError: its end is a date; it is not in use
        """
        tokens = self._lock().filtered(lambda t: not t.paused_at)
        if tokens.filtered(lambda t: t.counting == "date"):
            raise UserError(self.env._("It ends on a date: it cannot be paused."))
        facts = tokens._facts()
        if any(facts[token.id]["state"] not in GOOD for token in tokens):
            raise UserError(self.env._("Only a token that is good can be paused."))
        tokens.write({"paused_at": fields.Datetime.now()})
        tokens.access_id._apply({"state": "blocked"})
        tokens._note("paused", note)

    def _resume(self, note=""):
        """The time runs on: what was left is left."""
        tokens = self._lock().filtered("paused_at")
        for token in tokens:
            token._shift((fields.Datetime.now() - token.paused_at).total_seconds(), count=False)
            token.paused_at = False
            if token.state in GOOD:
                token.access_id._apply({"state": "allowed"})
        tokens._note("resumed", note)

    def _extend(self, seconds, note=""):
        """So many seconds more; one that is over is good again.

        :raise UserError: it is blocked or refunded, or the sum is more than a year
        """
        tokens = self._lock()
        if tokens.filtered(lambda t: t.state in ("blocked", "refunded")):
            raise UserError(self.env._("It is blocked or refunded: make a new one."))
        facts, now = tokens._facts(), fields.Datetime.now()
        for token in tokens:
            if not 0 < seconds <= life.LONGEST or token.seconds + seconds > life.LONGEST:
                raise UserError(self.env._("A token is good for a year at most."))
            if facts[token.id]["left"] == 0 and token.counting != "online":
                # Its time was over: the new time begins now, not then.
                end = token.access_id.valid_until or (facts[token.id]["first"] or now) + timedelta(seconds=token.seconds)
                seconds_more = seconds + max((now - end).total_seconds(), 0)
            else:
                seconds_more = seconds
            token._shift(seconds_more)
            if token.state in ("expired", "used_up"):
                token._set_state("in_use" if token.first_used or facts[token.id]["first"] else "sold" if token.sold_at else "made", ended_at=False)
        tokens._note("extended", " · ".join(filter(None, [self.env._("%(time)s more", time=life_text(self.env, seconds)), note])))

    def _shift(self, seconds, count=True):
        """Move the end. :param count: the time that was bought grows too"""
        self.ensure_one()
        seconds, access = round(seconds), self.access_id
        vals = {}
        if self.counting == "online":
            if count:
                vals["time_limit"] = access.time_limit + seconds
        elif self.counting == "first":
            vals["use_seconds"] = access.use_seconds + seconds
        if access.valid_until and (self.counting in ("sale", "date") or self.first_used or not count):
            vals["valid_until"] = access.valid_until + timedelta(seconds=seconds)
        access._apply(vals)
        self.write({"seconds": self.seconds + seconds if count or self.counting == "first" else self.seconds, "ends_at": access.valid_until})

    def _move(self, note=""):
        """It goes on on another device: those on line are put off and count no more. Nothing of its time is lost."""
        tokens = self._lock()
        # Odoo's moments have no fractions of a second: a session that began in this one is among those put off.
        tokens.access_id._apply({"moved_at": fields.Datetime.now() + timedelta(seconds=1)})
        tokens.access_id._queue_disconnect()
        tokens._note("moved", note)

    # === Parts ===

    def _lock(self):
        """Lock them in the order of their ids and read them anew. :return: themselves, as superuser"""
        tokens = self.sudo()
        tokens.lock_for_update()
        tokens.invalidate_recordset()
        return tokens

    def _set_state(self, state, **vals):
        self.ensure_one()
        if state not in STEPS[self.state]:
            raise UserError(self.env._("%(code)s is %(state)s: that cannot be done with it.", code=self.code, state=self._state_label()))
        self.write({"state": state, **vals})

    def _state_label(self):
        return dict(self._fields["state"]._description_selection(self.env))[self.state]

    def _note(self, what, note=""):
        self.env["isp.token.event"].sudo().create([{"token_id": token.id, "what": what, "note": note or False, "user_id": self.env.uid} for token in self])
