"""The book beside its twin again, with every index checked."""

import pytest

from tests.modes import MATCHING, TIMEOUT_S, check_under

pytestmark = [pytest.mark.sim, pytest.mark.timeout(TIMEOUT_S)]


def test_the_book_passes_with_bounds_checks() -> None:
    check_under("NUMBA_BOUNDSCHECK", MATCHING)
