"""Pure arithmetic of billing: no Odoo, no clock, no database."""
