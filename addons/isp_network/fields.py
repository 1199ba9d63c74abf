# License AGPL-3.0 or later (https://www.gnu.org/licenses/agpl).
from odoo import fields


class BigInteger(fields.Integer):
    """A whole number beyond 2³¹: bytes. The column is a bigint; Python's and JavaScript's numbers hold it exactly
    up to 2⁵³ (9 PB)."""

    _column_type = ("int8", "int8")
