# License AGPL-3.0 or later (https://www.gnu.org/licenses/agpl).
"""The section ``[isp]`` of the server's configuration file; ``ISP_<NAME>`` in the environment wins."""

import os
from configparser import ConfigParser

from odoo.tools import config


def setting(name, default=""):
    """:return: the text of option ``name`` (lower case), ``default`` when it is nowhere set."""
    from_environment = os.environ.get(f"ISP_{name.upper()}")
    if from_environment:
        return from_environment
    parser = ConfigParser(interpolation=None)
    parser.read(config["config"] or [])
    return parser.get("isp", name, fallback=default)
