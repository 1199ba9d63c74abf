# License AGPL-3.0 or later (https://www.gnu.org/licenses/agpl).
"""The cashier asks a telephone for money, in a browser on the running demo; the person with the telephone answers on its page."""

import re
import time

import pytest
import requests
from demo_server import Demo
from stack import demo, logcheck
from stack.browser import DESK, PHONE, sideways, tab

USER = {user["role"]: user for user in demo.USERS}
#: Milliseconds until the scheduler must have come round.
PATIENCE = 120_000


@pytest.fixture(scope="module")
def telephone(demo_url):
    """:return: address of the customer's simulated telephone, as the demo prints it"""
    return re.search(r"The customer's phone\s+(http://\S+/phone/\d+)", Demo.server.text)[1]


def answer(telephone, choice):
    """Approve or reject what the telephone shows, as a person does: wait for it first."""
    for _second in range(PATIENCE // 1000):
        page = requests.get(telephone, params={"lang": "en"}, timeout=10).text
        if asked := re.search(r'name="reference" value="([^"]+)"', page):
            requests.post(telephone, data={"reference": asked[1], "do": choice}, timeout=10)
            return page
        time.sleep(1)
    raise AssertionError("no request came to the telephone")


def find(office, telephone):
    """Type the customer's number at the desk, and press "Mobile money"."""
    page = office.page
    page.locator(".o_field_widget[name=query] input").fill("0" + telephone[-9:])
    page.keyboard.press("Tab")
    page.wait_for_selector(".o_field_widget[name=amount]:visible")
    page.locator("button[name=action_wallet]").click()
    page.wait_for_selector(".modal button[name=action_send]")


def test_asked_at_the_desk_and_approved_on_the_telephone(demo_url, telephone):
    with tab(demo_url, DESK) as office:
        office.log_in(USER["Cashier"])
        office.settle()
        page = office.page
        find(office, telephone)
        page.locator(".modal .o_field_widget[name=amount] input").fill("1500")
        page.locator(".modal button[name=action_send]").click()
        page.wait_for_selector(".modal .alert-info:visible")
        assert "1,500" in answer(telephone, "approve")
        # The window moves by itself.
        page.wait_for_selector(".modal .alert-success:visible", timeout=PATIENCE)
        receipt = page.locator(".modal .o_field_widget[name=receipt_number]").inner_text()
        assert receipt, "a receipt with its number"
        page.locator(".modal button[name=action_next]").click()
        page.wait_for_selector(".o_field_widget[name=query] input:visible")
        office.settle()
        # A request that is rejected says so.
        find(office, telephone)
        page.locator(".modal .o_field_widget[name=amount] input").fill("1600")
        page.locator(".modal button[name=action_send]").click()
        page.wait_for_selector(".modal .alert-info:visible")
        answer(telephone, "reject")
        page.wait_for_selector(".modal .alert-danger:visible", timeout=PATIENCE)
        assert "rejected on the telephone" in page.locator(".modal .alert-danger").inner_text()
        assert not office.complaints, office.complaints


def test_customer_service_asks_in_arabic_on_a_telephone_of_its_own(demo_url, telephone):
    with tab(demo_url, PHONE) as office:
        office.log_in(USER["Customer service"])
        office.settle()
        page = office.page
        [line, *_others] = office.call("isp.subscription", "search", [["partner_id.phone_sanitized", "=like", f"%{telephone[-9:]}"]])
        office.open_action({"type": "ir.actions.act_window", "res_model": "isp.subscription", "res_id": line, "views": [[False, "form"]]})
        office.open_action(office.call("isp.subscription", "action_isp_wallet", [line]))
        page.locator(".modal .o_field_widget[name=amount] input").fill("1700")
        page.locator(".modal button[name=action_send]").click()
        page.wait_for_selector(".modal .alert-info:visible")
        answer(telephone, "approve")
        page.wait_for_selector(".modal .alert-success:visible", timeout=PATIENCE)
        assert "دُفع" in page.locator(".modal .alert-success").inner_text()
        assert sideways(page) <= 1
        assert not office.complaints, office.complaints


def test_the_receipts_went_to_the_telephone(demo_url, telephone):
    """Through the queue of notices, the gateway and the real Kannel."""
    for _second in range(PATIENCE // 1000):
        page = requests.get(telephone, params={"lang": "en"}, timeout=10).text
        if "1,500" in page and "1,700" in page:
            break
        time.sleep(1)
    assert "1,500" in page and "1,700" in page, page
    assert "1,600" not in page, "nothing was paid, nothing is receipted"


def test_the_log_is_clean(demo_url):
    faults = logcheck.faults(Demo.log())
    assert not faults, "\n".join(faults)
