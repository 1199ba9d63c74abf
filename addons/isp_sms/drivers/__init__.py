# License AGPL-3.0 or later (https://www.gnu.org/licenses/agpl).
"""Gateways. One file each; nothing here knows Odoo."""

from . import kannel, smpp, africastalking, http
from .base import DRIVERS, Balance, Driver, Message, Receipt, Refused, Result, Settings, Unknown, Unreachable, driver
