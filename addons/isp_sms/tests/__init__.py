# License AGPL-3.0 or later (https://www.gnu.org/licenses/agpl).
from . import test_africastalking
from . import test_bulk
from . import test_core
from . import test_dispatch
from . import test_engine
from . import test_http
from . import test_log
from . import test_receipt_route
from . import test_segments
from . import test_several
from . import test_smpp
