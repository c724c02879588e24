"""Groups of arrays, as Python and as compiled code see them."""

import copy
import pickle
from dataclasses import dataclass, replace
from typing import ClassVar

import numpy as np
import pytest

from kernels.arrays import ArrayGroup, RecordViews
from kernels.compile import JIT_ENABLED, kernel
from kernels.records import record


@dataclass(frozen=True, eq=False)
class Inner(ArrayGroup):
    numbers: np.ndarray


@dataclass(frozen=True, eq=False)
class Outer(ArrayGroup):
    totals: np.ndarray
    inner: Inner


PAIR = record(("first", "i8"), ("second", "i8"))
HALVES = record(("first_low", "u4"), ("first_high", "u4"), ("other", "i8"))


class Pairs(RecordViews):
    layouts: ClassVar = {"pairs": PAIR, "halves": HALVES, "numbers": np.dtype(np.int64)}


@kernel
def add_up_numbers(views):
    """The sum of what one layout sees."""
    total = np.int64(0)
    for at in range(len(views.numbers)):
        total += views.numbers[at]
    return total


@kernel
def read_and_write_all_layouts(views):
    """Write through two layouts; the sum of what a third one sees."""
    for at in range(len(views.pairs)):
        views.pairs[at]["second"] = 10 * at
        views.halves[at]["first_high"] = 0
    return add_up_numbers(views)


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


def test_a_kernel_sees_the_same_records_in_every_layout() -> None:
    records = np.array([(1 << 32 | 5, 0), (7, 0), (9, 0)], PAIR)
    assert read_and_write_all_layouts(Pairs(records)) == 5 + 7 + 9 + 10 + 20
    assert records.tolist() == [(5, 0), (7, 10), (9, 20)]


def test_python_sees_the_same_records_in_every_layout() -> None:
    views = Pairs(np.array([(1, 2), (3, 4)], PAIR))
    assert views.halves["first_low"].tolist() == [1, 3]
    assert views.numbers.tolist() == [1, 2, 3, 4]
    with pytest.raises(AttributeError, match="triples"):
        _ = views.triples


def test_read_only_records_and_others_are_of_one_type() -> None:
    records = np.array([(1, 2), (3, 8)], PAIR)
    assert add_up_numbers(Pairs(records)) == 14
    records.flags.writeable = False
    assert add_up_numbers(Pairs(records)) == 14
    if JIT_ENABLED:
        assert len(add_up_numbers.signatures) == 1


@pytest.mark.parametrize("duplicate", [copy.deepcopy, lambda group: pickle.loads(pickle.dumps(group))])
def test_a_copy_of_views_has_records_of_its_own(duplicate) -> None:
    views = Pairs(np.array([(1, 2)], PAIR))
    twin = duplicate(views)
    twin.numbers[0] = 100
    assert (twin.numbers.tolist(), views.numbers.tolist()) == ([100, 2], [1, 2])


@pytest.mark.parametrize(
    "records",
    [
        np.zeros((2, 2), PAIR),
        np.zeros(8, PAIR)[::2],
        np.zeros(0, PAIR),
        np.zeros(1 + 4 * PAIR.itemsize, np.uint8)[1:].view(PAIR),
        np.zeros(8, np.int64),
    ],
    ids=["two dimensions", "a stride", "nothing in it", "between two words", "another size"],
)
def test_records_of_another_shape_are_refused(records: np.ndarray) -> None:
    with pytest.raises(ValueError, match="records"):
        Pairs(records)
