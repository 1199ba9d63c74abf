# License AGPL-3.0 or later (https://www.gnu.org/licenses/agpl).
from odoo.tests import tagged
from odoo.tools import SQL

from ..models.isp_radius import PUBLIC_FUNCTIONS
from .common import NetworkCommon

#: They look at the search path instead of setting it.
LOOKING = ("auth",)


@tagged("post_install", "-at_install")
class TestRadiusRole(NetworkCommon):
    """The role of the RADIUS server may execute seven functions and nothing else of ours."""

    def setUp(self):
        super().setUp()
        self.env.cr.execute("SELECT rolname, rolsuper, rolcreaterole, rolcreatedb, rolbypassrls FROM pg_roles WHERE rolname = 'isp_radius'")
        self.assertEqual(self.env.cr.fetchone(), ("isp_radius", False, False, False, False))

    def _as_catalogue(self, query, *params):
        return self.env.execute_query(SQL(query, *params))

    def test_may_execute_these_and_no_other(self):
        rows = self._as_catalogue(
            "SELECT proname, has_function_privilege('isp_radius', oid, 'EXECUTE') FROM pg_proc"
            " WHERE pronamespace = 'radius'::regnamespace"
        )
        self.assertEqual({name for name, may in rows if may}, set(PUBLIC_FUNCTIONS))
        self.assertTrue({name for name, may in rows if not may} >= {"verdict", "quarantine"})
        self.assertEqual(len(rows), len({name for name, _may in rows}), "no old signature is left")

    def test_may_touch_no_table(self):
        rows = self._as_catalogue(
            """
            SELECT c.oid::regclass::text FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
             WHERE n.nspname NOT IN ('pg_catalog', 'information_schema', 'pg_toast') AND c.relkind IN ('r', 'v', 'm', 'p', 'f')
               AND (has_table_privilege('isp_radius', c.oid, 'SELECT, INSERT, UPDATE, DELETE, TRUNCATE, REFERENCES, TRIGGER')
                    OR has_any_column_privilege('isp_radius', c.oid, 'SELECT, INSERT, UPDATE, REFERENCES'))
            """
        )
        self.assertEqual(rows, [])
        rows = self._as_catalogue(
            "SELECT relname FROM pg_class"
            " WHERE CASE WHEN relkind = 'S' THEN has_sequence_privilege('isp_radius', oid, 'USAGE, SELECT, UPDATE') END"
        )
        self.assertEqual(rows, [])

    def test_may_create_nothing(self):
        rows = self._as_catalogue("SELECT nspname FROM pg_namespace WHERE has_schema_privilege('isp_radius', oid, 'CREATE')")
        self.assertEqual(rows, [])
        ((may,),) = self._as_catalogue("SELECT has_database_privilege('isp_radius', current_database(), 'CREATE, TEMPORARY')")
        self.assertFalse(may)

    def test_others_may_not_execute_them(self):
        rows = self._as_catalogue(
            """
            SELECT proname, acl.grantee::regrole::text
              FROM pg_proc, aclexplode(coalesce(proacl, acldefault('f', proowner))) acl
             WHERE pronamespace = 'radius'::regnamespace AND acl.grantee <> proowner
            """
        )
        self.assertEqual({grantee for _name, grantee in rows}, {"isp_radius"})

    def test_functions_pin_their_search_path_and_belong_to_the_owner(self):
        rows = self._as_catalogue(
            """
            SELECT proname, prosecdef, proconfig, proowner = (SELECT datdba FROM pg_database WHERE datname = current_database())
              FROM pg_proc WHERE pronamespace = 'radius'::regnamespace AND proname = ANY(%s)
            """,
            list(PUBLIC_FUNCTIONS),
        )
        self.assertEqual(len(rows), len(PUBLIC_FUNCTIONS))
        for name, definer, configuration, owned in rows:
            self.assertTrue(definer and owned, name)
            # It looks at the path instead: the next test.
            self.assertEqual(configuration, None if name in LOOKING else ["search_path=pg_catalog, pg_temp"], name)

    def test_a_search_path_of_somebody_else_changes_no_answer(self):
        """Functions and operators before those of PostgreSQL, as one would make them to be let in."""
        cr = self.env.cr
        asked = ("achol", "nobody", "closed")
        self._create_subscription("active", username="closed")._set_state("terminated", "termination")
        self.env["isp.access"].search([("name", "=", "closed")])._apply({"password": "x"})
        want = [self._ask("auth", login) for login in asked]
        cr.execute(
            """
            CREATE SCHEMA mine;
            CREATE FUNCTION mine.yes(text, text) RETURNS boolean LANGUAGE sql AS 'SELECT true';
            CREATE OPERATOR mine.= (LEFTARG = text, RIGHTARG = text, FUNCTION = mine.yes);
            CREATE FUNCTION mine.current_setting(text) RETURNS text LANGUAGE sql AS $$ SELECT 'radius'::text $$;
            CREATE FUNCTION mine.statement_timestamp() RETURNS timestamptz LANGUAGE sql AS $$ SELECT '1999-01-01'::timestamptz $$;
            CREATE FUNCTION mine.ascii(text) RETURNS integer LANGUAGE sql AS 'SELECT 65';
            CREATE FUNCTION mine.lower(text) RETURNS text LANGUAGE sql AS $$ SELECT 'stop'::text $$;
            """
        )
        for path in ("mine, pg_catalog", "mine, radius, pg_catalog, public", "radius, mine, pg_catalog"):
            cr.execute("SELECT set_config('search_path', %s, true)", (path,))
            try:
                answers = []
                for login in asked:
                    cr.execute("SELECT attribute, value FROM radius.auth(%s, '127.0.0.1', NULL)", (login,))
                    answers.append(dict(cr.fetchall()))
            finally:
                cr.execute("SELECT pg_catalog.set_config('search_path', 'public', true)")
            self.assertEqual(answers, want, path)

    def test_apply_again_changes_nothing(self):
        def state():
            return self._as_catalogue(
                "SELECT oid::regprocedure::text, prosrc, proacl::text FROM pg_proc WHERE pronamespace = 'radius'::regnamespace ORDER BY 1"
            )

        before = state()
        cr = self.env.cr
        cr.execute("CREATE FUNCTION radius.gone() RETURNS int LANGUAGE sql AS 'SELECT 1'")
        cr.execute("DROP FUNCTION radius.authz(text, text, text)")
        cr.execute("CREATE FUNCTION radius.authz(a int) RETURNS int LANGUAGE sql AS 'SELECT 1'")
        self.env["isp.radius"]._apply_sql()
        self.assertEqual(state(), before, "an old name and an old signature are gone")
        self.env["isp.radius"]._apply_sql()
        self.assertEqual(state(), before)
