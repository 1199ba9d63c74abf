# License AGPL-3.0 or later (https://www.gnu.org/licenses/agpl).
"""Telephones: the pages on which a person approves or rejects, reads messages and gets one-time codes."""

import html
import re
import time
from datetime import UTC, datetime
from pathlib import Path
from urllib.parse import unquote_to_bytes

from . import mtn, orange
from .web import Routes, page, redirect

routes = Routes()

_TEXTS = {
    "en": {
        "dir": "ltr", "phones": "Telephones", "open": "Open", "number": "Number", "balance": "Balance", "nothing": "No request is waiting.", "asks": "asks you to pay",
        "approve": "Approve", "reject": "Reject", "messages": "Messages", "none": "No messages yet.", "code": "Get a one-time code for Orange Money", "your_code": "Your one-time code", "other": "العربية",
        "done": "Answered.", "late": "This request is over already.", "hint": "This page looks again every five seconds.",
    },
    "ar": {
        "dir": "rtl", "phones": "الهواتف", "open": "فتح", "number": "الرقم", "balance": "الرصيد", "nothing": "لا يوجد طلب في الانتظار.", "asks": "يطلب منك دفع",
        "approve": "موافقة", "reject": "رفض", "messages": "الرسائل", "none": "لا توجد رسائل بعد.", "code": "الحصول على رمز لمرة واحدة لأورنج موني", "your_code": "رمزك لمرة واحدة", "other": "English",
        "done": "تم الرد.", "late": "انتهى هذا الطلب من قبل.", "hint": "تتحدث هذه الصفحة كل خمس ثوانٍ.",
    },
}  # fmt: skip
_STYLE = """body{font:17px/1.4 system-ui,sans-serif;margin:0 auto;max-width:26rem;padding:1rem;background:#fff;color:#111}
header{display:flex;justify-content:space-between;align-items:baseline}h1{font-size:1.3rem}h2{font-size:1rem;margin:1.2rem 0 .3rem}
.card{border:1px solid #bbb;border-radius:.5rem;padding:.7rem;margin:.5rem 0;overflow-wrap:anywhere}.big{font-size:1.3rem;font-weight:700}
.pair{display:flex;gap:.5rem;margin-top:.6rem}button,input{font:inherit;padding:.7rem;border-radius:.4rem;border:1px solid #888;flex:1;box-sizing:border-box;max-width:100%}
.yes{background:#fc0}.muted{color:#666;font-size:.85rem}a{color:#05c}"""
#: A line of fakesmsc: sender, receiver, kind, text; "udh" has a header first and its own kind after it.
_SMS = re.compile(r"<(\S+) (\S+) (?:udh \S+ )?(text|data|ucs-2) ?(.*)>\s*$")


def _language(request):
    asked = request.query.get("lang")
    if asked in _TEXTS:
        return asked
    return "ar" if (request.header("Accept-Language") or "").lower().startswith("ar") else "en"


def _page(lang, title, content, refresh=False):
    again = '<meta http-equiv="refresh" content="5">' if refresh else ""
    text = _TEXTS[lang]
    other = "en" if lang == "ar" else "ar"
    return page(
        f'<!doctype html><html lang="{lang}" dir="{text["dir"]}"><meta charset="utf-8">{again}'
        f'<meta name="viewport" content="width=device-width"><title>{html.escape(title)}</title><style>{_STYLE}</style>'
        f'<header><h1><bdi>{html.escape(title)}</bdi></h1><a href="?lang={other}">{text["other"]}</a></header>{content}'
    )


def _numbers(op):
    seen = {number: None for number, _wallet in op.store.all("wallet")}
    parties = [d["body"].get("payer") or d["body"].get("payee") for _r, d in op.store.all("transaction")]
    seen.update({party["partyId"]: None for party in parties if party})
    return list(seen)[-50:]


@routes("GET", "/")
def start(op, request):
    lang = _language(request)
    text = _TEXTS[lang]
    if number := "".join(c for c in request.query.get("number", "") if c.isdigit()):
        return redirect(f"/phone/{number}?lang={lang}")
    links = "".join(f'<div class="card"><a href="/phone/{n}?lang={lang}"><bdi>+{n}</bdi></a></div>' for n in _numbers(op))
    form = f'<form class="pair"><input type="hidden" name="lang" value="{lang}"><input name="number" inputmode="numeric" aria-label="{text["number"]}" placeholder="211921234567" required><button>{text["open"]}</button></form>'
    return _page(lang, text["phones"], form + links)


