# License AGPL-3.0 or later (https://www.gnu.org/licenses/agpl).
"""Work that is killed in the middle: a copy of this process does it and dies at the n-th statement it sends.

    with env_of(instance): ...                       # the registry is loaded
    statements = count(instance, work)               # work(env) done to its end, committed
    killed = kill_at(instance, work, statements // 2)

SIGKILL leaves PostgreSQL with a broken connection, as a power cut does: what was not committed is gone.
"""

import os
import signal
import sys
import traceback

from instances import _connected_to, env_of


def kill_at(instance, work, statement: int) -> bool:
    """Do ``work(env)`` in another process that is killed before its ``statement``-th statement.

    :return: whether it was killed; False when it came to its end before
    """
    status = _wait(_fork(instance, work, statement))
    assert os.WIFSIGNALED(status) or os.WEXITSTATUS(status) == 0, "the work failed: its trace is above"
    return os.WIFSIGNALED(status)


def together(instance, *works) -> None:
    """Do all of these at the same time, each in a process of its own, to their ends."""
    for status in [_wait(pid) for pid in [_fork(instance, work) for work in works]]:
        assert os.WIFEXITED(status) and os.WEXITSTATUS(status) == 0, "one of them failed: its trace is above"


def count(instance, work) -> int:
    """Do ``work(env)`` to its end, here. :return: how many statements it sent"""
    counter = _Counter()
    with counter, env_of(instance) as env:
        work(env)
    return counter.sent


class _Counter:
    """Counts the statements of this process and kills it before the given one."""

    def __init__(self, deadly=None):
        self.sent, self.deadly = 0, deadly

    def __enter__(self):
        from odoo.sql_db import Cursor

        self.original = original = Cursor.execute

        def execute(cursor, *args, **kwargs):
            self.sent += 1
            if self.sent == self.deadly:
                os.kill(os.getpid(), signal.SIGKILL)
            return original(cursor, *args, **kwargs)

        Cursor.execute = execute
        return self

    def __exit__(self, *exc):
        from odoo.sql_db import Cursor

        Cursor.execute = self.original


def _fork(instance, work, deadly=None) -> int:
    import odoo.sql_db
    from odoo.modules.registry import Registry

    sys.stdout.flush()
    pid = os.fork()
    if pid:
        return pid
    # The child: connections of its own (closing its copies would close the parent's), and no way back into pytest.
    code = 1
    try:
        inherited, odoo.sql_db._Pool = odoo.sql_db._Pool, None
        assert inherited
        with _connected_to(instance):
            Registry(instance.odoo.database)._db = odoo.sql_db.db_connect(instance.odoo.database)
        with _Counter(deadly), env_of(instance) as env:
            work(env)
        code = 0
    except BaseException:  # noqa: BLE001  whatever it was, the parent is told by the exit code
        traceback.print_exc()
    finally:
        sys.stderr.flush()
        os._exit(code)


def _wait(pid: int) -> int:
    return os.waitpid(pid, 0)[1]
