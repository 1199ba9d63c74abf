#!/usr/bin/env python3
"""Start Odoo from a file: with workers it runs its own path again (``sys.argv[0]``)."""

import os
import sys

# Only this file's folder would be searched first; it holds no module of Odoo's.
sys.path[0] = os.environ.get("ODOO_DIR") or sys.path[0]

import odoo.cli  # noqa: E402

if __name__ == "__main__":
    odoo.cli.main()
