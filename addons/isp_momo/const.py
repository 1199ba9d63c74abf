# License AGPL-3.0 or later (https://www.gnu.org/licenses/agpl).
from odoo.tools.translate import LazyTranslate

from odoo.addons.payment.const import SENSITIVE_KEYS as PAYMENT_SENSITIVE_KEYS

_lt = LazyTranslate(__name__)

#: Never in a log, nor in what is kept of an answer.
SENSITIVE_KEYS = {"access_token", "apiKey", "api_key", "pay_token", "notif_token", "merchant_key", "client_secret"}
PAYMENT_SENSITIVE_KEYS.update(SENSITIVE_KEYS)

_FUNDS = _lt("The payment failed. Is there enough money in the wallet? Top it up and try again.")
_LATE = _lt("The request was not approved in time. Try again and approve it on the telephone within five minutes.")
_REFUSED = _lt("The request was rejected on the telephone. Try again if that was a mistake.")
_OURS = _lt("This wallet cannot take the payment now. Please pay another way or call us; no money was taken.")
_LATER = _lt("The operator's service does not work at the moment. No money was taken; try again in some minutes.")

#: What the payer is told, by the operator's word for the reason.
TEXTS = {
    "NOT_ENOUGH_FUNDS": _FUNDS,
    "INTERNAL_PROCESSING_ERROR": _FUNDS,
    "LOW_BALANCE_OR_PAYEE_LIMIT_REACHED_OR_NOT_ALLOWED": _FUNDS,
    "PAYER_LIMIT_REACHED": _lt("The limit of this wallet is reached. Try a smaller amount, another number, or again tomorrow."),
    "APPROVAL_REJECTED": _REFUSED,
    "REJECTED": _REFUSED,
    "PAYMENT_NOT_APPROVED": _REFUSED,
    "EXPIRED": _LATE,
    "TIMEOUT": _LATE,
    "COULD_NOT_PERFORM_TRANSACTION": _LATE,
    "PAYER_NOT_FOUND": _lt("This number has no wallet of this operator. Check the number and try again."),
    "SENDER_ACCOUNT_NOT_ACTIVE": _lt("The wallet of this number is not active. Ask the operator, or pay from another number."),
    "PAYEE_NOT_FOUND": _OURS,
    "PAYEE_NOT_ALLOWED_TO_RECEIVE": _OURS,
    "PAYEE_LIMIT_REACHED": _OURS,
    "NOT_ALLOWED": _OURS,
    "NOT_ALLOWED_TARGET_ENVIRONMENT": _OURS,
    "INVALID_CALLBACK_URL_HOST": _OURS,
    "INVALID_CURRENCY": _OURS,
    "BAD_REQUEST": _OURS,
    "BAD_CALLBACK": _OURS,
    "KEY_REFUSED": _OURS,
    "TOKEN_REFUSED": _OURS,
    "WRONG_ADDRESS": _OURS,
    "FORBIDDEN": _OURS,
    "WHOLE_AMOUNT": _lt("This wallet takes whole amounts only. Pay a whole amount, or another way."),
    "PAGE_EXPIRED": _lt("The payment was not finished in time. Try again; if you did pay, it is booked as soon as the operator says so."),
    "SERVICE_UNAVAILABLE": _LATER,
    "NOT_SENT": _LATER,
    "TRANSACTION_CANCELED": _lt("The payment was cancelled. Try again if you still want to pay."),
    "AMOUNT_DIFFERS": _lt("The operator reports another amount than was asked for. Your money is not lost: our staff look at it."),
    "DUPLICATE_REFERENCE": _lt("The operator reports a payment that we know already. Our staff look at it."),
}
TEXT = _lt("The payment failed. Try again, or pay another way.")

_STAFF_OURS = _lt("Our account with the operator is not allowed this: ask the operator.")
_STAFF_SETUP = _lt("The settings of the provider do not fit the operator's: run the connection test.")

