# License AGPL-3.0 or later (https://www.gnu.org/licenses/agpl).
import time

from odoo.tools import SQL

from odoo.addons.isp_base.tests.common import IspCommon

#: The parameters of radius.acct, in order, by the names the tests use.
ACCT = (
    "kind session login class_ nas port ip mac called event delay received seconds up up_giga down down_giga cause".split()
)


class NetworkCommon(IspCommon):
    """An active customer ``achol`` with password ``pw``, and the functions as FreeRADIUS calls them."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.subscription = cls._create_subscription("active", username="achol", mac="AA:BB:CC:DD:EE:01")
        cls.access = cls.subscription.access_ids
        cls.access._apply({"password": "pw"})
        cls.router = cls.env["isp.router"].create({"name": "Tower", "nas_ip": "127.0.0.1", "radius_secret": "testing123"})
        cls.start = int(time.time()) // 3600 * 3600 - 7200

    def _ask(self, function, login, mac=None, nas="127.0.0.1"):
        """:return: {attribute: value} of radius.authz or radius.authr"""
        self.env.flush_all()
        rows = self.env.execute_query(
            SQL("SELECT id, username, attribute, value, op FROM %s(%s, %s, %s)", SQL(f"radius.{function}"), login, nas, mac)
        )
        self.assertTrue(all(row[4] == ":=" for row in rows))
        return {row[2]: row[3] for row in rows}

    def _authz(self, login="achol", mac=None):
        return self._ask("authz", login, mac)

    def _authr(self, login="achol", mac=None):
        return self._ask("authr", login, mac)

    def _acct(self, kind, session="s1", login="achol", nas="127.0.0.1", **more):
        """One packet; values are sent as text, as FreeRADIUS does."""
        self.env.flush_all()
        values = {"kind": kind, "session": session, "login": login, "nas": nas, **more}
        texts = [str(values.get(name, "")) for name in ACCT]
        ((answer,),) = self.env.execute_query(SQL("SELECT radius.acct(%s)", SQL(", ").join(SQL("%s", t) for t in texts)))
        self.env.invalidate_all()
        return answer

    def _sessions(self, session="s1"):
        return self.env["isp.session"].search([("session_id", "=", session)], order="generation")

    def _used(self, access=None):
        """:return: (upload, download, seconds) booked for the access in the hourly counters"""
        rows = self.env["isp.usage"].search([("access_id", "=", (access or self.access).id)])
        return tuple(sum(rows.mapped(name)) for name in ("bytes_up", "bytes_down", "seconds"))
