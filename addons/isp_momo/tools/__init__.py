from . import calls
from . import link
from . import masked
from . import msisdn
from . import schedule
from . import trigger
