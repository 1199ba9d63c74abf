"""Debian packages, Odoo's source tree, the Python environment, the npm tools."""

import contextlib
import fcntl
import hashlib
import json
import os
import re
import shutil
import tomllib
from pathlib import Path

from . import paths
from .shell import StackError, run, step, sudo

VERSIONS = tomllib.loads((paths.CONFIG / "versions.toml").read_text())
POLICY = Path("/usr/sbin/policy-rc.d")
CLUSTERS = Path("/etc/postgresql-common/createcluster.d")


def setup() -> None:
    """Install all that the services need. Again: a fraction of a second. Cut off: done again."""
    paths.CACHE.mkdir(parents=True, exist_ok=True)
    with (paths.CACHE / "lock").open("a") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            step("Another command is setting up; waiting for it")
            fcntl.flock(lock, fcntl.LOCK_EX)
        _debian()
        if not os.environ.get("ODOO_DIR"):
            _odoo()
        _python()
        _npm()


def _room(gigabytes: float) -> None:
    free = shutil.disk_usage(paths.CACHE).free / 1e9
    if free < gigabytes:
        raise StackError(f"{paths.CACHE} has {free:.1f} GB free; the set-up needs {gigabytes} GB there.")


def _done(name: str, key: str) -> bool:
    stamp = paths.CACHE / f"{name}.stamp"
    return stamp.exists() and stamp.read_text() == key


def _mark(name: str, key: str) -> None:
    (paths.CACHE / f"{name}.stamp").write_text(key)


def _digest(*parts: str) -> str:
    return hashlib.sha256("\0".join(parts).encode()).hexdigest()


# --- Debian ---------------------------------------------------------------


def _installed() -> dict[str, str]:
    query = run(["dpkg-query", "-W", "-f", "${Package} ${Version} ${db:Status-Abbrev}\n"]).stdout
    rows = (line.split() for line in query.splitlines())
    return {row[0]: row[1] for row in rows if len(row) == 3 and row[2] == "ii"}


def _series(version: str) -> str:
    """A Debian version without its epoch: ``2:3.016-1`` is of series ``3.``."""
    return version.split(":", 1)[-1]


# Another apt may be at work, or one of ours that was cut off and is ending by itself.
_WAIT = "-oDPkg::Lock::Timeout=300"
_NO_NETWORK = re.compile(
    "Could not resolve|Temporary failure|Network is unreachable|Could not connect|Connection (?:refused|timed out)"
    "|Failed to establish a new connection|ENOTFOUND|EAI_AGAIN|ECONNREFUSED|ETIMEDOUT"
)


def _fetch(*commands: list, **kwargs) -> None:
    """Run package clients, the last must succeed; say so when the trouble is the network."""
    results = [run(command, check=False, **kwargs) for command in commands]
    if not results[-1].returncode:
        return
    output = "\n".join(result.stdout for result in results)
    tail = "\n".join(output.splitlines()[-15:])
    if _NO_NETWORK.search(output):
        raise StackError(
            f"The package mirrors cannot be reached; the first set-up needs the network.\n{tail}"
        )
    raise StackError(f"{' '.join(map(str, commands[-1][:4]))} failed:\n{tail}")


@contextlib.contextmanager
def _services_stay_off():
    """Installing a server must not start it: ours are private instances."""
    text = "#!/bin/sh\n# isp set-up: may be deleted\nexit 101\n"
    added = not POLICY.exists() or POLICY.read_text() == text
    if added:
        run([*sudo(), "sh", "-c", f"printf %s '{text}' > {POLICY}; chmod 755 {POLICY}"])
    try:
        yield
    finally:
        if added:
            run([*sudo(), "rm", "-f", POLICY])


def _debian() -> None:
    wanted = VERSIONS["debian"]
    have = _installed()
    missing = [name for name in wanted if name not in have]
    if "nodejs" in missing and shutil.which("npm"):
        missing.remove("nodejs")
    elif "nodejs" in missing or not shutil.which("npm"):
        missing.append("npm")
    if missing:
        step(f"Installing Debian packages: {', '.join(missing)}")
        new_cluster_conf = CLUSTERS / "isp.conf"
        if "postgresql-15" in missing and not Path("/etc/postgresql").exists():
            quiet = f"mkdir -p {CLUSTERS}; echo create_main_cluster=false > {new_cluster_conf}"
            run([*sudo(), "sh", "-c", quiet])
        root = [*sudo(), "env", "DEBIAN_FRONTEND=noninteractive"]
        with _services_stay_off():
            run([*root, "dpkg", "--configure", "-a"])
            _fetch(
                [*root, "apt-get", "update", "-q", _WAIT],
                [*root, "apt-get", "install", "-y", "-q", _WAIT, "--no-install-recommends", *missing],
            )
        for service in ("freeradius", "caddy", "kannel"):
            if service in missing and Path("/run/systemd/system").exists():
                run([*sudo(), "systemctl", "disable", "--now", service], check=False)
        have = _installed()
    for name, series in wanted.items():
        if name in have and not _series(have[name]).startswith(series):
            step(f"Note: {name} is {have[name]}; tested with {series}x")


# --- Odoo -----------------------------------------------------------------

_APT_CONF = """\
Dir::Etc::sourcelist "{lists}/sources.list";
Dir::Etc::sourceparts "-";
Dir::State::lists "{lists}/lists";
Dir::Cache "{lists}/cache";
Dir::Cache::pkgcache "";
Dir::Cache::srcpkgcache "";
APT::Sandbox::User "root";
"""
_MIRROR = "http://deb.debian.org/debian"
_KEYRING = "/usr/share/keyrings/debian-archive-keyring.gpg"


