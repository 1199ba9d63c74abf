from . import isp_router_task_give_up
