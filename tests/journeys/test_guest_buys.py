# License AGPL-3.0 or later (https://www.gnu.org/licenses/agpl).
"""A guest at somebody's hotspot: real browser, real Odoo and FreeRADIUS, simulated router and mobile money.

Arrives, sees the page, buys, approves on the telephone, is on line by itself; another telephone; time runs out; a clear word. And with
the operator, our server, JavaScript or the uplink away: a code still lets in.
"""

import contextlib
import hashlib
import json
import os
import re
from pathlib import Path
from urllib.request import Request, urlopen

import pytest
from instances import env_of
from stack.browser import DESK, PHONE, sideways, tab
from stack.shell import wait_for

from simulators.routeros.vocabulary import VERSIONS

ROUTER, ADDRESS = "hotel", "127.0.43.1"
FIRST, SECOND, THIRD = "AA:BB:CC:00:00:01", "AA:BB:CC:00:00:02", "AA:BB:CC:00:00:03"
NUMBER, MSISDN = "0929 876 543", "211929876543"
PATIENCE = 60
PICTURES = Path(os.environ.get("ISP_TEST_RUN_DIR", "/tmp")) / "screens"


class Hotel:
    def __init__(self, instance):
        self.instance = instance
        self.url = f"http://127.0.0.1:{instance.ports['odoo']}"

    def env(self):
        return env_of(self.instance)

    def site(self, env):
        return env["isp.site"].search([("name", "=", "River Hotel")])

    def path(self):
        with self.env() as env:
            return f"/wifi/{self.site(env).slug}"

    def code(self, **more):
        """:return: of a token sold for cash"""
        with self.env() as env:
            site = self.site(env)
            return env["isp.token"]._make(site, {**site.offer_ids[0]._prepare_terms(), **more}, state="sold").code

    def router(self, method, path, **body):
        return self.instance.routers.call(method, f"/routers/{ROUTER}{path}", body)

    def sessions(self):
        return self.router("GET", "/sessions")["sessions"]

    def known(self, user, ended=False):
        """:return: whether accounting of a session has come"""
        with self.env() as env:
            return bool(env["isp.session"].search_count([("user_name", "=", user), ("stopped", "!=" if ended else "=", False)]))

    @contextlib.contextmanager
    def device(self, mac, size=PHONE, locale="en-GB", scripts=True):
        """A browser on a telephone that has joined the hotel's WiFi."""
        proxy = self.router("POST", "/hotspot/browser", mac=mac)["proxy"]
        with tab(self.url, size, locale, proxy=proxy, scripts=scripts) as device:
            device.page.set_default_timeout(PATIENCE * 1000)
            try:
                yield device
            except Exception:
                device.page.screenshot(path=PICTURES / "guest-failed.png")
                print(device.page.url, device.page.inner_text("body"), device.complaints, sep="\n")
                raise
            bad = [said for said in device.complaints if "favicon" not in said]
            assert not bad, bad

    @contextlib.contextmanager
    def device_in(self, device, mac):
        """Another telephone, in the same browser. :return: its page"""
        proxy = {"server": self.router("POST", "/hotspot/browser", mac=mac)["proxy"], "bypass": "<-loopback>"}
        context = device.page.context.browser.new_context(viewport=PHONE, locale="en-GB", proxy=proxy)
        try:
            page = context.new_page()
            page.set_default_timeout(PATIENCE * 1000)
            yield page
        finally:
            context.close()

    def tell(self):
        """Tell the router what is pending. :return: False while the server's own job talks to it"""
        from odoo.addons.queue_job.exception import RetryableJobError

        try:
            with self.env() as env:
                env["isp.router"].search([("nas_ip", "=", ADDRESS)])._apply_tasks()
        except RetryableJobError:
            return False
        return True

    def log_off(self):
        for session in self.sessions():
            self.router("DELETE", f"/sessions/{session['id']}")
        wait_for(lambda: not self.sessions(), PATIENCE, "the end of sessions")

    def momo(self, path, **values):
        with urlopen(Request(f"{self.instance.momo.url}/_control/{path}", json.dumps(values).encode(), method="POST"), timeout=PATIENCE) as answer:
            return json.load(answer)


