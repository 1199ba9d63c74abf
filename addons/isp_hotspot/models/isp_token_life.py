# License AGPL-3.0 or later (https://www.gnu.org/licenses/agpl).
import math
from datetime import timedelta

from odoo import fields, models
from odoo.exceptions import UserError
from odoo.tools import SQL

from ..engine import life
from .isp_token import GOOD, STEPS
from .isp_token_batch import life_text
from .isp_token_follow import EVER


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
            terms = life.access_terms(token.counting, token.seconds, now, token.access_id.valid_until, token.valid_days)
            token.access_id._apply({name: terms[name] or False for name in ("valid_until", "first_until")})
            token._set_state("sold", sold_at=now, ends_at=token._end())
            token._let_in()
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
            token._set_state("in_use" if token.first_used else "sold" if token.sold_at else "made")
            token._let_in()
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
        """The time runs on: what was left is left. Last days move by as much."""
        tokens = self._lock().filtered("paused_at")
        for token in tokens:
            access, gap = token.access_id, timedelta(seconds=round((fields.Datetime.now() - token.paused_at).total_seconds()))
            vals = {name: access[name] + gap for name in ("valid_until", "first_until") if access[name]}
            if token.counting == "first" and token.first_used:
                vals["use_seconds"] = access.use_seconds + int(gap.total_seconds())
            access._apply(vals)
            token.write({"paused_at": False, "ends_at": token._end()})
            if token.state in GOOD:
                token._let_in()
        tokens._note("resumed", note)

    def _extend(self, seconds, note=""):
        """So many seconds more; one that is over is good again.

        :raise UserError: it is blocked or refunded, its data is used up, or the sum is more than a year
        """
        tokens = self._lock()
        if tokens.filtered(lambda t: t.state in ("blocked", "refunded")):
            raise UserError(self.env._("It is blocked or refunded: make a new one."))
        facts = tokens._facts()
        for token in tokens:
            if not 0 < seconds <= life.LONGEST or token.seconds + seconds > life.LONGEST:
                raise UserError(self.env._("A token is good for a year at most."))
            if facts[token.id]["data_left"] == 0:
                raise UserError(self.env._("Its data is used up: more time does not help. Make a new one."))
            token._lengthen(seconds, facts[token.id])
            if token.state in ("expired", "used_up"):
                token._set_state("in_use" if facts[token.id]["first"] or token.first_used else "sold" if token.sold_at else "made", ended_at=False)
        tokens._note("extended", " · ".join(filter(None, [self.env._("%(time)s more", time=life_text(self.env, seconds)), note])))

    def _lengthen(self, seconds, facts):
        """Move the end. Where it was over, the new time begins now, not then; a last day that is over begins anew.

        :param facts: of ``_facts``
        """
        access, first, now = self.access_id, facts["first"], self.paused_at or fields.Datetime.now()
        end, vals = now + timedelta(seconds=facts["left"] + seconds), {}
        runs = first or (self.counting == "sale" and self.sold_at) or self.counting == "date"
        if self.counting == "online":
            vals["time_limit"] = max(access.time_limit, facts["used"]) + seconds
        elif self.counting == "first":
            vals["use_seconds"] = math.ceil((end - first).total_seconds()) if first else access.use_seconds + seconds
        again = now + max(timedelta(days=self.valid_days), timedelta(seconds=self.seconds + seconds))
        for name in ("valid_until", "first_until"):
            if access[name]:
                vals[name] = again if access[name] <= now and not runs else max(access[name], end)
        access._apply(vals)
        self.write({"seconds": self.seconds + seconds, "ends_at": self._end(first)})

    def _move(self, note=""):
        """It goes on on another device: those on line are put off and count no more. Nothing of its time is lost."""
        tokens = self._lock()
        # Odoo's moments have no fractions of a second: a session that began in this one is among those put off.
        tokens.access_id._apply({"moved_at": fields.Datetime.now() + timedelta(seconds=1)})
        tokens.access_id._queue_disconnect()
        tokens._note("moved", note)

    def _return(self, note=""):
        """Their money goes back, or is back: the codes are good no more."""
        tokens = self._lock().filtered(lambda t: t.state != "refunded")
        tokens.access_id._apply({"state": "blocked"})
        tokens.write({"state": "refunded"})
        tokens._note("refunded", note)

    # === Parts ===

    def _lock(self):
        """Lock them in the order of their ids and read them anew; first log-ins of the last minute are known. :return: themselves, as superuser"""
        tokens = self.sudo()
        tokens.lock_for_update()
        if tokens:
            tokens._follow_begun(EVER, SQL("t.id = ANY(%s)", tokens.ids))
        tokens.invalidate_recordset()
        return tokens

    def _let_in(self):
        """The access of a good token: open, unless it is paused, or its time begins with the sale and it is not sold."""
        self.ensure_one()
        waits = self.counting == "sale" and not self.sold_at
        self.access_id._apply({"state": "blocked" if waits or self.paused_at else "allowed"})

    def _set_state(self, state, **vals):
        self.ensure_one()
        if state not in STEPS[self.state]:
            raise UserError(self.env._("%(code)s is %(state)s: that cannot be done with it.", code=self.code, state=self._state_label()))
        self.write({"state": state, **vals})

    def _state_label(self):
        return dict(self._fields["state"]._description_selection(self.env))[self.state]

    def _note(self, what, note=""):
        self.env["isp.token.event"].sudo().create([{"token_id": token.id, "what": what, "note": note or False, "user_id": self.env.uid} for token in self])
