# License AGPL-3.0 or later (https://www.gnu.org/licenses/agpl).
"""Disconnect-Requests and CoA-Requests to a router (RFC 5176) over UDP. One small client; no Odoo here."""

import ipaddress
import time
from pathlib import Path

from pyrad import client, dictionary, packet

_DICTIONARY = dictionary.Dictionary(str(Path(__file__).with_name("dictionary")))
#: Error-Cause: the router has no such session. That is what we wanted.
_NOT_FOUND = 503


class UnreachableError(Exception):
    """No answer, or none signed with our secret: whether the router acted is not known."""


class Client:
    """``with Client(host, port, secret) as c: c.disconnect({...})``."""

    def __init__(self, host: str, port: int, secret: str, timeout=1.5, tries=3):
        self._client = client.Client(
            server=host, coaport=port, secret=secret.encode(), dict=_DICTIONARY, timeout=timeout, retries=tries
        )

    def __enter__(self):
        return self

    def __exit__(self, *_exc):
        self._client._CloseSocket()

    def disconnect(self, attributes: dict[str, str]) -> tuple[bool, str]:
        """End the session named by ``attributes`` (User-Name, Acct-Session-Id, Framed-IP-Address, NAS-IP-Address).

        :return: (done, the router's answer in words). Done too when the router knows no such session.
        :raise UnreachableError: no valid answer in time. Sending again is harmless.
        """
        return self._ask(packet.DisconnectRequest, "Disconnect-Request", attributes, "Disconnected")

    def set_rate(self, attributes: dict[str, str], rate: str) -> tuple[bool, str]:
        """Give the session another speed; it goes on (RouterOS changes its queue).

        :param attributes: what names the session, as for ``disconnect``
        :param rate: ``Mikrotik-Rate-Limit``, the customer's upload first
        :return: (done, the router's answer in words). Done too when the router knows no such session: the next log-in is answered anew.
        :raise UnreachableError: no valid answer in time. Sending again is harmless.
        """
        return self._ask(packet.CoARequest, "CoA-Request", {**attributes, "Mikrotik-Rate-Limit": rate}, f"Speed {rate}")

    def _ask(self, code, name, attributes, done):
        request = self._client.CreateCoAPacket(code=code, message_authenticator=True)
        for attribute, value in attributes.items():
            if attribute in ("NAS-IP-Address", "Framed-IP-Address"):
                try:
                    value = str(ipaddress.IPv4Address(value))
                except ValueError:
                    continue
            request[attribute] = value
        # Against replay by somebody who recorded an earlier request.
        request["Event-Timestamp"] = int(time.time())
        try:
            reply = self._client.SendPacket(request)
        except client.Timeout:
            raise UnreachableError(f"No answer to the {name}") from None
        except OSError as error:
            raise UnreachableError(f"{name} could not be sent: {error.strerror or error}") from None
        if reply.code == code + 1:  # ACK
            return True, done
        cause = reply["Error-Cause"][0] if "Error-Cause" in reply else None
        if cause in (_NOT_FOUND, "Session-Context-Not-Found"):
            return True, "The router had no such session"
        return False, f"The router refused (Error-Cause {cause or 'not given'})"
