# License AGPL-3.0 or later (https://www.gnu.org/licenses/agpl).
from odoo import api, fields, models
from odoo.exceptions import AccessError, UserError

#: What staff do with a token, and who may. Time given away and what was blocked for a reason are the billing manager's.
STAFF = {
    "block": "isp_base.group_isp_customer_service",
    "pause": "isp_base.group_isp_customer_service",
    "resume": "isp_base.group_isp_customer_service",
    "move": "isp_base.group_isp_customer_service",
    "unblock": "isp_base.group_isp_billing_manager",
    "extend": "isp_base.group_isp_billing_manager",
}


class IspToken(models.Model):
    """A token on the screens of staff: how it stands at this moment, and what may be done with it, each with a reason that is kept."""

    _inherit = "isp.token"

    with_batch = fields.Boolean(string="Blocked with its batch", readonly=True)
    number = fields.Integer(string="No. in the batch", compute="_compute_number")
    time_text = fields.Char(string="Time", compute="_compute_time_text")
    radius_answer = fields.Text(related="access_id.radius_answer", string="RADIUS answers now")
    left_text = fields.Char(string="Time left", compute="_compute_now")
    data_left_text = fields.Char(string="Data left", compute="_compute_now")
    online_count = fields.Integer(string="Devices on line", compute="_compute_now")

    # === Computes ===

    @api.depends("seconds")
    @api.depends_context("lang")
    def _compute_time_text(self):
        orders = self.env["isp.token.order"]
        texts = {seconds: orders.new({"seconds": seconds})._time_text() for seconds in set(self.mapped("seconds"))}
        for token in self:
            token.time_text = texts[token.seconds]

    @api.depends("state", "paused_at", "ends_at", "seconds")
    @api.depends_context("lang")
    def _compute_now(self):
        facts = self._facts()
        for token in self:
            now = facts.get(token.id, {"left": None, "data_left": None, "online": 0})
            token.left_text = self._duration_text(now["left"])
            token.data_left_text = "" if now["data_left"] is None else f"{now['data_left'] / 1_000_000:,.0f} MB"
            token.online_count = now["online"]

    @api.depends("batch_id")
    def _compute_number(self):
        """The place in its batch, from 1: tokens of a batch are never deleted, so it stays."""
        self.number = 0
        batched = self.filtered("batch_id")
        if batched:
            self.env.flush_all()
            self.env.cr.execute(
                """
                SELECT t.id, n.number FROM isp_token t
                 CROSS JOIN LATERAL (SELECT count(*) AS number FROM isp_token o WHERE o.batch_id = t.batch_id AND o.id <= t.id) n
                 WHERE t.id = ANY(%s)
                """,
                [batched.ids],
            )
            numbers = dict(self.env.cr.fetchall())
            for token in batched:
                token.number = numbers.get(token.id, 0)

    @api.model
    def _duration_text(self, seconds):
        """:return: "2 h 05 min", "3 d 4 h"; "" without an end"""
        if seconds is None:
            return ""
        minutes, hours, days = -(-seconds // 60), seconds // 3600, seconds // 86400
        if days:
            return self.env._("%(days)s d %(hours)s h", days=days, hours=hours % 24)
        if minutes >= 60:
            return self.env._("%(hours)s h %(minutes)s min", hours=minutes // 60, minutes=f"{minutes % 60:02}")
        return self.env._("%(minutes)s min", minutes=minutes)

    # === Actions ===

    def action_ask(self):
        """Open the form that asks for the reason; ``what`` in the context is a key of STAFF."""
        what = self.env.context.get("what")
        self._may(what)
        return {
            "type": "ir.actions.act_window",
            "name": dict(self.env["isp.token.act"]._fields["what"]._description_selection(self.env))[what],
            "res_model": "isp.token.act",
            "view_mode": "form",
            "target": "new",
            "context": {"default_what": what, "default_token_ids": self.ids},
        }

    def action_view_sessions(self):
        self.ensure_one()
        self.check_access("read")
        action = self.env["ir.actions.act_window"]._for_xml_id("isp_network.action_isp_session")
        return {**action, "domain": [("access_id", "=", self.access_id.id)], "context": {}}

    # === Business ===

    def _act(self, what, reason, seconds=0):
        """Staff do ``what`` with these tokens. :raise AccessError: not with their rights; :raise UserError: no reason, or it cannot be done now"""
        self._may(what)
        if not (reason or "").strip():
            raise UserError(self.env._("Say why: it is kept."))
        step = getattr(self.sudo(), f"_{what}")
        step(seconds, reason.strip()) if what == "extend" else step(reason.strip())

    def _may(self, what):
        if what not in STAFF or not self.env.user.has_group(STAFF[what]):
            raise AccessError(self.env._("You may not do this with a token. Ask a billing manager."))
        self.check_access("read")

    def _unblock(self, note=""):
        """Override: on its own, a token no longer goes with its batch."""
        tokens = super()._unblock(note)
        tokens.filtered("with_batch").with_batch = False
        return tokens
