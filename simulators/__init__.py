# License AGPL-3.0 or later (https://www.gnu.org/licenses/agpl).
"""Stand-ins for what cannot be installed here. They behave as the public documents say and serve any client."""
