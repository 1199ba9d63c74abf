# License AGPL-3.0 or later (https://www.gnu.org/licenses/agpl).
"""One thin client per wallet, no Odoo in it. A new wallet is one file here, a line below, and its tests."""

from . import base, mtn, orange, transport

#: Wallets by the code of their ``payment.provider``.
WALLETS = {wallet.code: wallet for wallet in (mtn.MtnMomo, orange.OrangeMoney)}
