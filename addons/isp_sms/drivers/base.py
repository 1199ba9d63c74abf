# License AGPL-3.0 or later (https://www.gnu.org/licenses/agpl).
"""What a driver of a gateway is. It hands one message over and says which of four things happened:

=================  =====================================================================================
returns `Result`   the gateway has it (and is answerable for it)
raises Refused     it will never take this message; others may go on
raises Unreachable nothing was sent, surely (refused connection, DNS, TLS, wrong password, "try later")
raises Unknown     it may have it: no answer, or half of one. Never sent again before its fate is known
=================  =====================================================================================

Each thread has a driver of its own, so a driver may keep one connection and needs no locks.
"""

from dataclasses import dataclass, field

#: Drivers by ``code``, in the order they were made.
DRIVERS = {}


@dataclass(frozen=True)
class Settings:
    """A gateway, in plain Python. ``options`` holds what only one driver knows; times in seconds."""

    url: str = ""
    username: str = ""
    password: str = ""
    sender: str = ""
    timeout: float = 20.0
    options: dict = field(default_factory=dict)


@dataclass(frozen=True)
class Message:
    """:param uuid: ours, 32 hex digits; the key by which a gateway may know a message again
    :param number: E.164
    :param encoding: ``gsm`` or ``ucs2``; ``parts``: SMS it takes
    :param dlr_url: where the gateway may report; it ends in ``/``, the driver adds what it needs
    """

    uuid: str
    number: str
    text: str
    sender: str = ""
    dlr_url: str = ""
    encoding: str = "gsm"
    parts: int = 1


@dataclass(frozen=True)
class Result:
    """The gateway has the message. ``reference``: its id for it, ``cost``: if it tells; ``currency``: of the cost, "" the gateway's"""

    reference: str = ""
    text: str = ""
    cost: float | None = None
    currency: str = ""


@dataclass(frozen=True)
class Receipt:
    """A delivery report. Of ``uuid`` or, where the gateway knows only its own id, of ``reference``.

    :param state: ``accepted`` (on its way), ``delivered``, ``failed``, ``undeliverable``, ``expired``; "" unknown word
    :param number: E.164 of the receiver, where the report tells
    :param key: the same for the same report told twice
    """

    state: str
    uuid: str = ""
    reference: str = ""
    number: str = ""
    key: str = ""
    text: str = ""
    raw: str = ""


@dataclass(frozen=True)
class Balance:
    amount: float
    currency: str = ""


class GatewayError(Exception):
    def __init__(self, text="", code=""):
        super().__init__(text)
        self.text, self.code = str(text), str(code)


class Unreachable(GatewayError):
    """Nothing was sent."""


class Unknown(GatewayError):
    """It may have been sent."""


class Refused(GatewayError):
    """This message is not taken. ``code``: the gateway's word, or ``number``, ``credit``, ``blacklist`` where known"""


class Driver:
    """Base of all drivers. ``code`` is stored, ``label`` is shown."""

    code = ""
    label = ""
    #: Does this gateway report delivery? (The default of the gateway's own setting.)
    receipts = False
    #: Connections at the same time (the default of the gateway's own setting).
    connections = 4
    #: Do reports come on the driver's own connection? Then `poll` reads them, also when nothing is sent.
    listens = False

    def __init__(self, settings: Settings):
        self.settings = settings

    def send(self, message: Message) -> Result:
        raise NotImplementedError

    @classmethod
    def traces(cls, settings: Settings) -> bool:
        """Do reports carry our own uuid? Only then does a missing report say that a message of unknown fate did not go."""
        return False

    @classmethod
    def report(cls, settings: Settings, values: dict) -> Receipt:
        """:param values: names and texts of a report that was brought to our address (query, form or JSON)
        :raise ValueError: it is no report
        """
        raise ValueError(f"{cls.label} brings no reports")

    def poll(self, patience=0.0) -> list[Receipt]:
        """Reports that came in on the driver's own connection; the gateway keeps them until `confirm`.

        :param patience: seconds to wait for the first
        """
        return []

    def confirm(self):
        """What the last `poll` gave is safe with us."""

    def balance(self) -> Balance | None:
        """None: this gateway does not tell."""
        return None

    def test(self) -> str:
        """Reach the gateway without sending. :return: what it said; raises as ``send`` does, the text says what is wrong"""
        raise NotImplementedError

    def close(self):
        """Let the connection go."""


def driver(cls):
    """Decorator: make a driver known."""
    DRIVERS[cls.code] = cls
    return cls
