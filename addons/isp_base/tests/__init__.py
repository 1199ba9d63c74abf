from . import test_engine
from . import test_subscription
from . import test_import
from . import test_import_cli
from . import test_import_engine
from . import test_translations
