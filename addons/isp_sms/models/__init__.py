# License AGPL-3.0 or later (https://www.gnu.org/licenses/agpl).
from . import isp_sms_gateway
from . import isp_sms_gateway_credit
from . import isp_sms_gateway_way
from . import isp_sms_message
from . import isp_sms_dispatch
from . import isp_sms_receipt
from . import isp_sms_bulk
from . import isp_sms_bulk_line
from . import isp_sms_bulk_preview
from . import isp_sms_bulk_run
from . import isp_sms_message_bulk
from . import phone_blacklist
from . import res_company
from . import res_config_settings
from . import res_partner
from . import sms_sms
