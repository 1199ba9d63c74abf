# License AGPL-3.0 or later (https://www.gnu.org/licenses/agpl).
"""The kinds of file that can be imported, told apart by their header.

>>> read(b"code,name,window,step,after_mb,down_kbps,up_kbps\\nF,Fair,month,1,1,1,1\\n").layout.kind
'fup'
"""

from . import fup_file, plan_file, subscriber_file
from .tabular import Table, read_table

LAYOUTS = (fup_file.LAYOUT, plan_file.LAYOUT, subscriber_file.LAYOUT)


def read(data: bytes) -> Table:
    """:raise FileError: the file as a whole is refused"""
    return read_table(data, LAYOUTS)
