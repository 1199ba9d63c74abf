# License AGPL-3.0 or later (https://www.gnu.org/licenses/agpl).
"""The API for equipment: what may be asked, of what shape, and what is answered. The one place for it.

The controller dispatches by ``OPERATIONS``, checks by ``check`` and publishes ``document`` (OpenAPI 3.1): what is not here
does not exist, and what is here is checked.

>>> find("GET", "/lines/7")[0].name, find("GET", "/lines/7")[1]
('line', {'line': 7})
>>> find("DELETE", "/lines/7")
(None, ['GET'])
>>> find("GET", "/lines/x"), find("GET", "/lines/99999999999")
((None, []), (None, []))
"""

import re
from dataclasses import dataclass, field

BASE = "/isp/api/v1"
#: Bytes of a request.
LONGEST = 1 << 20
#: Rights of a key, in words.
SCOPES = {
    "sessions": "See who is on line, and the routers",
    "authorise": "Ask whether somebody may log in",
    "usage": "Report usage",
    "lines": "See the state of lines",
    "control": "Start and stop lines",
    "orders": "Have routers end or refresh sessions",
}
#: What an integer column of the database holds.
_MAX_ID = 2**31 - 1
_MAX_BYTES = 2**48 - 1

_ID = {"type": "integer", "minimum": 1, "maximum": _MAX_ID}
_BYTES = {"type": "integer", "minimum": 0, "maximum": _MAX_BYTES}


def _text(longest, what, **more):
    """Printable text: no control characters."""
    return {"type": "string", "minLength": 1, "maxLength": longest, "pattern": "^[^\\u0000-\\u001f\\u007f-\\u009f]*$", "description": what, **more}


def _hex(shortest, longest, what):
    return {"type": "string", "minLength": shortest, "maxLength": longest, "pattern": "^([0-9a-fA-F]{2})*$", "description": what}


def _object(properties, required=(), **more):
    return {"type": "object", "properties": properties, "required": list(required), "additionalProperties": False, **more}


def _page(name, item):
    return _object(
        {name: {"type": "array", "items": item}, "next": {"type": ["integer", "null"], "description": "Ask again with after= this; null: that was all."}},
        (name, "next"),
    )


