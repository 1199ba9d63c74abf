# License AGPL-3.0 or later (https://www.gnu.org/licenses/agpl).
import os
from functools import cache
from pathlib import Path

from odoo.tests import TransactionCase


@cache
def data_file(name):
    """Bytes of a file of the demo ISP; ``ISP_DATA_DIR`` names another folder to take it from."""
    folder = os.environ.get("ISP_DATA_DIR") or Path(__file__).parents[3] / "demo" / "juba_net"
    return (Path(folder) / name).read_bytes()


class ImportCommon(TransactionCase):
    """Imports of whole files, without a commit."""

    @classmethod
    def _import(cls, data, name="file.csv", **vals):
        record = cls.env["isp.import"]._from_bytes(data, name, **vals)
        record._run()
        return record

    @classmethod
    def _import_catalogue(cls):
        for name in ("fup.csv", "plans.csv"):
            assert cls._import(data_file(name), name).state == "done"
