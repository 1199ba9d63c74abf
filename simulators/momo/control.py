# License AGPL-3.0 or later (https://www.gnu.org/licenses/agpl).
"""What a test may set: ``/_control/…``, JSON in and out. No operator has this."""

from . import mtn, orange
from .operator import FAULTS
from .web import Routes, answer

routes = Routes()


@routes("GET POST", "/_control/faults")
def faults(op, request):
    """POST {fault: value}: those named change. GET: all as they are."""
    if request.method == "POST":
        op.set_faults(request.json())
    return answer(200, {name: op.fault(name) for name in FAULTS})


@routes("POST", "/_control/clock")
def clock(op, request):
    """POST {"advance": seconds}: tokens and requests grow older."""
    op.advance(float(request.json()["advance"]))
    return answer(200, {"now": op.now()})


@routes("POST", "/_control/account")
def account(op, request):
    """POST {"user", "key", "collection", "disbursement", "host", "environments"}: an account more; what is missing is as in the first."""
    made = {**mtn.ACCOUNT, "environments": list(mtn.CURRENCY), **request.json()}
    op.store.put("account", made["user"], made)
    return answer(200, made)


@routes("POST", "/_control/wallet/{number}")
def wallet(op, request, number):
    """POST {"balance", "limit": the largest balance, "known", "active", "name": [given, family]}"""
    values = request.json()
    if unknown := set(values) - {"balance", "limit", "known", "active", "name"}:
        raise ValueError(f"a wallet has no {', '.join(sorted(unknown))}")
    op.change_wallet(number, **values)
    return answer(200, op.wallet(number))


@routes("POST", "/_control/purse/{product}")
def purse(op, request, product):
    """POST {"balance"}: what the first account, or "user", holds in "environment" (mtnsouthsudan) of this product."""
    values = {"user": mtn.ACCOUNT["user"], "environment": "mtnsouthsudan", **request.json()}
    op.store.put("purse", f"merchant:{values['user']}:{values['environment']}:{product}", {"balance": float(values["balance"])})
    return answer(200, values)


@routes("GET", "/_control/ledger")
def ledger(op, request):
    """GET ?kind=transfer&number=…: every move of MTN money, as it happened; amounts as the merchant sees them, below zero what went out."""
    for reference, _document in op.store.all("transaction"):
        mtn.settle(op, reference)
    wanted = {name: request.query[name] for name in ("kind", "number") if name in request.query}
    moves = [move for _key, move in op.store.all("move") if all(move[name] == value for name, value in wanted.items())]
    return answer(200, {"moves": moves, "total": sum(move["amount"] for move in moves)})


@routes("POST", "/_control/decide/{reference}")
def decide(op, request, reference):
    """POST {"approve": true}: as the person at the telephone does."""
    return answer(200, {"decided": mtn.decide(op, reference.lower(), bool(request.json().get("approve")))})


@routes("POST", "/_control/decide_all")
def decide_all(op, request):
    """POST {"approve": true}: everything that waits."""
    approve = bool(request.json().get("approve"))
    waiting = [reference for reference, d in op.store.all("transaction") if d["status"] == "PENDING"]
    return answer(200, {"decided": sum(mtn.decide(op, reference, approve) for reference in waiting)})


@routes("GET", "/_control/transactions")
def transactions(op, request):
    """GET ?kind=requesttopay: everything that was asked, as it is now."""
    kind = request.query.get("kind")
    found = [mtn.settle(op, reference) for reference, d in op.store.all("transaction") if not kind or d["kind"] == kind]
    return answer(200, {"transactions": found, "callbacks_delivered": op.delivered})


@routes("GET", "/_control/orders")
def orders(op, request):
    return answer(200, {"orders": [orange.settle(op, key) for key, _order in op.store.all("order")]})


@routes("POST", "/_control/code/{number}")
def code(op, request, number):
    """POST: the one-time code that the telephone would show."""
    return answer(200, {"code": orange.one_time_code(op, number)})


@routes("POST", "/_control/reset")
def reset(op, request):
    """POST: everything as on the first day."""
    op.store.clear()
    op.first_day()
    return answer(200, {})