_LOGIN = _text(128, "User name; exact, capitals count.")
_MAC = _text(40, "MAC address in any of the usual spellings.")
_MOMENT = {"type": "string", "format": "date-time", "maxLength": 40, "description": "Moment with time zone (RFC 3339)."}
_SOME_MOMENT = {**_MOMENT, "type": ["string", "null"]}
_NULL_TEXT = {"type": ["string", "null"]}
_LIST_QUERY = {
    "after": {"type": "integer", "minimum": 0, "maximum": _MAX_ID, "description": "Those with a greater id."},
    "limit": {"type": "integer", "minimum": 1, "maximum": 500, "default": 100, "description": "How many at most."},
}
_LINE = _object(
    {
        "id": _ID,
        "number": {"type": "string"},
        "login": _NULL_TEXT,
        "mac": _NULL_TEXT,
        "plan": {"type": "string"},
        "state": {"enum": ["draft", "pending", "active", "suspended", "paused", "terminated"]},
        "network": {"enum": ["allowed", "walled", "blocked", None], "description": "What the network lets the line do; null: it has no log-in."},
        "valid_until": _SOME_MOMENT,
        "online": {"type": "boolean"},
        "address": _NULL_TEXT,
        "data_left": {"type": ["integer", "null"], "description": "Bytes of the quota; null: there is none."},
    },
    ("id", "number", "state", "network", "online"),
)
_SESSION = _object(
    {
        "id": _ID,
        "login": {"type": "string"},
        "line": {"type": ["integer", "null"]},
        "router": {"type": ["integer", "null"]},
        "address": _NULL_TEXT,
        "mac": _NULL_TEXT,
        "started": _MOMENT,
        "updated": _MOMENT,
        "seconds": {"type": "integer"},
        "up": {"type": "integer", "description": "Bytes from the customer."},
        "down": {"type": "integer", "description": "Bytes to the customer."},
        "up_bps": {"type": "integer", "description": "Bits a second between its last two reports."},
        "down_bps": {"type": "integer"},
    },
    ("id", "login", "started", "updated", "up", "down"),
)
_ROUTER = _object(
    {"id": _ID, "name": {"type": "string"}, "address": {"type": "string"}, "online": {"type": "integer"}, "last_seen": _SOME_MOMENT, "failures": {"type": "integer"}},
    ("id", "name", "address", "online", "last_seen"),
)
_ORDER = _object(
    {
        "id": _ID,
        "kind": {"type": "string"},
        "session": {"type": ["integer", "null"]},
        "state": {"enum": ["pending", "done", "failed"]},
        "message": _NULL_TEXT,
    },
    ("id", "kind", "state"),
)
#: One thing that equipment has counted. Checked item by item: what does not fit is kept and said so, the rest is counted.
USAGE_ITEM = _object(
    {
        "sequence": {"type": "integer", "minimum": 1, "maximum": 2**53 - 1, "description": "The device's own number of this item. Sent again with the same content, it is not counted again."},
        "login": _LOGIN,
        "mac": _MAC,
        "line": _ID,
        "kind": {"enum": ["delta", "counter"], "description": "delta: what was used since the item before. counter: what the session has used since it began; repeats, gaps and items out of order do no harm."},
        "session": _text(128, "The device's name for the session; needed for a counter."),
        "up": {**_BYTES, "description": "Bytes from the customer."},
        "down": {**_BYTES, "description": "Bytes to the customer."},
        "seconds": {"type": "integer", "minimum": 0, "maximum": 315360000, "description": "Seconds on line, counted like the bytes."},
        "at": {**_MOMENT, "description": "When. Not given, in the future or older than 90 days: the moment it came in."},
        "address": _text(45, "The customer's address."),
        "ended": {"type": "boolean", "description": "The session of this counter is over."},
    },
    ("sequence", "kind", "up", "down"),
)
_PROBLEM = {
    "type": "object",
    "properties": {
        "type": {"type": "string"},
        "title": {"type": "string"},
        "status": {"type": "integer"},
        "detail": {"type": "string"},
        "errors": {"type": "array", "items": _object({"where": {"type": "string"}, "what": {"type": "string"}}, ("where", "what"))},
    },
    "required": ["title", "status", "detail"],
}
_REASON = {"enum": ["staff", "customer", "fraud", "regulator"], "default": "staff", "description": "Goes into the line's history."}


@dataclass(frozen=True)
class Operation:
    """:ivar scope: right a key needs, or None: everybody may
    :ivar more_errors: status codes beyond those every operation may answer
    """

    name: str
    method: str
    path: str
    summary: str
    scope: str | None
    answer: dict
    description: str = ""
    query: dict = field(default_factory=dict)
    body: dict | None = None
    status: int = 200
    more_errors: tuple = ()

    @property
    def pattern(self):
        return re.compile(re.sub(r"\{(\w+)\}", r"(?P<\1>[0-9]{1,10})", self.path))


