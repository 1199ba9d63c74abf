from . import isp_router_task_give_up
from . import isp_topup_wizard
from . import isp_router_setup_line
