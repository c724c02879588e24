"""The venue beside its twin again, with every index checked."""

import pytest

from tests.modes import TIMEOUT_S, VENUE, WRAPS_ON_PURPOSE, check_under

pytestmark = [pytest.mark.sim, pytest.mark.timeout(TIMEOUT_S)]


def test_the_venue_passes_with_bounds_checks() -> None:
    check_under("NUMBA_BOUNDSCHECK", VENUE, WRAPS_ON_PURPOSE)
