# License AGPL-3.0 or later (https://www.gnu.org/licenses/agpl).
from odoo.addons.payment.const import SENSITIVE_KEYS as PAYMENT_SENSITIVE_KEYS

#: Never in a log, nor in what is kept of an answer.
SENSITIVE_KEYS = {"access_token", "apiKey", "api_key", "pay_token", "notif_token", "merchant_key", "client_secret"}
PAYMENT_SENSITIVE_KEYS.update(SENSITIVE_KEYS)
