"""The venue beside its twin again, as plain Python."""

import pytest

from tests.modes import TIMEOUT_S, VENUE, WRAPS_ON_PURPOSE, check_under

pytestmark = [pytest.mark.long, pytest.mark.timeout(TIMEOUT_S)]


def test_the_venue_passes_as_plain_python() -> None:
    check_under("NUMBA_DISABLE_JIT", VENUE, WRAPS_ON_PURPOSE)
