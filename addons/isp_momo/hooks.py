# License AGPL-3.0 or later (https://www.gnu.org/licenses/agpl).
from odoo.addons.payment import reset_payment_provider

from .drivers import WALLETS


def uninstall_hook(env):
    for code in WALLETS:
        reset_payment_provider(env, code)
