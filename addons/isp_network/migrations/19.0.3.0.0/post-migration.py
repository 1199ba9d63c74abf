# License AGPL-3.0 or later (https://www.gnu.org/licenses/agpl).
from openupgradelib import openupgrade


@openupgrade.migrate()
def migrate(env, version):
    """Fixed addresses belong to the line now, which hands them to its access; ids that routers used again are marked."""
    openupgrade.logged_query(
        env.cr,
        "UPDATE isp_subscription s SET static_ip = a.static_ip FROM isp_access a"
        " WHERE a.subscription_id = s.id AND a.static_ip <> '' AND s.static_ip IS NULL",
    )
    openupgrade.logged_query(
        env.cr,
        "UPDATE isp_session s SET superseded = true WHERE EXISTS (SELECT 1 FROM isp_session o"
        " WHERE o.session_key = s.session_key AND o.generation > s.generation)",
    )