#: What staff read beside it; reasons that are the payer's business have none.
STAFF_TEXTS = {
    "INTERNAL_PROCESSING_ERROR": _lt("MTN gives this reason for nearly everything, mostly for too little money in the wallet."),
    "PAYEE_NOT_FOUND": _STAFF_OURS,
    "PAYEE_NOT_ALLOWED_TO_RECEIVE": _STAFF_OURS,
    "PAYEE_LIMIT_REACHED": _lt("Our own wallet is at its limit: move money out of it."),
    "NOT_ALLOWED": _STAFF_OURS,
    "NOT_ALLOWED_TARGET_ENVIRONMENT": _STAFF_SETUP,
    "INVALID_CALLBACK_URL_HOST": _STAFF_SETUP,
    "INVALID_CURRENCY": _STAFF_SETUP,
    "BAD_REQUEST": _STAFF_SETUP,
    "BAD_CALLBACK": _STAFF_SETUP,
    "NOT_SENT": _lt("The operator could not be reached in time; nothing was asked of the payer."),
    "AMOUNT_DIFFERS": _lt("The operator reports another amount or currency than was asked for: look into the operator's portal, then book or return the money by hand."),
    "DUPLICATE_REFERENCE": _lt("The operator's reference is that of another payment of ours: look into the operator's portal."),
    "UNKNOWN_STATUS": _lt("The operator answers with a status nobody has described; it is read on."),
    "NOT_THERE": _lt("The operator took the request and now does not know it; it is read on. Has the host changed?"),
    "GIVEN_UP": _lt("The operator gave no final answer for seven days. Look into its portal; a late success is still taken."),
    "KEY_REFUSED": _STAFF_SETUP,
    "TOKEN_REFUSED": _STAFF_SETUP,
    "WRONG_ADDRESS": _STAFF_SETUP,
    "FORBIDDEN": _STAFF_SETUP,
    "NOT_BOOKED": _lt("Paid, but it could not be booked: the reason stands in the server's log."),
}

_PAYEE = _lt("The operator does not pay this number: ask the payee for the right one, or for another wallet. Then pay again.")
_ASK_OPERATOR = _lt("Our account with the operator may not pay out: ask the operator for the product Disbursement, and to allow the address of this server.")

#: What staff read beside a payout. What is not here is told by the operator's word alone.
PAYOUT_TEXTS = {
    **{code: STAFF_TEXTS[code] for code in ("NOT_ALLOWED_TARGET_ENVIRONMENT", "INVALID_CALLBACK_URL_HOST", "INVALID_CURRENCY", "BAD_REQUEST", "WRONG_ADDRESS")},
    **{code: STAFF_TEXTS[code] for code in ("KEY_REFUSED", "TOKEN_REFUSED", "UNKNOWN_STATUS", "NOT_THERE")},
    "NOT_ENOUGH_FUNDS": _lt("Our own wallet holds too little: fill it. What is not sent yet goes out by itself then, for seven days."),
    "INTERNAL_PROCESSING_ERROR": _lt("MTN gives this reason for nearly everything, mostly for too little money in our own wallet."),
    "PAYER_LIMIT_REACHED": _lt("Our own wallet has reached a limit of the operator's: pay again tomorrow, or ask the operator to raise it."),
    "PAYEE_NOT_FOUND": _PAYEE,
    "PAYEE_NOT_ACTIVE": _PAYEE,
    "PAYEE_NOT_ALLOWED_TO_RECEIVE": _PAYEE,
    "PAYEE_LIMIT_REACHED": _lt("The payee's wallet is at its limit: ask the payee to make room, or for another number. Then pay again."),
    "NOT_ALLOWED": _ASK_OPERATOR,
    "FORBIDDEN": _ASK_OPERATOR,
    "NOT_SENT": _lt("The operator did not take it in time; no money has moved."),
    "NOT_CONFIRMED": _lt("Somebody of us refused it; nothing was sent."),
    "PAID_ALREADY": _lt("The payout before it was paid after all, so this one was not sent."),
    "PAID_TWICE": _lt("This was paid late, and so may be the payout in its place: look at both, and ask the money back if both are paid."),
    "AMOUNT_DIFFERS": _lt("The operator reports another amount or currency than was sent: look into its portal, then say what has happened."),
    "DUPLICATE_REFERENCE": _lt("The operator's reference is that of another payout of ours: look into its portal, then say what has happened."),
    "GIVEN_UP": _lt("The operator gave no final answer for seven days: look into its portal, then say what has happened."),
    "NOT_PAID": _lt("Somebody of us looked into the operator's portal: it was not paid."),
    "NOT_BOOKED": _lt("Paid, but it could not be booked: the reason stands in the server's log. Mend it and press “Book”."),
}
