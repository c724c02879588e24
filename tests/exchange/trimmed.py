"""Journals of random rows, of which the first were trimmed."""

from pathlib import Path

from exchange.anchor import Anchor
from exchange.journal import Journal
from exchange.journal_rows import JournalRow
from tests.exchange.rows import RULES, fill_rows

COUNTS = (3, 1, 400, 2, 5, 1, 7, 1)


def trim_all(journal: Journal, up_to_sequence: int) -> list[int]:
    """Remove all that goes up to a sequence; how many rows went with each slice."""
    slices = []
    while removed := journal.trim(up_to_sequence):
        slices.append(removed)
    return slices


def trimmed(directory: Path, rows_kept: int = 4) -> tuple[list[JournalRow], Anchor]:
    """All rows that were appended, and the anchor in the place of those that went."""
    rows = fill_rows(directory, COUNTS)
    with Journal.open(directory, rules_version=RULES) as journal:
        trim_all(journal, rows[-rows_kept - 1].last_sequence)
        return rows, journal.anchor
