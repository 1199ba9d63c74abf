# License AGPL-3.0 or later (https://www.gnu.org/licenses/agpl).
from openupgradelib import openupgrade

from odoo.addons.isp_billing.engine.prepaid import midnight


@openupgrade.migrate()
def migrate(env, version):
    """Prepaid lines had no end and were never charged: they end with the period that runs, as after an import.

    Suspended ones are over: a payment brings them back.
    """
    lines = env["isp.subscription"].search(
        [("billing_mode", "=", "prepaid"), ("state", "in", ("active", "suspended")), ("valid_until", "=", False)]
    )
    for line in lines.with_context(tracking_disable=True):
        today = line.company_id._isp_today()
        day = line._first_period_end(today) if line.state == "active" else today
        line.valid_until = midnight(day, line.company_id._isp_zoneinfo())
