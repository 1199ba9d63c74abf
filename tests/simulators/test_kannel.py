# License AGPL-3.0 or later (https://www.gnu.org/licenses/agpl).
"""Kannel and its fake operator as a service; what arrives is shown on the simulated telephone."""

import requests
from stack.kannel import PORTS, Kannel
from stack.momo import Momo
from stack.shell import choose_port, wait_for

NUMBER = "+211921000001"


def send(kannel, text, coding=0, to=NUMBER):
    query = {"username": "isp", "password": kannel.password, "to": to, "from": "JubaNet", "text": text, "charset": "UTF-8", "coding": coding}
    return requests.get(f"{kannel.url}/cgi-bin/sendsms", params=query, timeout=10)


def test_message_reaches_the_telephone(tmp_path):
    taken = set()
    ports = {}
    for name, first in {**PORTS, "momo": 8790}.items():
        ports[name] = choose_port(first + 500, taken)
        taken.add(ports[name])
    kannel, momo = Kannel(tmp_path, ports), Momo(tmp_path, ports["momo"], tmp_path / "kannel" / "fakesmsc.log")
    try:
        kannel.start()
        momo.start()
        assert send(kannel, "Your token is 4711").status_code == 202
        assert send(kannel, "مرحبا", coding=2).status_code == 202
        assert requests.get(f"{kannel.url}/cgi-bin/sendsms", params={"username": "isp", "password": "no"}, timeout=10).status_code == 403
        wait_for(lambda: len(kannel.received()) == 2, 20, "two messages")
        page = requests.get(f"{momo.url}/phone/{NUMBER[1:]}", timeout=10).text
        assert "Your token is 4711" in page and "مرحبا" in page
        # The operator is away, then Kannel too: what was taken is handed on when both are back.
        kannel.stop_operator()
        assert send(kannel, "Later").status_code == 202
        wait_for(lambda: list((tmp_path / "kannel" / "spool").rglob("*")), 20, "the spool")
        kannel.stop()
        kannel.start()
        wait_for(lambda: any(text == "text Later" for _sender, _to, text in kannel.received()), 60, "the late message")
        assert sum(text == "text Later" for _sender, _to, text in kannel.received()) == 1
    finally:
        momo.stop()
        kannel.stop()
