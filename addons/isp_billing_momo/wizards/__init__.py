from . import isp_wallet_ask, isp_cash_payment