def odoo_key() -> str:
    """Changes whenever Odoo or an OCA add-on is another version: databases need an update then."""
    oca = (paths.REPO / "requirements" / "oca.txt").read_text()
    return _digest(json.dumps(VERSIONS["odoo"], sort_keys=True), oca)


def _odoo() -> None:
    pinned = VERSIONS["odoo"]
    key = _digest(json.dumps(pinned, sort_keys=True))
    if _done("odoo", key) and paths.odoo_root().is_dir():
        return
    work = paths.CACHE / "apt"
    for folder in ("lists/partial", "cache/archives/partial", "debs"):
        (work / folder).mkdir(parents=True, exist_ok=True)
    (work / "sources.list").write_text(
        "".join(
            f"deb [signed-by={_KEYRING}] {_MIRROR} {suite} main\n" for suite in ("bookworm", pinned["suite"])
        )
    )
    (work / "apt.conf").write_text(_APT_CONF.format(lists=work))
    env = {**os.environ, "APT_CONFIG": str(work / "apt.conf")}
    _room(3)
    step("Downloading Odoo 19 (123 MB) and the fonts it links to")
    _fetch(["apt-get", "update", "-q", "-oAPT::Update::Error-Mode=any"], env=env)
    debs = work / "debs"
    odoo_deb = _download(pinned["package"], pinned["version"], debs, env)
    if odoo_deb.name.split("_")[1] == pinned["version"]:
        digest = hashlib.sha256(odoo_deb.read_bytes()).hexdigest()
        if digest != pinned["sha256"]:
            odoo_deb.unlink()
            raise StackError(f"{odoo_deb.name} has the wrong checksum; run the command again.")
    archives = [odoo_deb]
    for package, suite in pinned["assets"].items():
        archives.append(_download(package, suite, debs, env, suite=True))
    step("Unpacking Odoo")
    target = paths.CACHE / "odoo"
    shutil.rmtree(target, ignore_errors=True)
    fresh = paths.CACHE / "odoo.new"
    shutil.rmtree(fresh, ignore_errors=True)
    for archive in archives:
        run(["dpkg-deb", "-x", archive, fresh])
    fresh.rename(target)
    broken = [p for p in target.rglob("*") if p.is_symlink() and not p.exists()]
    if broken:
        raise StackError(f"Odoo's tree has dangling links, e.g. {broken[0]}")
    shutil.rmtree(debs)
    _mark("odoo", key)


def _download(package: str, version: str, folder: Path, env: dict, suite=False) -> Path:
    """Fetch one .deb. A version that has left the mirror is replaced by the series' newest."""
    spec = f"{package}/{version}" if suite else f"{package}={version}"
    before = set(folder.iterdir())
    result = run(["apt-get", "download", "-q", spec], cwd=folder, env=env, check=False)
    if result.returncode and not suite:
        policy = run(["apt-cache", "policy", package], env=env).stdout
        newest = re.search(r"Candidate: (\S+)", policy)
        series = version.split(".")[0] + "."
        if not newest or not newest[1].startswith(series):
            raise StackError(f"{package} {version} cannot be had from {_MIRROR}:\n{result.stdout}")
        step(f"Note: {package} {version} has left the mirror; taking {newest[1]}")
        run(["apt-get", "download", "-q", f"{package}={newest[1]}"], cwd=folder, env=env)
    elif result.returncode:
        raise StackError(f"{package} cannot be had from {_MIRROR}:\n{result.stdout}")
    fetched = set(folder.iterdir()) - before
    return fetched.pop() if fetched else next(folder.glob(f"{package}_*.deb"))


# --- Python ---------------------------------------------------------------


def _python() -> None:
    requirements = paths.REPO / "requirements"
    lock, oca = requirements / "lock.txt", requirements / "oca.txt"
    root = paths.odoo_root()
    key = _digest(lock.read_text(), oca.read_text(), str(root))
    if _done("venv", key) and paths.PYTHON.exists():
        return
    step("Installing Python dependencies")
    _room(1)
    if not paths.PYTHON.exists() or run([paths.PYTHON, "-m", "pip", "--version"], check=False).returncode:
        system_python = shutil.which("python3.11") or "python3"
        run([system_python, "-m", "venv", "--clear", paths.VENV])
    pip = [paths.PYTHON, "-m", "pip", "install", "-q", "--disable-pip-version-check"]
    _fetch([*pip, "--require-hashes", "-r", lock])
    _fetch([*pip, "--no-deps", "-r", oca])
    site = next(paths.VENV.glob("lib/python3*/site-packages"))
    (site / "odoo_tree.pth").write_text(f"{root}\n")
    _mark("venv", key)


def oca_addons() -> Path:
    """The folder of the OCA wheels' add-ons."""
    return next(paths.VENV.glob("lib/python3*/site-packages")) / "odoo" / "addons"


# --- npm ------------------------------------------------------------------


def _npm() -> None:
    wanted = VERSIONS["npm"]
    key = _digest(json.dumps(wanted, sort_keys=True))
    if _done("npm", key):
        return
    step("Installing rtlcss (mirrored styles for Arabic)")
    specs = [f"{name}@{version}" for name, version in wanted.items()]
    _fetch(["npm", "install", "--silent", "--no-audit", "--no-fund", "--prefix", paths.CACHE / "npm", *specs])
    _mark("npm", key)


def environment() -> dict[str, str]:
    """The environment of a process that imports Odoo."""
    env = dict(os.environ)
    env["PATH"] = f"{paths.CACHE / 'npm' / 'node_modules' / '.bin'}:{paths.VENV / 'bin'}:{env['PATH']}"
    if os.environ.get("ODOO_DIR"):
        env["PYTHONPATH"] = f"{paths.odoo_root()}:{env.get('PYTHONPATH', '')}".rstrip(":")
    return env
