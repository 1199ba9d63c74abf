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
    openupgrade.logged_query(
        env.cr,
        """
        UPDATE isp_address_log l
           SET company_id = coalesce((SELECT a.company_id FROM isp_session s JOIN isp_access a ON a.id = s.access_id WHERE s.id = l.session),
                                     (SELECT u.company_id FROM isp_subscription u JOIN res_partner c ON c.id = u.partner_id WHERE c.isp_account_no = l.account_no ORDER BY u.id DESC LIMIT 1),
                                     (SELECT r.company_id FROM isp_router r WHERE r.nas_ip = l.nas_ip))
         WHERE l.company_id IS NULL
        """,
    )
