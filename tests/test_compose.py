"""docker-compose.yml, as far as it can be judged without a container engine: by reading it."""

import re

import pytest
import yaml
from stack import paths, production

COMPOSE = yaml.safe_load((paths.REPO / "docker-compose.yml").read_text())
SERVICES = COMPOSE["services"]
EXAMPLE = dict(
    line.split("=", 1)
    for line in (paths.CONFIG / "production.env.example").read_text().splitlines()
    if line and not line.startswith("#")
)


def test_the_services_are_those_of_the_demo():
    assert set(SERVICES) == {"config", "postgres", "freeradius", "odoo", "caddy", "kannel", "smsbox"}


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
