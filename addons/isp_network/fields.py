# License AGPL-3.0 or later (https://www.gnu.org/licenses/agpl).
from odoo import fields
from odoo.tools.sql import drop_constraint


class BigInteger(fields.Integer):
    """A whole number beyond 2³¹: bytes. The column is a bigint; Python's and JavaScript's numbers hold it exactly
    up to 2⁵³ (9 PB)."""

    _column_type = ("int8", "int8")


class LooseMany2one(fields.Many2one):
    """A reference without a foreign key, in tables the RADIUS functions write.

    A foreign key would lock the row referred to at every insert: all sessions of a router would queue for the router's
    row, and accounting would wait whenever Odoo holds an access ``FOR UPDATE``. What is referred to is not deleted
    while it is in use (``@api.ondelete`` of isp.access and isp.router).
    """

    def update_db_foreign_key(self, model, column):
        """Have none; drop one that stands there from a time when this was an ordinary Many2one."""
        cr = model.env.cr
        cr.execute(
            """
            SELECT c.conname FROM pg_constraint c JOIN pg_attribute a ON a.attrelid = c.conrelid AND c.conkey = ARRAY[a.attnum]
             WHERE c.contype = 'f' AND c.conrelid = %s::regclass AND a.attname = %s
            """,
            (model._table, self.name),
        )
        for (name,) in cr.fetchall():
            drop_constraint(cr, model._table, name)
