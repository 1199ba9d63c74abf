# License AGPL-3.0 or later (https://www.gnu.org/licenses/agpl).
"""A router sets itself up by one pasted line: real Odoo, real FreeRADIUS, simulated routers of the oldest and the newest version.

Pasted, fetched, imported, reported; green without a visit; a customer logs in; CoA ends the session; again, and nothing changes; the
configuration is kept by change; undone, and the router is as before.
"""

import os
import re
from pathlib import Path
from unittest.mock import patch

import pytest
from instances import env_of
from stack.browser import DESK, PHONE, sideways, tab
from stack.shell import StackError, wait_for

from simulators.routeros.vocabulary import VERSIONS

ROUTERS = {"oldest": ("127.0.41.1", VERSIONS[0]), "newest": ("127.0.41.2", VERSIONS[-1])}
TECHNICIANS = {lang: {"login": f"tech_{lang}", "password": f"tech_{lang}-1"} for lang in ("en_US", "ar_001")}
PICTURES = Path(os.environ.get("ISP_TEST_RUN_DIR", "/tmp")) / "screens"


@pytest.fixture(scope="module")
def isp(make_instance):
    instance = make_instance("setup", workers=0)
    with env_of(instance) as env:
        env["res.lang"]._activate_lang("ar_001")
        env["ir.module.module"].search([("name", "=", "isp_network")])._update_translations(["ar_001"], overwrite=True)
        env["ir.config_parameter"].set_param("isp_network.setup_base_url", f"http://127.0.0.1:{instance.ports['odoo']}")
        for lang, user in TECHNICIANS.items():
            group = env.ref("isp_base.group_isp_technician")
            env["res.users"].create({**user, "name": "Technician", "lang": lang, "odoobot_state": "disabled", "group_ids": [(6, 0, group.ids)]})
        plan = env["isp.plan"].create({"code": "S-HOME", "name": "Home", "list_price": 1000, "down_kbps": 2048, "up_kbps": 1024})
        for name in ROUTERS:
            subscription = env["isp.subscription"].create({"partner_id": env["res.partner"].create({"name": name}).id, "plan_id": plan.id, "username": name})
            subscription._set_state("active", "activation")
            subscription.access_ids._apply({"password": f"pw-{name}"})
    instance.radius.start()
    instance.odoo.start("--max-cron-threads=0", "--load=base,rpc,web", "--log-level=warn")  # its jobs would be in the way of ours
    instance.routers.start()
    for name, (address, version) in ROUTERS.items():
        instance.routers.add(name, address, version=version, password="admin")
        console(instance, name, "/ip firewall filter add chain=forward action=accept comment=own; /radius incoming set port=1700; /ip service set api-ssl address=10.0.0.0/8")
    yield instance
    instance.routers.stop()


def console(instance, name, text):
    return instance.routers.call("POST", f"/routers/{name}/console", {"text": text})["output"]


def export(instance, name):
    lines = console(instance, name, ":put [/export terse show-sensitive]; :foreach i in=[/user find] do={ :put [/user get $i name] }; :put [/certificate print count-only]")
    return [line for line in lines.replace("\r", "").split("\n") if not line.startswith("#")]


def fill_in(instance, name, **more):
    """:return: id of a set-up by a technician"""
    with env_of(instance) as env:
        technician = env["res.users"].search([("login", "=", TECHNICIANS["en_US"]["login"])])
        values = {
            "router_id": env["isp.router"].search([("nas_ip", "=", more.get("nas_ip", ROUTERS[name][0]))]).id,
            "router_name": name,
            "nas_ip": ROUTERS[name][0],
            "pppoe_interfaces": "ether2",
            "pppoe_pool": "10.9.0.2-10.9.0.99",
            "pppoe_gateway": "10.9.0.1",
            "hotspot": True,
            "hotspot_interface": "ether4",
            "hotspot_address": "10.5.50.1/24",
            "uplink": "ether1",
            "radius_address": "127.0.0.1",
            "radius_port": instance.ports["radius_auth"],
            "accounting_port": instance.ports["radius_acct"],
            "server_addresses": "127.0.0.1",
            "wall_page": "203.0.113.9:8081",
            "allowed_hosts": "pay.example",
            **more,
        }
        return env["isp.router.setup"].with_user(technician).create(values).id


def make_line(instance, setup_id):
    with env_of(instance) as env:
        return env["isp.router.setup"].browse(setup_id).action_make_line()["context"]["default_line"]


