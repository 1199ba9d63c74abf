# License AGPL-3.0 or later (https://www.gnu.org/licenses/agpl).
"""What a test may set and see: ``/_control/…``, JSON in and out. No gateway has this."""

from simulators.momo.web import Routes, answer

from .network import FATES, FAULTS

routes = Routes()
_ACCOUNTS = {"smpp": "system_id", "africastalking": "username", "http": "user"}


@routes("GET POST", "/_control/faults")
def faults(network, request):
    """POST {fault: value}: those named change. GET: all as they are."""
    if request.method == "POST":
        network.set_faults(request.json())
    return answer(200, {name: network.fault(name) for name in FAULTS})


@routes("POST", "/_control/fates")
def fates(network, request):
    """POST {number: word}: what becomes of messages to a number."""
    values = {number.lstrip("+"): word for number, word in request.json().items()}
    if unknown := set(values.values()) - set(FATES):
        raise ValueError(f"no such fate: {', '.join(sorted(unknown))}. There are: {', '.join(FATES)}")
    network.store.put("setting", "fates", values)
    return answer(200, values)


@routes("POST", "/_control/codes")
def codes(network, request):
    """POST {number: statusCode}: Africa's Talking's answer for a number."""
    values = {number.lstrip("+"): int(code) for number, code in request.json().items()}
    network.store.put("setting", "codes", values)
    return answer(200, values)


@routes("POST", "/_control/account/{kind}")
def account(network, request, kind):
    """POST an account: those fields that are named change; one that is not there is made."""
    values = request.json()
    key = values[_ACCOUNTS[kind]]
    with network.store:
        made = {**(network.store.get(kind, key) or {}), **values}
        network.store.put(kind, key, made)
    return answer(200, made)


@routes("GET DELETE", "/_control/messages")
def messages(network, request):
    """GET ?way=smpp: what telephones got, in order. DELETE: forget it."""
    if request.method == "DELETE":
        for key, _message in network.store.all("message"):
            network.store.remove("message", key)
    return answer(200, {"messages": network.messages(request.query.get("way")), "reports_told": network.delivered})


@routes("GET", "/_control/receipts")
def receipts(network, request):
    """GET: SMPP receipts that nobody has acknowledged yet."""
    return answer(200, {"receipts": [doc for _key, doc in network.store.all("receipt")]})


@routes("POST", "/_control/receipt")
def receipt(network, request):
    """POST {"account", "id", "number", "stat"}: a receipt out of the blue by SMPP."""
    values = {"sender": "JubaNet", "sender_ton": 5, "text": "", "submitted": 0, **request.json(), "way": "smpp"}
    network.report({**values, "stat": values.get("stat", "DELIVRD")})
    return answer(200, {})


@routes("POST", "/_control/reset")
def reset(network, request):
    """POST: everything as on the first day."""
    network.reset()
    return answer(200, {})
