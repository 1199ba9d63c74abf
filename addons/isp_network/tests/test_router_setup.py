# License AGPL-3.0 or later (https://www.gnu.org/licenses/agpl).
from datetime import timedelta

from odoo import fields
from odoo.exceptions import AccessError, UserError, ValidationError
from odoo.tests import HttpCase, tagged

from odoo.addons.isp_secret.tools.secret import decrypt
from odoo.addons.queue_job.tests.common import trap_jobs

from ..controllers.router_setup import MAX_WRONG, Strangers, strangers
from ..engine import router_setup as engine
from .common import NetworkCommon

KEY = "YWJjZGVmZ2hpamtsbW5vcHFyc3R1dnd4eXphYmNkZWY="
REPORT = {
    "identity": "Tower",
    "version": "7.24 (stable)",
    "board": "hEX S",
    "serial": "HD1",
    "service": "api-ssl",
    "port": "8729",
    "fingerprint": "AB" * 32,
    "public-key": KEY,
    "errors": "",
}


class SetupCommon(NetworkCommon):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.env["ir.config_parameter"].set_param("isp_network.setup_base_url", "https://isp.example")
        cls.technician = cls._create_user("isp_base.group_isp_technician")
        cls.administrator = cls._create_user("isp_base.group_isp_administrator")
        cls.setup = cls.env["isp.router.setup"].with_user(cls.technician).create(cls._prepare_setup())

    @classmethod
    def _create_user(cls, group, name=""):
        name = name or group.split("_")[-1]
        return cls.env["res.users"].create({"name": name, "login": f"setup-{name}", "group_ids": [(6, 0, cls.env.ref(group).ids)]})

    @classmethod
    def _prepare_setup(cls, **more):
        return {
            "router_name": "Gudele",
            "nas_ip": "10.1.0.9",
            "pppoe_interfaces": "ether2",
            "pppoe_pool": "10.9.0.2-10.9.0.99",
            "pppoe_gateway": "10.9.0.1",
            "radius_address": "10.0.0.2",
            "server_addresses": "10.0.0.2, 10.0.1.0/24",
            **more,
        }

    def _token(self, setup=None):
        """Make the line. :return: its token"""
        line = (setup or self.setup).action_make_line()["context"]["default_line"]
        return line.split("/isp_network/router/")[1].split("/")[0]

    def _found(self, token):
        return self.env["isp.router.setup"]._of_token(token)

    def _fetch(self, token, address="10.1.0.9", version="7.24"):
        return self._found(token)._serve(version, address)

    def _tell(self, token, **more):
        body = "".join(f"{name}={value}\n" for name, value in {**REPORT, **more}.items())
        return self._found(token)._take_report(body, "10.1.0.9")


