from . import masked
from . import msisdn
from . import schedule
