# License AGPL-3.0 or later (https://www.gnu.org/licenses/agpl).
import logging
import re

from odoo import api, models
from odoo.tools import SQL, file_open

from odoo.addons.isp_secret.tools.settings import setting

_logger = logging.getLogger(__name__)

#: What the RADIUS role may execute, and nothing else of ours.
PUBLIC_FUNCTIONS = ("auth", "authz", "authr", "acct", "acct_nas", "nas", "postauth", "first_use")


class IspRadius(models.AbstractModel):
    """The schema ``radius``: functions FreeRADIUS calls, and who may call them."""

    _name = "isp.radius"
    _description = "RADIUS functions of the database"

    @api.model
    def _apply_sql(self):
        """Create or replace the functions of ``sql/radius.sql``, drop the ones it no longer has, grant.

        Runs at every install and upgrade, in the upgrade's transaction: FreeRADIUS sees the old functions until
        the commit. Running it again changes nothing.
        """
        cr = self.env.cr
        with file_open("isp_network/sql/radius.sql") as stream:
            text = stream.read()
        before = set(self._functions())
        cr.execute(text)
        after = self._functions()
        names = set(re.findall(r"^CREATE OR REPLACE FUNCTION radius\.(\w+)", text, re.M))
        renewed = {name for oid, (name, _signature) in after.items() if oid not in before}
        for oid, (name, signature) in after.items():
            if oid in before and (name not in names or name in renewed):
                cr.execute(SQL("DROP FUNCTION %s", SQL(signature)))
        self._grant()
        self.env["isp.usage"]._prepare_partitions()

    def _functions(self):
        """:return: {oid: (name, signature quoted by PostgreSQL)} of what stands in the schema."""
        self.env.cr.execute(
            """
            SELECT p.oid, p.proname, p.oid::regprocedure::text
              FROM pg_proc p JOIN pg_namespace n ON n.oid = p.pronamespace WHERE n.nspname = 'radius'
            """
        )
        return {oid: (name, signature) for oid, name, signature in self.env.cr.fetchall()}

    def _grant(self):
        """Nobody may use the schema but the RADIUS role, and that role only the public functions."""
        cr = self.env.cr
        cr.execute("REVOKE ALL ON SCHEMA radius FROM PUBLIC")
        cr.execute("REVOKE ALL ON ALL FUNCTIONS IN SCHEMA radius FROM PUBLIC")
        # Odoo lets every role create in its database's public schema, PostgreSQL lets every role make temporary
        # tables. The owner, who is Odoo, needs neither grant.
        cr.execute("REVOKE CREATE ON SCHEMA public FROM PUBLIC")
        cr.execute(SQL("REVOKE TEMPORARY ON DATABASE %s FROM PUBLIC", SQL.identifier(cr.dbname)))
        role = setting("radius_role", "isp_radius")
        cr.execute("SELECT 1 FROM pg_roles WHERE rolname = %s", (role,))
        if not cr.fetchone():
            _logger.info("There is no PostgreSQL role %s yet: create it and upgrade isp_network to let FreeRADIUS in.", role)
            return
        identifier = SQL.identifier(role)
        cr.execute(SQL("REVOKE ALL ON ALL FUNCTIONS IN SCHEMA radius FROM %s", identifier))
        cr.execute(SQL("GRANT USAGE ON SCHEMA radius TO %s", identifier))
        for name, signature in self._functions().values():
            if name in PUBLIC_FUNCTIONS:
                cr.execute(SQL("GRANT EXECUTE ON FUNCTION %s TO %s", SQL(signature), identifier))
