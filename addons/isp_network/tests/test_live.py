# License AGPL-3.0 or later (https://www.gnu.org/licenses/agpl).
import time
from datetime import timedelta

from odoo import fields
from odoo.exceptions import AccessError
from odoo.tests import new_test_user, tagged

from ..drivers import routeros
from ..engine.live import Speeds
from ..models import isp_live
from .common import NetworkCommon

TOKEN = "0123456789ab"


class Router(routeros.Driver):
    """A driver whose router has one interface and one PPPoE session; what was asked is kept."""

    def __init__(self):
        super().__init__(None)
        self.asked, self.broken, self.bytes = [], False, 1000

    def run(self, command, values=None, where=None, fields=None):
        self.asked.append((command, where))
        if self.broken:
            raise routeros.Unreachable("10.0.0.1: no answer in time")
        self.bytes += 125_000
        name = (where or {}).get("name", "ether1")
        if command != "interface/print" or name not in ("ether1", "<pppoe-achol>"):
            return []
        return [{"name": name, "rx-byte": str(self.bytes), "tx-byte": str(2 * self.bytes)}]


@tagged("post_install", "-at_install")
class TestLive(NetworkCommon):
    def _look(self, record, user=None, token=TOKEN):
        live = self.env["isp.live"].with_user(user or self.env.user)
        return live.look(record._name, record.id, token)

    def test_without_an_api_it_is_what_was_reported(self):
        self.assertEqual(self._look(self.subscription)["mode"], "off")
        self._acct("start")
        self._acct("interim-update", seconds=100, up=1000, down=8000)
        for record in (self.subscription, self.router):
            answer = self._look(record)
            self.assertEqual((answer["mode"], answer["up"], answer["down"], answer["online"]), ("sums", 80, 640, 1))
            self.assertTrue(answer["note"], "the screen says what it shows")
        self.assertFalse(self.env["isp.live.viewer"].search([]))

    def test_one_row_a_window_and_none_when_nobody_looks(self):
        self.router.write({"api_user": "isp", "api_password": "x"})
        self._acct("start")
        for _time in range(3):
            answer = self._look(self.subscription)
        self.assertEqual((answer["mode"], answer["channel"], answer["login"]), ("live", f"isp_live_{self.router.id}", "achol"))
        self._look(self.router, token="another-window")
        self.assertEqual(len(self.env["isp.live.viewer"].search([])), 2)
        live = self.env["isp.live"]
        self.assertEqual(live._watched(self.router), (True, ["achol"]))
        self.env["isp.live.viewer"].search([]).until = fields.Datetime.now() - timedelta(seconds=1)
        self.env.flush_all()
        self.assertIsNone(live._watched(self.router))

    def test_one_poll_whoever_looks(self):
        router, speeds = Router(), Speeds()
        isp_live._ask(router, (True, ["achol", "deng"]), speeds)
        speeds._at -= 1  # a second goes by
        router.asked.clear()
        message = isp_live._ask(router, (True, ["achol", "deng"]), speeds)
        self.assertEqual(router.asked.count(("interface/print", {"dynamic": "false"})), 1)
        self.assertAlmostEqual(message["interfaces"]["ether1"][0], 4_000_000, delta=400_000)
        self.assertEqual(list(message["users"]), ["achol"])
        self.assertEqual(message["missing"], ["deng"])
        router.broken = True
        error = isp_live._ask(router, (True, []), speeds)["error"]
        self.assertEqual(error["kind"], "Unreachable", "each window has words for it in its own language")
        self.assertIn("no answer", error["detail"])

    def test_the_poller_ends_when_nobody_looks(self):
        """Through a real loop: leases of a moment, messages on the bus, the driver closed."""
        driver = Router()
        self.patch(isp_live, "EVERY", 0.01)
        self.patch(isp_live.time, "sleep", lambda _seconds: None)
        self.patch(type(self.env["isp.router"]), "_live_driver", lambda _self: driver)
        watched, sent = [(True, []), (True, ["achol"]), None], []
        self.patch(type(self.env["isp.live"]), "_watched", lambda _self, _router: watched.pop(0))
        self.patch(type(self.env["isp.live"]), "_publish", lambda _self, router, message: sent.append((router.id, message)))
        with self.enter_registry_test_mode(), self.env.registry.cursor() as cr:
            isp_live._poll_locked(cr, self.router.id)
        self.assertEqual([router for router, _message in sent], [self.router.id] * 2)
        self.assertFalse(watched)

    def test_who_may_look_and_listen(self):
        self.router.write({"api_user": "isp", "api_password": "x"})
        self._acct("start")
        technician = new_test_user(self.env, "tech-live", groups="isp_base.group_isp_technician")
        portal = new_test_user(self.env, "portal-live", groups="base.group_portal")
        plain = new_test_user(self.env, "plain-live", groups="base.group_user")
        self.assertEqual(self._look(self.router, technician)["mode"], "live")
        for user in (portal, plain):
            with self.assertRaises(AccessError):
                self._look(self.router, user)
        name = f"isp_live_{self.router.id}"

        def channels(user):
            return self.env["ir.websocket"].with_user(user)._isp_live_channels([name, "isp_live_x", "isp_live_99999999999"])

        self.assertIn((self.router.with_user(technician), "live"), channels(technician))
        for user in (portal, plain):
            self.assertFalse([c for c in channels(user) if isinstance(c, tuple) and c[1] == "live"])
            self.assertNotIn(name, channels(user))
        foreign = self.env["isp.router"].create({"name": "Theirs", "nas_ip": "10.9.9.9", "company_id": self.env["res.company"].create({"name": "Other"}).id})
        with self.assertRaises(AccessError):
            self._look(foreign, technician)

    def test_map_of_load(self):
        self.subscription.partner_id.city = "Gudele"
        now = int(time.time())
        self._acct("start", event=now - 100)
        self._acct("interim-update", event=now, seconds=100, up=1000, down=8000)
        load = self.env["isp.load"]
        [tile] = [t for t in load.tiles("router")["tiles"] if t["name"] == "Tower"]
        self.assertEqual((tile["online"], tile["down_bps"], tile["total"], len(tile["bytes"])), (1, 640, 9000, 24))
        [tile] = [t for t in load.tiles("city", 168)["tiles"] if t["name"] == "Gudele"]
        self.assertEqual((tile["total"], len(tile["bytes"])), (9000, 168))
        self.subscription.partner_id.write({"city": False, "isp_payam": "Munuki", "isp_county": "Juba"})
        self.assertIn("Munuki", [t["name"] for t in load.tiles("city")["tiles"]], "where no town is written, the payam is")
        with self.assertRaises(AccessError):
            load.with_user(new_test_user(self.env, "portal-load", groups="base.group_portal")).tiles()
        with self.assertQueryCount(12):
            self.env.invalidate_all()
            load.tiles()

    def test_load_of_a_line_that_was_never_on_line(self):
        """Usage that equipment reported has no session: it counts at the router where the line ends."""
        line = self._create_subscription("active", username="radio")
        line.router_id = self.router
        self.env["isp.usage"].create({"access_id": line.access_ids.id, "hour": fields.Datetime.now().replace(minute=0, second=0, microsecond=0), "bytes_up": 1, "bytes_down": 9})
        self.assertEqual([(t["name"], t["total"]) for t in self.env["isp.load"].tiles()["tiles"] if t["total"] == 10], [("Tower", 10)])