OPERATIONS = [
    Operation("openapi", "GET", "/openapi.json", "This document", None, {"type": "object"}),
    Operation("routers", "GET", "/routers", "Routers, and how many are on line at each", "sessions", _page("routers", _ROUTER), query=_LIST_QUERY),
    Operation(
        "sessions",
        "GET",
        "/sessions",
        "Who is on line",
        "sessions",
        _page("sessions", _SESSION),
        query={"router": {**_ID, "description": "At this router."}, "login": {**_LOGIN, "description": "Of this user name."}, "line": {**_ID, "description": "Of this line."}, **_LIST_QUERY},
        more_errors=(404,),
    ),
    Operation(
        "authorise",
        "POST",
        "/authorise",
        "May this user log in?",
        "authorise",
        _object(
            {
                "result": {"enum": ["accept", "wall", "reject"], "description": "wall: let in, but only to the pages where one can pay."},
                "reason": {"enum": [None, "credentials", "elsewhere", "guessing", "closed", "devices", "suspended", "expired", "quota"]},
                "message": _NULL_TEXT,
                "line": {"type": ["integer", "null"]},
                "attributes": {
                    "type": "array",
                    "items": _object({"name": {"type": "string"}, "value": {"type": "string"}}, ("name", "value")),
                    "description": "What RADIUS would send with the Access-Accept, by the names of its dictionaries.",
                },
            },
            ("result", "reason", "attributes"),
        ),
        "The answer is the one RADIUS would give at this moment. With a password (PAP), with CHAP, or with neither: then the user name has to be the device's own"
        " MAC address, of a line that may log in by it. If both are given, the password counts.",
        body=_object(
            {
                "login": _LOGIN,
                "password": _text(128, "As it was typed."),
                "chap": _object(
                    {"id": {"type": "integer", "minimum": 0, "maximum": 255}, "challenge": _hex(2, 512, "Hexadecimal."), "response": _hex(32, 32, "MD5 of id, password and challenge; hexadecimal.")},
                    ("id", "challenge", "response"),
                ),
                "mac": {**_MAC, "description": "MAC address of the device that asks."},
                "router": {**_ID, "description": "At which router."},
            },
            ("login",),
        ),
        more_errors=(404,),
    ),
    Operation(
        "usage",
        "POST",
        "/usage",
        "Report usage of equipment without RADIUS",
        "usage",
        _object(
            {
                "items": {
                    "type": "array",
                    "items": _object(
                        {"sequence": {"type": ["integer", "null"]}, "status": {"enum": ["counted", "repeated", "quarantined"]}, "reason": _NULL_TEXT},
                        ("sequence", "status", "reason"),
                    ),
                    "description": "An answer for each item, in their order.",
                },
            },
            ("items",),
        ),
        "Send again whatever was not answered: each item counts once, by the device's name and the item's sequence. What cannot be counted is kept for a person to look at"
        " (quarantined) and need not be sent again. The same sequence with other content is not counted.",
        body=_object(
            {
                "device": _text(64, "The name of the equipment that counts. If it begins its numbers anew, give it another name."),
                "router": {**_ID, "description": "The router it stands for, if it is one of ours."},
                "items": {
                    "type": "array",
                    "minItems": 1,
                    "maxItems": 1000,
                    "items": {"anyOf": [{"$ref": "#/components/schemas/UsageItem"}, {"description": "Anything else is kept, and answered as quarantined."}]},
                },
            },
            ("device", "items"),
        ),
        more_errors=(404,),
    ),
    Operation(
        "lines",
        "GET",
        "/lines",
        "Find lines",
        "lines",
        _page("lines", _LINE),
        query={"login": _LOGIN, "mac": _MAC, "number": _text(64, "Number of the subscription."), **_LIST_QUERY},
    ),
    Operation("line", "GET", "/lines/{line}", "State of a line", "lines", _LINE, more_errors=(404,)),
    Operation(
        "start",
        "POST",
        "/lines/{line}/start",
        "Put a line into service",
        "control",
        _object({"changed": {"type": "boolean"}, "line": _LINE}, ("changed", "line")),
        "From to be installed, suspended or paused. New and terminated lines need a person: 409. A line in service already stays as it is.",
        body=_object({"reason": _REASON, "note": _text(250, "For the line's history.")}),
        more_errors=(404, 409),
    ),
    Operation(
        "stop",
        "POST",
        "/lines/{line}/stop",
        "Suspend a line",
        "control",
        _object({"changed": {"type": "boolean"}, "line": _LINE}, ("changed", "line")),
        "The line goes into the walled garden. A line that is suspended stays as it is; a protected one (hospital, police) needs a person: 409.",
        body=_object({"reason": _REASON, "note": _text(250, "For the line's history.")}),
        more_errors=(404, 409),
    ),
    Operation(
        "order",
        "POST",
        "/orders",
        "Have routers end or refresh sessions",
        "orders",
        _object({"orders": {"type": "array", "items": _ORDER}}, ("orders",)),
        "Of one session, or of all sessions of a line or a user name. refresh: the session gets what RADIUS would answer now. Nobody on line: an empty list. The routers are told after the answer;"
        " ask for the orders to see what became of them.",
        body=_object({"kind": {"enum": ["disconnect", "refresh"]}, "session": _ID, "line": _ID, "login": _LOGIN}, ("kind",), minProperties=2),
        status=202,
        more_errors=(404,),
    ),
    Operation("order_state", "GET", "/orders/{order}", "What became of an order", "orders", _ORDER, more_errors=(404,)),
]


