from . import test_callback
from . import test_engine
from . import test_poller
from . import test_portal
from . import test_redirect
from . import test_refund
from . import test_request
from . import test_rights
