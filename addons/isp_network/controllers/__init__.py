from . import usage
from . import api
