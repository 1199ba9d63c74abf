# License AGPL-3.0 or later (https://www.gnu.org/licenses/agpl).
from contextlib import contextmanager, suppress

from odoo import api


class _Over(Exception):
    """Rolls the savepoint of a simulation back."""


@contextmanager
def simulation(env, **context):
    """Do something really, look at what came of it, and have it undone.

    Inside, records are those of the environment given: it has caches of its own, so what a form that is being filled in
    holds in memory is left alone. Take plain values out of it, no records. Context ``isp_simulation`` stops what would
    happen after the commit.

    An error inside is raised, and undone just so.
    """
    cr = env.cr
    cr.flush()
    transaction, cr.transaction = cr.transaction, None
    try:
        with suppress(_Over), cr.savepoint():
            yield api.Environment(cr, env.uid, {**env.context, "isp_simulation": True, **context}, env.su)
            raise _Over
    finally:
        cr.transaction = transaction
