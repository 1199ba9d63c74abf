# License AGPL-3.0 or later (https://www.gnu.org/licenses/agpl).
from datetime import timedelta

from openupgradelib import openupgrade

from odoo import fields


@openupgrade.migrate()
def migrate(env, version):
    """Cycles that run get the terms of their plans as they are now; parts that broke off in them count towards limit and GB begun."""
    openupgrade.logged_query(
        env.cr,
        """
        UPDATE isp_usage_rating r SET bytes_paid = CASE WHEN p.overage_unit = 'exact' THEN r.bytes_charged
                                                        ELSE ceil(r.bytes_charged / 1000000000.0) * 1000000000 END
          FROM isp_plan p WHERE p.id = r.plan_id AND r.bytes_paid IS NULL
        """,
    )
    today = fields.Date.today()
    for part in env["isp.usage.rating"].search([("date_end", ">=", today - timedelta(days=31)), ("terms_id", "=", False)]):
        line = part.subscription_id
        until, _days = line._cycle_of(part.date_end)
        if part.date_end < until:
            openupgrade.logged_query(env.cr, "UPDATE isp_usage_rating SET terms_id = %s WHERE id = %s", (_terms(line, part.plan_id, until).id, part.id))
    for line in env["isp.subscription"].search([("usage_from", "!=", False), ("usage_terms_id", "=", False)]):
        line._write_usage({"usage_terms_id": _terms(line, line.plan_id, line.usage_until).id})
    env.invalidate_all()


def _terms(line, plan, until):
    terms = line.env["isp.usage.terms"]
    known = terms.search([("subscription_id", "=", line.id), ("plan_id", "=", plan.id), ("cycle_end", "=", until)])
    known = known or terms.create(line._prepare_usage_terms(plan, until))
    terms.flush_model()
    return known
