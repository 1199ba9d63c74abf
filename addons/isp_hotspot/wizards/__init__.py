# License AGPL-3.0 or later (https://www.gnu.org/licenses/agpl).
from . import isp_token_act
from . import isp_token_batch_act
from . import isp_token_batch_give
from . import isp_token_batch_make
from . import isp_token_batch_print
from . import isp_token_give
from . import isp_reseller_cash
