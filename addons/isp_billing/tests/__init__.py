from . import test_billing_run
from . import test_engine
from . import test_import
from . import test_invoice_shape
from . import test_lists
from . import test_payment
from . import test_reports
from . import test_suspension
