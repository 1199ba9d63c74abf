from . import test_engine
from . import test_poller
from . import test_request