@tagged("post_install", "-at_install")
class TestRouterSetup(SetupCommon):
    # === The line ===

    def test_line_makes_the_router_and_keeps_no_token(self):
        token = self._token()
        setup = self.setup.sudo()
        self.assertEqual((setup.router_id.name, setup.router_id.nas_ip, setup.state), ("Gudele", "10.1.0.9", "waiting"))
        self.assertGreaterEqual(len(setup.router_id.radius_secret), 20)
        self.env.flush_all()
        for table in ("isp_router_setup", "isp_router_setup_log", "isp_router_setup_line"):
            self.env.cr.execute(f"SELECT count(*) FROM {table} t WHERE t::text LIKE %s", [f"%{token}%"])  # pylint: disable=sql-injection
            self.assertEqual(self.env.cr.fetchone()[0], 0, table)
        self.assertNotEqual(token, self._token(), "another line has another token")
        self.assertFalse(self._found(token), "and ends the one before")

    def test_line_refuses_what_is_incomplete_or_readable_on_the_way(self):
        self.setup.pppoe_pool = False
        with self.assertRaisesRegex(UserError, "PPPoE addresses"):
            self.setup.action_make_line()
        self.setup.write({"pppoe_pool": "10.9.0.0/24", "pppoe": False})
        with self.assertRaisesRegex(UserError, "hotspot"):
            self.setup.action_make_line()
        self.setup.pppoe = True
        for url in ("http://isp.example", "http://41.79.0.1"):
            self.env["ir.config_parameter"].set_param("isp_network.setup_base_url", url)
            with self.assertRaisesRegex(UserError, "https"):
                self.setup.action_make_line()
        self.env["ir.config_parameter"].set_param("isp_network.setup_base_url", "http://10.0.0.2:8069")
        self.assertIn('url="http://10.0.0.2:8069/', self.setup.action_make_line()["context"]["default_line"])

    def test_values_are_checked(self):
        for name, value in (
            ("nas_ip", "10.1.0"), ("pppoe_pool", "10.9.0.9-10.9.0.2"), ("pppoe_interfaces", 'ether2"; /system reset'), ("hotspot_address", "10.5.50.0/24"),
            ("server_addresses", "0.0.0.0/0 x"), ("ntp_servers", "pool ntp"), ("wall_page", "10.0.0.2:70000"), ("wireguard_key", "abc"), ("api_user", "a b"),
            ("allowed_hosts", "http://pay.example"), ("radius_port", 0),
        ):  # fmt: skip
            with self.subTest(name), self.assertRaises(ValidationError), self.env.cr.savepoint():
                self.setup.write({name: value})

    def test_script_is_shown_without_secrets(self):
        self._token()
        script = self.setup.action_show_script()["context"]["default_script"]
        setup = self.setup.sudo()
        self.assertIn("/radius incoming set accept=yes", script)
        for secret in (setup.router_id.radius_secret, decrypt(setup.api_password_encrypted)):
            self.assertNotIn(secret, script)

    # === The script ===

    def test_script_once_and_again_for_the_same_router_only(self):
        token = self._token()
        status, script = self._fetch(token)
        self.assertEqual(status, 200)
        setup = self.setup.sudo()
        self.assertIn(engine.quote(setup.router_id.radius_secret), script)
        self.assertIn(engine.quote(decrypt(setup.api_password_encrypted)), script)
        self.assertIn(f"https://isp.example/isp_network/router/{token}/report", script)
        self.assertEqual(self._fetch(token, "10.1.0.66")[0], 410, "another router")
        self.assertEqual(self._fetch(token), (200, script))
        setup.fetched_at -= timedelta(minutes=11)
        self.assertEqual(self._fetch(token)[0], 410, "too late")
        self.assertEqual(setup.log_ids.sorted("id").mapped("address"), ["10.1.0.9", "10.1.0.66", "10.1.0.9", "10.1.0.9"])

    def test_no_script_after_the_report_or_the_time(self):
        token = self._token()
        self.setup.sudo().expires_at = fields.Datetime.now() - timedelta(seconds=1)
        self.assertEqual(self._fetch(token)[0], 410)
        self.assertEqual(self.setup.steps[0]["state"], "bad")
        token = self._token()
        self._fetch(token)
        self.assertEqual(self._tell(token)[0], 200)
        self.assertEqual(self._fetch(token)[0], 410)

    def test_old_router_gets_no_secrets(self):
        token = self._token()
        for version in ("6.49", "7.11", "", "'; drop"):
            status, script = self._fetch(token, version=version)
            self.assertEqual((status, script), (200, engine.too_old()))
        self.assertFalse(self.setup.sudo().fetched_at, "the line still works after an upgrade")

    def test_message_authenticator_is_asked_for_where_the_router_can(self):
        for version, wanted in (("7.12", False), ("7.14", False), ("7.15", True), ("7.24", True)):
            script = self._fetch(self._token(), version=version)[1]
            self.assertEqual("require-message-auth" in script, wanted, version)

    # === The report ===

    def test_report(self):
        token = self._token()
        self.assertEqual(self._tell(token)[0], 410, "before the script")
        self._fetch(token)
        password = decrypt(self.setup.sudo().api_password_encrypted)
        with trap_jobs() as jobs:
            self.assertEqual(self._tell(token)[0], 200)
            self.assertEqual(self._tell(token, errors="pppoe,")[0], 200, "told again")
        jobs.assert_jobs_count(1, only=self.setup._look_again)
        setup = self.setup.sudo()
        router = setup.router_id
        self.assertEqual((setup.state, setup.identity, setup.fingerprint, setup.errors), ("done", "Tower", "ab" * 32, False))
        self.assertEqual((router.api_user, router.api_port, decrypt(router.api_password_encrypted)), ("isp", 8729, password))
        self.assertFalse(setup.api_password_encrypted, "kept in one place only")

    def test_report_of_what_failed(self):
        token = self._token()
        self._fetch(token)
        self._tell(token, errors="hotspot,<script>,pppoe,", **{"hotspot-mode": "false", "public-key": "no key", "fingerprint": "x", "identity": "<b>"})
        self.assertEqual((self.setup.state, self.setup.errors, self.setup.public_key, self.setup.fingerprint), ("failed", "hotspot,pppoe", False, False))
        step = self.setup.steps[1]
        self.assertEqual((step["key"], step["state"], self.setup.health), ("imported", "bad", "bad"))
        self.assertIn("device-mode", step["text"])
        self.assertIn("PPPoE", step["text"])

    def test_tunnel(self):
        tunnel = {"wireguard": True, "wireguard_endpoint": "vpn.example", "wireguard_key": KEY, "wireguard_server_address": "10.99.0.1/24", "nas_ip": False}
        setups = self.env["isp.router.setup"].with_user(self.technician).create(
            [self._prepare_setup(router_name=f"T{number}", **tunnel) for number in (1, 2)]
        )
        tokens = [self._token(setup) for setup in setups]
        self.assertEqual(setups.mapped("wireguard_address"), ["10.99.0.2/24", "10.99.0.3/24"])
        self.assertEqual(setups.router_id.mapped("nas_ip"), ["10.99.0.2", "10.99.0.3"])
        self.assertIn('src-address="10.99.0.3"', self._fetch(tokens[1])[1])
        self._tell(tokens[1])
        self.assertEqual(setups[1].peer, f"[Peer]\nPublicKey = {KEY}\nAllowedIPs = 10.99.0.3/32\n")
        self.assertEqual([step["key"] for step in setups[1].steps], ["fetched", "imported", "tunnel", "api", "coa", "clock", "radius"])

    def test_look_says_what_is_wrong(self):
        """Nothing listens there: each step says what to do, and the job comes again, not for ever."""
        token = self._token()
        self._fetch(token)
        with trap_jobs():
            self._tell(token, port="1")
        setup = self.setup.sudo()
        setup.router_id.write({"nas_ip": "127.0.0.9", "coa_port": 1, "api_port": 1})
        with trap_jobs() as jobs:
            setup._look_again()
            jobs.assert_jobs_count(1, only=setup._look_again)
        states = {step["key"]: (step["state"], bool(step["text"])) for step in self.setup.steps}
        self.assertEqual((states["api"], states["coa"]), (("bad", True), ("bad", True)))
        setup.checks = 100
        with trap_jobs() as jobs:
            setup._look_again()
            jobs.assert_jobs_count(0)

    def test_the_next_one_has_the_same_servers(self):
        self.setup.write({"ntp_servers": "ntp.example", "wall_page": "10.0.0.2:81"})
        self._token()
        values = self.env["isp.router.setup"].with_user(self.technician).default_get(["ntp_servers", "wall_page", "pppoe_pool", "radius_address"])
        self.assertEqual(values, {"ntp_servers": "ntp.example", "wall_page": "10.0.0.2:81", "radius_address": "10.0.0.2"})

    def test_undone(self):
        token = self._token()
        self._fetch(token)
        self._tell(token)
        self.setup.with_user(self.administrator).action_undone()
        self.assertEqual((self.setup.state, self.setup.health), ("undone", "new"))
        self.assertFalse(self.setup.sudo().router_id.api_password_encrypted)
        self.assertFalse(self._found(token))

    # === Rights ===

    def test_technicians_set_up_and_others_do_not(self):
        for group in ("customer_service", "billing_manager"):
            user = self._create_user(f"isp_base.group_isp_{group}")
            for method in ("action_make_line", "action_show_script", "action_check", "action_undone"):
                with self.subTest(group, method=method), self.assertRaises(AccessError):
                    getattr(self.setup.with_user(user), method)()
            with self.assertRaises(AccessError):
                self.env["isp.router.config"].with_user(user).search([])
            with self.assertRaises(AccessError):
                self.router.with_user(user).action_read_config()
        with self.assertRaises(AccessError):
            self.setup.read(["token_hash"])
        with self.assertRaises(AccessError):
            self.setup.read(["api_password_encrypted"])
        with self.assertRaises(AccessError):
            self.setup.router_id.with_user(self.technician).radius_secret  # noqa: B018  # pylint: disable=pointless-statement

    def _assert_not_his(self, setup):
        for method in ("action_make_line", "action_undone"):
            with self.subTest(method), self.assertRaisesRegex(AccessError, "administrator"):
                getattr(setup, method)()

    def test_a_router_at_work_is_for_administrators(self):
        """A line would give its RADIUS secret to whoever fetches it."""
        secret, address = self.router.radius_secret, self.router.nas_ip
        setup = self.setup.create(self._prepare_setup(router_id=self.router.id))
        self._assert_not_his(setup)
        self.assertEqual((self.router.radius_secret, self.router.nas_ip), (secret, address))
        self.router.with_user(self.administrator).setup_user_id = self._create_user("isp_base.group_isp_technician", "neighbour")
        self._assert_not_his(setup)
        self.router.with_user(self.administrator).setup_user_id = self.technician
        token = self._token(setup)
        self._fetch(token)
        self._tell(token)
        self.assertEqual(self.router.nas_ip, "10.1.0.9")
        self._assert_not_his(setup)
        self.assertTrue(self._token(setup.with_user(self.administrator)))

    def test_his_own_until_it_is_set_up(self):
        self._token()
        token = self._token()
        other = self.setup.with_user(self._create_user("isp_base.group_isp_technician", "neighbour")).create(self._prepare_setup(router_id=self.setup.router_id.id))
        self._assert_not_his(other)
        self._fetch(token)
        self._tell(token, errors="pppoe,")
        token = self._token()
        self._fetch(token)
        self._tell(token)
        self._assert_not_his(self.setup)

    def test_a_router_without_secrets_is_for_every_technician(self):
        """An administrator has registered its name and address."""
        self.router.radius_secret = False
        self.assertTrue(self._token(self.setup.create(self._prepare_setup(router_id=self.router.id, nas_ip="10.1.0.8"))))
        self.assertEqual(self.router.setup_user_id, self.technician)

    def test_one_line_a_router(self):
        """Two set-ups of one router: the line made last is the one that works."""
        first = self._token()
        second = self._token(self.setup.create(self._prepare_setup(router_id=self.setup.router_id.id)))
        self.assertFalse(self._found(first))
        self.assertTrue(self._found(second))

    def test_what_the_form_shows_cannot_be_written(self):
        """Nor can a line be turned to another router, or given more time."""
        token = self._token()
        for name, value in (("router_id", self.router.id), ("expires_at", "2099-01-01 00:00:00"), ("state", "draft"), ("reported_at", False), ("fetched_from", "10.9.9.9")):
            with self.subTest(name), self.assertRaises(AccessError):
                self.setup.write({name: value})
        with self.assertRaises(AccessError):
            self.setup.create(self._prepare_setup(state="done"))
        self.assertEqual(self._found(token).router_id, self.setup.router_id)

    def test_a_router_of_another_company_is_not_set_up(self):
        other = self.env["res.company"].create({"name": "Other ISP"})
        self.router.write({"company_id": other.id, "radius_secret": False})
        for user in (self.technician, self.administrator):
            with self.subTest(user.login), self.assertRaises(AccessError):
                self.setup.with_user(user).create(self._prepare_setup(router_id=self.router.id)).action_make_line()

    def test_fetched_ones_stay(self):
        self._fetch(self._token())
        with self.assertRaisesRegex(UserError, "stays"):
            self.setup.unlink()


