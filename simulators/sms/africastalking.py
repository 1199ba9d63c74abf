# License AGPL-3.0 or later (https://www.gnu.org/licenses/agpl).
"""Africa's Talking as its documents say: bulk messages, balance, delivery reports to the account's address."""

import re
import uuid
from urllib.parse import parse_qs
from xml.sax.saxutils import escape

from simulators.momo.web import Response, Routes, answer

routes = Routes()
#: By ``username``. ``callback``: where the dashboard says that reports go; ``senders``: registered names.
ACCOUNTS = (
    {"username": "jubanet", "apiKey": "atsk_simulated", "balance": 10000.0, "currency": "UGX", "price": 35.0, "senders": ["JubaNet"], "callback": ""},
    {"username": "sandbox", "apiKey": "atsk_sandbox", "balance": 1000.0, "currency": "KES", "price": 0.8, "senders": ["JubaNet"], "callback": ""},
)
CODES = {
    100: "Processed", 101: "Success", 102: "Queued", 401: "RiskHold", 402: "InvalidSenderId", 403: "InvalidPhoneNumber",
    404: "UnsupportedNumberType", 405: "InsufficientBalance", 406: "UserInBlacklist", 407: "CouldNotRoute",
    409: "DoNotDisturbRejection", 500: "InternalServerError", 501: "GatewayError", 502: "RejectedByGateway",
}  # fmt: skip
_STATUS = {"DELIVRD": "Success", "UNDELIV": "Failed", "EXPIRED": "Failed", "REJECTD": "Rejected", "ENROUTE": "Buffered", "ACCEPTD": "Sent"}
_REASON = {"UNDELIV": "AbsentSubscriber", "EXPIRED": "Expired", "REJECTD": "UserInBlackList"}


class Refused(Exception):
    def __init__(self, status, text):
        super().__init__(text)
        self.status = status

    def answer(self):
        return Response(self.status, str(self).encode(), "text/plain; charset=UTF-8")


def _account(network, request, username):
    key = request.header("apiKey")
    if not username:
        raise Refused(400, "Request is missing required form field 'username'" if request.method == "POST" else "Request is missing required query parameter 'username'")
    if not key:
        raise Refused(400, "Request is missing required HTTP header 'apiKey'")
    account = network.store.get("africastalking", username)
    if not account or account["apiKey"] != key:
        raise Refused(401, "The supplied authentication is invalid")
    return account


def _told(request, status, value, xml):
    """In JSON where it is asked for, else in XML."""
    if "json" in (request.header("Accept") or ""):
        return answer(status, value)
    return Response(status, f'<?xml version="1.0" encoding="UTF-8"?><AfricasTalkingResponse>{xml}</AfricasTalkingResponse>'.encode(), "application/xml; charset=UTF-8")


@routes("POST", "/version1/messaging")
def send(network, request):
    if "application/x-www-form-urlencoded" not in (request.header("Content-Type") or ""):
        raise Refused(415, "The request's Content-Type is not supported. Expected: application/x-www-form-urlencoded")
    form = {name: values[-1] for name, values in parse_qs(request.body.decode("utf-8"), keep_blank_values=True, strict_parsing=True).items()}
    account = _account(network, request, form.get("username"))
    for name in ("to", "message"):
        if not form.get(name):
            raise Refused(400, f"Request is missing required form field '{name}'")
    if form.get("bulkSMSMode", "1") not in ("0", "1") or form.get("enqueue", "0") not in ("0", "1"):
        raise Refused(400, "The form field 'bulkSMSMode' or 'enqueue' was malformed: expected 0 or 1")
    sender = form.get("from", "")
    if sender and sender not in account["senders"]:
        found, told = [], "InvalidSenderId"
    else:
        found = [_one(network, account["username"], number.strip(), form, sender) for number in form["to"].split(",")]
        sent = [row for row in found if row["statusCode"] < 400]
        total = sum(float(row["cost"].split()[-1]) for row in sent)
        told = f"Sent to {len(sent)}/{len(found)} Total Cost: {account['currency']} {total:.4f}"
    network.after()
    xml = "".join("<Recipient>" + "".join(f"<{name}>{escape(str(value))}</{name}>" for name, value in row.items()) + "</Recipient>" for row in found)
    return _told(request, 201, {"SMSMessageData": {"Message": told, "Recipients": found}},
                 f"<SMSMessageData><Message>{escape(told)}</Message><Recipients>{xml}</Recipients></SMSMessageData>")  # fmt: skip


def _one(network, username, number, form, sender):
    with network.store:
        account = network.store.get("africastalking", username)
        code = (network.store.get("setting", "codes") or {}).get(number.lstrip("+"))
        if not re.fullmatch(r"\+\d{9,15}", number):
            code = 403
        elif not code and account["balance"] < account["price"]:
            code = 405
        code = code or (102 if form.get("enqueue") == "1" else 101)
        row = {"statusCode": code, "number": number, "status": CODES[code], "cost": "0", "messageId": "None"}
        if code >= 400:
            return row
        key = f"ATXid_{uuid.uuid4().hex}"
        network.store.put("africastalking", username, {**account, "balance": account["balance"] - account["price"]})
        stat = network.fate(number)
        network.keep(key, way="africastalking", account=username, sender=sender or "AFRICASTKNG", number=number.lstrip("+"), text=form["message"], stat=stat)
    if account["callback"]:

        def told(stat):
            values = {"id": key, "status": _STATUS.get(stat, "Failed"), "phoneNumber": number, "networkCode": "65902", "retryCount": "0"}
            return {**values, "failureReason": _REASON[stat]} if stat in _REASON else values

        network.report({"way": "http", "method": "POST", "url": account["callback"], "stat": stat, "form": told})
    return {**row, "cost": f"{account['currency']} {account['price']:.4f}", "messageId": key}


@routes("GET", "/version1/user")
def user(network, request):
    account = _account(network, request, request.query.get("username"))
    balance = f"{account['currency']} {account['balance']:.4f}"
    return _told(request, 200, {"UserData": {"balance": balance}}, f"<UserData><balance>{balance}</balance></UserData>")
