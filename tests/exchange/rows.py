"""Journals of random rows, each of which is known by its number, and ways to damage them."""

import random
from pathlib import Path

import apsw

from exchange.journal import Journal
from exchange.journal_rows import RECORD_BYTES, JournalRow

RULES = "rules-1"


def records(count: int, seed: int) -> bytes:
    """A payload of so many records."""
    return random.Random(seed).randbytes(count * RECORD_BYTES)


def fill_rows(directory: Path, counts: tuple[int, ...], **options) -> list[JournalRow]:
    """Append rows of these sizes, a nanosecond apart, to a journal, close it, and return all its rows."""
    with Journal.open(directory, rules_version=RULES, **options) as journal:
        for number, count in enumerate(counts):
            journal.append(journal.last_sequence + 1, 1_000 + number, records(count, seed=number))
        return list(journal.read())


def read_all(directory: Path, rules_version: str = RULES, **options) -> list[JournalRow]:
    """All rows of a closed journal."""
    with Journal.open(directory, rules_version=rules_version, create=False, **options) as journal:
        return list(journal.read())


def alter(directory: Path, statement: str, *bindings: object) -> None:
    """Change a closed journal behind its back."""
    connection = apsw.Connection(str(directory / "journal.db"))
    connection.execute(statement, bindings)
    connection.close()


def payloads_of(directory: Path) -> list[bytes]:
    """The payloads of a closed journal, as they lie in the file."""
    connection = apsw.Connection(str(directory / "journal.db"))
    stored = [payload for (payload,) in connection.execute("SELECT payload FROM journal ORDER BY first_sequence")]
    connection.close()
    return stored


def flip_bit(data: bytes, bit: int) -> bytes:
    """The same bytes but for one bit."""
    flipped = bytearray(data)
    flipped[bit // 8] ^= 1 << (bit % 8)
    return bytes(flipped)
