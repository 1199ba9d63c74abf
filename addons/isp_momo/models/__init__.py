from . import payment_provider
from . import payment_transaction
from . import account_payment
from . import isp_wallet_token
