"""The open-addressing table against a dictionary, with tags that collide on purpose."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from kernels.compile import kernel
from kernels.table import ENTRY, TABLE_SIZE_MIN, following, grown_table, home, insert_entry, remove_entry

SIZE = 16
TAGS = st.sampled_from([0, 1, 2, 14, 15, 16, 17, 31, 32, 0xFFFFFFFF, 0xFFFFFFF0])
"""Many of them share a home in a table of 16, some at its very end, so that probes wrap around."""


@kernel
def probe(table, tag, found):
    """Note the slots that a caller would look at for a tag; return how many."""
    count = 0
    at = home(table, tag)
    while table[at]["slot"] != 0:
        if table[at]["tag"] == tag:
            found[count] = table[at]["slot"]
            count += 1
        at = following(table, at)
    return count


def empty_table(size: int = SIZE) -> np.ndarray:
    return np.zeros(size, ENTRY)


def probed(table: np.ndarray, tag: int) -> list[int]:
    """The slots under a tag."""
    found = np.zeros(len(table), np.int64)
    return found[: probe(table, tag, found)].tolist()


def check(table: np.ndarray, expected: dict[int, int]) -> None:
    """Every entry is found from its home, and nothing else is in the table."""
    for slot, tag in expected.items():
        assert slot in probed(table, tag)
    assert {int(entry["slot"]): int(entry["tag"]) for entry in table if entry["slot"]} == expected


@given(st.lists(st.tuples(st.booleans(), TAGS), max_size=60))
def test_entries_come_and_go_as_in_a_dictionary(steps: list[tuple[bool, int]]) -> None:
    """At most half of the table is in use, as its users see to."""
    table, expected, next_slot = empty_table(), {}, 1
    for adds, tag in steps:
        if adds and len(expected) < SIZE // 2:
            insert_entry(table, tag, next_slot)
            expected[next_slot] = tag
            next_slot += 1
        elif not adds:
            slots = probed(table, tag)
            if slots:
                remove_entry(table, tag, slots[len(slots) // 2])
                del expected[slots[len(slots) // 2]]
        check(table, expected)


@given(st.lists(TAGS, min_size=1, max_size=8), st.randoms(use_true_random=False))
def test_a_table_that_was_emptied_in_any_order_holds_nothing(tags: list[int], random) -> None:
    table = empty_table()
    entries = list(enumerate(tags, start=1))
    for slot, tag in entries:
        insert_entry(table, tag, slot)
    random.shuffle(entries)
    for slot, tag in entries:
        remove_entry(table, tag, slot)
    assert not table["slot"].any()


def test_a_removal_shifts_back_entries_that_wrapped_around_the_end() -> None:
    table = empty_table()
    for slot, tag in enumerate([15, 31, 15 + 16 * 4, 0], start=1):
        insert_entry(table, tag, slot)
    assert [int(table[at]["slot"]) for at in (15, 0, 1, 2)] == [1, 2, 3, 4]
    remove_entry(table, 15, 1)
    assert [int(table[at]["slot"]) for at in (15, 0, 1, 2)] == [2, 3, 4, 0]


def test_a_removal_leaves_an_entry_that_stands_at_its_home() -> None:
    table = empty_table()
    for slot, tag in enumerate([3, 4, 3 + SIZE], start=1):
        insert_entry(table, tag, slot)
    remove_entry(table, 3, 1)
    check(table, {2: 4, 3: 3 + SIZE})
    assert table[4]["slot"] == 2


def test_removing_what_is_not_there_is_a_bug() -> None:
    table = empty_table()
    insert_entry(table, 3, 1)
    with pytest.raises(AssertionError, match="missing from a table"):
        remove_entry(table, 3, 2)


@pytest.mark.parametrize(
    ("live", "additions", "size"),
    [
        (0, 0, TABLE_SIZE_MIN),
        (0, TABLE_SIZE_MIN // 2, TABLE_SIZE_MIN),
        (0, TABLE_SIZE_MIN // 2 + 1, 2 * TABLE_SIZE_MIN),
        (TABLE_SIZE_MIN // 2, 1, 2 * TABLE_SIZE_MIN),
        (0, 3 * TABLE_SIZE_MIN, 8 * TABLE_SIZE_MIN),
    ],
)
def test_a_table_grows_to_stay_at_most_half_full(live: int, additions: int, size: int) -> None:
    assert len(grown_table(empty_table(TABLE_SIZE_MIN), live, additions)) == size


def test_a_table_with_room_is_left_as_it_is() -> None:
    table = empty_table(TABLE_SIZE_MIN)
    assert grown_table(table, 10, 10) is table


@given(st.lists(TAGS, max_size=SIZE // 2))
def test_a_larger_table_holds_the_same_entries(tags: list[int]) -> None:
    table = empty_table()
    expected = dict(enumerate(tags, start=1))
    for slot, tag in expected.items():
        insert_entry(table, tag, slot)
    larger = grown_table(table, len(expected), SIZE)
    assert len(larger) > SIZE
    check(larger, expected)
