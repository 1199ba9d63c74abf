# License AGPL-3.0 or later (https://www.gnu.org/licenses/agpl).
from . import isp_incoming_manual, isp_incoming_reason, isp_incoming_split, isp_incoming_split_line
