"""Journals of random rows, each of which is known by its number."""

import random
from pathlib import Path

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
