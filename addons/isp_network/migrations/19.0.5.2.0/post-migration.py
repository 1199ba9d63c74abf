# License AGPL-3.0 or later (https://www.gnu.org/licenses/agpl).
from openupgradelib import openupgrade


@openupgrade.migrate()
def migrate(env, version):
    """Hours that are not summed up are found by their days; an index on the column that says so would make each of them move."""
    openupgrade.logged_query(env.cr, "DROP INDEX IF EXISTS isp_usage_dirty_index")
    openupgrade.logged_query(
        env.cr,
        """
        INSERT INTO isp_usage_due (access_id, day)
        SELECT DISTINCT access_id, (hour + interval '2 hours')::date FROM isp_usage WHERE dirty IS NOT FALSE ON CONFLICT DO NOTHING
        """,
    )
