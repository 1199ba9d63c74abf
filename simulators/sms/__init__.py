# License AGPL-3.0 or later (https://www.gnu.org/licenses/agpl).
"""Ways out for SMS: an SMSC that speaks SMPP 3.4, Africa's Talking, and a plain HTTP gateway."""
