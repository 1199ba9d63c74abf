# License AGPL-3.0 or later (https://www.gnu.org/licenses/agpl).
from openupgradelib import openupgrade


@openupgrade.migrate()
def migrate(env, version):
    """What a run has done is counted by its steps now, no longer in the run itself."""
    for phase, column in (("rate", "rated"), ("invoice", "invoiced")):
        if openupgrade.column_exists(env.cr, "isp_billing_run", column):
            openupgrade.logged_query(
                env.cr,
                f"INSERT INTO isp_billing_step (run_id, attempt, phase, share, last_id, items, create_date)"
                f" SELECT id, COALESCE(attempt, 0), %s, 0, 0, {column}, ended_at FROM isp_billing_run WHERE {column} > 0",
                (phase,),
            )
