# License AGPL-3.0 or later (https://www.gnu.org/licenses/agpl).
from . import isp_fup
from . import isp_fup_step
from . import isp_import
from . import isp_import_catalogue
from . import isp_import_line
from . import isp_import_subscribers
from . import isp_plan
from . import isp_subscription
from . import isp_subscription_event
from . import res_partner
