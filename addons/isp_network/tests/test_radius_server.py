# License AGPL-3.0 or later (https://www.gnu.org/licenses/agpl).
import hashlib
import hmac
import os
import socket
import struct
import threading
from unittest.mock import patch

from odoo.exceptions import AccessError
from odoo.tests import new_test_user, tagged

from .common import NetworkCommon

SECRET = "health-secret"


class StatusServer(threading.Thread):
    """Answers Status-Server on loopback, signed with ``secret``; ``signed`` False leaves the Message-Authenticator out."""

    def __init__(self, secret=SECRET, signed=True):
        super().__init__(daemon=True)
        self.secret, self.signed = secret.encode(), signed
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.socket.bind(("127.0.0.1", 0))
        self.port = self.socket.getsockname()[1]
        self.codes = []

    def run(self):
        while True:
            try:
                self._answer()
            except OSError:  # closed: the test is over
                return

    def _answer(self):
        data, sender = self.socket.recvfrom(4096)
        self.codes.append(data[0])
        body = bytes([80, 18]) + bytes(16) if self.signed else b""
        head = struct.pack("!BBH", 2, data[1], 20 + len(body))
        if self.signed:
            body = body[:2] + hmac.digest(self.secret, head + data[4:20] + body, "md5")
        digest = hashlib.md5(head + data[4:20] + body + self.secret).digest()
        self.socket.sendto(head + digest + body, sender)


@tagged("post_install", "-at_install")
class TestRadiusServer(NetworkCommon):
    def _server(self, **options):
        peer = StatusServer(**options)
        peer.start()
        self.addCleanup(peer.socket.close)
        server = self.env["isp.radius.server"].create({"name": "Second", "host": "127.0.0.1", "port": peer.port, "secret": SECRET})
        return server, peer

    def test_answers(self):
        server, peer = self._server()
        self.assertEqual(server.health, "unknown")
        user = new_test_user(self.env, "net-tech", "isp_base.group_isp_technician")
        server.with_user(user).action_ask()
        self.assertEqual((server.health, server.failures, bool(server.last_answer)), ("well", 0, True))
        self.assertEqual(peer.codes, [12])
        self.assertNotIn(SECRET, server.secret_encrypted)
        with self.assertRaises(AccessError):
            server.with_user(user).read(["secret_encrypted"])

    def test_silent_wrong_secret_and_unsigned(self):
        for options in ({"secret": "another"}, {"signed": False}):
            server, peer = self._server(**options)
            server._ask()
            self.assertEqual((server.health, server.failures), ("silent", 1), options)
            self.assertIn("(No answer to Status-Server)", server.last_error)
            self.assertEqual(peer.codes, [12, 12])
        peer.socket.close()
        server._ask()
        self.assertEqual(server.failures, 2)

    def test_the_one_of_this_installation(self):
        server, peer = self._server()
        server.host = False
        with patch.dict(os.environ, {"ISP_RADIUS_HEALTH": f"127.0.0.1:{peer.port}", "ISP_RADIUS_HEALTH_SECRET": SECRET}):
            server._ask()
        self.assertEqual(server.health, "well")
        with patch.dict(os.environ, {"ISP_RADIUS_HEALTH": "nowhere"}):
            server._ask()
        self.assertEqual(server.health, "silent")
        self.assertIn("radius_health", server.last_error)
