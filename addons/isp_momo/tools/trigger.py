# License AGPL-3.0 or later (https://www.gnu.org/licenses/agpl).
"""Wake a job, once for many who want it awake."""

from odoo.tools import SQL


def trigger_once(env, xmlid):
    """The job runs after this transaction's commit. Nothing is written when it is to run already: of a thousand callers one is enough.

    Two at the same moment may both write. A job that begins in this very moment may have looked before the commit: what
    must not wait for its next regular run does not build on this alone.
    """
    asked = env.cr.precommit.data.setdefault("isp_momo.triggered", set())
    if xmlid in asked:
        return
    asked.add(xmlid)
    cron = env.ref(xmlid).sudo()
    waiting = SQL("SELECT FROM ir_cron_trigger WHERE cron_id = %s AND call_at <= now() AT TIME ZONE 'UTC' LIMIT 1", cron.id)
    if not env.execute_query(waiting):
        cron._trigger()