@pytest.fixture(scope="module")
def hotel(make_instance):
    instance = make_instance("guest", workers=0)
    instance.momo.start()
    instance.radius.start()
    instance.routers.start(stepped=True)
    try:
        with env_of(instance) as env:
            _furnish(env, instance)
        instance.odoo.start("--log-level=warn")
        hotel = Hotel(instance)
        hotel.momo("reset")
        instance.routers.add(ROUTER, ADDRESS, version=VERSIONS[-1], password="admin")
        with env_of(instance) as env:
            set_up = _set_up(env, instance)
            line = set_up.action_make_line()["context"]["default_line"]
        hotel.router("POST", "/console", text=line)
        with env_of(instance) as env:
            set_up = set_up.with_env(env)
            assert (set_up.state, set_up.errors) == ("done", False)
        PICTURES.mkdir(exist_ok=True)
        yield hotel
    finally:
        instance.odoo.stop()
        instance.routers.stop()
        instance.momo.stop()


def _furnish(env, instance):
    company = env.company
    company.write({"name": "Juba Net", "country_id": env.ref("base.ss").id})
    env["account.chart.template"].try_loading("ss", company, install_demo=False)
    env["res.lang"]._activate_lang("ar_001")
    env["ir.module.module"].search([("name", "in", ("isp_hotspot", "isp_momo"))])._update_translations(["ar_001"], overwrite=True)
    env["ir.config_parameter"].set_param("isp_network.setup_base_url", f"http://127.0.0.1:{instance.ports['odoo']}")
    env["payment.provider"].search([("state", "!=", "disabled")]).state = "disabled"
    journal = env["account.journal"].search([("code", "=", "MOMO"), ("company_id", "=", company.id)])
    momo = env["payment.provider"].search([("code", "=", "mtn_momo"), ("company_id", "=", company.id)], limit=1)
    momo.write(
        {
            "wallet_base_url": instance.momo.url,
            "wallet_environment": "mtnsouthsudan",
            "wallet_api_user": "5a1b9d52-4f0e-4a55-9a0e-6c1d1f3e7b10",
            "wallet_api_key": "simulated-api-key",
            "wallet_collection_key": "simulated-collection-key",
            "wallet_disbursement_key": "simulated-disbursement-key",
            "wallet_callback_base": f"http://localhost:{instance.ports['odoo']}",
            "wallet_rate": 100,
            "state": "enabled",
            "is_published": True,
        }
    )
    momo.journal_id = journal
    ours = env.ref("isp_momo.ir_cron_wallet") | env.ref("payment.cron_post_process_payment_tx")
    env["ir.cron"].search([("id", "not in", ours.ids)]).active = False
    owner = env["res.partner"].create({"name": "Amina"})
    site = env["isp.site"].create({"name": "River Hotel", "ssid": "River", "partner_id": owner.id, "trial_minutes": 10, "lang": "en_US", "terms": "Be kind to others on this line."})
    site.action_open()
    for offer, price in zip(site.offer_ids, (500, 1200, 2500, 12000, 40000), strict=True):
        offer.price = price
    env["isp.router"].create({"name": ROUTER, "nas_ip": ADDRESS, "site_id": site.id})


def _set_up(env, instance):
    return env["isp.router.setup"].create(
        {
            "router_id": env["isp.router"].search([("nas_ip", "=", ADDRESS)]).id,
            "router_name": ROUTER,
            "nas_ip": ADDRESS,
            "pppoe": False,
            "hotspot": True,
            "hotspot_interface": "ether4",
            "hotspot_address": "127.0.53.1/24",
            "radius_address": "127.0.0.1",
            "radius_port": instance.ports["radius_auth"],
            "accounting_port": instance.ports["radius_acct"],
            "server_addresses": "127.0.0.1",
            "ntp_servers": False,
            "check_certificate": False,
        }
    )


