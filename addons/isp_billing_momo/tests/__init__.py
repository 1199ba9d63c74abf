from . import test_booking
from . import test_desk
from . import test_hold
from . import test_rights
