"""The keys of accounts, in a SQLite file beside the journal, with their secrets sealed.

The secret of a key is sealed together with all that the key may do, so that neither can be altered, or moved to another
row, without breaking the seal. Of a key of Ed25519 there is no secret here: what is sealed is the public half.
"""

import os
import secrets
import threading
import time
from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple, Self

import apsw
import orjson

from exchange.database import OWNER_ONLY, copy_for_owner, make_directory, open_database, transaction
from exchange.store_errors import StoreUnreadable
from gateway.encoding.requests import Role
from gateway.identity.guard_table import GuardTable
from gateway.identity.key_terms import ApiKey, KeyTerms, Scope, networks_of
from gateway.identity.sealing import SealBroken, SealingKey

__all__ = ["NO_ACCOUNT", "ApiKey", "KeyStore"]

FILE_NAME = "keys.db"
KEY_ID_BYTES = 8
SECRET_BYTES = 32
NO_ACCOUNT = 0
"""The account of a key that administers the market and trades for nobody."""

_TABLE = """
CREATE TABLE IF NOT EXISTS sealed_keys (
    key_id TEXT PRIMARY KEY, kind TEXT NOT NULL, terms TEXT NOT NULL, made_by TEXT NOT NULL,
    created_ns INTEGER NOT NULL, sealed BLOB NOT NULL
) STRICT
"""
_HMAC, _ED25519 = "hmac-sha256", "ed25519"


class _Row(NamedTuple):
    """A key as it lies on the disk."""

    key_id: str
    kind: str
    terms: str
    made_by: str
    created_ns: int
    sealed: bytes

    def belongs_to(self) -> bytes:
        """Everything but what is sealed."""
        return orjson.dumps(self[:-1])


class KeyStore:
    """All keys, held in memory, each written durably before it is given out. Make one with `open`."""

    def __init__(self, connection: apsw.Connection, sealing: SealingKey, keys: Iterable[ApiKey]) -> None:
        self._connection = connection
        self._sealing = sealing
        self._lock = threading.Lock()
        self.guards = GuardTable(connection, self._lock)
        """Of connections that take orders along; they are backed up with the keys."""
        self._keys: dict[str, ApiKey] = {}
        # Keys are made in threads while others are looked up: what is replaced whole can be read meanwhile.
        self._by_account: dict[int, tuple[ApiKey, ...]] = {}
        self._roles: dict[int, frozenset[Role]] = {}
        """Of all keys of an account."""
        for key in keys:
            self._remember(key)

    @classmethod
    def open(cls, directory: Path) -> Self:
        """Open the keys in a directory, or begin there without any. Secrets that an older version left open are sealed.

        Raises StoreLocked or StoreUnreadable.
        """
        make_directory(directory)
        path = directory / FILE_NAME
        os.close(os.open(path, os.O_RDWR | os.O_CREAT, OWNER_ONLY))
        connection = _open(path)
        try:
            connection.execute(_TABLE)
            # A new key could not open what the lost one has sealed.
            is_empty = not connection.execute("SELECT 1 FROM sealed_keys LIMIT 1").fetchall()
            sealing = SealingKey.open(directory, create=is_empty)
            if _seal_old(connection, sealing):
                # SQLite holds the pages as they were in its journal, for as long as the file is open.
                connection.close()
                connection = _open(path)
            return cls(connection, sealing, list(_read_all(connection, sealing, path)))
        except BaseException:
            connection.close()
            raise

    def create(
        self,
        account_id: int,
        roles: Iterable[Role | str],
        *,
        scopes: Iterable[Scope | str] = tuple(Scope),
        networks: Iterable[str] = (),
        expires_ns: int = 0,
        public_key: bytes = b"",
    ) -> ApiKey:
        """A new key that may do this. Blocks until it is on disk. Raises ValueError for what there is not."""
        held = frozenset(Role(role) for role in roles)
        terms = KeyTerms(account_id, held, frozenset(map(Scope, scopes)), networks_of(networks), expires_ns)
        return self.add(terms, public_key=public_key)

    def add(self, terms: KeyTerms, *, public_key: bytes = b"", made_by: str = "") -> ApiKey:
        """A new key: of HMAC with a new secret, or of Ed25519 with a public key. Blocks until it is on disk."""
        secret = "" if public_key else secrets.token_hex(SECRET_BYTES)
        key = ApiKey(secrets.token_hex(KEY_ID_BYTES), secret, terms, time.time_ns(), public_key, made_by)
        with self._lock:
            _insert(self._connection, _sealed_row(key, self._sealing))
            self._remember(key)
        return key

    def revoke(self, key_ids: Iterable[str]) -> None:
        """Take keys away. They open nothing from now on; blocks until that is on disk."""
        with self._lock:
            for key in [self._keys.pop(key_id) for key_id in key_ids if key_id in self._keys]:
                others = tuple(other for other in self._by_account[key.account_id] if other is not key)
                self._keep(key.account_id, others)
                self._connection.execute("DELETE FROM sealed_keys WHERE key_id = ?", (key.key_id,))

    def copy_to(self, directory: Path) -> None:
        """Write all keys, and the key that seals them, to files of the same names in another folder, for its owner."""
        with self._lock:
            copy_for_owner(self._connection, directory / FILE_NAME)
        self._sealing.copy_to(directory)

    def find(self, key_id: str) -> ApiKey | None:
        """The key of an id, if there is one."""
        return self._keys.get(key_id)

    def everything(self) -> list[ApiKey]:
        """All keys."""
        return list(self._keys.values())

    def of_account(self, account_id: int) -> tuple[ApiKey, ...]:
        """All keys of an account, the oldest first."""
        return self._by_account.get(account_id, ())

    def has_role(self, account_id: int, role: Role) -> bool:
        """Whether any key of an account has a role."""
        return role in self._roles.get(account_id, ())

    def made_with(self, key_id: str) -> list[ApiKey]:
        """The keys that were made with a key, and with those."""
        key = self._keys.get(key_id)
        found: list[ApiKey] = []
        makers = {key_id}
        # A key is younger than the one that made it.
        for each in () if key is None else self.of_account(key.account_id):
            if each.made_by in makers:
                makers.add(each.key_id)
                found.append(each)
        return found

    def close(self) -> None:
        """Release the file."""
        self._connection.close()

    def _remember(self, key: ApiKey) -> None:
        self._keys[key.key_id] = key
        self._keep(key.account_id, (*self.of_account(key.account_id), key))

    def _keep(self, account_id: int, keys: tuple[ApiKey, ...]) -> None:
        """These are the keys of an account."""
        self._by_account[account_id] = keys
        self._roles[account_id] = frozenset().union(*(key.roles for key in keys))


def _open(path: Path) -> apsw.Connection:
    return open_database(path, "DELETE", synchronous="FULL", vfs=None, create=True)


def _insert(connection: apsw.Connection, row: _Row) -> None:
    connection.execute("INSERT INTO sealed_keys VALUES (?, ?, ?, ?, ?, ?)", row)


def _sealed_row(key: ApiKey, sealing: SealingKey) -> _Row:
    kind, content = (_ED25519, key.public_key) if key.public_key else (_HMAC, key.secret.encode())
    row = _Row(key.key_id, kind, _terms_text(key.terms), key.made_by, key.created_ns, b"")
    return row._replace(sealed=sealing.seal(content, row.belongs_to()))


def _read_all(connection: apsw.Connection, sealing: SealingKey, path: Path) -> Iterable[ApiKey]:
    """Raises StoreUnreadable where a seal is broken."""
    for row in map(_Row._make, connection.execute("SELECT * FROM sealed_keys ORDER BY created_ns, rowid").fetchall()):
        try:
            content = sealing.unseal(row.sealed, row.belongs_to())
        except SealBroken:
            reason = f"the seal of the key {row.key_id} is broken: it was altered, or the sealing key is another one"
            raise StoreUnreadable(path, reason) from None
        secret, public_key = (content.decode(), b"") if row.kind == _HMAC else ("", content)
        yield ApiKey(row.key_id, secret, _terms_of(row.terms), row.created_ns, public_key, row.made_by)


def _seal_old(connection: apsw.Connection, sealing: SealingKey) -> bool:
    """An older version kept secrets as they are. Their table goes, and what it leaves in the file is overwritten.

    False if there was none.
    """
    if not connection.execute("SELECT 1 FROM sqlite_schema WHERE name = 'keys'").fetchall():
        return False
    connection.pragma("secure_delete", True)
    with transaction(connection):
        old = list(connection.execute("SELECT key_id, secret, account_id, roles, created_ns FROM keys"))
        for key_id, secret, account_id, roles, created_ns in old:
            terms = KeyTerms(account_id, frozenset(map(Role, roles.split())))
            _insert(connection, _sealed_row(ApiKey(key_id, secret, terms, created_ns), sealing))
        connection.execute("DROP TABLE keys")
    connection.execute("VACUUM")
    return True


def _terms_text(terms: KeyTerms) -> str:
    fields = terms._asdict() | {"roles": sorted(terms.roles), "scopes": sorted(terms.scopes)}
    return orjson.dumps(fields).decode()


def _terms_of(text: str) -> KeyTerms:
    fields = orjson.loads(text)
    return KeyTerms(
        fields["account_id"],
        frozenset(map(Role, fields["roles"])),
        frozenset(map(Scope, fields["scopes"])),
        tuple(fields["networks"]),
        fields["expires_ns"],
    )
