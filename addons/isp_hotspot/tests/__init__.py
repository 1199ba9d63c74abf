from . import test_engine
from . import test_token
from . import test_order
from . import test_owner_login
from . import test_owner_setup
from . import test_owner_app
from . import test_owner_sync
from . import test_app_js
