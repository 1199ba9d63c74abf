# License AGPL-3.0 or later (https://www.gnu.org/licenses/agpl).
from . import test_cards
from . import test_engine
from . import test_fetcher
from . import test_report
from . import test_web
