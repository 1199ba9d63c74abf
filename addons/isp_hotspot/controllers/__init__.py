# License AGPL-3.0 or later (https://www.gnu.org/licenses/agpl).
from . import captive
from . import app
from . import app_api
from . import batch
from . import reseller
