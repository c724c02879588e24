"""Where arrays begin."""

import numpy as np
import pytest

from kernels.memory import CACHE_LINE_BYTES, HUGE_PAGE_BYTES, aligned_zeros


@pytest.mark.parametrize("length", [1, 3, 1_000_000])
def test_aligned_records_begin_on_a_cache_line(length: int) -> None:
    records = aligned_zeros(length, np.dtype([("a", "u8"), ("b", "u8")]))
    assert len(records) == length
    assert records.ctypes.data % (CACHE_LINE_BYTES if records.nbytes < HUGE_PAGE_BYTES else HUGE_PAGE_BYTES) == 0
    assert not records["a"].any()
    records[-1]["b"] = 7
    assert records[-1].tolist() == (0, 7)
