"""The venue beside its twin again, as plain Python."""

import pytest

from tests.modes import VENUE, WRAPS_ON_PURPOSE, check_under

pytestmark = pytest.mark.long


def test_the_venue_passes_as_plain_python() -> None:
    check_under("NUMBA_DISABLE_JIT", VENUE, WRAPS_ON_PURPOSE)
