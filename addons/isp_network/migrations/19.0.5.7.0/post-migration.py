# License AGPL-3.0 or later (https://www.gnu.org/licenses/agpl).
from openupgradelib import openupgrade


@openupgrade.migrate()
def migrate(env, version):
    """Who is setting a router up may go on; routers that are set up are for administrators from now on. Bursts of speeds without a limit for uploads."""
    openupgrade.logged_query(
        env.cr,
        """
        UPDATE isp_router r SET setup_user_id = s.create_uid
          FROM (SELECT DISTINCT ON (router_id) router_id, create_uid, state FROM isp_router_setup WHERE router_id IS NOT NULL ORDER BY router_id, id DESC) s
         WHERE s.router_id = r.id AND s.state IN ('waiting', 'fetched', 'failed')
        """,
    )
    for model in ("isp.plan", "isp.plan.rate"):
        fast = env[model].with_context(active_test=False).search([("burst_down_kbps", ">", 0), ("up_kbps", "=", 0)])
        env.add_to_compute(fast._fields["rate_limit"], fast)
