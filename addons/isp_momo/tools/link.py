# License AGPL-3.0 or later (https://www.gnu.org/licenses/agpl).
"""Many records, each with another value, in one statement."""

from odoo.tools import SQL


def link(records, name, targets):
    """Write into the many2one ``name`` of each of ``records`` its own of ``targets``, as a write of one after the other does.

    What depends on the field is computed again for all of them together, which is what takes the time. For records whose
    field was empty. No ``write`` of an add-on is called. Transaction: the caller's.
    """
    field = records._fields[name]
    records.flush_recordset([name])
    pairs = SQL(", ").join(SQL("(%s, %s)", record.id, target.id) for record, target in zip(records, targets, strict=True))
    records.env.cr.execute(
        SQL(
            "UPDATE %(table)s AS t SET %(column)s = v.target, write_uid = %(uid)s, write_date = now() AT TIME ZONE 'UTC' FROM (VALUES %(pairs)s) AS v (id, target) WHERE t.id = v.id",
            table=SQL.identifier(records._table),
            column=SQL.identifier(name),
            uid=records.env.uid,
            pairs=pairs,
        )
    )
    records.invalidate_recordset([name, "write_uid", "write_date"])
    for inverse in records.pool.field_inverses[field]:
        targets.invalidate_recordset([inverse.name])
    records.modified([name])
