# License AGPL-3.0 or later (https://www.gnu.org/licenses/agpl).
"""Secrets at rest: encrypted with the key ``secret_key`` in section ``[isp]`` of the server's configuration file.

The key is 32 bytes in url-safe base64 (Fernet, AES-128-CBC with HMAC-SHA256). A stolen database
without the configuration file gives no secret away; a lost key means: enter the secrets again.
"""

from cryptography.fernet import Fernet, InvalidToken

from odoo import _
from odoo.exceptions import UserError

from .settings import setting

# pylint: disable=prefer-env-translation  # there is no environment here


def _fernet():
    key = setting("secret_key")
    if not key:
        raise UserError(_("No key for secrets: set secret_key in section [isp] of the server's configuration file."))
    try:
        return Fernet(key)
    except ValueError as error:
        raise UserError(_("secret_key must be 32 bytes in url-safe base64.")) from error


def encrypt(text):
    """:return: the token to store for ``text``; "" for nothing."""
    return _fernet().encrypt(text.encode()).decode() if text else ""


def decrypt(token):
    """:return: the text of a stored token; UserError when it was made with another key."""
    if not token:
        return ""
    try:
        return _fernet().decrypt(token.encode()).decode()
    except InvalidToken as error:
        raise UserError(
            _("A stored secret was encrypted with another key (secret_key). Enter the secret again.")
        ) from error
