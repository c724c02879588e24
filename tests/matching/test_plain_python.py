"""The book beside its twin again, as plain Python."""

import pytest

from tests.modes import MATCHING, TIMEOUT_S, check_under

pytestmark = [pytest.mark.sim, pytest.mark.timeout(TIMEOUT_S)]


def test_the_book_passes_as_plain_python() -> None:
    check_under("NUMBA_DISABLE_JIT", MATCHING)