@tagged("post_install", "-at_install")
class TestRouterConfig(SetupCommon):
    def _read(self, text):
        """The router exports this text."""

        class Driver:
            def __enter__(self):
                return self

            def __exit__(self, *_exc):
                pass

            def export(self):
                if isinstance(text, Exception):
                    raise text
                return text

        self.patch(type(self.router), "_config_driver", lambda _self: Driver())
        return self.router._read_config()

    def test_kept_by_change(self):
        head = "# 2026-11-{day} 10:00:00 by RouterOS 7.24\n# software id = AB\n#\n"
        first = self._read(head.format(day="01") + "/ip pool\nadd name=a ranges=10.0.0.1\n")
        self.assertEqual((first.version, first.added, first.removed), ("7.24", 0, 0))
        self.assertIn("first", first.difference)
        self.assertFalse(self._read(head.format(day="02") + "/ip pool\nadd name=a ranges=10.0.0.1\n"), "only the time is another")
        second = self._read(head.format(day="03") + "/ip pool\nadd name=a ranges=10.0.0.2\nadd name=<b>\n")
        self.assertEqual((second.added, second.removed, second.other_id), (2, 1, first))
        self.assertIn("-add name=a ranges=10.0.0.1", second.difference)
        self.assertIn("+add name=&lt;b&gt;", second.difference)
        self.assertNotIn("<b>", second.difference)
        self.assertEqual((first | second).action_compare()["context"], {"compare_with": first.id})
        self.assertEqual(self.router.config_count, 2)

    def test_failure_is_seen_and_deletes_nothing(self):
        from ..drivers import routeros

        self._read("/ip pool\nadd name=a\n")
        self._read(routeros.Unreachable("10.0.0.1 port 8729: timed out"))
        self.assertIn("10.0.0.1 port 8729: timed out", self.router.config_error)
        self.assertEqual(self.router.config_count, 1)
        self._read("# only a head\n")
        self.assertEqual(self.router.config_count, 1)
        self.assertIn("empty", self.router.config_error)
        self._read("/ip pool\nadd name=a\n")
        self.assertFalse(self.router.config_error)

    def test_retention(self):
        self.env["ir.config_parameter"].set_param("isp_network.keep_configs", "2")
        made = [self._read(f"/ip pool\nadd name=p{number}\n") for number in range(4)]
        self.assertEqual(self.router.config_ids.sorted("id"), made[2] | made[3])

    def test_one_job_a_router(self):
        self.router.write({"wire": "api", "api_user": "isp", "api_password": "x"})
        with trap_jobs() as jobs:
            self.env["isp.router"]._cron_read_configs()
            self.env["isp.router"]._cron_read_configs()
            jobs.assert_jobs_count(1, only=self.router._read_config)


