"""docker-compose.yml, as far as it can be judged without a container engine: by reading it."""

import json
import os
import re
import signal
import socket
import subprocess
import time
from pathlib import Path

import pytest
import yaml
from stack import paths, production, radius_files
from stack.shell import wait_for

COMPOSE = yaml.safe_load((paths.REPO / "docker-compose.yml").read_text())
SERVICES = COMPOSE["services"]
EXAMPLE = dict(
    line.split("=", 1)
    for line in (paths.CONFIG / "production.env.example").read_text().splitlines()
    if line and not line.startswith("#")
)


def test_the_services_are_those_of_the_demo():
    assert set(SERVICES) == {"config", "postgres", "freeradius", "radius-files", "odoo", "caddy", "kannel", "smsbox"}


@pytest.mark.parametrize("name", SERVICES)
def test_images_are_pinned(name):
    tag = SERVICES[name]["image"].rpartition(":")[2]
    assert re.fullmatch(r"\d+\.\d+(\.\d+)?", tag)


@pytest.mark.parametrize("name", sorted(set(SERVICES) - {"config"}))
def test_services_come_back_and_tell_their_health(name):
    assert SERVICES[name]["restart"] == "unless-stopped"
    assert SERVICES[name]["healthcheck"]["test"][0] in ("CMD", "CMD-SHELL")


def test_only_web_and_radius_are_reached_from_outside():
    published = {name: service["ports"] for name, service in SERVICES.items() if "ports" in service}
    assert set(published) == {"caddy", "freeradius"}
    assert not any("5432" in port for ports in published.values() for port in ports)


def test_files_and_volumes_exist():
    for name, service in SERVICES.items():
        for volume in service.get("volumes", ()):
            source = volume.split(":")[0]
            assert (
                (paths.REPO / source).exists() if source.startswith("./") else source in COMPOSE["volumes"]
            ), name
        if "build" in service:
            assert (paths.REPO / service["build"]["dockerfile"]).exists()


def test_no_secret_stands_in_the_files():
    assert not re.search(r"PASSWORD:|SECRET:", (paths.REPO / "docker-compose.yml").read_text())
    for name, value in EXAMPLE.items():
        assert not value or not re.search("PASSWORD|SECRET|KEY", name)


def test_kannel_takes_messages_inside_only():
    """Both processes share one address; Odoo reaches it by the name of the first."""
    assert SERVICES["smsbox"]["network_mode"] == "service:kannel"
    assert "ports" not in SERVICES["kannel"] and "ports" not in SERVICES["smsbox"]


def test_kannel_is_told_all_of_the_operator(tmp_path):
    env = {name: value or f"x-{name.lower()}" for name, value in EXAMPLE.items()}
    production.kannel(tmp_path, env)
    text = (tmp_path / "kannel.conf").read_text()
    for name in ("KANNEL_PASSWORD", "SMPP_HOST", "SMPP_USER", "SMPP_PASSWORD", "SMPP_SYSTEM_TYPE"):
        assert f'"{env[name]}"' in text, name
    assert (tmp_path / "spool").is_dir() and (tmp_path / "kannel.conf").stat().st_mode & 0o077 == 0
    assert not re.search(r"@[A-Z_]+@", text)


@pytest.mark.parametrize("render", [production.odoo, production.freeradius])
def test_settings_are_complete_and_point_to_the_containers(render, tmp_path):
    env = {name: value or f"x-{name.lower()}" for name, value in EXAMPLE.items()}
    render(tmp_path, env)
    text = "\n".join(path.read_text() for path in tmp_path.rglob("*") if path.is_file())
    assert "@" not in re.sub(r"(?m)^\s*#.*$|%\{.*?\}|@(?![A-Z_]+@)", "", text)
    assert "postgres" in text and "x-" in text
    assert not re.search(r"host\s*=\s*127\.0\.0\.1", text)


def test_freeradius_gets_the_routers_of_the_database():
    """Both services see one folder: one writes what is wanted there, the other checks and takes it."""
    writer, server = SERVICES["radius-files"], SERVICES["freeradius"]
    assert writer["volumes"] == server["volumes"] == ["radius:/etc/isp"]
    assert writer["command"][1:] == ["/opt/isp/script/stack/production.py", "radius-files", "/etc/isp/wanted"]
    assert server["command"] == ["sh", "/etc/isp/watch.sh"]
    assert "chown -R odoo" in SERVICES["config"]["command"][2] and "/to/freeradius/wanted" in SERVICES["config"]["command"][2]


