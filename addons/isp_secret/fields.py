# License AGPL-3.0 or later (https://www.gnu.org/licenses/agpl).
"""``Secret``: a field for the keys and passwords that this server presents to others."""

from odoo import fields

from .tools.secret import decrypt, encrypt

#: What everybody is shown in place of a secret that is there.
MASK = "••••••••"
#: How a Fernet token of our time begins (version byte 0x80, then the high bytes of the clock).
_TOKEN = "gAAAAA"


class Secret(fields.Char):
    """A text that is encrypted in memory, in the database and in its back-ups; screens, RPC and exports get dots.

    Python reads the token; ``reveal`` (below) gives the text, and is called where it is sent, not before. Writing the
    dots back changes nothing, so a form may be saved as it was read. Not copied with the record. Two writes of
    one text give two tokens: a secret cannot be searched for.
    """

    copy = False

    def convert_to_cache(self, value, record, validate=True):
        if not value or value == MASK:
            return None
        return value if value.startswith(_TOKEN) else encrypt(value)

    def convert_to_column_insert(self, value, record, values=None, validate=True):
        return self.convert_to_cache(value, record)

    def convert_to_read(self, value, record, use_display_name=True):
        return MASK if value else False

    def convert_to_export(self, value, record):
        return MASK if value else ""

    def write(self, records, value):
        return None if value == MASK else super().write(records, value)


def reveal(record, name):
    """:return: the text of the secret field ``name`` of a record, "" when there is none.
    :raise UserError: it was encrypted with another key
    """
    record.ensure_one()
    return decrypt(record[name] or "")
