"""Kernels that are called without a look at what their arguments are."""

import numpy as np
import pytest
from numba import njit

import kernels.compile
from kernels.compile import JIT_ENABLED, direct
from kernels.parts import OPTIONS

pytestmark = pytest.mark.skipif(not JIT_ENABLED, reason="nothing is compiled")


class Watched:
    """A kernel that counts the calls that numba looked at."""

    def __init__(self, function):
        self.kernel, self.looks = njit(**OPTIONS)(function), 0
        self.overloads = self.kernel.overloads
        self.__name__ = function.__name__

    def __call__(self, *arguments):
        self.looks += 1
        return self.kernel(*arguments)


def total(numbers, first):
    found = np.int64(0)
    for at in range(first, len(numbers)):
        found += numbers[at]
    return found


@pytest.mark.parametrize(("is_checked", "looks"), [(False, 1), (True, 3)])
def test_a_direct_kernel_is_looked_at_once_or_always_and_does_the_same(monkeypatch, is_checked, looks):
    monkeypatch.setattr(kernels.compile, "CHECKED", is_checked)
    watched = Watched(total)
    kernel = direct(watched)
    numbers = np.arange(10)
    assert [kernel(numbers, first) for first in (0, 5, np.int64(9))] == [45, 35, 9]
    assert watched.looks == looks


def test_other_types_are_a_fault_where_calls_are_looked_at(monkeypatch):
    monkeypatch.setattr(kernels.compile, "CHECKED", True)
    kernel = direct(Watched(total))
    kernel(np.arange(10), 0)
    with pytest.raises(AssertionError, match="total is called with other types"):
        kernel(np.arange(10, dtype=np.uint8), 0)


def test_the_tests_look_at_each_call():
    assert kernels.compile.CHECKED