@tagged("post_install", "-at_install")
class TestRouterSetupHttp(SetupCommon, HttpCase):
    def setUp(self):
        super().setUp()
        strangers._wrong.clear()
        self.addCleanup(strangers._wrong.clear)

    def test_over_http(self):
        token = self._token()
        answer = self.url_open(f"/isp_network/router/{token}/7.24")
        self.assertEqual((answer.status_code, answer.headers["Cache-Control"]), (200, "no-store"))
        self.assertIn("text/plain", answer.headers["Content-Type"])
        self.assertNotIn("session_id", answer.cookies)
        body = "".join(f"{name}={value}\n" for name, value in {**REPORT, "identity": "Türm = %41 \\ ☃"}.items())
        answer = self.url_open(f"/isp_network/router/{token}/report", data=body.encode(), headers={"Content-Type": "text/plain"})
        self.assertEqual(answer.status_code, 200)
        self.env.invalidate_all()
        self.assertEqual((self.setup.state, self.setup.identity), ("done", "Türm = %41 \\ ☃"))
        self.assertEqual(self.url_open(f"/isp_network/router/{token}/report", data=b"x" * 30000, headers={"Content-Type": "text/plain"}).status_code, 413)

    def test_strangers_are_not_listened_to_for_long(self):
        codes = [self.url_open(f"/isp_network/router/{number:032d}").status_code for number in range(MAX_WRONG + 2)]
        self.assertEqual(codes, [404] * MAX_WRONG + [429] * 2)
        self.assertEqual(self.url_open("/isp_network/router/x%27%22").status_code, 429)

    def test_strangers_are_forgotten(self):
        few = Strangers()
        for number in range(1200):
            few.add(f"10.0.{number >> 8}.{number & 255}")
        self.assertEqual(len(few._wrong), 1000)
