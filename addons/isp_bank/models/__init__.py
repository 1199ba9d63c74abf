# License AGPL-3.0 or later (https://www.gnu.org/licenses/agpl).
from . import (
    account_bank_statement_line,
    account_move,
    account_payment,
    account_statement_import_sheet_mapping,
    isp_incoming,
    isp_incoming_import,
    isp_incoming_import_line,
    isp_incoming_share,
    isp_incoming_suggestion,
    isp_operator,
)
