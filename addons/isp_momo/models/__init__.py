from . import payment_provider
from . import payment_transaction
from . import payment_transaction_booking
from . import payment_transaction_poller
from . import payment_transaction_refund
from . import account_payment
from . import isp_wallet_claim
from . import isp_wallet_token
