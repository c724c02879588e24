"""What is told to the compiler of records must hold: what may be in one place is always read again."""

import numpy as np
import pytest

from kernels.compile import JIT_ENABLED, inlined, kernel
from kernels.records import RECORD_BYTES, record

WHOLE = record(("kind", "i8"), *((f"word_{n}", "i8") for n in range(1, 8)))
HALVES = record(("kind", "i4"), *((f"half_{n}", "i4") for n in range(1, 16)))
STATE = record(*((f"word_{n}", "i8") for n in range(8)))
SMALL = record(("value", "i8"), ("other", "i8"))
TINY = record(("value", "i8"))


@kernel
def write_through_both(wholes, halves):
    """Read one layout, write through the other, read again."""
    before = wholes[0]["word_3"]
    halves[0]["half_6"] = 7
    halves[0]["half_7"] = 1
    return before, wholes[0]["word_3"]


@kernel
def copy_into_other(small, tiny, times):
    """Write records of two layouts in turn, each from what the other was just given."""
    for _ in range(times):
        tiny[0]["value"] = small[0]["value"] + 1
        small[0]["value"] = tiny[0]["value"] * 2
    return small[0]["value"]


@kernel
def write_twice(small, first, second):
    """Write two records of a layout, which may be one."""
    small[first]["value"] = 1
    small[second]["value"] = 2
    return small[first]["value"]


@inlined
def write_one(small):
    """The smallest function that writes a field."""
    small[0]["value"] = 1


@inlined
def write_third(records):
    """Write a field that records of two layouts have."""
    records[0]["word_3"] = 1


@kernel
def store_narrow(small, value):
    """Store a number of another width."""
    small[0]["value"] = value
    return small[0]["value"]


def test_messages_that_are_seen_through_two_layouts_are_one() -> None:
    assert WHOLE.itemsize == HALVES.itemsize == RECORD_BYTES
    wholes = np.zeros(1, WHOLE)
    assert write_through_both(wholes, wholes.view(HALVES)) == (0, 7 + (1 << 32))


def test_records_of_two_layouts_follow_each_other() -> None:
    small = np.zeros(1, SMALL)
    assert copy_into_other(small, np.zeros(1, TINY), 3) == 14


@pytest.mark.parametrize(("second", "expected"), [(0, 2), (1, 1)])
def test_one_record_under_two_indices_is_read_again(second: int, expected: int) -> None:
    assert write_twice(np.zeros(2, SMALL), 0, second) == expected


@pytest.mark.parametrize("value", [np.int8(-3), np.uint32(1 << 31), np.int64(-(1 << 60))])
def test_a_number_is_stored_as_the_field_has_it(value: np.integer) -> None:
    assert store_narrow(np.zeros(1, SMALL), value) == value


@pytest.mark.skipif(not JIT_ENABLED, reason="nothing is compiled")
@pytest.mark.parametrize(("layout", "is_message"), [(WHOLE, True), (STATE, False)])
def test_a_record_of_the_common_size_is_a_message_if_it_begins_with_its_kind(
    layout: np.dtype, is_message: bool
) -> None:
    assert layout.itemsize == RECORD_BYTES
    write_third(np.zeros(1, layout))
    code = write_third.entrance.inspect_llvm(write_third.entrance.signatures[-1])
    assert ('!"message"' in code) == is_message


@pytest.mark.skipif(not JIT_ENABLED, reason="nothing is compiled")
def test_fields_carry_a_note_of_what_they_are() -> None:
    write_one(np.zeros(1, SMALL))
    [code] = write_one.entrance.inspect_llvm().values()
    assert "!tbaa" in code
    assert "fields of records" in code
