from . import test_billing_run
from . import test_engine
from . import test_invoice_shape
from . import test_payment
from . import test_suspension
