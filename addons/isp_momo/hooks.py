# License AGPL-3.0 or later (https://www.gnu.org/licenses/agpl).
from odoo.addons.payment import reset_payment_provider, setup_provider

from .drivers import WALLETS


def post_init_hook(env):
    for code in WALLETS:
        setup_provider(env, code)


def uninstall_hook(env):
    for code in WALLETS:
        reset_payment_provider(env, code)
