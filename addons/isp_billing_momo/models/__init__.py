from . import account_payment
from . import isp_cash_shift
from . import isp_subscription
from . import payment_transaction
from . import res_company
from . import res_config_settings
from . import res_partner
