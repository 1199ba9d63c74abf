"""Where things lie. ``ISP_CACHE_DIR`` and ``ISP_RUN_DIR`` move the two folders we write to."""

import hashlib
import os
import pwd
import stat
from pathlib import Path

REPO = Path(__file__).resolve().parents[2]
CACHE = Path(os.environ.get("ISP_CACHE_DIR") or REPO / ".cache").resolve()
CONFIG = REPO / "config"
ADDONS = REPO / "addons"
VENV = CACHE / "venv"
PYTHON = VENV / "bin" / "python"
ODOO_SCRIPT = REPO / "script" / "odoo"


def odoo_root() -> Path:
    """The folder that holds the package ``odoo``; ``ODOO_DIR`` points to another source tree."""
    if os.environ.get("ODOO_DIR"):
        return Path(os.environ["ODOO_DIR"]).resolve()
    return CACHE / "odoo" / "usr" / "lib" / "python3" / "dist-packages"


def _passable(folder: Path) -> bool:
    """Can any user walk into ``folder``? PostgreSQL refuses to run as root, so its user must."""
    existing = next(p for p in (folder, *folder.parents) if p.exists())
    return all(p.stat().st_mode & stat.S_IXOTH for p in (existing, *existing.parents))


def run_dir(name: str) -> Path:
    """The run folder of one set of services (``demo``, ``test``, ``bench``…).

    Inside the checkout, unless root runs us in a place the services' own users cannot enter.
    """
    base = Path(os.environ.get("ISP_RUN_DIR") or REPO / ".run").resolve()
    if os.geteuid() == 0 and not _passable(base):
        digest = hashlib.sha256(str(REPO).encode()).hexdigest()[:10]
        base = Path("/var/tmp") / f"isp-run-{digest}"
    return base / name


def service_user(name: str) -> str | None:
    """The unprivileged user a service runs as: its Debian user under root, else ourselves."""
    if os.geteuid() != 0:
        return None
    try:
        pwd.getpwnam(name)
    except KeyError:
        return "nobody"
    return name
