# License AGPL-3.0 or later (https://www.gnu.org/licenses/agpl).
from . import test_certificate
from . import test_excise_return
from . import test_l10n_ss
from . import test_withholding
from . import test_withholding_payment
