# License AGPL-3.0 or later (https://www.gnu.org/licenses/agpl).
from openupgradelib import openupgrade


@openupgrade.migrate()
def migrate(env, version):
    """A task names its access itself now: it may be of an access without a session."""
    openupgrade.logged_query(
        env.cr,
        "UPDATE isp_router_task t SET access_id = a.id FROM isp_session s JOIN isp_access a ON a.id = s.access_id"
        " WHERE s.id = t.session_id AND t.access_id IS NULL",
    )
