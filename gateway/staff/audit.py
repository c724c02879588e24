"""Who administered what: an append-only table beside the journal, on disk before the answer leaves.

Every request that would change something as an administrator, or a key, is an entry, whatever became of it. Each entry
is hashed onto the one before, so that one that was altered or taken out is found when the table is opened; SQLite
itself refuses to change or delete any. What happened to the market is in the journal, under the sequence that an
entry names.
"""

import hashlib
import os
import threading
from pathlib import Path
from typing import NamedTuple, Self

import apsw
import orjson

from exchange.database import OWNER_ONLY, copy_for_owner, make_directory, open_database
from exchange.store_errors import StoreUnreadable

FILE_NAME = "audit.db"
BODY_CHARACTERS_MAX = 4_096
SEARCHED_MAX = 20_000
FIRST_HASH = bytes(32)

_TABLE = """
CREATE TABLE IF NOT EXISTS audit (
    entry INTEGER PRIMARY KEY, time_ns INTEGER NOT NULL, key_id TEXT NOT NULL, account_id INTEGER NOT NULL,
    address TEXT NOT NULL, action TEXT NOT NULL, body TEXT NOT NULL, status INTEGER NOT NULL, outcome TEXT NOT NULL,
    sequence INTEGER NOT NULL, hash BLOB NOT NULL
) STRICT;
CREATE TRIGGER IF NOT EXISTS no_update BEFORE UPDATE ON audit
BEGIN SELECT RAISE(ABORT, 'entries are never changed'); END;
CREATE TRIGGER IF NOT EXISTS no_delete BEFORE DELETE ON audit
BEGIN SELECT RAISE(ABORT, 'entries are never deleted'); END;
"""
_COLUMNS = "time_ns, key_id, account_id, address, action, body, status, outcome, sequence"
_PAGE = f"""
SELECT entry, {_COLUMNS} FROM audit WHERE entry > ? AND entry <= ?
AND (? = '' OR instr(key_id || ' ' || action || ' ' || body || ' ' || outcome, ?))
ORDER BY entry DESC LIMIT ?
"""


class Deed(NamedTuple):
    """What somebody did, or tried to."""

    time_ns: int
    key_id: str
    """The key that signed; empty for a command on the machine of the exchange."""
    account_id: int
    address: str
    action: str
    """Method and path."""
    body: str
    status: int
    outcome: str
    """`ok`, or the name of the error."""
    sequence: int
    """Of the command in the journal; 0 for what is not in it."""


class Entry(NamedTuple):
    """A deed with its number in the table."""

    entry: int
    deed: Deed


class AuditLog:
    """The table. Make one with `open`."""

    def __init__(self, connection: apsw.Connection, entries: int, last_hash: bytes) -> None:
        self._connection = connection
        self._entries = entries
        self._last_hash = last_hash
        self._lock = threading.Lock()

    @classmethod
    def open(cls, directory: Path) -> Self:
        """Open the table of a directory, or begin one there.

        Raises StoreLocked, or StoreUnreadable for a broken chain.
        """
        make_directory(directory)
        path = directory / FILE_NAME
        os.close(os.open(path, os.O_RDWR | os.O_CREAT, OWNER_ONLY))
        connection = open_database(path, "DELETE", synchronous="FULL", vfs=None, create=True)
        try:
            connection.execute(_TABLE)
            return cls(connection, *_proved(connection, path))
        except BaseException:
            connection.close()
            raise

    def append(self, deed: Deed) -> None:
        """Add an entry. Blocks until it is on disk."""
        deed = deed._replace(body=deed.body[:BODY_CHARACTERS_MAX])
        with self._lock:
            entry, hashed = self._entries + 1, _hash(self._last_hash, self._entries + 1, deed)
            row = (entry, *deed, hashed)
            self._connection.execute(f"INSERT INTO audit VALUES ({', '.join('?' * len(row))})", row)
            self._entries, self._last_hash = entry, hashed

    def page(self, before: int, limit: int, contains: str = "") -> tuple[list[Entry], int]:
        """So many entries below a number, the newest first, and below which one to go on; 0 for none.

        With a text only those in whose key, action, body or outcome it stands, of `SEARCHED_MAX` entries at a time:
        appending waits for a search.
        """
        with self._lock:
            last = min(before - 1, self._entries)
            first = max(last - SEARCHED_MAX, 0)
            rows = list(self._connection.execute(_PAGE, (first, last, contains, contains, limit)))
        found = [Entry(int(str(entry)), Deed._make(deed)) for entry, *deed in rows]
        reached = found[-1].entry if len(found) == limit else first + 1
        return found, reached if reached > 1 else 0

    def copy_to(self, directory: Path) -> None:
        """Write the table to a file of the same name in another folder, for its owner alone."""
        with self._lock:
            copy_for_owner(self._connection, directory / FILE_NAME)

    def close(self) -> None:
        """Release the file."""
        self._connection.close()


def _proved(connection: apsw.Connection, path: Path) -> tuple[int, bytes]:
    """How many entries there are, and the hash of the last. Raises StoreUnreadable where the chain is broken."""
    number, last_hash = 0, FIRST_HASH
    for entry, *deed, hashed in connection.execute(f"SELECT entry, {_COLUMNS}, hash FROM audit ORDER BY entry"):
        number += 1
        last_hash = _hash(last_hash, number, Deed._make(deed))
        if entry != number or hashed != last_hash:
            raise StoreUnreadable(path, f"entry {number} was altered or is missing")
    return number, last_hash


def _hash(before: bytes, entry: int, deed: Deed) -> bytes:
    return hashlib.sha256(before + orjson.dumps((entry, *deed))).digest()
