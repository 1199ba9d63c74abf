# License AGPL-3.0 or later (https://www.gnu.org/licenses/agpl).
"""RouterOS routers on this machine: see README.md."""
