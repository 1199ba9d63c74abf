# License AGPL-3.0 or later (https://www.gnu.org/licenses/agpl).
from openupgradelib import openupgrade


@openupgrade.migrate()
def migrate(env, version):
    """Data above the bundle is counted from the day of the update on: nobody was told of a price before."""
    lines = env["isp.subscription"].search([("plan_id.quota_mb", ">", 0), ("plan_id.overage_price_gb", ">", 0), ("usage_from", "=", False)])
    for line in lines:
        line._open_usage(line.company_id._isp_today())
