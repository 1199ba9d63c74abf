# License AGPL-3.0 or later (https://www.gnu.org/licenses/agpl).
"""What the operator remembers: documents in SQLite, so that a kill at any moment loses nothing that was answered."""

import json
import sqlite3
import threading


class Store:
    """Documents (dicts) by kind and key. ``with store:`` makes what is inside one step for other threads and on disk.

    >>> store = Store(":memory:")
    >>> with store:
    ...     store.put("wallet", "211921234567", {"balance": 5})
    >>> store.get("wallet", "211921234567")
    {'balance': 5}
    >>> store.get("wallet", "nobody") is None
    True
    """

    def __init__(self, path):
        self._lock, self._depth = threading.RLock(), 0
        self._db = sqlite3.connect(str(path), check_same_thread=False, isolation_level=None)
        self._db.execute("PRAGMA journal_mode=WAL")
        self._db.execute("PRAGMA synchronous=NORMAL")
        self._db.execute(
            "CREATE TABLE IF NOT EXISTS doc (kind TEXT, key TEXT, body TEXT, number INTEGER PRIMARY KEY AUTOINCREMENT, UNIQUE (kind, key))"
        )

    def __enter__(self):
        self._lock.acquire()
        if not self._depth:
            self._db.execute("BEGIN IMMEDIATE")
        self._depth += 1
        return self

    def __exit__(self, kind, *_rest):
        self._depth -= 1
        try:
            if not self._depth:
                self._db.execute("ROLLBACK" if kind else "COMMIT")
        finally:
            self._lock.release()

    def get(self, kind, key):
        with self._lock:
            row = self._db.execute("SELECT body FROM doc WHERE kind = ? AND key = ?", (kind, key)).fetchone()
        return json.loads(row[0]) if row else None

    def put(self, kind, key, doc):
        with self:
            self._db.execute(
                "INSERT INTO doc (kind, key, body) VALUES (?, ?, ?) ON CONFLICT (kind, key) DO UPDATE SET body = excluded.body",
                (kind, key, json.dumps(doc)),
            )

    def add(self, kind, key, doc):
        """:return: whether it was new; what is there already stays as it is"""
        with self:
            return bool(self._db.execute("INSERT OR IGNORE INTO doc (kind, key, body) VALUES (?, ?, ?)", (kind, key, json.dumps(doc))).rowcount)

    def all(self, kind):
        """:return: [(key, document)] in the order they came"""
        with self._lock:
            rows = self._db.execute("SELECT key, body FROM doc WHERE kind = ? ORDER BY number", (kind,)).fetchall()
        return [(key, json.loads(body)) for key, body in rows]

    def remove(self, kind, key):
        with self:
            self._db.execute("DELETE FROM doc WHERE kind = ? AND key = ?", (kind, key))

    def clear(self):
        with self:
            self._db.execute("DELETE FROM doc")

    def close(self):
        self._db.close()