def steps(instance, setup_id, look=True):
    """:return: ({step: state}, health)"""
    with env_of(instance) as env:
        setup = env["isp.router.setup"].browse(setup_id)
        if look:
            setup._look_again()
        setup.invalidate_recordset()
        return {step["key"]: step["state"] for step in setup.steps}, setup.health


@pytest.mark.parametrize("name", ROUTERS)
def test_router_setup(isp, name):
    before = export(isp, name)
    setup_id = fill_in(isp, name)
    line = make_line(isp, setup_id)
    assert steps(isp, setup_id, look=False)[0]["fetched"] == "wait"

    console(isp, name, line)
    found, health = steps(isp, setup_id)
    assert found == {"fetched": "good", "imported": "good", "api": "good", "coa": "good", "clock": "good", "radius": "wait"}
    assert health == "good", "green before the first customer"
    with pytest.raises(StackError, match="status 410"):
        console(isp, name, line)

    # A customer.
    on = isp.routers.call("POST", f"/routers/{name}/pppoe", {"user": name, "password": f"pw-{name}", "interface": "ether2"})
    assert (on["rate_limit"], on["local"]) == ("1024k/2048k", False), "by RADIUS"
    assert re.fullmatch(r"10\.9\.0\.\d+", on["address"])
    wait_for(lambda: steps(isp, setup_id, look=False)[0]["radius"] == "good", 30, "The first packet of accounting")
    with pytest.raises(StackError):
        isp.routers.call("POST", f"/routers/{name}/pppoe", {"user": name, "password": "wrong", "interface": "ether2"})

    # Suspended: CoA ends the session, the next log-in is in the walled garden, whose rules the script made.
    def sessions():
        return isp.routers.call("GET", f"/routers/{name}/sessions")["sessions"]

    def known(session):
        with env_of(isp) as env:
            return env["isp.session"].search_count([("user_name", "=", name), ("framed_ip", "=", session["address"]), ("stopped", "=", False)])

    def change(state):
        with env_of(isp) as env:
            subscription = env["isp.subscription"].search([("username", "=", name)])
            subscription._set_state(state, "staff")
            env.flush_all()
            env["isp.router"].search([("name", "=", name)])._apply_tasks()

    wait_for(lambda: known(on), 30, "The start of the session")
    change("suspended")
    wait_for(lambda: not [one for one in sessions() if not one["ended"]], 30, "The end of the session")
    walled = isp.routers.call("POST", f"/routers/{name}/pppoe", {"user": name, "password": f"pw-{name}", "interface": "ether2"})
    assert walled["address_list"] == "isp-suspended"

    def reach(**more):
        query = "&".join(f"{key}={value}" for key, value in {"address": walled["address"], **more}.items())
        return isp.routers.call("GET", f"/routers/{name}/reach?{query}")["result"]

    assert (reach(port=80), reach(port=443)) == ("dst-nat 203.0.113.9:8081", "drop")
    wait_for(lambda: known(walled), 30, "The start of the walled session")
    change("active")
    wait_for(lambda: not [one for one in sessions() if not one["ended"]], 30, "The end of the walled session")

    # Its configuration, without secrets; kept when it changes.
    with env_of(isp) as env:
        router = env["isp.router"].search([("name", "=", name)])
        first = router._read_config()
        assert first and not router.config_error
        assert "isp-setup:radius" in first.content and router.radius_secret not in first.content
        assert not router._read_config()
    console(isp, name, "/ip pool add name=other ranges=10.7.7.1-10.7.7.9")
    with env_of(isp) as env:
        second = env["isp.router"].search([("name", "=", name)])._read_config()
        assert (second.added, second.removed) == (1, 0)
        assert "+add name=other ranges=10.7.7.1-10.7.7.9" in second.difference
    console(isp, name, "/ip pool remove other")

    # Again, by a new line: only the password of the API is another.
    once = export(isp, name)
    console(isp, name, make_line(isp, setup_id))
    assert export(isp, name) == once
    assert steps(isp, setup_id)[1] == "good"

    # Undone.
    with env_of(isp) as env:
        undo = env["isp.router.setup"].browse(setup_id).action_show_undo()["context"]["default_line"]
    console(isp, name, undo)
    assert export(isp, name) == before
    assert steps(isp, setup_id)[1] == "bad", "nobody listens to us there any more"
    with env_of(isp) as env:
        env["isp.router.setup"].browse(setup_id).action_undone()


