"""Where arrays begin, and when the system gives out their memory."""

import resource

import numpy as np
import pytest

from kernels.memory import CACHE_LINE_BYTES, HUGE_PAGE_BYTES, aligned_zeros, give_out


@pytest.mark.parametrize("length", [1, 3, 1_000_000])
def test_aligned_records_begin_on_a_cache_line(length: int) -> None:
    records = aligned_zeros(length, np.dtype([("a", "u8"), ("b", "u8")]))
    assert len(records) == length
    assert records.ctypes.data % (CACHE_LINE_BYTES if records.nbytes < HUGE_PAGE_BYTES else HUGE_PAGE_BYTES) == 0
    assert not records["a"].any()
    records[-1]["b"] = 7
    assert records[-1].tolist() == (0, 7)


def test_memory_that_was_given_out_costs_no_page_any_more_and_holds_what_it_held() -> None:
    array = aligned_zeros(1 << 22, np.uint32)
    array[5] = 7
    before = faults()
    give_out(array)
    given_out = faults()
    assert given_out - before >= 5
    array[6:] = 1
    assert faults() - given_out <= 2
    assert array[5] == 7


@pytest.mark.parametrize("items", [0, 1, 5, 100])
def test_any_number_of_items_can_be_asked_for(items: int) -> None:
    array = np.arange(10)
    give_out(array, items)
    assert array.tolist() == list(range(10))


def faults() -> int:
    """How many pages the system gave out so far."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt
