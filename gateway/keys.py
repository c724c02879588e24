"""The keys of accounts, in a SQLite file beside the journal that only its owner can read."""

import os
import secrets
import threading
import time
from collections import defaultdict
from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple, Self

import apsw

from exchange.database import make_directory, open_database
from gateway.requests import Role

FILE_NAME = "keys.db"
OWNER_ONLY = 0o600
KEY_ID_BYTES = 8
SECRET_BYTES = 32
NO_ACCOUNT = 0
"""The account of a key that administers the market and trades for nobody."""

_TABLE = """
CREATE TABLE IF NOT EXISTS keys (
    key_id TEXT PRIMARY KEY, secret TEXT NOT NULL, account_id INTEGER NOT NULL, roles TEXT NOT NULL,
    created_ns INTEGER NOT NULL
) STRICT
"""


class ApiKey(NamedTuple):
    """A key with its secret, which `repr` keeps to itself."""

    key_id: str
    secret: str
    account_id: int
    roles: frozenset[Role]
    created_ns: int

    def __repr__(self) -> str:
        return f"ApiKey({self.key_id}, account {self.account_id}, {sorted(self.roles)})"


class KeyStore:
    """All keys, held in memory, each written durably before it is given out. Make one with `open`."""

    def __init__(self, connection: apsw.Connection) -> None:
        self._connection = connection
        self._lock = threading.Lock()
        self._keys: dict[str, ApiKey] = {}
        self._by_account: defaultdict[int, set[ApiKey]] = defaultdict(set)
        for key in _read_all(connection):
            self._remember(key)

    @classmethod
    def open(cls, directory: Path) -> Self:
        """Open the keys in a directory, or begin there without any.

        Raises StoreLocked or StoreUnreadable.
        """
        make_directory(directory)
        path = directory / FILE_NAME
        os.close(os.open(path, os.O_RDWR | os.O_CREAT, OWNER_ONLY))
        connection = open_database(path, journal_mode="DELETE", synchronous="FULL", vfs=None, create=True)
        connection.execute(_TABLE)
        return cls(connection)

    def create(self, account_id: int, roles: Iterable[Role | str]) -> ApiKey:
        """A new key. Blocks until it is on disk. Raises ValueError for an unknown role."""
        held = frozenset(Role(role) for role in roles)
        key = ApiKey(secrets.token_hex(KEY_ID_BYTES), secrets.token_hex(SECRET_BYTES), account_id, held, time.time_ns())
        row = (key.key_id, key.secret, account_id, " ".join(sorted(held)), key.created_ns)
        with self._lock:
            self._connection.execute("INSERT INTO keys VALUES (?, ?, ?, ?, ?)", row)
        self._remember(key)
        return key

    def copy_to(self, directory: Path) -> None:
        """Write all keys to a file of the same name in another folder, for its owner alone."""
        path = directory / FILE_NAME
        os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL, OWNER_ONLY))
        copy = apsw.Connection(str(path))
        try:
            with self._lock, copy.backup("main", self._connection, "main") as backup:
                backup.step()
        finally:
            copy.close()

    def find(self, key_id: str) -> ApiKey | None:
        """The key of an id, if there is one."""
        return self._keys.get(key_id)

    def has_role(self, account_id: int, role: Role) -> bool:
        """Whether any key of an account has a role."""
        return any(role in key.roles for key in self._by_account.get(account_id, ()))

    def close(self) -> None:
        """Release the file."""
        self._connection.close()

    def _remember(self, key: ApiKey) -> None:
        self._keys[key.key_id] = key
        self._by_account[key.account_id].add(key)


def _read_all(connection: apsw.Connection) -> list[ApiKey]:
    rows = connection.execute("SELECT key_id, secret, account_id, roles, created_ns FROM keys")
    return [
        ApiKey(key_id, secret, account_id, frozenset(map(Role, roles.split())), created_ns)
        for key_id, secret, account_id, roles, created_ns in rows
    ]
