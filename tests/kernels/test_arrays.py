"""Groups of arrays, as Python and as compiled code see them."""

import copy
import pickle
from dataclasses import dataclass, replace

import numpy as np
import pytest

from kernels.arrays import CACHE_LINE_BYTES, ArrayGroup, aligned_zeros
from kernels.compile import kernel


@dataclass(frozen=True, eq=False)
class Inner(ArrayGroup):
    numbers: np.ndarray


@dataclass(frozen=True, eq=False)
class Outer(ArrayGroup):
    totals: np.ndarray
    inner: Inner


@kernel
def add_up(group):
    """The sum of the inner numbers, which is also written into the totals."""
    total = np.int64(0)
    for at in range(len(group.inner.numbers)):
        total += group.inner.numbers[at]
    group.totals[0] = total
    return total


def make_group(*numbers: int) -> Outer:
    return Outer(np.zeros(1, np.int64), Inner(np.array(numbers, np.int64)))


def test_a_kernel_reads_and_writes_the_arrays_of_nested_groups() -> None:
    group = make_group(1, 2, 3)
    assert add_up(group) == 6
    assert group.totals.tolist() == [6]


def test_a_replaced_array_is_the_one_that_a_kernel_sees() -> None:
    group = make_group(1, 2, 3)
    grown = replace(group, inner=replace(group.inner, numbers=np.array([10, 20, 30, 40])))
    assert add_up(grown) == 100
    assert add_up(group) == 6


@pytest.mark.parametrize("duplicate", [copy.deepcopy, lambda group: pickle.loads(pickle.dumps(group))])
def test_a_copy_of_a_group_has_arrays_of_its_own(duplicate) -> None:
    group = make_group(1, 2, 3)
    twin = duplicate(group)
    twin.inner.numbers[0] = 100
    assert (add_up(twin), add_up(group)) == (105, 6)


@pytest.mark.parametrize(
    "array", [np.zeros((2, 2)), np.zeros(8)[::2], np.zeros(0)], ids=["two dimensions", "a stride", "nothing in it"]
)
def test_an_array_of_another_shape_is_refused(array: np.ndarray) -> None:
    with pytest.raises(ValueError, match="numbers"):
        Inner(array)


@pytest.mark.parametrize("length", [1, 3, 1_000_000])
def test_aligned_records_begin_on_a_cache_line(length: int) -> None:
    records = aligned_zeros(length, np.dtype([("a", "u8"), ("b", "u8")]))
    assert len(records) == length
    assert records.ctypes.data % CACHE_LINE_BYTES == 0
    assert not records["a"].any()
