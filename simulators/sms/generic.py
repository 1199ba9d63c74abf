# License AGPL-3.0 or later (https://www.gnu.org/licenses/agpl).
"""A plain HTTP gateway as small aggregators have it. It answers 200 to everything and says in words what happened, the JSON one by status."""

from urllib.parse import parse_qs

from simulators.momo.web import Response, Routes, answer

routes = Routes()
ACCOUNT = {"user": "jubanet", "password": "secret", "token": "t0ken", "credit": 100000}


def _words(text):
    return Response(200, text.encode(), "text/plain; charset=utf-8")


@routes("GET POST", "/send")
def send(network, request):
    """user, pass, to, text, from, ref, dlr: ``OK <id>`` or ``ERR <number> <words>``."""
    form = dict(request.query)
    if request.method == "POST":
        form |= {name: values[-1] for name, values in parse_qs(request.body.decode("utf-8")).items()}
    account = network.store.get("http", form.get("user", ""))
    if not account or account["password"] != form.get("pass"):
        return _words("ERR 101 wrong user or password")
    return _words(_take(network, account, form.get("to", ""), form.get("text", ""), form.get("from", ""), form.get("ref", ""), form.get("dlr", ""))[1])


@routes("POST", "/api/messages")
def send_json(network, request):
    """Bearer token; {"to", "text", "from", "ref", "dlr"}: 200 {"id"}, 401, 422 {"error"}."""
    account = next((a for _key, a in network.store.all("http") if f"Bearer {a['token']}" == request.header("Authorization")), None)
    if not account:
        return answer(401, {"error": "unauthorized"})
    try:
        form = request.json()
    except ValueError:
        return answer(400, {"error": "JSON expected"})
    key, words = _take(network, account, *(str(form.get(name, "")) for name in ("to", "text", "from", "ref", "dlr")))
    return answer(200, {"id": key, "status": "queued"}) if key else answer(422, {"error": words})


def _take(network, account, number, text, sender, ref, dlr):
    """:return: (id or None, words)"""
    if not number.lstrip("+").isdecimal() or not text:
        return None, "ERR 104 no such number"
    if account["credit"] <= 0:
        return None, "ERR 105 no credit"
    key = f"h{network.next_number()}"
    stat = network.fate(number)
    with network.store:
        network.store.put("http", account["user"], {**account, "credit": account["credit"] - 1})
        network.keep(key, way="http", account=account["user"], sender=sender, number=number.lstrip("+"), text=text, ref=ref, stat=stat)
    if dlr:
        form = lambda stat: {"id": key, "ref": ref, "status": stat}  # noqa: E731
        network.report({"way": "http", "method": "GET", "url": dlr, "stat": stat, "form": form})
    network.after()
    return key, f"OK {key}"
