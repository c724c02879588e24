"""The table of buckets against a dictionary, with tags that share buckets and overflow them on purpose."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from kernels.bucket_table import (
    BUCKET_WORDS,
    PASSED,
    SLOTS,
    TABLE_WORDS_MIN,
    entries_of,
    first_slot,
    grown_bucket_table,
    home_bucket,
    insert_slot,
    is_passed,
    likely_slot,
    next_bucket,
    remove_slot,
)
from kernels.compile import kernel

BUCKETS = 4
ROOM = BUCKETS * PASSED // 2
"""Entries at most, as the users of a table see to."""
TAGS = st.sampled_from([at << 30 | low for at in (0, 3) for low in (0, 1, 2)] + [1 << 30, 0xFFFFFFFF])
"""Most of them belong to the first bucket of four or to the last, behind which it goes on with the first."""


@kernel
def look_up(table, tag, found):
    """Note the slots that a caller would look at for a tag; return how many."""
    count = 0
    bucket = home_bucket(table, tag)
    while True:
        entries = entries_of(table, bucket, tag)
        while entries != 0:
            slot = first_slot(table, bucket, entries)
            if slot != 0:
                found[count] = slot
                count += 1
            entries &= entries - np.uint64(1)
        if not is_passed(table, bucket):
            return count
        bucket = next_bucket(table, bucket)


@kernel
def insert(table, tag, slot):
    insert_slot(table, tag, slot)


@kernel
def remove(table, tag, slot):
    remove_slot(table, tag, slot)


@kernel
def hint(table, tag):
    return likely_slot(table, tag)


def empty_table(buckets: int = BUCKETS) -> np.ndarray:
    return np.zeros(buckets * BUCKET_WORDS, np.uint32)


def looked_up(table: np.ndarray, tag: int) -> list[int]:
    """The slots under a tag."""
    found = np.zeros(len(table), np.int64)
    return found[: look_up(table, tag, found)].tolist()


def check(table: np.ndarray, expected: dict[int, int]) -> None:
    """Every entry is found under its tag, nothing else is in the table, and each bucket counts what went past it."""
    for tag in set(expected.values()):
        assert sorted(looked_up(table, tag)) == sorted(slot for slot, other in expected.items() if other == tag)
    rows = table.reshape(-1, BUCKET_WORDS)
    held, passed = {}, np.zeros(len(rows), np.int64)
    for at, row in enumerate(rows):
        for tag, slot in zip(row[:PASSED].tolist(), row[SLOTS : SLOTS + PASSED].tolist(), strict=True):
            if slot:
                held[slot] = tag
                home = tag * len(rows) >> 32
                passed[(home + np.arange((at - home) % len(rows))) % len(rows)] += 1
            else:
                assert tag == 0, "a free entry has a tag"
    assert held == expected
    assert passed.tolist() == rows[:, PASSED].tolist()
    assert not rows[:, SLOTS + PASSED].any(), "the lane of a hint that found nothing has a slot"


@given(st.lists(st.tuples(st.sampled_from([True, True, False]), TAGS), max_size=60))
def test_slots_come_and_go_as_in_a_dictionary(steps: list[tuple[bool, int]]) -> None:
    table, expected, next_slot = empty_table(), {}, 1
    for adds, tag in steps:
        slots = looked_up(table, tag)
        if adds and len(expected) < ROOM:
            insert(table, tag, next_slot)
            expected[next_slot] = tag
            next_slot += 1
        elif slots and not adds:
            remove(table, tag, slots[len(slots) // 2])
            del expected[slots[len(slots) // 2]]
        check(table, expected)


@given(st.lists(TAGS, min_size=1, max_size=ROOM), st.randoms(use_true_random=False))
def test_a_table_that_was_emptied_in_any_order_is_as_new(tags: list[int], random) -> None:
    table = empty_table()
    entries = list(enumerate(tags, start=1))
    for slot, tag in entries:
        insert(table, tag, slot)
    random.shuffle(entries)
    for slot, tag in entries:
        remove(table, tag, slot)
    assert not table.any()


def test_a_bucket_that_is_full_sends_entries_to_the_next_and_around_the_end() -> None:
    table = empty_table()
    tag = (BUCKETS - 1) << 30
    expected = dict.fromkeys(range(1, PASSED + 3), tag)
    for slot in expected:
        insert(table, tag, slot)
    rows = table.reshape(-1, BUCKET_WORDS)
    assert rows[BUCKETS - 1, PASSED] == 2
    assert rows[0, SLOTS : SLOTS + 2].tolist() == [PASSED + 1, PASSED + 2]
    check(table, expected)


def test_a_hint_is_the_slot_in_the_home_bucket_or_none() -> None:
    table = empty_table()
    for slot in range(1, PASSED + 2):
        insert(table, slot - 1, slot)
    assert [hint(table, tag) for tag in range(1, PASSED + 2)] == [*range(2, PASSED + 1), 0, 0]


def test_removing_what_is_not_there_is_a_bug() -> None:
    table = empty_table()
    insert(table, 3, 1)
    with pytest.raises(AssertionError, match="missing from a table"):
        remove(table, 3, 2)


@pytest.mark.parametrize(
    ("live", "additions", "words"),
    [
        (0, 0, TABLE_WORDS_MIN),
        (0, TABLE_WORDS_MIN // 4, TABLE_WORDS_MIN),
        (0, TABLE_WORDS_MIN // 4 + 1, 2 * TABLE_WORDS_MIN),
        (TABLE_WORDS_MIN // 4, 1, 2 * TABLE_WORDS_MIN),
        (0, TABLE_WORDS_MIN, 4 * TABLE_WORDS_MIN),
    ],
)
def test_a_table_grows_to_have_four_words_for_each_entry(live: int, additions: int, words: int) -> None:
    assert len(grown_bucket_table(np.zeros(TABLE_WORDS_MIN, np.uint32), live, additions)) == words


def test_a_table_with_room_is_left_as_it_is() -> None:
    table = empty_table()
    assert grown_bucket_table(table, 10, 6) is table


@given(st.lists(TAGS, max_size=ROOM))
def test_a_larger_table_holds_the_same_slots(tags: list[int]) -> None:
    table, expected = empty_table(), dict(enumerate(tags, start=1))
    for slot, tag in expected.items():
        insert(table, tag, slot)
    larger = grown_bucket_table(table, len(expected), len(table))
    assert len(larger) > len(table)
    check(larger, expected)
