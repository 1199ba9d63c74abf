# License AGPL-3.0 or later (https://www.gnu.org/licenses/agpl).
from . import (
    account_journal,
    account_move,
    account_payment,
    ir_actions_report,
    isp_cash_count,
    isp_cash_denomination,
    isp_cash_desk,
    isp_cash_line,
    isp_cash_reason,
    isp_cash_reversal,
    isp_cash_shift,
    isp_invoicing,
    res_partner,
)