@pytest.fixture(autouse=True)
def nobody_on_line(hotel):
    yield
    hotel.log_off()


def arrive(page, to="http://example.org/"):
    """Any page leads to ours."""
    page.goto(to)
    page.wait_for_selector("form[action*='/in']")
    assert sideways(page) <= 1


def on_line(page):
    page.wait_for_selector("text=You are on line")
    assert sideways(page) <= 1
    page.goto("http://example.org/")
    page.wait_for_selector("#internet")


def type_code(page, code):
    page.fill(".l input[name=code]", code)
    page.click(".l button")


def test_guest_buys(hotel):
    """The whole story; approved on the telephone that was asked."""
    with hotel.device(FIRST) as phone:
        page = phone.page
        arrive(page)
        assert page.url.startswith(f"{hotel.url}{hotel.path()}?")
        page.click("text=1 day")
        page.click("text=1 hour")
        page.fill("input[name=number]", NUMBER)
        page.click("form[action*='/buy'] button")
        page.wait_for_selector("text=Approve on the telephone")
        assert sideways(page) <= 1
        assert not hotel.sessions()
        on_the_telephone(hotel, phone, "approve")
        page.wait_for_selector("text=You are on line")
        assert page.url == "http://wifi.internal/login"
        assert page.locator("text=Log out").count() == 1
        on_line(page)
        with hotel.env() as env:
            order = env["isp.token.order"].search([], limit=1)
            code = order.code
            assert (order.state, order.amount, order.phone, order.token_id.state) == ("done", 500, f"+{MSISDN}", "sold")
            assert env["isp.sms.message"].search_count([("res_model", "=", "isp.token.order"), ("res_id", "=", order.id)]) == 1
        [session] = hotel.sessions()
        assert (session["user"], session["mac"]) == (code, FIRST)
        assert 3590 < session["reply"]["Session-Timeout"][0] <= 3600
        wait_for(lambda: hotel.known(code), PATIENCE, "the start of the session")
        # What is left: known by the log-in itself.
        page.goto(f"{hotel.url}{hotel.path()}/me")
        page.wait_for_selector("text=Time left")
        assert re.search(r"(59|60) min|1 h", page.inner_text("dl"))

    with hotel.device(SECOND) as other:
        # A friend tries the same code.
        page = other.page
        arrive(page)
        type_code(page, code.upper())
        page.wait_for_selector("text=It is in use on another telephone")
        assert sideways(page) <= 1
        page.click("form[action*='/move'] button")
        on_line(page)
        wait_for(hotel.tell, PATIENCE, "the router's turn")
        wait_for(lambda: [one["mac"] for one in hotel.sessions()] == [SECOND], PATIENCE, "the first telephone is put off")

        # The hour goes by.
        hotel.instance.routers.call("POST", "/clock", {"step": 3601})
        assert not hotel.sessions(), "ended by the router, on the second"
        with hotel.env() as env:
            env.cr.execute("UPDATE isp_access_use SET first_at = first_at - interval '61 minutes'")
            env.cr.execute("UPDATE isp_token SET ends_at = ends_at - interval '61 minutes'")
        wait_for(lambda: not hotel.known(code), PATIENCE, "the end of the session")
        arrive(page)
        type_code(page, code)
        page.wait_for_selector("text=Your time is over")
        page.screenshot(path=PICTURES / "guest-time-over.png")
    with hotel.env() as env:
        env["isp.token"]._cron_follow()
        token = env["isp.token"].search([("code", "=", code)])
        assert token.state == "expired"


def on_the_telephone(hotel, device, what, msisdn=MSISDN):
    """The payer's telephone is reached by its operator, not by the WiFi: a request is there; press ``what``."""
    context = device.page.context.browser.new_context(viewport=PHONE)
    try:
        page = context.new_page()
        wait_for(lambda: _has_request(page, hotel, msisdn), PATIENCE, "the request on the telephone")
        page.click(f'button[value="{what}"]')
        page.wait_for_selector('p[role="status"]')
    finally:
        context.close()


