"""Where a trimmed journal begins: the last row that was removed, for the first one that is left to be chained onto.

    rows that are gone │ anchor: sequence, hash and time of the last of them │ rows, the first chained onto that hash

The anchor becomes durable in the transaction that removes the rows before it. Its checksum finds what was altered in
it, the next sequence finds a row that is missing behind it, and the first row that is left proves its hash.
"""

import struct
from hashlib import blake2b
from pathlib import Path
from typing import Any, NamedTuple

import apsw

from exchange.head import GENESIS_HASH
from exchange.store_errors import JournalCorrupt

ANCHOR_TABLE = "anchor"
ANCHOR_COLUMNS = "SELECT sequence, hash, time_ns, checksum FROM anchor WHERE number = ?"
"""Of the only row, `ANCHOR_NUMBER`."""
ANCHOR_NUMBER = 1

_SCHEMA = """
CREATE TABLE IF NOT EXISTS anchor (
    number INTEGER PRIMARY KEY,
    sequence INTEGER NOT NULL,
    hash BLOB NOT NULL,
    time_ns INTEGER NOT NULL,
    checksum BLOB NOT NULL
)
"""
_WRITE = f"INSERT OR REPLACE INTO anchor VALUES ({ANCHOR_NUMBER}, ?, ?, ?, ?)"
_COLUMN_TYPES = (int, bytes, int, bytes)
_FIELDS = struct.Struct("<qq")
_CHECKSUM_BYTES = 16


class Anchor(NamedTuple):
    """The last sequence of the newest row that was removed, that row's hash, and its time."""

    sequence: int
    hash: bytes
    time_ns: int


NOTHING_TRIMMED = Anchor(0, GENESIS_HASH, 0)


def write_anchor(connection: apsw.Connection, anchor: Anchor) -> None:
    """Put an anchor in the place of the one before, within the caller's transaction. Leaves SQLite's errors."""
    connection.execute(_SCHEMA)
    connection.execute(_WRITE, (anchor.sequence, anchor.hash, anchor.time_ns, _checksum(anchor)))


def read_anchor(path: Path, columns: tuple[Any, ...]) -> Anchor:
    """The anchor of these columns. Raises JournalCorrupt where they are not what was written."""
    if tuple(map(type, columns)) == _COLUMN_TYPES:
        anchor = Anchor(*columns[:3])
        if columns[3] == _checksum(anchor):
            return anchor
    raise JournalCorrupt(path, 1, "its anchor, which tells where it begins, does not match its checksum")


def _checksum(anchor: Anchor) -> bytes:
    fields = _FIELDS.pack(anchor.sequence, anchor.time_ns)
    return blake2b(fields + anchor.hash, digest_size=_CHECKSUM_BYTES).digest()