def find(method, path):
    """:return: (operation, {parameter: id}), or (None, methods that the path has)"""
    methods = []
    for operation in OPERATIONS:
        found = operation.pattern.fullmatch(path)
        if not found:
            continue
        values = {name: int(text) for name, text in found.groupdict().items()}
        if not all(1 <= value <= _MAX_ID for value in values.values()):
            continue
        if operation.method == method:
            return operation, values
        methods.append(operation.method)
    return None, methods


# --- checking ---


def check(schema, value, where=""):
    """What is wrong with a value, in plain words: [(where, what)]. Knows the words of JSON Schema that are used here.

    >>> check(USAGE_ITEM, {"sequence": 1, "kind": "delta", "up": 5, "down": -1, "colour": "red"})
    [('colour', 'is not known here'), ('down', 'has to be at least 0')]
    >>> check(USAGE_ITEM, {"sequence": True, "kind": "d", "up": 1.5})
    [('down', 'is missing'), ('sequence', 'has to be a whole number'), ('kind', 'has to be one of: delta, counter'), ('up', 'has to be a whole number')]
    >>> check({"type": "array", "items": {"type": "integer"}}, [1, "2"], "list")
    [('list/1', 'has to be a whole number')]
    >>> check(_LOGIN, "a\\x00b", "login"), check(_LOGIN, "", "login")
    ([('login', 'has characters that are not allowed')], [('login', 'is too short (at least 1)')])
    >>> check(_object({}), {"a\\x00\\ud800": 1})
    [('a??', 'is not known here')]
    >>> check(_object({}, minProperties=1), {})
    [('the request', 'says too little')]
    """
    name = where or "the request"
    if "enum" in schema:
        return [] if any(value is one or (value == one and type(value) is type(one)) for one in schema["enum"]) else [(name, f"has to be one of: {', '.join(map(str, schema['enum']))}")]
    if "anyOf" in schema or "type" not in schema:
        return []
    kind = schema["type"]
    words = {"object": "an object", "array": "a list", "string": "a text", "integer": "a whole number", "boolean": "true or false"}
    if not _is(kind, value):
        return [(name, f"has to be {words[kind]}")]
    return _CHECKS[kind](schema, value, where, name) if kind in _CHECKS else []


def _is(kind, value):
    if kind == "integer":
        return isinstance(value, int) and not isinstance(value, bool)
    return isinstance(value, {"object": dict, "array": list, "string": str, "boolean": bool}[kind])


def _check_object(schema, value, where, name):
    def inside(key):
        return f"{where}/{key}" if where else str(key)

    known = schema["properties"]
    wrong = [(inside(key), "is missing") for key in schema["required"] if key not in value]
    # Names are repeated in the answer and kept: what is no character of a text goes.
    wrong += [("".join(sign if sign.isprintable() else "?" for sign in inside(key)[:200]), "is not known here") for key in value if key not in known]
    if not wrong and len(value) < schema.get("minProperties", 0):
        wrong.append((name, "says too little"))
    for key, part in known.items():
        if key in value:
            wrong += check(part, value[key], inside(key))
    return wrong


def _check_array(schema, value, where, name):
    if len(value) < schema.get("minItems", 0):
        return [(name, "is empty")]
    if len(value) > schema.get("maxItems", len(value)):
        return [(name, f"has more than {schema['maxItems']} entries")]
    return [fault for at, item in enumerate(value) for fault in check(schema["items"], item, f"{where}/{at}" if where else str(at))]


def _check_text(schema, value, _where, name):
    if len(value) < schema.get("minLength", 0):
        return [(name, f"is too short (at least {schema['minLength']})")]
    if len(value) > schema.get("maxLength", len(value)):
        return [(name, f"is too long (at most {schema['maxLength']})")]
    if "pattern" in schema and not re.fullmatch(schema["pattern"].strip("^$"), value):
        return [(name, "has characters that are not allowed")]
    # Half a character can be written in JSON, and in no database.
    return [(name, "has characters that are not allowed")] if any("\ud800" <= sign <= "\udfff" for sign in value) else []


