"""Journals of random rows, of which the first were trimmed."""

import random
from pathlib import Path

from exchange.anchor import Anchor
from exchange.journal import Journal
from exchange.journal_rows import RECORD_BYTES, JournalRow

RULES = "rules-1"
COUNTS = (3, 1, 400, 2, 5, 1, 7, 1)


def records(count: int, seed: int) -> bytes:
    """A payload of so many records."""
    return random.Random(seed).randbytes(count * RECORD_BYTES)


def fill(directory: Path, counts: tuple[int, ...] = COUNTS, **options) -> list[JournalRow]:
    """Append rows of these sizes, a nanosecond apart; the journal is closed, and its head has seen them all."""
    with Journal.open(directory, rules_version=RULES, **options) as journal:
        for number, count in enumerate(counts):
            journal.append(journal.last_sequence + 1, 1_000 + number, records(count, seed=number))
        return list(journal.read())


def trim_all(journal: Journal, up_to_sequence: int) -> list[int]:
    """Remove all that goes up to a sequence; how many rows went with each slice."""
    slices = []
    while removed := journal.trim(up_to_sequence):
        slices.append(removed)
    return slices


def trimmed(directory: Path, rows_kept: int = 4) -> tuple[list[JournalRow], Anchor]:
    """All rows that were appended, and the anchor in the place of those that went."""
    rows = fill(directory)
    with Journal.open(directory, rules_version=RULES) as journal:
        trim_all(journal, rows[-rows_kept - 1].last_sequence)
        return rows, journal.anchor
