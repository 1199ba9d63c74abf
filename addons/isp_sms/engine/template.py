# License AGPL-3.0 or later (https://www.gnu.org/licenses/agpl).
"""Placeholders in the address, body and headers of a plain HTTP gateway. Other braces (JSON) stay as they are.

>>> fill("https://x/?to={number}&t={text}", {"number": "+211", "text": "a b"}, "url")
'https://x/?to=%2B211&t=a%20b'
>>> fill('{"to": "{digits}", "text": "{text}"}', {"digits": "211", "text": 'say "hi"'}, "json")
'{"to": "211", "text": "say \\\\"hi\\\\""}'
>>> fill("<t>{text}</t>", {"text": "a<b"}, "xml"), fill("Bearer {password}", {"password": "k"}, "plain")
('<t>a&lt;b</t>', 'Bearer k')
>>> unknown("{number} {txt}"), sorted(used("{number} {text}"))
({'txt'}, ['number', 'text'])
"""

import json
import re
from urllib.parse import quote
from xml.sax.saxutils import escape

#: ``digits``: the number without "+".
NAMES = frozenset({"number", "digits", "text", "sender", "uuid", "dlr_url", "username", "password"})
_PLACE = re.compile(r"\{([a-z_]+)\}")
_ESCAPES = {
    "url": lambda text: quote(text, safe=""),
    "json": lambda text: json.dumps(text, ensure_ascii=False)[1:-1],
    "xml": lambda text: escape(text, {'"': "&quot;"}),
    "plain": lambda text: text,
}


def used(template):
    return set(_PLACE.findall(template or ""))


def unknown(template):
    return used(template) - NAMES


def fill(template, values, kind):
    """:param kind: how a value is escaped: ``url`` (also forms), ``json``, ``xml``, ``plain``"""
    return _PLACE.sub(lambda place: _ESCAPES[kind](values[place[1]]) if place[1] in values else place[0], template)


def kind_of(content_type):
    """
    >>> kind_of("application/json"), kind_of("application/x-www-form-urlencoded"), kind_of("text/xml; charset=utf-8"), kind_of("text/plain")
    ('json', 'url', 'xml', 'plain')
    """
    for kind, words in (("json", ("json",)), ("xml", ("xml",)), ("url", ("form-urlencoded",))):
        if any(word in (content_type or "") for word in words):
            return kind
    return "plain"
