"""``script/server`` as a person meets it: first start, cut-offs, second call, ports, the end."""

import json
import os
import shutil
import signal
import socket
import subprocess
import time
import urllib.request

import pytest
from demo_server import FOLDER, Demo, Server, free_port
from stack import demo, logcheck, paths

SMALL = FOLDER / "small"
#: One add-on that needs little else, so that the first start is quick.
ADDONS = {"ISP_TEST_ADDONS": "report_weasyprint"}


@pytest.fixture(scope="module")
def small():
    """Servers in a folder that starts empty."""
    shutil.rmtree(SMALL, ignore_errors=True)
    port = str(free_port())
    started = []

    def start(*arguments):
        started.append(Server(SMALL, *(arguments or ("--port", port)), **ADDONS))
        return started[-1]

    start.port = port
    start.last = lambda: next(server for server in reversed(started) if server.process.poll() is None)
    yield start
    for server in started:
        server.end(signal.SIGTERM)


def gone(server, seconds=30):
    """Wait until nothing runs out of the folder any more."""
    deadline = time.monotonic() + seconds
    while server.services() and time.monotonic() < deadline:
        time.sleep(0.1)
    return not server.services()


def test_a_first_start_that_is_killed_is_repaired_by_the_next(small):
    first = small()
    first.wait_for(r"module 10 of", 300)
    first.end(signal.SIGKILL)
    assert gone(first), "services outlive a killed script"
    again = small()
    url = again.open(400)
    assert url == f"http://localhost:{small.port}"
    for user in demo.USERS:
        assert user["login"] in again.text and user["password"] in again.text
    assert again.wait_for(r"\[ *\d+ s\] ", 1), "progress with seconds"


def test_a_second_call_says_that_it_runs(small):
    second = small("--port", small.port)
    assert second.process.wait(20) == 1  # the wish for a port cannot be met
    second = small("--fresh")
    assert second.process.wait(20) == 1
    # Without a wish all is well.
    second = Server(SMALL, **ADDONS)
    assert second.process.wait(20) == 0
    assert f"http://localhost:{small.port}" in second.text


def test_a_command_of_a_command_of_odoo(small):
    """Odoo takes no configuration file in front of these."""
    small.last()
    env = {key: value for key, value in os.environ.items() if key not in ("PYTHONPATH", "ISP_TEST_RUN_DIR")}
    command = [paths.REPO / "script" / "odoo", "i18n", "export", "report_weasyprint", "-o", "-"]
    done = subprocess.run(command, env={**env, "ISP_RUN_DIR": str(SMALL), **ADDONS}, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert 'msgid "' in done.stdout


def test_killed_at_work_it_comes_back_quickly(small):
    facts = json.loads((SMALL / "demo" / "lock").read_text())
    os.kill(facts["pid"], signal.SIGKILL)
    again = small()
    again.open(120)
    print(f"started again in {again.elapsed:.1f} s")
    assert "module" not in again.text, "nothing changed, nothing is installed"


def test_a_service_that_dies_comes_back(small):
    """Odoo's master ends with its database; both are there again without anybody's help."""
    server = small.last()
    master = int((SMALL / "demo" / "postgresql" / "data" / "postmaster.pid").read_text().split()[0])
    os.kill(master, signal.SIGKILL)
    server.wait_for(r"PostgreSQL ended by itself", 60)
    server.wait_for(r"PostgreSQL is back", 120)
    deadline = time.monotonic() + 180
    while not _answers(f"http://localhost:{small.port}/web/login"):
        assert time.monotonic() < deadline, server.text
        time.sleep(1)


def _answers(url):
    try:
        with urllib.request.urlopen(url, timeout=10) as answer:
            return answer.status == 200
    except OSError:
        return False


def test_ctrl_c_stops_all_that_was_started(small):
    facts = json.loads((SMALL / "demo" / "lock").read_text())
    os.kill(facts["pid"], signal.SIGINT)
    server = Server.__new__(Server)
    server.folder = SMALL
    assert gone(server), "processes are left"


def test_a_taken_port_is_named(small):
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        taken = other.getsockname()[1]
        server = small("--port", str(taken))
        assert server.process.wait(30) == 1
    assert f"Port {taken} is in use" in server.text
    assert "Traceback" not in server.text


def test_the_log_of_the_demo_is_clean():
    Demo.running()
    folder = Demo.log().parent
    logs = [folder / "install.log", folder / "load.log", folder / "odoo.log"]
    faults = [fault for log in logs if log.exists() for fault in logcheck.faults(log)]
    assert not faults, "\n".join(faults)
