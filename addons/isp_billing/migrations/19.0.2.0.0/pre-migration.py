# License AGPL-3.0 or later (https://www.gnu.org/licenses/agpl).
from openupgradelib import openupgrade


@openupgrade.migrate()
def migrate(env, version):
    """The scheduled action that works on billing runs has got a brother."""
    openupgrade.rename_xmlids(
        env.cr, [("isp_billing.ir_cron_billing_run", "isp_billing.ir_cron_billing_run_1")]
    )
