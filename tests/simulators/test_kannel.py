# License AGPL-3.0 or later (https://www.gnu.org/licenses/agpl).
"""Kannel and its fake operator as a service; what arrives is shown on the simulated telephone."""

import re
import socket
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import requests
import yaml
from stack import config, paths
from stack.kannel import PORTS, Kannel
from stack.momo import Momo
from stack.shell import choose_port, port_free, spawn, stop, wait_for, write_private

NUMBER = "+211921000001"


def send(kannel, text, coding=0, to=NUMBER, **more):
    query = {"username": "isp", "password": kannel.password, "to": to, "from": "JubaNet", "text": text, "charset": "UTF-8", "coding": coding, **more}
    return requests.get(f"{kannel.url}/cgi-bin/sendsms", params=query, timeout=10)


def test_reports_nobody_takes_do_not_hold_up_the_others(tmp_path):
    """One address refuses, one takes the connection and says nothing; the reports to the third arrive all the same."""
    ports = {}
    for name, first in PORTS.items():
        ports[name] = choose_port(first + 600, set(ports.values()))
    got = []

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self):
            got.append(self.path)
            self.send_response(200)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *_args):
            pass

    live = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=live.serve_forever, daemon=True).start()
    kannel = Kannel(tmp_path, ports)
    with socket.create_server(("127.0.0.1", 0), backlog=256) as silent, socket.create_server(("127.0.0.1", 0)) as closed:
        dead = closed.getsockname()[1]
        closed.close()
        try:
            kannel.start()
            for port, count in ((dead, 40), (silent.getsockname()[1], 60), (live.server_port, 30)):
                for n in range(count):
                    url = f"http://127.0.0.1:{port}/{n}?type=%d"
                    assert send(kannel, "x", **{"dlr-mask": 1, "dlr-url": url}).status_code == 202
            wait_for(lambda: len(set(got)) == 30, 120, "the reports")
        finally:
            kannel.stop()
            live.shutdown()


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


def test_the_settings_of_production_reach_an_operator_by_smpp(tmp_path):
    """Those of docker-compose.yml, with the real Kannel and a simulated SMSC."""
    taken, ports = set(), {}
    for name in (*PORTS, "smpp", "http"):
        ports[name] = choose_port(14500, taken)
        taken.add(ports[name])
    for folder in ("spool", "dlr"):
        (tmp_path / folder).mkdir()
    values = {f"{name.upper()}_PORT": port for name, port in ports.items()}
    values |= {"KANNEL_DIR": tmp_path, "KANNEL_PASSWORD": "s3 cret", "SMPP_HOST": "127.0.0.1", "SMPP_RATE": 50}
    values |= {"SMPP_USER": "jubanet", "SMPP_PASSWORD": "secret12", "SMPP_SYSTEM_TYPE": ""}
    conf = write_private(tmp_path / "kannel.conf", config.render("kannel/production.conf", values))
    log, started = tmp_path / "out.log", []

    def start(port, *command):
        started.append(spawn(command, log=log, cwd=paths.REPO))
        wait_for(lambda: not port_free(ports[port]), 30, f"{command[0]} (log: {log})", started[-1])

    try:
        start("smpp", sys.executable, "-m", "simulators.sms", "--port", ports["http"], "--smpp-port", ports["smpp"])
        start("kannel_box", "/usr/sbin/bearerbox", "-v", "1", conf)
        start("kannel", "/usr/sbin/smsbox", "-v", "1", conf)
        query = {"username": "isp", "password": "s3 cret", "to": NUMBER, "from": "JubaNet", "text": "مرحبا", "charset": "UTF-8", "coding": 2}
        assert requests.get(f"http://127.0.0.1:{ports['kannel']}/cgi-bin/sendsms", params=query, timeout=10).status_code == 202
        arrived = f"http://127.0.0.1:{ports['http']}/_control/messages"
        wait_for(lambda: [m["text"] for m in requests.get(arrived, timeout=10).json()["messages"]] == ["مرحبا"], 30, "the message")
        # The check of health in docker-compose.yml reads this page.
        status = requests.get(f"http://127.0.0.1:{ports['kannel_admin']}/status.txt", params={"password": "s3 cret"}, timeout=10).text
        health = yaml.safe_load((paths.REPO / "docker-compose.yml").read_text())["services"]["kannel"]["healthcheck"]["test"][1]
        assert re.search(re.search(r'grep -q "(.+)"', health)[1], status, re.MULTILINE), status
    finally:
        for process in reversed(started):
            stop(process)
