# License AGPL-3.0 or later (https://www.gnu.org/licenses/agpl).
"""Disconnect-Requests to a router (RFC 5176) over UDP. One small client; no Odoo here."""

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
        request = self._client.CreateCoAPacket(code=packet.DisconnectRequest, message_authenticator=True)
        for name, value in attributes.items():
            if name in ("NAS-IP-Address", "Framed-IP-Address"):
                try:
                    value = str(ipaddress.IPv4Address(value))
                except ValueError:
                    continue
            request[name] = value
        # Against replay by somebody who recorded an earlier request.
        request["Event-Timestamp"] = int(time.time())
        try:
            reply = self._client.SendPacket(request)
        except client.Timeout:
            raise UnreachableError("No answer to the Disconnect-Request") from None
        except OSError as error:
            raise UnreachableError(f"Disconnect-Request could not be sent: {error.strerror or error}") from None
        if reply.code == packet.DisconnectACK:
            return True, "Disconnected"
        cause = reply["Error-Cause"][0] if "Error-Cause" in reply else None
        if cause in (_NOT_FOUND, "Session-Context-Not-Found"):
            return True, "The router had no such session"
        return False, f"The router refused (Error-Cause {cause or 'not given'})"
