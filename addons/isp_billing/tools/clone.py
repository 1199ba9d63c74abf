# License AGPL-3.0 or later (https://www.gnu.org/licenses/agpl).
"""Copies of database rows that differ in a few columns: one statement, whatever the number."""

from odoo.tools import SQL


def new_ids(model, count):
    """:return: ``count`` ids of ``model`` that nothing else gets"""
    sequence = f"{model._table}_id_seq"
    rows = model.env.execute_query(SQL("SELECT nextval(%s) FROM generate_series(1, %s)", sequence, count))
    return [row[0] for row in rows]


def copy_rows(model, template_ids, ids, **columns):
    """Insert a copy of each row ``template_ids`` of ``model`` under the id at the same place of ``ids``.

    All columns are copied, those of other add-ons too, and the rows of stored many2many fields.
    Computed fields are not computed, hooks of the model are not called: the caller knows that they
    would give what the template holds.

    :param template_ids: an id may come many times; the rows are flushed
    :param ids: new ids, from ``new_ids``
    :param columns: column name → list of values, one a row, for what differs
    """
    stored = [name for name, field in model._fields.items() if field.store and field.column_type]
    assert columns.keys() <= set(stored), columns.keys() - set(stored)
    types = {name: model._fields[name].column_type[0] for name in columns}
    arrays = [SQL("%s::%s[]", values, SQL(types[name])) for name, values in columns.items()]
    names = SQL(", ").join(map(SQL.identifier, columns))
    values = [
        SQL.identifier("n", name) if name in columns or name == "id" else SQL.identifier("t", name) for name in stored
    ]
    model.env.cr.execute(
        SQL(
            "INSERT INTO %(table)s (%(stored)s) SELECT %(values)s"
            " FROM unnest(%(templates)s::int[], %(ids)s::int[], %(arrays)s) AS n(template_id, id, %(names)s)"
            " JOIN %(table)s t ON t.id = n.template_id",
            table=SQL.identifier(model._table),
            stored=SQL(", ").join(map(SQL.identifier, stored)),
            values=SQL(", ").join(values),
            templates=template_ids,
            ids=ids,
            arrays=SQL(", ").join(arrays),
            names=names,
        )
    )
    for field in model._fields.values():
        if field.type == "many2many" and field.store and field.relation:
            _copy_relation(model, field, template_ids, ids)


def _copy_relation(model, field, template_ids, ids):
    model.env.cr.execute(
        SQL(
            "INSERT INTO %(table)s (%(own)s, %(other)s) SELECT n.id, r.%(other)s"
            " FROM unnest(%(templates)s::int[], %(ids)s::int[]) AS n(template_id, id)"
            " JOIN %(table)s r ON r.%(own)s = n.template_id ON CONFLICT DO NOTHING",
            table=SQL.identifier(field.relation),
            own=SQL.identifier(field.column1),
            other=SQL.identifier(field.column2),
            templates=template_ids,
            ids=ids,
        )
    )
