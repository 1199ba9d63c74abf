# License AGPL-3.0 or later (https://www.gnu.org/licenses/agpl).
def pre_init_hook(env):
    """Periods of a subscription may not overlap: the database checks it with a GiST index."""
    env.cr.execute("CREATE EXTENSION IF NOT EXISTS btree_gist")
