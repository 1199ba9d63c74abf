"""The check of Odoo's log, and what it finds where the test database was made."""

import os
from pathlib import Path

from stack import logcheck

CLEAN = "2026-11-22 20:17:04,720 115 INFO isp odoo.modules.loading: 35 modules loaded \n"
WARNING = "2026-11-22 20:17:04,721 115 WARNING isp odoo.addons.isp_base.models: two labels \n  more of it\n"


def test_a_warning_is_found_with_its_lines(tmp_path):
    log = tmp_path / "odoo.log"
    log.write_text(CLEAN + WARNING + CLEAN)
    assert logcheck.faults(log) == [WARNING.rstrip("\n")]


def test_a_traceback_without_a_level_is_found(tmp_path):
    log = tmp_path / "odoo.log"
    log.write_text(CLEAN + "Traceback (most recent call last):\n  File x\nValueError\n")
    assert len(logcheck.faults(log)) == 1


def test_the_list_of_the_harmless_names_logger_and_text(tmp_path):
    log = tmp_path / "odoo.log"
    for logger, _pattern, reason in logcheck.ALLOWED:
        assert reason
        log.write_text(f"2026-11-22 20:17:04,721 115 ERROR isp {logger}: something else\n")
        assert logcheck.faults(log)


def test_making_the_test_database_logs_no_warning():
    log = Path(os.environ["ISP_TEST_RUN_DIR"]) / "odoo" / "install.log"
    assert not log.exists() or not logcheck.faults(log)
