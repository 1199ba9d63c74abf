# License AGPL-3.0 or later (https://www.gnu.org/licenses/agpl).
from . import isp_cash_payment
from . import isp_paid_until
from . import isp_promotion_take
from . import isp_plan_change_wizard
from . import isp_refund
from . import isp_renew
from . import isp_statement
from . import isp_usd_rate
from . import isp_subscription_state_wizard