def test_files_are_written_when_something_has_changed(tmp_path):
    routers = [[7, "10.0.0.1", "s3cret-long", True, False], [8, "10.0.0.2", "x", False, False]]
    asked = []

    def answer(query):
        asked.append(query)
        return json.dumps(routers if query == radius_files.ROUTERS else [])

    for name in radius_files.FILES:
        left = production.write_radius_file(tmp_path, name, answer)
        assert left == (["router 8: its secret"] if name == "clients.conf" else [])
    path = tmp_path / "clients.conf"
    assert "client router-7 {" in path.read_text() and path.stat().st_mode & 0o077 == 0
    before = path.stat().st_ino
    production.write_radius_file(tmp_path, "clients.conf", answer)
    assert path.stat().st_ino == before, "the same is not written again"
    routers.pop(0)
    production.write_radius_file(tmp_path, "clients.conf", answer)
    assert path.read_text() == ""
    assert asked == [radius_files.ROUTERS, radius_files.ACCESSES, radius_files.ROUTERS, radius_files.ROUTERS]


# --- what the container of FreeRADIUS runs, here with the FreeRADIUS of this machine and no database ---

ROUTER = "127.0.0.5"


def _free_port():
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as udp:
        udp.bind(("127.0.0.1", 0))
        return udp.getsockname()[1]


@pytest.fixture
def radius(tmp_path):
    """:return: (folder, function that starts it, function: secret → does it answer the router)"""
    folder = tmp_path / "isp"
    folder.mkdir(0o700)
    ports = {"AUTH_PORT": _free_port(), "ACCT_PORT": _free_port()}
    env = {"RADIUS_DB_PASSWORD": "x", "RADIUS_HEALTH_SECRET": "health-secret"}
    production.freeradius(folder, env, DIR=folder, LISTEN="127.0.0.1", PG_HOST="127.0.0.1", PG_PORT=1, **ports)
    started = []

    def start():
        with (tmp_path / "said").open("ab") as said:
            started.append(
                subprocess.Popen(["sh", folder / "watch.sh"], env={**os.environ, "WATCH_SECONDS": "0.2"}, stdout=said, stderr=said, start_new_session=True)
            )
        return started[-1]

    def answers(secret, source=ROUTER):
        question = f"Packet-Src-IP-Address = {source}, Message-Authenticator = 0x00"
        command = ["radclient", "-q", "-r", "1", "-t", "1", "--", f"127.0.0.1:{ports['AUTH_PORT']}", "status", secret]
        return subprocess.run(command, input=question, text=True, capture_output=True, check=False).returncode == 0

    def want(text, name="clients.conf"):
        (folder / "wanted" / ".new").write_text(text)
        (folder / "wanted" / ".new").rename(folder / "wanted" / name)

    yield folder, start, answers, want, lambda: (tmp_path / "said").read_text()
    for process in started:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()


def _client(secret):
    return radius_files.clients(json.dumps([[1, ROUTER, secret, False, False]]))[0]


def test_routers_are_taken_kept_and_changed(radius):
    folder, start, answers, want, said = radius
    process = start()
    wait_for(lambda: answers("health-secret", "127.0.0.127"), 30, "FreeRADIUS without a router")
    assert not answers("first-secret")
    want(_client("first-secret"))
    wait_for(lambda: answers("first-secret"), 30, "The router is known")

    want("client broken {")
    wait_for(lambda: "keeps its files" in said(), 30, "The new file is refused")
    time.sleep(1)
    assert said().count("keeps its files") == 1, "said once"
    assert answers("first-secret")
    assert (folder / "clients.conf").read_text() == _client("first-secret")

    want(_client("second-secret"))
    want('"achol"\tCleartext-Password := "pw"\n\tSession-Timeout = 3600\n', "users_fallback")
    wait_for(lambda: answers("second-secret"), 30, "The secret has changed")
    assert not answers("first-secret")
    wait_for(lambda: "achol" in (folder / "policy/users_fallback").read_text(), 30, "The log-in is there")

    # The power fails; there is no database when it comes back, and the settings are written anew.
    os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    assert not answers("second-secret")
    (folder / "policy/users_fallback").write_text("# as in the template\n")
    process = start()
    wait_for(lambda: answers("second-secret"), 30, "Known without a database")
    assert "achol" in (folder / "policy/users_fallback").read_text()

    want("")
    wait_for(lambda: not answers("second-secret"), 30, "Archived: not known any more")
    wait_for(lambda: answers("health-secret", "127.0.0.127"), 30, "FreeRADIUS after it")

    process.terminate()
    assert process.wait(20) == 0
    assert not answers("health-secret", "127.0.0.127")


def test_a_server_that_ends_by_itself_ends_the_container(radius):
    _folder, start, answers, _want, _said = radius
    process = start()
    wait_for(lambda: answers("health-secret", "127.0.0.127"), 30, "FreeRADIUS")
    [server] = [pid for pid in Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split() if Path(f"/proc/{pid}/comm").read_text() == "freeradius\n"]
    os.kill(int(server), signal.SIGKILL)
    assert process.wait(20) != 0
