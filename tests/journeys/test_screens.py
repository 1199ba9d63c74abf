"""Every screen of the product in a real browser: English and Arabic, telephone and desk."""

import os
import re
from pathlib import Path

import pytest
import requests
from demo_server import Demo
from stack import demo, logcheck
from stack.browser import DESK, PHONE, sideways, tab

USER = {user["role"]: user for user in demo.USERS}
PICTURES = Path(os.environ["ISP_TEST_RUN_DIR"]) / "screens"


@pytest.fixture
def language(demo_url):
    """Set the administrator's language; English again afterwards."""

    def call(session, path, **params):
        answer = session.post(
            f"{demo_url}{path}", json={"jsonrpc": "2.0", "params": params}, timeout=60
        ).json()
        assert "error" not in answer, answer
        return answer["result"]

    def choose(lang):
        with requests.Session() as session:
            admin = {"login": USER["Administrator"]["login"], "password": USER["Administrator"]["password"]}
            user = call(session, "/web/session/authenticate", db=demo.DATABASE, **admin)["uid"]
            write = {"model": "res.users", "method": "write", "args": [[user], {"lang": lang}], "kwargs": {}}
            call(session, "/web/dataset/call_kw/res.users/write", **write)

    yield choose
    choose("en_US")


@pytest.mark.parametrize("size", [DESK, PHONE], ids=["desk", "phone"])
@pytest.mark.parametrize("lang", ["en_US", "ar_001"])
def test_every_screen_opens_cleanly(demo_url, language, lang, size):
    """No error in the console, nothing wider than the window, Arabic from right to left.

    Forms are opened where they are hardest: in English on the desk, in Arabic on the telephone.
    """
    language(lang)
    with_forms = (lang == "ar_001") == (size is PHONE)
    wide = []
    PICTURES.mkdir(exist_ok=True)
    with tab(demo_url, size) as office:
        office.log_in(USER["Administrator"])
        office.settle()
        menus = office.menus("isp_base.menu_isp_root")
        assert menus
        for name, action in menus:
            office.open_action(action)
            for step in ("", " form") if with_forms else ("",):
                if step and not office.open_first_record():
                    break
                screen = f"{name}{step}"
                picture = f"{lang}-{size['width']}-{action}{step.strip()}.png"
                office.page.screenshot(path=PICTURES / picture)
                if sideways(office.page) > 1:
                    wide.append(f"{screen}: {sideways(office.page)} px")
                assert not office.page.locator(".o_error_dialog").count(), screen
                assert not office.complaints, f"{screen}: {office.complaints}"
        if lang == "ar_001":
            assert_mirrored(office.page)
    assert not wide, wide


def assert_mirrored(page):
    """Right to left is more than a word in the page: the style sheet is the mirrored one."""
    assert page.evaluate("() => getComputedStyle(document.body).direction") == "rtl"
    sheets = page.evaluate("() => [...document.styleSheets].map(s => s.href || '')")
    assert any("rtl" in sheet for sheet in sheets), sheets
    middle = page.viewport_size["width"] / 2
    systray = page.locator(".o_menu_systray").bounding_box()
    assert systray["x"] + systray["width"] / 2 < middle, "the systray is left in Arabic"
    # A physical rule that rtlcss must turn round: the float of Bootstrap's ".float-start".
    turned = page.evaluate(
        """() => {
            const probe = document.createElement('div');
            probe.className = 'float-start';
            document.body.append(probe);
            const side = getComputedStyle(probe).float;
            probe.remove();
            return side;
        }"""
    )
    assert turned == "right", "rtlcss did not run"


@pytest.mark.parametrize("role", [user["role"] for user in demo.USERS])
def test_every_role_gets_in(demo_url, role):
    with tab(demo_url, PHONE) as visitor:
        visitor.log_in(USER[role])
        visitor.page.wait_for_load_state("load")
        visitor.page.wait_for_timeout(1000)
        assert sideways(visitor.page) <= 1
        assert not visitor.complaints, visitor.complaints


def test_the_server_had_nothing_to_complain_about():
    """Last in this file: the log of all that was clicked above."""
    Demo.running()
    faults = logcheck.faults(Demo.log())
    assert not faults, "\n".join(faults)
    # The browsers' websocket came through the proxy to its own process.
    assert re.search(r'longpolling: .*"GET /websocket\S* HTTP/1.1" 101 ', Demo.log().read_text())
