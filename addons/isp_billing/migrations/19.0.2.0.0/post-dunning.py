# License AGPL-3.0 or later (https://www.gnu.org/licenses/agpl).
from openupgradelib import openupgrade


@openupgrade.migrate()
def migrate(env, version):
    """The daily suspension becomes the hourly dunning pass. Policies are made by the add-on's data."""
    cron = env.ref("isp_billing.ir_cron_suspend", raise_if_not_found=False)
    if cron:
        cron.write(
            {
                "name": "ISP: remind and suspend who does not pay",
                "model_id": env.ref("isp_billing.model_isp_dunning_run").id,
                "code": "model._cron_dunning()",
                "interval_number": 1,
                "interval_type": "hours",
            }
        )
