# License AGPL-3.0 or later (https://www.gnu.org/licenses/agpl).
from . import account_move
from . import account_move_line
from . import account_payment
from . import isp_billing_error
from . import isp_billing_run
from . import isp_import
from . import isp_invoicing
from . import isp_notice
from . import isp_notice_template
from . import isp_period
from . import isp_plan
from . import isp_subscription
from . import mail_mail
from . import res_company
from . import res_config_settings
from . import res_partner
from . import sms_sms