def _has_request(page, hotel, msisdn):
    page.goto(f"{hotel.instance.momo.url}/phone/{msisdn}")
    return page.locator('button[value="approve"]').count() == 1


def buy(page, number=NUMBER):
    page.fill("input[name=number]", number)
    page.click("form[action*='/buy'] button")
    page.wait_for_selector("text=Approve on the telephone")


def test_refused_then_closed_and_opened_again(hotel):
    """No on the telephone: its reason and "try again". Then yes, while the page is closed: the code is there when it is opened again, and by SMS."""
    with hotel.device(THIRD) as phone:
        page = phone.page
        arrive(page)
        buy(page)
        on_the_telephone(hotel, phone, "reject")
        page.wait_for_selector("text=rejected on the telephone")
        page.click("a.b")
        page.wait_for_selector("form[action*='/buy']")
        buy(page)
        page.goto("about:blank")
        on_the_telephone(hotel, phone, "approve")
        with hotel.env() as env:
            wait_for(lambda: env["isp.token.order"].search([], limit=1).state == "done" or env.cr.rollback(), PATIENCE, "the token")
            order = env["isp.token.order"].search([], limit=1)
            code = order.code
            [sms] = env["isp.sms.message"].search([("res_model", "=", "isp.token.order"), ("res_id", "=", order.id)])
            assert code in sms.body
        arrive(page)
        assert page.locator(f"text={code}").count()
        page.click("section.g a")
        page.wait_for_selector("#code")
        page.click(".l button")
        on_line(page)


def test_double_tap_and_two_tabs(hotel):
    """One request to the telephone, whatever is pressed how often."""
    with hotel.device(THIRD) as phone:
        one, other = phone.page, phone.page.context.new_page()
        other.set_default_timeout(PATIENCE * 1000)
        for page in (one, other):
            arrive(page)
            page.fill("input[name=number]", "0929 222 333")
        one.dblclick("form[action*='/buy'] button")
        one.wait_for_selector("text=Approve on the telephone")
        other.click("form[action*='/buy'] button")
        other.wait_for_selector("text=Approve on the telephone")
        assert one.url.split("?")[0] == other.url.split("?")[0]
        with hotel.env() as env:
            assert env["isp.token.order"].search_count([("state", "=", "waiting")]) == 1
        on_the_telephone(hotel, phone, "reject", "211929222333")
        for page in (one, other):
            page.wait_for_selector("text=rejected on the telephone")


def test_nobody_answers_and_late_success(hotel):
    """Five minutes go by: the page says so."""
    with hotel.device(THIRD) as phone:
        page = phone.page
        arrive(page)
        buy(page, "0929 111 222")
        with hotel.env() as env:
            tx = env["isp.token.order"].search([], limit=1).transaction_id
            wait_for(lambda: env["payment.transaction"].browse(tx.id).state == "pending" or env.invalidate_all() or env.cr.rollback(), PATIENCE, "the request")
        hotel.momo("clock", advance=301)
        page.wait_for_selector("text=not approved in time")


def test_qr(hotel):
    """The address of a QR logs in by itself; a second time it says that it is in use or is there already."""
    code = hotel.code()
    with hotel.env() as env:
        url = env["isp.token"].search([("code", "=", code)])._login_url()
    with hotel.device(FIRST) as phone:
        phone.page.goto(url)
        on_line(phone.page)
    assert [session["user"] for session in hotel.sessions()] == [code]


def test_user_and_password(hotel):
    """Where the site has both: by QR, and typed on our page."""
    with hotel.env() as env:
        site = hotel.site(env)
        site.login_mode = "pair"
        tokens = env["isp.token"]._make(site, site.offer_ids[0]._prepare_terms(), 2, state="sold")
        url, (user, password) = tokens[0]._login_url(), (tokens[1].code, tokens[1].access_id.password)
    try:
        with hotel.device(FIRST) as phone, hotel.device_in(phone, SECOND) as other:
            phone.page.goto(url)
            on_line(phone.page)
            arrive(other)
            other.fill(".l input[name=code]", user)
            other.fill(".l input[name=password]", "wrong2")
            other.click(".l button")
            other.wait_for_selector("text=This code is not known")
            other.fill(".l input[name=password]", password)
            other.click(".l button")
            on_line(other)
    finally:
        with hotel.env() as env:
            # While such tokens are good the site does not go back.
            site = hotel.site(env)
            env["isp.token"].browse(tokens.ids)._block()
            site.login_mode = "code"


