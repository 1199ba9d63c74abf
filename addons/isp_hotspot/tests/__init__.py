from . import test_engine
from . import test_token
from . import test_order
from . import test_money
from . import test_captive
