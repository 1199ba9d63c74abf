# License AGPL-3.0 or later (https://www.gnu.org/licenses/agpl).
"""The screens of SMS and of the texts of notices in a real browser: English and Arabic, telephone and desk, empty and full."""

import os
import uuid
from pathlib import Path

import pytest
from instances import env_of
from stack.browser import DESK, PHONE, sideways, tab

PICTURES = Path(os.environ["ISP_TEST_RUN_DIR"]) / "screens"
USERS = {lang: {"login": f"sms_{lang}", "password": f"sms_{lang}-1"} for lang in ("en_US", "ar_001")}
MENUS = ("isp_sms.menu_isp_sms_root",)


@pytest.fixture(scope="module")
def isp(make_instance):
    instance = make_instance("sms_screens", workers=0)
    with env_of(instance) as env:
        env.company.write({"name": "Juba Net", "country_id": env.ref("base.ss").id})
        env["res.lang"]._activate_lang("ar_001")
        modules = env["ir.module.module"].search([("state", "=", "installed")])
        modules._update_translations(["ar_001"], overwrite=True)
        groups = [env.ref("base.group_system").id, env.ref("isp_base.group_isp_administrator").id]
        for lang, user in USERS.items():
            env["res.users"].create({**user, "name": "Manager of SMS", "lang": lang, "odoobot_state": "disabled", "group_ids": [(6, 0, groups)]})
        env["isp.sms.message"].search([]).unlink()
    instance.odoo.start("--max-cron-threads=0", "--log-level=warn")
    yield instance


def address(instance):
    return f"http://127.0.0.1:{instance.ports['odoo']}"


def fill_the_log(instance):
    with env_of(instance) as env:
        gateways = env["isp.sms.gateway"].create(
            [
                {"name": name, "driver": "kannel", "url": "http://127.0.0.1:9", "price": price, "alert_below": 500, "balance": 120, "balance_at": "2026-11-24 08:00:00"}
                for name, price in (("Kannel, MTN", 25), ("Kannel, Zain", 20))
            ]
        )
        partners = env["res.partner"].create([{"name": name, "phone": f"+2119212{n:05d}"} for n, name in enumerate(("Achol Deng", "Nyandeng Garang", "Lado Wani"))])
        kinds = ("invoice", "reminder", "receipt", "restored")
        rows = [
            {"uuid": uuid.uuid4().hex, "number": partner.phone, "body": "Juba Net: we received 216,000 SSP. Thank you.", "company_id": env.company.id, "partner_id": partner.id,
             "res_model": "res.partner", "res_id": partner.id, "reason": kind, "notice_kind": kind}
            for partner in partners for kind in kinds
        ]  # fmt: skip
        env["isp.sms.message"]._enqueue(rows)
        for number, message in enumerate(env["isp.sms.message"].search([("uuid", "in", [row["uuid"] for row in rows])])):
            when = f"2026-{8 + number % 4:02d}-1{number % 9} 09:00:00"
            gateway = gateways[number % 2]
            message.write({"state": "delivered", "accepted_at": when, "final_at": when, "gateway_id": gateway.id, "cost": gateway.price, "currency_id": gateway.currency_id.id})


def walk(instance, lang, size, name):
    """Open every screen of SMS. :return: names of what stood there"""
    seen, wide = [], []
    PICTURES.mkdir(exist_ok=True)
    with tab(address(instance), size) as office:
        speak(office, lang)
        actions = [entry for root in MENUS for entry in office.menus(root)]
        for label, action in [*actions, ("texts", "isp_billing.action_isp_notice_template")]:
            office.open_action(action)
            for step in ("", " form"):
                if step and not office.open_first_record():
                    break
                seen.append(f"{label}{step}")
                office.page.screenshot(path=PICTURES / f"sms-{name}-{lang}-{size['width']}-{str(action).replace('.', '_')}{step.strip()}.png")
                if sideways(office.page) > 1:
                    wide.append(f"{label}{step}: {sideways(office.page)} px")
                assert not office.page.locator(".o_error_dialog").count(), f"{label}{step}"
                assert not office.complaints, f"{label}{step}: {office.complaints}"
        assert office.page.evaluate("() => getComputedStyle(document.body).direction") == ("rtl" if lang == "ar_001" else "ltr")
    assert not wide, wide
    return seen


def speak(office, lang):
    """Log in, in that language."""
    office.log_in(USERS[lang])
    office.settle()


def test_empty(isp):
    assert len(walk(isp, "en_US", DESK, "empty")) > 8


@pytest.mark.parametrize(("lang", "size"), [("en_US", DESK), ("ar_001", PHONE)], ids=["desk", "phone"])
def test_full(isp, lang, size):
    with env_of(isp) as env:
        empty = not env["isp.sms.message"].search_count([])
    if empty:
        fill_the_log(isp)
    assert len(walk(isp, lang, size, "full")) > 10


def test_the_text_is_counted_while_it_is_typed(isp):
    """By the length that customers get, not by that of the placeholders; above one SMS it warns before anything is saved."""
    with env_of(isp) as env:
        template = env.ref("isp_billing.notice_template_restored").id
    PICTURES.mkdir(exist_ok=True)
    with tab(address(isp), DESK) as office:
        speak(office, "en_US")
        office.page.goto(f"{address(isp)}/odoo/action-isp_billing.action_isp_notice_template/{template}")
        office.settle()
        text, count = office.page.locator(".o_field_widget[name=sms_body] textarea").first, office.page.locator(".o_sms_count").first
        text.fill("{company} {plan}")
        # "Juba Net" and the longest plan of the samples.
        office.page.wait_for_function("() => document.querySelector('.o_sms_count').innerText.includes('17/160')")
        assert "1 SMS" in count.inner_text() and "text-danger" not in count.get_attribute("class")
        text.fill("{company} {plan} م")
        office.page.wait_for_function("() => document.querySelector('.o_sms_count').innerText.includes('19/70')")
        text.fill("{company} {plan} م" + "ل" * 52)
        office.page.wait_for_function("() => document.querySelector('.o_sms_count').classList.contains('text-danger')")
        assert "2 SMS" in count.inner_text()
        office.page.screenshot(path=PICTURES / "sms-typing.png")
        text.fill("{company} {plan} ok")
        office.page.wait_for_function("() => !document.querySelector('.o_sms_count').classList.contains('text-danger')")
        text.press("Tab")
        text.fill("{company} {wrong}")
        office.page.click(".o_form_button_save")
        office.page.wait_for_selector(".o_error_dialog, .o_notification, .modal")
        said = office.page.locator(".modal, .o_notification").first.inner_text()
        assert "{wrong}" in said and "{plan}" in said, said