def test_the_line_is_for_one_router(isp):
    setup_id = fill_in(isp, "newest", router_name="another", nas_ip="127.0.41.9")
    line = make_line(isp, setup_id)
    fetch = line.partition(";")[0]
    console(isp, "newest", fetch)
    with env_of(isp) as env:
        env["isp.router.setup"].browse(setup_id).fetched_from = "10.1.1.1"
    with pytest.raises(StackError, match="status 410"):
        console(isp, "newest", fetch)
    with pytest.raises(StackError, match="status 404"):
        console(isp, "newest", fetch.replace("/isp_network/router/", "/isp_network/router/A"))
    console(isp, "newest", "/file remove [/file find where name=isp-setup.rsc]")


def test_what_goes_wrong_is_red_and_says_what_to_do(isp):
    setup_id = fill_in(isp, "newest", pppoe_interfaces="ether77")
    console(isp, "newest", make_line(isp, setup_id))
    isp.routers.call("POST", "/routers/newest/faults", {"faults": [{"kind": "coa_silent", "times": None}]})
    try:
        with patch("odoo.addons.isp_network.models.isp_router_setup.MAX_CHECKS", 1):
            found, health = steps(isp, setup_id)
    finally:
        isp.routers.call("DELETE", "/routers/newest/faults")
    assert (found["imported"], found["coa"], found["api"], health) == ("bad", "bad", "good", "bad")
    assert steps(isp, setup_id)[0]["coa"] == "good"
    console(isp, "newest", "/system script run isp-setup-undo")


@pytest.mark.parametrize(("size", "lang"), [(PHONE, "en_US"), (DESK, "en_US"), (PHONE, "ar_001"), (DESK, "ar_001")], ids=["phone-en", "desk-en", "phone-ar", "desk-ar"])
def test_screens(isp, request, size, lang):
    """The line is copied from the window; the steps move while the technician looks."""
    name = request.node.callspec.id
    setup_id = fill_in(isp, "newest")
    with env_of(isp) as env:  # it was set up before: an administrator lets the technician
        setup = env["isp.router.setup"].browse(setup_id)
        setup.router_id.setup_user_id = env["res.users"].search([("login", "=", TECHNICIANS[lang]["login"])])
    PICTURES.mkdir(exist_ok=True)
    with tab(f"http://127.0.0.1:{isp.ports['odoo']}", size) as browser:
        page = browser.page
        page.set_default_timeout(30000)
        browser.log_in(TECHNICIANS[lang])
        page.goto(f"{browser.url}/odoo/action-isp_network.action_isp_router_setup/{setup_id}")
        page.wait_for_selector(".o_form_view")
        wide = sideways(page) > 1
        page.screenshot(path=PICTURES / f"router-setup-{name}-draft.png")
        if size is PHONE:
            page.click(".o_statusbar_buttons .dropdown-toggle, .o_cp_action_menus .dropdown-toggle, .o-statusbar-dropdown")
        page.click("button[name=action_make_line]:visible")
        page.wait_for_selector(".modal .o_field_CopyClipboardChar")
        line = page.inner_text(".modal [name=line] .o_field_widget, .modal [name=line]").strip().split("\n")[0]
        page.screenshot(path=PICTURES / f"router-setup-{name}-line.png")
        page.click(".modal-footer button")
        page.wait_for_selector("[data-step=fetched][data-state=wait]")
        console(isp, "newest", line)
        page.wait_for_selector("[data-step=imported][data-state=good]")
        steps(isp, setup_id)
        page.wait_for_selector("[data-step=coa][data-state=good]")
        page.screenshot(path=PICTURES / f"router-setup-{name}-green.png")
        wide = wide or sideways(page) > 1
        with env_of(isp) as env:
            router = env["isp.router.setup"].browse(setup_id).router_id
            router._read_config()
            console(isp, "newest", f"/ip pool add name=pool-{name} ranges=10.7.7.1-10.7.7.9")
            config = router._read_config()
        page.goto(f"{browser.url}/odoo/action-isp_network.action_isp_router_config/{config.id}")
        page.wait_for_selector(".o_form_view [name=difference]")
        page.screenshot(path=PICTURES / f"router-setup-{name}-diff.png")
        assert not wide and sideways(page) <= 1, "scrolls sideways"
        assert not browser.complaints, browser.complaints
    console(isp, "newest", "/system script run isp-setup-undo")
    with env_of(isp) as env:
        env["isp.router.setup"].browse(setup_id).action_undone()