def test_trial(hotel):
    with hotel.device(FIRST) as phone:
        page = phone.page
        arrive(page)
        page.click("form[action*='/trial'] button")
        on_line(page)
        [session] = hotel.sessions()
        assert 590 < session["reply"]["Session-Timeout"][0] <= 600


def test_code_of_nobody_and_of_another_place(hotel):
    with hotel.env() as env:
        other = env["isp.site"].create({"name": "Deng Shop", "partner_id": env["res.partner"].create({"name": "Deng"}).id})
        code = env["isp.token"]._make(other, other.offer_ids[0]._prepare_terms(), state="sold").code
    with hotel.device(FIRST) as phone:
        page = phone.page
        arrive(page)
        type_code(page, code)
        page.wait_for_selector("text=This code is of another place")
        type_code(page, "hello")
        page.wait_for_selector("text=This code is not known")
    assert not hotel.sessions()


def test_without_javascript(hotel):
    """By the lower button of the router's page, and the answer to its challenge is worked out by our server."""
    code = hotel.code()
    with hotel.device(FIRST, scripts=False) as phone:
        page = phone.page
        page.goto("http://example.org/")
        assert page.url.startswith("http://wifi.internal/login?dst=")
        page.click("#g button")
        page.wait_for_selector("form[action*='/in']")
        type_code(page, code)
        on_line(page)


def test_operator_is_away(hotel):
    """A purchase cannot be asked for and waits; codes work."""
    code = hotel.code()
    hotel.instance.momo.stop()
    try:
        with hotel.device(FIRST) as phone:
            page = phone.page
            arrive(page)
            buy(page, "0929 333 444")
            page.goto("http://example.org/")
            page.wait_for_selector("text=Your purchase is under way")
            type_code(page, code)
            on_line(page)
    finally:
        hotel.instance.momo.start()


def test_our_server_is_away(hotel):
    """The router's own page takes codes, in both languages, with clear words; a wrong one too."""
    code = hotel.code()
    hotel.instance.odoo.stop()
    try:
        with hotel.device(FIRST) as phone:
            page = phone.page
            page.goto("http://example.org/")
            page.wait_for_selector("text=The shop cannot be reached now")
            assert sideways(page) <= 1
            page.screenshot(path=PICTURES / "guest-router-alone.png")
            page.fill("#c", "7kmwq4hm")
            page.click("#f button")
            page.wait_for_selector("text=This code is not known")
            page.fill("#c", f" {code.upper()} ")
            page.click("#f button")
            on_line(page)
            phone.complaints.clear()  # the browser's own about the dot that did not come
    finally:
        hotel.instance.odoo.start("--log-level=warn")


def test_uplink_is_down(hotel):
    """No way out of the hotel but to RADIUS: the page says it and codes work."""
    code = hotel.code()
    hotel.router("POST", "/world", up=False)
    try:
        with hotel.device(FIRST) as phone:
            page = phone.page
            page.goto("http://example.org/")
            page.wait_for_selector("text=Codes work")
            phone.complaints.clear()
            hotel.router("POST", "/world", up=True)
            page.fill("#c", code)
            page.click("#f button")
            page.wait_for_selector("text=You are on line")
    finally:
        hotel.router("POST", "/world", up=True)


def test_challenge_is_answered_rightly_whatever_its_length(hotel):
    """MD5 of the router's page beside Python's."""
    source = (Path(__file__).parents[2] / "addons/isp_hotspot/static/router/login.html").read_text()
    function = re.search(r"    function md5\(s\) \{.*?\n    \}\n", source, re.S)[0]
    with tab(hotel.url, PHONE) as browser:
        texts = ["".join(chr((n * 7 + length * 13) % 256) for n in range(length)) for length in range(200)]
        found = browser.page.evaluate(f"texts => {{ {function} return texts.map(md5); }}", texts)
    assert found == [hashlib.md5(text.encode("latin-1")).hexdigest() for text in texts]


