from . import test_engine
from . import test_radius_auth
from . import test_prepaid
from . import test_radius_acct
from . import test_radius_role
from . import test_access
from . import test_router
from . import test_usage