@routes("GET POST", "/phone/{number}")
def phone(op, request, number):
    lang = _language(request)
    text = _TEXTS[lang]
    if not number.isdigit():
        return redirect("/")
    note = ""
    if request.method == "POST":
        form = request.form()
        if form.get("do") == "code":
            note = f'<div class="card">{text["your_code"]}: <b class="big">{orange.one_time_code(op, number)}</b></div>'
        else:
            reference = form.get("reference", "").lower()
            found = op.store.get("transaction", reference)
            mine = found and found["body"].get("payer", {}).get("partyId") == number
            said = "done" if mine and mtn.decide(op, reference, form.get("do") == "approve") else "late"
            note = f'<p role="status">{text[said]}</p>'
    waiting = "".join(_waiting(document, text) for document in _open_requests(op, number)) or f'<p class="muted">{text["nothing"]}</p>'
    messages = _messages(op, number)
    told = "".join(f'<div class="card"><div class="muted">{html.escape(who)} · {_clock(at)}</div><div dir="auto">{html.escape(body)}</div></div>' for at, who, body in messages)
    code = f'<form method="post"><div class="pair"><button name="do" value="code">{text["code"]}</button></div></form>'
    content = (
        f'{note}<p>{text["balance"]}: <b>{op.wallet(number)["balance"]:,.0f}</b></p>{waiting}<h2>{text["messages"]}</h2>'
        f'{told or "<p class=muted>" + text["none"] + "</p>"}{code}<p class="muted">{text["hint"]}</p>'
    )
    # A page that was posted to is not loaded again by itself: it would be posted again.
    return _page(lang, f"+{number}", content, refresh=request.method == "GET")


def _open_requests(op, number):
    found = []
    for reference, document in op.store.all("transaction"):
        if document["status"] == "PENDING" and document["body"].get("payer", {}).get("partyId") == number and not document["outcome"]:
            document = mtn.settle(op, reference)
            if document["status"] == "PENDING" and document["environment"] != "sandbox":
                found.append(document)
    return found


def _waiting(document, text):
    body = document["body"]
    asks = html.escape(body.get("payeeNote") or body.get("payerMessage") or body["externalId"])
    return (
        f'<form method="post" class="card"><div><bdi>{asks}</bdi> {text["asks"]}</div><div class="big"><bdi>{float(body["amount"]):,.10g} {body["currency"]}</bdi></div>'
        f'<div class="muted">{html.escape(body.get("payerMessage", ""))}</div><input type="hidden" name="reference" value="{document["reference"]}">'
        f'<div class="pair"><button class="yes" name="do" value="approve">{text["approve"]}</button><button name="do" value="reject">{text["reject"]}</button></div></form>'
    )


def _clock(at):
    return datetime.fromtimestamp(at, UTC).strftime("%H:%M")


def _messages(op, number):
    """:return: [(when, from whom, text)], the newest first"""
    own = [(m["at"], "MoMo", m["text"]) for m in op.wallet(number)["messages"]]
    return sorted(own + sms_of(op.sms_log, number), key=lambda m: m[0], reverse=True)[:30]


def sms_of(path, number):
    """:param path: log of Kannel's ``fakesmsc``, or None
    :return: [(when, sender, text)] of the SMS to ``number``; those of today, or of the day the file was begun"""
    if not path or not Path(path).exists():
        return []
    found = []
    at = Path(path).stat().st_mtime
    for line in Path(path).read_text("utf-8", "replace").splitlines()[-5000:]:
        match = _SMS.search(line)
        if match and match[2].lstrip("+") == number:
            found.append((_stamp(line, at), match[1], decode(match[3], match[4])))
    return found


def _stamp(line, default):
    match = re.match(r"(\d{4}-\d\d-\d\d \d\d:\d\d:\d\d)", line)
    return time.mktime(time.strptime(match[1], "%Y-%m-%d %H:%M:%S")) if match else default


def decode(kind, payload):
    """The text of one line of fakesmsc.

    >>> decode("text", "hello"), decode("ucs-2", "%06E%061"), decode("data", "a+b%21")
    ('hello', 'مر', 'a b!')
    """
    if kind == "text":
        return payload
    data = unquote_to_bytes(payload.replace("+", " "))
    return data.decode("utf-16-be" if kind == "ucs-2" else "utf-8", "replace")