@pytest.mark.parametrize("lang", ["en", "ar"])
@pytest.mark.parametrize("size", [PHONE, DESK], ids=["phone", "desk"])
def test_pages_in_both_languages(hotel, size, lang):
    """Every page as a guest sees it: in the language of the browser, not wider than its window, under 30 KB at first and 5 KB then, all in one request."""
    code, name = hotel.code(volume_bytes=500_000_000), f"{'phone' if size is PHONE else 'desk'}-{lang}"
    with hotel.device(SECOND, size, {"en": "en-GB", "ar": "ar"}[lang]) as device:
        page, got = device.page, []

        def received(response):
            if response.url.startswith(hotel.url):
                got.append((response.url, len(response.body())))

        page.on("response", received)

        def picture(what, most=5000):
            assert sideways(page) <= 1, what
            assert page.get_attribute("html", "dir") == ("rtl" if lang == "ar" else "ltr"), what
            page.screenshot(path=PICTURES / f"guest-{name}-{what}.png", full_page=True)
            own = [(url, size) for url, size in got if "up.gif" not in url and "/state" not in url]
            assert len(own) <= 2 and all(size < most for _url, size in own), (what, own)
            got.clear()

        page.goto("http://example.org/")
        page.wait_for_selector("form[action*='/in']")
        picture("main", 30_000)
        page.goto(f"{hotel.url}{hotel.path()}?mac={SECOND}&link-login-only=http://wifi.internal/login&b=1&username={code}&error=Too many devices are logged in")
        picture("devices", 30_000)
        page.fill("input[name=number]", "+254712345678")
        page.click("form[action*='/buy'] button")
        page.wait_for_selector("[role=alert] b")
        picture("abroad", 30_000)
        page.fill("input[name=number]", f"09295555{len(name)}{['en', 'ar'].index(lang)}")
        page.click("form[action*='/buy'] button")
        page.wait_for_selector("[data-look]")
        picture("waiting")
        with hotel.env() as env:
            order = env["isp.token.order"].search([], limit=1)
        page.click("footer a[href*='/me']")
        page.wait_for_selector("form[action*='/me']")
        picture("balance")
        page.fill("input[name=code]", code)
        page.click("form[action*='/me'] button")
        page.wait_for_selector("dl")
        picture("balance-of")
        page.click("footer a[href*='/terms']")
        page.wait_for_selector("h2")
        picture("terms")
        hotel.instance.momo and hotel.momo(f"decide/{_uuid(hotel, order.id)}", approve=True)
        wait_for(lambda: _done(hotel, order.id), PATIENCE, "the token")
        page.goto(f"{hotel.url}{hotel.path()}/order/{_key(hotel, order.id)}?link-login-only=http://wifi.internal/login&b=1")
        page.wait_for_selector("#code")
        picture("done")
        page.click(".l button")
        page.wait_for_selector("text=You are on line")
        page.screenshot(path=PICTURES / f"guest-{name}-online.png")
        page.click("a[href*='status']")
        page.wait_for_selector("text=Time left")
        page.screenshot(path=PICTURES / f"guest-{name}-status.png")


def _uuid(hotel, order_id):
    with hotel.env() as env:
        tx = env["isp.token.order"].browse(order_id).transaction_id
        wait_for(lambda: env["payment.transaction"].browse(tx.id).state == "pending" or env.invalidate_all() or env.cr.rollback(), PATIENCE, "the request")
        return tx.wallet_uuid


def _done(hotel, order_id):
    with hotel.env() as env:
        return env["isp.token.order"].browse(order_id).state == "done"


def _key(hotel, order_id):
    with hotel.env() as env:
        return env["isp.token.order"].browse(order_id).uuid
