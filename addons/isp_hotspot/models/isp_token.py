# License AGPL-3.0 or later (https://www.gnu.org/licenses/agpl).
from odoo import api, fields, models
from odoo.exceptions import UserError
from odoo.tools import SQL

from odoo.addons.isp_network.fields import BigInteger

from ..engine import code, life

STATES = [
    ("made", "Made"),
    ("sold", "Sold"),
    ("in_use", "In use"),
    ("used_up", "Used up"),
    ("expired", "Expired"),
    ("blocked", "Blocked"),
    ("refunded", "Refunded"),
]
#: From here it may go there; what is not here is a mistake. ``expired`` and ``used_up`` come back when the token is extended.
STEPS = {
    "made": {"sold", "in_use", "expired", "blocked"},
    "sold": {"in_use", "used_up", "expired", "blocked", "refunded"},
    "in_use": {"used_up", "expired", "blocked"},
    "used_up": {"in_use", "sold", "blocked"},
    "expired": {"in_use", "sold", "made", "blocked"},
    "blocked": {"made", "sold", "in_use", "refunded"},
    "refunded": set(),
}
#: Its code lets somebody in, or will.
GOOD = ("made", "sold", "in_use")
#: Tokens of one INSERT.
_AT_ONCE = 5000


class IspToken(models.Model):
    """A timed access to one hotspot: a code, or a user name and password.

    The network's side is ``access_id``, made with the token and written by it alone. That time has begun or is over is a fact that RADIUS
    computes; ``state`` follows it within a minute (``_cron_follow``), ``_facts`` tells it of this moment.
    """

    _name = "isp.token"
    _description = "WiFi token"
    _order = "id desc"
    _rec_name = "code"

    code = fields.Char(required=True, readonly=True)
    password = fields.Char(related="access_id.password", related_sudo=True, groups="isp_base.group_isp_customer_service,isp_hotspot.group_hotspot_owner")
    access_id = fields.Many2one("isp.access", required=True, readonly=True, ondelete="restrict")
    site_id = fields.Many2one("isp.site", string="Hotspot", required=True, readonly=True, ondelete="restrict")
    company_id = fields.Many2one("res.company", required=True, readonly=True)
    currency_id = fields.Many2one(related="company_id.currency_id")
    batch_id = fields.Many2one("isp.token.batch", readonly=True, index="btree_not_null", ondelete="restrict")
    offer_id = fields.Many2one("isp.token.offer", readonly=True, ondelete="set null")
    order_ids = fields.One2many("isp.token.order", "token_id", string="Order", readonly=True)
    state = fields.Selection(STATES, required=True, readonly=True, default="made")
    seconds = fields.Integer(string="Time (s)", readonly=True, help="What was bought, with what was added. What is left of it the access tells.")
    counting = fields.Selection(life.COUNTINGS, string="Time counts", required=True, readonly=True)
    valid_days = fields.Integer(string="To be used within (days)", readonly=True)
    devices = fields.Integer(readonly=True)
    rate = fields.Char(string="Speed", readonly=True)
    volume_bytes = BigInteger(string="Data (bytes)", readonly=True)
    price = fields.Monetary(readonly=True)
    sold_at = fields.Datetime(string="Sold", readonly=True)
    first_used = fields.Datetime(readonly=True)
    ends_at = fields.Datetime(string="Ends", readonly=True, help="By the clock. Blank: not known before it is used, or counted on line.")
    ended_at = fields.Datetime(string="Ended", readonly=True)
    paused_at = fields.Datetime(string="Paused", readonly=True)
    event_ids = fields.One2many("isp.token.event", "token_id", readonly=True)

    _code_unique = models.UniqueIndex("(code)", "This code is taken.")
    _access_unique = models.UniqueIndex("(access_id)", "This access is another token's.")
    _site_index = models.Index("(site_id, state, id)")
    _ends_at_index = models.Index("(ends_at) WHERE ends_at IS NOT NULL")

    _ended_index = models.Index("(site_id, ended_at) WHERE ended_at IS NOT NULL")
    _waiting_index = models.Index("(access_id) WHERE counting != 'first' AND state IN ('made', 'sold')")

    # === Making ===

    @api.model
    def _make(self, site, terms, count=1, *, state="made", batch=None, until=None, mac=None):
        """Make tokens and their accesses; their codes are good at the next log-in after the commit.

        :param terms: as ``isp.token.offer._prepare_terms`` gives them
        :param state: ``made``, or ``sold``: given out now
        :param until: no use after this moment (UTC); the end itself where ``counting`` is ``date``
        :param mac: only this device gets in
        :return: ``isp.token`` (sudo) in no order
        :raise UserError: the hotspot is closed

        Transaction: the caller's; two INSERTs for thousands. Codes are random, UNIQUE among all accesses; one that is taken is made anew.
        """
        site._need_open()
        if terms["counting"] == "date" and not until:
            raise UserError(self.env._("Until when?"))
        now, length = fields.Datetime.now(), code.length_for(site._good_codes() + count)
        access = self._prepare_access(site, terms, state, now, until, mac)
        token = self._prepare_token(site, terms, state, now, access, batch)
        ids, tries = [], 0
        while len(ids) < count:
            tries += 1
            if tries > 5 + count // _AT_ONCE:
                raise UserError(self.env._("No free codes were found. Try again."))
            codes = code.make(min(count - len(ids), _AT_ONCE), length)
            words = codes if site.login_mode == "code" else [code.password() for _ in codes]
            ids += self._insert(codes, words, access, token)
        site.invalidate_recordset(["token_ids"], flush=False)
        return self.sudo().browse(ids)

    def _prepare_access(self, site, terms, state, now, until, mac):
        """:return: columns of ``isp_access`` that all of them have"""
        sold = now if state == "sold" else None
        waits = terms["counting"] == "sale" and state == "made"
        return {
            "zone": site.id,
            "company_id": site.company_id.id,
            "state": "blocked" if waits else "allowed",
            **life.access_terms(terms["counting"], terms["seconds"], sold, until, terms["valid_days"]),
            "quota_bytes": terms["volume_bytes"],
            "quota_day": 0,
            "device_limit": terms["devices"],
            "own_rate": terms["rate"] or None,
            "refuse_ended": True,
            "mac": mac or None,
            "mac_bound": bool(mac),
            "mac_login": False,
        }

    def _prepare_token(self, site, terms, state, now, access, batch):
        """:return: columns of ``isp_token`` that all of them have"""
        return {
            "site_id": site.id,
            "company_id": site.company_id.id,
            "batch_id": batch.id if batch else None,
            "state": state,
            "sold_at": now if state == "sold" else None,
            "ends_at": life.end(access["use_seconds"], None, access["first_until"], access["valid_until"]),
            **{name: terms.get(name) or None for name in ("offer_id", "rate")},
            **{name: terms[name] for name in ("seconds", "counting", "valid_days", "devices", "volume_bytes", "price")},
        }

    def _insert(self, codes, words, access, token):
        """:return: ids of the tokens made; fewer than codes where one of them was taken"""
        [*rows] = self.env.execute_query(
            SQL(
                """
                WITH given AS (SELECT * FROM unnest(%(codes)s::text[], %(words)s::text[]) AS g (code, word)),
                made AS (
                    INSERT INTO isp_access (name, password, %(access_names)s, create_uid, create_date, write_uid, write_date)
                    SELECT g.code, g.word, %(access_values)s, %(uid)s, %(now)s, %(uid)s, %(now)s FROM given g
                        ON CONFLICT (name) DO NOTHING
                    RETURNING id, name)
                INSERT INTO isp_token (access_id, code, %(token_names)s, create_uid, create_date, write_uid, write_date)
                SELECT m.id, m.name, %(token_values)s, %(uid)s, %(now)s, %(uid)s, %(now)s FROM made m
                RETURNING id
                """,
                codes=codes,
                words=words,
                access_names=_names(access),
                access_values=self._values("isp.access", access),
                token_names=_names(token),
                token_values=self._values("isp.token", token),
                uid=self.env.uid,
                now=fields.Datetime.now(),
            )
        )
        return [row[0] for row in rows]

    def _values(self, model, columns):
        """Each with its column's type: a NULL in a SELECT would be a text."""
        types = self.env[model]._fields
        return SQL(", ").join(SQL("%s::%s", value, SQL(types[name].column_type[1])) for name, value in columns.items())

    # === What is so now ===

    def _end(self, first=None):
        """:param first: moment of the first log-in, where it is newer than ``first_used`` :return: when it ends by the clock, as far as known"""
        access = self.access_id
        return life.end(access.use_seconds, first or self.first_used, access.first_until, access.valid_until) or False

    def _facts(self):
        """What RADIUS knows of these at this moment.

        :return: {id: {"first": moment of the first log-in (UTC) or None, "left": seconds or None (no end), "used": seconds on line,
            "bytes": used, "data_left": bytes or None, "state": the state of this moment, "online": sessions now}}
        """
        if not self.ids:
            return {}
        self.env.flush_all()
        now = fields.Datetime.now()
        rows = self.env.execute_query(
            SQL(
                """
                SELECT t.id, t.state, t.counting, CASE t.counting WHEN 'first' THEN a.use_seconds WHEN 'online' THEN a.time_limit ELSE t.seconds END,
                       t.sold_at, t.paused_at, a.valid_until, a.first_until, u.first_at, COALESCE(c.seconds, n.seconds, 0), COALESCE(c.bytes, n.bytes, 0), a.quota_bytes,
                       (SELECT count(*) FROM isp_session s WHERE s.access_id = a.id AND s.stopped IS NULL
                           AND s.updated > %(now)s - (2 * radius.interim(a.id) + 60) * interval '1 second')
                  FROM isp_token t JOIN isp_access a ON a.id = t.access_id
             LEFT JOIN isp_access_use u ON u.access_id = a.id
             LEFT JOIN isp_quota_counter c ON c.access_id = a.id
             LEFT JOIN LATERAL (  -- whose data and time online nobody limits has no counter
                SELECT sum(h.seconds)::bigint AS seconds, sum(h.bytes_up + h.bytes_down)::bigint AS bytes FROM isp_usage h WHERE h.access_id = a.id AND c.id IS NULL
                  ) n ON true
                 WHERE t.id = ANY(%(ids)s)
                """,
                ids=self.ids,
                now=now,
            )
        )
        facts = {}
        for token_id, state, counting, seconds, sold, paused, until, first_until, first, used, used_bytes, quota, online in rows:
            left = life.left(counting, seconds, paused or now, first=first, until=until, used=used, first_until=first_until, sold=bool(sold))
            data_left = max(quota - used_bytes, 0) if quota else None
            if state in GOOD and (left == 0 or data_left == 0):
                state = "used_up" if data_left == 0 or counting == "online" else "expired"
            elif state in ("made", "sold") and (first or online):
                state = "in_use"
            facts[token_id] = {
                "first": first, "left": left, "used": used, "bytes": used_bytes, "data_left": data_left, "state": state, "online": online,
            }  # fmt: skip
        return facts


def _names(columns):
    return SQL(", ").join(SQL.identifier(name) for name in columns)
