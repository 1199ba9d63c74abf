# License AGPL-3.0 or later (https://www.gnu.org/licenses/agpl).
from . import isp_cash_count_entry, isp_cash_payment, isp_cash_payment_line, isp_cash_payment_service
from . import isp_cash_close, isp_cash_open, isp_cash_out, isp_cash_reverse
