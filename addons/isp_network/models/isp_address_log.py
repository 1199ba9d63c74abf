# License AGPL-3.0 or later (https://www.gnu.org/licenses/agpl).
import ipaddress

from odoo import api, fields, models
from odoo.tools import SQL

#: Accounting packets of two sessions may be committed in another order than their ids were drawn.
_OVERLAP = 10_000
#: All that a session ``s`` has: its address, and its IPv6 prefixes and addresses.
_HELD = SQL("string_to_array(concat_ws(' ', nullif(s.framed_ip, ''), s.framed_ipv6), ' ')")


class IspAddressLog(models.Model):
    """Who had which address, and when: for lawful orders, apart from usage, with a right and a retention of its own.

    Copied from the sessions every five minutes and before each order. Names stand as they were, so that the log needs
    nobody's record. Where customers share a public address (NAT), the log knows the inner one only. An IPv6 prefix is a row of its own.
    """

    _name = "isp.address.log"
    _description = "Who had which address"
    _order = "started desc, id desc"
    _rec_name = "framed_ip"
    _log_access = False

    session = fields.Integer(required=True, readonly=True, help="Number of the session.")
    framed_ip = fields.Char(string="Address", required=True, readonly=True, help="Or an IPv6 prefix.")
    company_id = fields.Many2one("res.company", readonly=True, index=True, help="Whose customer it was; of an unknown user, whose router. Blank: nobody's.")
    user_name = fields.Char(readonly=True)
    customer = fields.Char(readonly=True)
    account_no = fields.Char(string="Account", readonly=True)
    mac = fields.Char(string="MAC address", readonly=True)
    router = fields.Char(readonly=True)
    nas_ip = fields.Char(string="Router's address", readonly=True)
    started = fields.Datetime(required=True, readonly=True)
    stopped = fields.Datetime(readonly=True, help="Blank: goes on.")

    _session_unique = models.UniqueIndex("(session, framed_ip, started)")
    _address_index = models.Index("(framed_ip, started)")
    _open_index = models.Index("(session) WHERE stopped IS NULL")

    @api.model
    def _sync(self):
        """Copy what is new, end what has ended. Idempotent; caller's transaction.

        A session has a row for each address and prefix, also for those it had before; a change is known to an accounting packet's interval.
        """
        self.env["isp.session"].flush_model()
        self.flush_model()
        self.env.cr.execute(
            SQL(
                """
                UPDATE isp_address_log l
                   SET stopped = CASE WHEN l.framed_ip <> ALL (%(held)s) THEN coalesce(s.stopped, s.updated) ELSE s.stopped END
                  FROM isp_session s
                 WHERE l.stopped IS NULL AND s.id = l.session AND (s.stopped IS NOT NULL OR l.framed_ip <> ALL (%(held)s))
                """,
                held=_HELD,
            )
        )
        # A session we took for dead goes on: rows are open again, but those that another one of their kind has followed.
        self.env.cr.execute(
            SQL(
                """
                UPDATE isp_address_log l SET stopped = NULL
                  FROM isp_session s
                 WHERE s.stopped IS NULL AND s.id = l.session AND l.framed_ip = ANY (%(held)s) AND l.stopped IS NOT NULL
                   AND NOT EXISTS (SELECT 1 FROM isp_address_log n WHERE n.session = l.session AND n.started > l.started
                                      AND (n.framed_ip LIKE '%%:%%') = (l.framed_ip LIKE '%%:%%')
                                      AND (n.framed_ip = l.framed_ip OR n.framed_ip <> ALL (%(held)s)))
                """,
                held=_HELD,
            )
        )
        self.env.cr.execute(
            SQL(
                """
                INSERT INTO isp_address_log (session, framed_ip, company_id, user_name, customer, account_no, mac, router, nas_ip, started, stopped)
                SELECT s.id, h.address, coalesce(a.company_id, r.company_id), s.user_name, p.name, p.isp_account_no, s.mac, r.name, s.nas_ip,
                       CASE WHEN EXISTS (SELECT 1 FROM isp_address_log l WHERE l.session = s.id AND (l.framed_ip LIKE '%%:%%') = (h.address LIKE '%%:%%'))
                            THEN s.updated ELSE s.started END,
                       s.stopped
                  FROM isp_session s
                  CROSS JOIN LATERAL unnest(%(held)s) AS h (address)
                  LEFT JOIN isp_access a ON a.id = s.access_id
                  LEFT JOIN isp_subscription u ON u.id = a.subscription_id
                  LEFT JOIN res_partner p ON p.id = u.partner_id
                  LEFT JOIN isp_router r ON r.id = s.router_id
                 WHERE (s.stopped IS NULL OR s.id > (SELECT coalesce(max(session), 0) FROM isp_address_log) - %(overlap)s)
                   AND NOT EXISTS (SELECT 1 FROM isp_address_log l WHERE l.session = s.id AND l.framed_ip = h.address
                                      AND (l.stopped IS NULL OR s.stopped IS NOT NULL))
                 ORDER BY s.id
                ON CONFLICT (session, framed_ip, started) DO NOTHING
                """,
                held=_HELD,
                overlap=_OVERLAP,
            )
        )
        self.env.invalidate_all()

    @api.model
    def _who_had(self, company, address, moment_from, moment_to):
        """:param address: ``ipaddress.ip_address``
        :return: rows of the company, and nobody's, of those who had the address, or the prefix that holds it, at any time between the two
            moments (UTC), the first one first
        """
        names = [str(address)]
        if address.version == 6:
            names += [str(ipaddress.IPv6Network((address, length), strict=False)) for length in range(128)]
        return self.search(
            [
                ("framed_ip", "in", names),
                ("company_id", "in", (company.id, False)),
                ("started", "<=", moment_to),
                "|",
                ("stopped", "=", False),
                ("stopped", ">=", moment_from),
            ],
            order="started, id",
        )

    @api.autovacuum
    def _gc_old(self):
        """Kept for 12 months (system parameter ``isp_network.keep_address_months``; 0: for ever)."""
        usage = self.env["isp.usage"]
        first = usage._kept_from("isp_network.keep_address_months")
        return usage._gc(SQL("isp_address_log"), SQL("stopped < %s", first)) if first else None
