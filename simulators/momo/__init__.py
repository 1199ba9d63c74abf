# License AGPL-3.0 or later (https://www.gnu.org/licenses/agpl).
"""MTN's MoMo Open API and Orange Money's web payment, with telephones on which a person approves."""
