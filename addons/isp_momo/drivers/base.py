# License AGPL-3.0 or later (https://www.gnu.org/licenses/agpl).
"""What a wallet's driver is given and what it answers.

Every call either answers or raises one of three, and the difference is money:

- ``Refused``: the operator said no to this request; it does not exist and never will.
- ``Unreachable``: surely nothing was asked for (no connection, keys or address refused). Ask again later.
- ``Unknown``: it may or may not exist (time-out after sending, 5xx). Ask again with the same UUID.
"""

import threading
import time
from dataclasses import dataclass, field
from decimal import Decimal, InvalidOperation


class WalletError(Exception):
    """:ivar code: the operator's word for the reason, or ours in upper case
    :ivar message: for a person, in English, without secrets
    """

    def __init__(self, code, message=""):
        super().__init__(f"{code}: {message}" if message else code)
        self.code, self.message = code, message


class Refused(WalletError):
    pass


class Unreachable(WalletError):
    pass


class NotAllowed(Unreachable):
    """Keys, environment or address of this server are refused: a person has to look, nothing was asked for."""


class NoFunds(NotAllowed):
    """Our own wallet holds too little: a person has to fill it, nothing was sent."""


class Unknown(WalletError):
    pass


class NotThere(WalletError):
    """The operator knows no request with this UUID."""


@dataclass(frozen=True)
class Keys:
    """What opens one product of the operator's API. ``subscription`` is MTN's Ocp-Apim key, Orange's merchant key."""

    subscription: str = ""
    user: str = ""
    secret: str = ""

    def __repr__(self):
        return "Keys(***)"


@dataclass(frozen=True)
class Account:
    """Where and as whom. ``timeout`` in seconds."""

    base_url: str
    environment: str
    collection: Keys = Keys()
    disbursement: Keys = Keys()
    user_agent: str = "isp-momo/19.0"
    timeout: float = 30


@dataclass(frozen=True)
class Order:
    """A request for money, for its return, or a payout. ``amount`` is the text that is sent, always positive."""

    uuid: str
    reference: str
    amount: str
    currency: str
    msisdn: str = ""
    #: who asks, for the operator's page
    merchant: str = ""
    payer_message: str = ""
    payee_note: str = ""
    callback_url: str = ""
    return_url: str = ""
    cancel_url: str = ""
    language: str = "en"
    #: UUID of the request whose money goes back; for refunds
    original: str = ""
    #: what ``request`` answered in ``Accepted.data``; for ``status``
    data: dict = field(default_factory=dict)


@dataclass(frozen=True)
class Accepted:
    """The operator has it. ``existed``: it had it before. ``url``: where the payer has to go (redirect wallets)."""

    existed: bool = False
    url: str = ""
    data: dict = field(default_factory=dict)


@dataclass(frozen=True)
class Status:
    """``state``: pending, done or failed. An unknown word is pending and told in ``unknown_word``.

    ``amount`` and ``currency`` are None where the operator does not tell them; ``reference`` is the operator's for the money.
    """

    state: str
    reference: str = ""
    amount: Decimal | None = None
    currency: str | None = None
    reason_code: str = ""
    message: str = ""
    raw: str = ""
    unknown_word: str = ""
    #: False: the payer has not confirmed anything on the operator's page, and may never do
    begun: bool = True


@dataclass(frozen=True)
class Holder:
    """``active``: None when the operator would not tell."""

    active: bool | None = None
    name: str = ""


@dataclass(frozen=True)
class Balance:
    amount: Decimal
    currency: str


class Tokens:
    """Access tokens of one account, shared by threads. ``known``: {product: (token, epoch when it expires)}.

    One thread fetches, the others wait. A token is renewed ``margin`` seconds before its end.
    """

    margin = 60

    def __init__(self, known=None, clock=time.time):
        self.known, self.fresh = dict(known or {}), {}
        self.clock = clock
        self._lock = threading.Lock()

    def get(self, product, fetch):
        """:param fetch: called without arguments for (token, seconds it lives)"""
        with self._lock:
            token, expires = self.known.get(product, ("", 0))
            if not token or expires - self.margin <= self.clock():
                token, seconds = fetch()
                self.known[product] = self.fresh[product] = (token, self.clock() + seconds)
            return token

    def drop(self, product, token):
        """The operator refused this one: the next ``get`` fetches; a newer one is kept."""
        with self._lock:
            if self.known.get(product, ("", 0))[0] == token:
                self.known.pop(product)


class Wallet:
    """A driver. ``request``, ``status`` are a must; what an operator does not offer raises ``NotImplementedError``."""

    #: code of its payment.provider
    code = ""
    title = ""
    #: "push": the payer approves on the phone; "redirect": the payer is sent to the operator's page
    flow = "push"
    #: currencies it pays in, and the one its sandbox wants instead
    currencies = ()
    sandbox_currency = ""
    sandbox_url = sandbox_environment = ""
    #: filled in when the provider is made; the environment of the country
    live_url = live_environment = ""
    #: products with keys of their own: names of fields of ``Account``
    products = ("collection",)
    checks_holder = refunds = pays_out = has_balance = notifies = False
    #: seconds after which a payer can no longer approve
    window = 300
    #: the longest reference the operator takes; 0: any
    reference_length = 0
    #: the operator takes no decimals
    whole_amounts = False

    def __init__(self, account, tokens=None, transport=None):
        from .transport import Transport

        self.account = account
        self.tokens = tokens or Tokens()
        self.transport = transport or Transport(account.user_agent, account.timeout)

    def request(self, order):
        """Ask for the money. Safe to call again with the same ``order.uuid``. :return: Accepted"""
        raise NotImplementedError

    def status(self, order):
        """:return: Status :raise NotThere: the operator knows no such request"""
        raise NotImplementedError

    def refund(self, order):
        """Send money of ``order.original`` back. Safe to call again with the same ``order.uuid``. :return: Accepted"""
        raise NotImplementedError

    def refund_status(self, order):
        """:return: Status"""
        raise NotImplementedError

    def transfer(self, order):
        """Send money to ``order.msisdn``. Safe to call again with the same ``order.uuid``. :return: Accepted"""
        raise NotImplementedError

    def transfer_status(self, order):
        """:return: Status :raise NotThere: the operator knows no such transfer"""
        raise NotImplementedError

    def balance(self, product="collection"):
        """:return: Balance of our own wallet of this product"""
        raise NotImplementedError

    def holder(self, msisdn, name=False):
        """:return: Holder of this number; with the name when ``name`` and the operator tells it"""
        raise NotImplementedError

    def notify(self, order, text):
        """Have the operator tell the payer ``text`` (of a request that succeeded)."""
        raise NotImplementedError

    @classmethod
    def genuine(cls, data, body):
        """A hint, never a proof: whether a call to our address looks like the operator's.

        :param data: what ``request`` answered in ``Accepted.data`` :param body: bytes as they came
        """
        return True

    def check(self, order=None):
        """:param order: a trial ``Order`` with our addresses, for drivers that can have them judged
        :return: what is wrong with the account, [(code, message)], by harmless calls
        """
        raise NotImplementedError


def decimal_of(found):
    """:return: a Decimal of what is a number or its text; None when it is neither, or not finite

    >>> decimal_of("7776000"), decimal_of(12), decimal_of("NaN"), decimal_of({"a": 1}), decimal_of(None)
    (Decimal('7776000'), Decimal('12'), None, None, None)
    """
    try:
        number = Decimal(str(found))
    except InvalidOperation:
        return None
    return number if number.is_finite() else None
