# License AGPL-3.0 or later (https://www.gnu.org/licenses/agpl).
from . import account_fiscal_position
from . import account_move
from . import account_move_line
from . import account_tax
from . import l10n_ss_certificate
from . import l10n_ss_excise_return
from . import l10n_ss_excise_return_line
from . import l10n_ss_withholding
from . import l10n_ss_withholding_line
from . import res_partner
from . import template_ss
