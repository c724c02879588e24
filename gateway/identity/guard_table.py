"""Which connections guard orders, on disk, so that a start finds those of a process that is gone."""

import threading
from typing import Any, NamedTuple

import apsw

TABLE = """
CREATE TABLE IF NOT EXISTS guards (
    account_id INTEGER NOT NULL, session_id INTEGER NOT NULL, of_account INTEGER NOT NULL,
    PRIMARY KEY (account_id, session_id)
) STRICT
"""


class GuardRow(NamedTuple):
    """One connection: its account, its number, and whether all orders of the account go with it or its own alone."""

    account_id: int
    session_id: int
    of_account: bool


class GuardTable:
    """The rows. Each call blocks until it is on disk."""

    def __init__(self, connection: apsw.Connection, lock: threading.Lock) -> None:
        self._connection = connection
        self._lock = lock
        connection.execute(TABLE)

    def rows(self) -> list[GuardRow]:
        """All of them."""
        with self._lock:
            rows: list[Any] = list(self._connection.execute("SELECT account_id, session_id, of_account FROM guards"))
        return [GuardRow(account_id, session_id, bool(of_account)) for account_id, session_id, of_account in rows]

    def put(self, row: GuardRow) -> None:
        """Enter a connection, or change what goes with it."""
        with self._lock:
            self._connection.execute("INSERT OR REPLACE INTO guards VALUES (?, ?, ?)", row)

    def remove(self, row: GuardRow) -> None:
        """Nothing goes with a connection any more."""
        key = (row.account_id, row.session_id)
        with self._lock:
            self._connection.execute("DELETE FROM guards WHERE account_id = ? AND session_id = ?", key)
