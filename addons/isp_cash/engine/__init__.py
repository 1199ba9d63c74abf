"""Pure arithmetic: no Odoo, no clock, no database."""
