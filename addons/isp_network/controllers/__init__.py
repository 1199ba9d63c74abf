from . import usage
from . import api
from . import router_setup
