# License AGPL-3.0 or later (https://www.gnu.org/licenses/agpl).
"""What came from outside, made fit to be kept."""

import re

_KEYS = "access_token|apiKey|api_key|pay_token|notif_token|merchant_key|client_secret|token"
_SECRET = re.compile(rf"""(["']?(?:{_KEYS})["']?\s*[:=]\s*)(?:"[^"]*"?|'[^']*'?|[^\s,&}}]+)""")
_NUMBER = re.compile(r"\b(\d{3})\d{5,9}(\d{3})\b")


def masked(text, longest=2000):
    """:return: at most ``longest`` characters, printable, without tokens and with numbers of telephones shortened

    >>> masked('{"notif_token": "abc", "partyId": "211921234567"}\\x00')
    '{"notif_token": "…", "partyId": "211…567"}'
    """
    if isinstance(text, bytes):
        text = text[: longest * 4].decode("utf-8", "replace")
    text = "".join(c for c in text or "" if c.isprintable() or c in "\n\t")[: longest * 2]
    return _NUMBER.sub(r"\1…\2", _SECRET.sub(r'\1"…"', text))[:longest]
