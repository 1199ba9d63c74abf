# License AGPL-3.0 or later (https://www.gnu.org/licenses/agpl).
"""Status-Server (RFC 5997): is a RADIUS server alive? One small client; no Odoo here."""

import ipaddress
import time

from pyrad import client, packet

from .coa import _DICTIONARY


class UnreachableError(Exception):
    """No answer, or none signed with our secret."""


def ask(host: str, port: int, secret: str, source: str = "", timeout=1.5, tries=2) -> float:
    """Ask once, and once more. The question is signed, and so must be the answer.

    :param source: our address to ask from, where the server knows us by one
    :return: seconds until the answer
    :raise UnreachableError: no valid answer in time; its text says what to look at
    """
    asker = client.Client(
        server=host, authport=port, secret=secret.encode(), dict=_DICTIONARY, timeout=timeout, retries=tries, enforce_ma=True
    )
    try:
        if source:
            asker.bind((str(ipaddress.ip_address(source)), 0))
        request = asker.CreateAuthPacket(code=packet.StatusServer, message_authenticator=True)
        started = time.monotonic()
        asker.SendPacket(request)
        return time.monotonic() - started
    except client.Timeout:
        raise UnreachableError("No answer to Status-Server") from None
    except (OSError, ValueError) as error:
        raise UnreachableError(f"Status-Server could not be sent: {getattr(error, 'strerror', None) or error}") from None
    finally:
        asker._CloseSocket()
