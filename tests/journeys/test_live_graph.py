# License AGPL-3.0 or later (https://www.gnu.org/licenses/agpl).
"""The live graph in a real browser, against a simulated router whose customers use their lines: it moves, one poll a router however many look,
none when nobody does, and words when the router is away.
"""

import time

import pytest
from instances import env_of
from stack.browser import DESK, PHONE, sideways, tab
from stack.shell import wait_for

ADDRESS = "127.0.42.1"
STAFF = {lang: {"login": f"live_{lang}", "password": f"live_{lang}-1"} for lang in ("en_US", "ar_001")}
SETUP = """
/ip pool add name=home ranges=10.9.0.2-10.9.0.99
/ppp profile set default local-address=10.9.0.1 remote-address=home
/interface pppoe-server server add service-name=isp interface=ether2 disabled=no
/radius add service=ppp address=127.0.0.1 secret=testing123 authentication-port={auth} accounting-port={acct}
/ppp aaa set use-radius=yes accounting=yes
"""


@pytest.fixture(scope="module")
def isp(make_instance):
    instance = make_instance("live", workers=0)
    instance.routers.start()
    facts = instance.routers.add("tower", ADDRESS, password="admin")
    ports = {"auth": instance.ports["radius_auth"], "acct": instance.ports["radius_acct"]}
    instance.routers.call("POST", "/routers/tower/console", {"text": SETUP.format(**ports)})
    with env_of(instance) as env:
        env["res.lang"]._activate_lang("ar_001")
        env["ir.module.module"].search([("name", "=", "isp_network")])._update_translations(["ar_001"], overwrite=True)
        for lang, user in STAFF.items():
            group = env.ref("isp_base.group_isp_technician")
            env["res.users"].create({**user, "name": "Technician", "lang": lang, "odoobot_state": "disabled", "group_ids": [(6, 0, group.ids)]})
        api = {"wire": "api", "api_user": "admin", "api_password": "admin", "api_tls": False, "api_port": facts["ports"]["api"]}
        env["isp.router"].create({"name": "Tower", "nas_ip": ADDRESS, "radius_secret": "testing123", **api})
        plan = env["isp.plan"].create({"code": "L-HOME", "name": "Home", "list_price": 1000, "down_kbps": 8192, "up_kbps": 4096})
        line = env["isp.subscription"].create({"partner_id": env["res.partner"].create({"name": "Achol"}).id, "plan_id": plan.id, "username": "achol"})
        line._set_state("active", "activation")
        line.access_ids._apply({"password": "pw"})
    instance.radius.start()
    instance.odoo.start("--max-cron-threads=0", "--log-level=warn")
    instance.session = instance.routers.call("POST", "/routers/tower/pppoe", {"user": "achol", "password": "pw"})["id"]
    yield instance
    instance.routers.stop()


def use(isp, down):
    isp.routers.call("POST", f"/routers/tower/sessions/{isp.session}", {"up": down // 8, "down": down})


def polls(isp):
    """:return: connections to the router's API that are open"""
    return sum(isp.routers.call("GET", "/routers/tower")["connections"].values())


def look(browser, isp, model):
    """Open the live graph as its button does."""
    field, value = ("nas_ip", ADDRESS) if model == "isp.router" else ("username", "achol")
    (record,) = browser.call(model, "search", [(field, "=", value)])
    browser.open_action(browser.call(model, "action_live", [record]))
    browser.page.wait_for_selector(".o_isp_live_first", timeout=20000)


def shown(browser):
    return browser.page.inner_text(".o_isp_live_first")


def megabits(text):
    number, unit = text.split()
    return float(number) * {"bit/s": 1e-6, "kbit/s": 1e-3, "Mbit/s": 1}[unit]


def test_it_moves_by_one_poll_and_stops(isp):
    url = f"http://127.0.0.1:{isp.ports['odoo']}"
    use(isp, 6_000_000)
    assert polls(isp) == 0, "nobody looks"
    with tab(url, DESK) as office:
        office.log_in(STAFF["en_US"])
        office.settle()
        look(office, isp, "isp.subscription")
        wait_for(lambda: abs(megabits(shown(office)) - 6) < 1, 20, "The speed of the line")
        points = office.page.locator("polyline").first.get_attribute("points")
        use(isp, 2_000_000)
        wait_for(lambda: abs(megabits(shown(office)) - 2) < 0.5, 20, "The speed goes down while somebody looks")
        moved = office.page.locator("polyline").first.get_attribute("points")
        assert len(moved.split()) > len(points.split()), "the curve goes on"
        # Others look too, at the router and at the line.
        visitor = office.another(PHONE)
        visitor.log_in(STAFF["ar_001"])
        visitor.settle()
        look(visitor, isp, "isp.router")
        before, seen = shown(visitor), set()
        for _second in range(8):
            seen |= {polls(isp)}
            time.sleep(1)
        assert seen == {1}, "one poll, however many look"
        use(isp, 7_000_000)
        wait_for(lambda: shown(visitor) != before, 20, "The router's own graph moves")
        wait_for(lambda: abs(megabits(shown(office)) - 7) < 1, 20, "And the other window's")
        assert sideways(visitor.page) <= 1
        assert not visitor.complaints, visitor.complaints
        visitor.page.close()
        # A window that goes to another screen says no more that it looks.
        office.open_action("isp_network.action_isp_session")
        assert not office.complaints, office.complaints
        wait_for(lambda: polls(isp) == 0, 40, "The end of the poll when nobody looks")


@pytest.mark.parametrize("lang", STAFF)
def test_a_router_that_is_away(isp, lang):
    words = {"en_US": "The router does not answer", "ar_001": "الراوتر لا يجيب"}[lang]
    with tab(f"http://127.0.0.1:{isp.ports['odoo']}", PHONE) as browser:
        browser.log_in(STAFF[lang])
        browser.settle()
        look(browser, isp, "isp.router")
        isp.routers.call("POST", "/routers/tower/link", {"up": False})
        browser.page.wait_for_selector(f".o_isp_live .alert:has-text('{words}')", timeout=40000)
        assert not browser.page.locator(".text-bg-success").count(), "nothing is called live that is not"
        isp.routers.call("POST", "/routers/tower/link", {"up": True})
        browser.page.wait_for_selector(".o_isp_live .text-bg-success", timeout=40000)
        assert not browser.page.locator(".o_isp_live .alert").count()
        assert not browser.complaints, browser.complaints
