# License AGPL-3.0 or later (https://www.gnu.org/licenses/agpl).
import json

from odoo import fields
from odoo.tools.sql import drop_constraint
from odoo.tools.translate import LazyGettext


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


class Sentence(fields.Char):
    """What a job has to say to people, who read it each in their own language.

    Written with ``_lt("… %(name)s …", name=…)`` (``LazyTranslate``), in which a value may be such a sentence again, with a list of them, or
    with plain text, which stays as it is. The column holds the English source and its values as JSON; reading gives the text in the reader's language.
    """

    def convert_to_cache(self, value, record, validate=True):
        if isinstance(value, (LazyGettext, list)):
            value = json.dumps({"said": _pack(value)}) if value else False
        return super().convert_to_cache(value, record, validate)

    def convert_to_record(self, value, record):
        said = self._said(value)
        return _text(said, record.env.lang or "en_US") if said is not None else super().convert_to_record(value, record)

    def sentence(self, record):
        """:return: what stands there, to be part of another sentence"""
        text = record[self.name]
        said = self._said(self._get_cache(record.env).get(record.id))
        return _unpack(said) if isinstance(said, dict) else text

    def is_said(self, record, sentence):
        """:return: whether the record says this very sentence"""
        return bool(record[self.name]) and self._get_cache(record.env).get(record.id) == self.convert_to_cache(sentence, record)

    @staticmethod
    def _said(value):
        """:return: the packed sentence of a value of the column; None: it is plain text, perhaps one of a router that looks like a sentence"""
        if not value or not value.startswith('{"said": '):
            return None
        try:
            said = json.loads(value)["said"]
        except ValueError:
            return None
        return said if _is_packed(said) else None


def english(sentence):
    """:return: a sentence for a log"""
    return _text(_pack(sentence), "en_US")


def _pack(value):
    if isinstance(value, LazyGettext):
        return {"source": value._source, "module": value._module, "values": {name: _pack(part) for name, part in (value._args or {}).items()}}
    return [_pack(part) for part in value] if isinstance(value, list) else value


def _is_packed(said):
    if isinstance(said, list):
        return all(map(_is_packed, said))
    if isinstance(said, dict):
        shape = said.keys() == {"source", "module", "values"} and isinstance(said["source"], str) and isinstance(said["module"], str) and isinstance(said["values"], dict)
        return shape and all(map(_is_packed, said["values"].values()))
    return isinstance(said, (str, int, float))


def _unpack(said):
    if not isinstance(said, dict):
        return said
    return LazyGettext(said["source"], _module=said["module"], **{name: _unpack(part) for name, part in said["values"].items()})


def _text(said, lang):
    """:return: a packed sentence in a language; in Arabic, what comes from the wire keeps its own direction (Unicode isolates)"""
    arabic = lang.startswith("ar")
    if isinstance(said, list):
        return ("؛ " if arabic else "; ").join(_text(part, lang) for part in said)
    if not isinstance(said, dict):
        return str(said)
    values = {name: f"\u2068{part}\u2069" if arabic and isinstance(part, str) else _text(part, lang) for name, part in said["values"].items()}
    return LazyGettext(said["source"], _module=said["module"], **values)._translate(lang)
