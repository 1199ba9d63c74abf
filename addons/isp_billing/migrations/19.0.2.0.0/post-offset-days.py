# License AGPL-3.0 or later (https://www.gnu.org/licenses/agpl).
from openupgradelib import openupgrade


@openupgrade.migrate()
def migrate(env, version):
    """Until now the only parts of periods were those before a first anchor: they lie at the end of theirs."""
    openupgrade.logged_query(
        env.cr,
        "UPDATE isp_period SET offset_days = full_days - days WHERE offset_days IS NULL AND days < full_days",
    )
