"""Rows of a journal by their time: where a day begins is found without reading what is before it."""

import random
from pathlib import Path

import apsw
import pytest

from exchange.journal import Journal
from exchange.journal_rows import RECORD_BYTES
from exchange.store_errors import JournalCorrupt

RULES = "rules-1"
COUNTS = (3, 1, 400, 2, 5, 1)
FIRST_SEQUENCES = tuple(1 + sum(COUNTS[:row]) for row in range(len(COUNTS)))


def records(count: int, seed: int) -> bytes:
    return random.Random(seed).randbytes(count * RECORD_BYTES)


def fill(directory: Path, counts: tuple[int, ...] = COUNTS) -> None:
    """A journal with a row every nanosecond."""
    with Journal.open(directory, rules_version=RULES) as journal:
        for number, count in enumerate(counts):
            journal.append(journal.last_sequence + 1, 1_000 + number, records(count, seed=number))


@pytest.mark.parametrize("row", range(len(COUNTS)))
def test_a_row_is_found_by_its_time(tmp_path, row):
    fill(tmp_path)
    with Journal.open(tmp_path, rules_version=RULES) as journal:
        assert journal.sequence_at(1_000 + row) == FIRST_SEQUENCES[row]


def test_a_time_before_the_first_row_leads_to_it_and_one_behind_the_last_to_the_end(tmp_path):
    fill(tmp_path)
    with Journal.open(tmp_path, rules_version=RULES) as journal:
        assert journal.sequence_at(0) == 1
        assert journal.sequence_at(2_000) == journal.last_sequence + 1


def test_rows_of_the_same_time_are_found_from_the_first_on(tmp_path):
    with Journal.open(tmp_path, rules_version=RULES) as journal:
        for time_ns in (1, 5, 5, 5, 9):
            journal.append(journal.last_sequence + 1, time_ns, records(2, seed=time_ns))
        assert [journal.sequence_at(time_ns) for time_ns in (1, 2, 5, 6, 9)] == [1, 3, 3, 9, 9]


def test_an_empty_journal_has_no_row_of_any_time(tmp_path):
    with Journal.open(tmp_path, rules_version=RULES) as journal:
        assert journal.sequence_at(5) == 1


def test_a_row_that_is_gone_is_no_place_in_time(tmp_path):
    fill(tmp_path, (1, 1, 1, 1))
    connection = apsw.Connection(str(tmp_path / "journal.db"))
    connection.execute("DELETE FROM journal WHERE first_sequence = 2")
    connection.close()
    with Journal.open(tmp_path, rules_version=RULES) as journal, pytest.raises(JournalCorrupt):
        journal.sequence_at(1_001)
