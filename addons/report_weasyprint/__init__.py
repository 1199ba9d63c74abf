# License AGPL-3.0 or later (https://www.gnu.org/licenses/agpl).
import logging

# It tells each of its steps, also while it is imported: a server's log is for what happened.
logging.getLogger("weasyprint.progress").setLevel(logging.WARNING)

from . import models  # noqa: E402