def _check_number(schema, value, _where, name):
    if value < schema.get("minimum", value):
        return [(name, f"has to be at least {schema['minimum']}")]
    if value > schema.get("maximum", value):
        return [(name, f"has to be at most {schema['maximum']}")]
    return []


_CHECKS = {"object": _check_object, "array": _check_array, "string": _check_text, "integer": _check_number}


def read_query(operation, items):
    """The values of a query, whole numbers as such.

    :param items: [(name, text)] as they came
    :return: (values, faults)

    >>> sessions = next(o for o in OPERATIONS if o.name == "sessions")
    >>> read_query(sessions, [("router", "7"), ("limit", "x"), ("colour", "red")])
    ({'limit': 'x', 'router': 7}, [('limit', 'has to be a whole number'), ('colour', 'is not known here')])
    >>> read_query(sessions, [("limit", "1"), ("limit", "2")])[1]
    [('limit', 'is given twice')]
    """
    values = {name: part["default"] for name, part in operation.query.items() if "default" in part}
    faults, seen = [], set()
    for name, text in items:
        part = operation.query.get(name)
        if part is None:
            faults.append((name[:200], "is not known here"))
            continue
        if name in seen:
            faults.append((name, "is given twice"))
        seen.add(name)
        whole = part.get("type") == "integer" and re.fullmatch(r"-?[0-9]{1,15}", text)
        values[name] = int(text) if whole else text
        faults += check(part, values[name], name)
    return values, faults


# --- the document ---

_ERRORS = {
    400: "The request is not JSON.",
    401: "No key, or not a valid one.",
    403: "The key may not do this.",
    404: "There is no such thing, or it is not yours.",
    405: "Not with this method.",
    409: "Not in the state it is in.",
    413: "The request is too long.",
    415: "The request has to be JSON (application/json).",
    422: "The request is JSON, but its values do not fit.",
    429: "Too many requests in this minute; Retry-After says how many seconds to wait.",
    503: "Not possible at this moment; send it again.",
}


def document(url="/"):
    """:return: the OpenAPI 3.1 document, as a dict

    >>> document()["openapi"], sorted(document()["paths"])[:3]
    ('3.1.0', ['/authorise', '/lines', '/lines/{line}'])
    """
    paths = {}
    for operation in OPERATIONS:
        paths.setdefault(operation.path, {})[operation.method.lower()] = _described(operation)
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "API for equipment",
            "version": "1.0.0",
            "description": "For routers, access points, controllers and other systems of the network. Bytes are bytes, speeds are bits a second, moments are UTC. A key is sent as"
            " 'Authorization: Bearer isp_…'; it belongs to one company and sees nothing of others. Everything else of the system is reached by Odoo's own JSON-2 API (/json/2).",
        },
        "servers": [{"url": url.rstrip("/") + BASE}],
        "security": [{"key": []}],
        "paths": paths,
        "components": {
            "securitySchemes": {"key": {"type": "http", "scheme": "bearer", "description": "A key made under Network, API keys."}},
            "schemas": {"UsageItem": USAGE_ITEM, "Problem": _PROBLEM},
        },
    }


def _described(operation):
    parameters = [{"name": name, "in": "path", "required": True, "schema": _ID} for name in operation.pattern.groupindex]
    parameters += [{"name": name, "in": "query", "required": False, "schema": part, "description": part.get("description", "")} for name, part in operation.query.items()]
    result = {
        "operationId": operation.name,
        "summary": operation.summary,
        "description": operation.description or operation.summary,
        "parameters": parameters,
        "responses": {str(operation.status): {"description": "Done", "content": {"application/json": {"schema": operation.answer}}}},
    }
    codes = {405, *operation.more_errors}
    if operation.scope:
        result["description"] += f" Needs the right “{SCOPES[operation.scope]}” ({operation.scope})."
        codes |= {401, 403, 422, 429, 503}
    else:
        result["security"] = []
    if operation.body:
        result["requestBody"] = {"required": bool(operation.body["required"]), "content": {"application/json": {"schema": operation.body}}}
        codes |= {400, 413, 415}
    problem = {"application/problem+json": {"schema": {"$ref": "#/components/schemas/Problem"}}}
    result["responses"].update({str(code): {"description": _ERRORS[code], "content": problem} for code in sorted(codes)})
    return result
