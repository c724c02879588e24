"""The venue and the ledger again, with bounds checks and as plain Python."""

import pytest

from tests.modes import FLAGS, ROOT, check_under

SELECTION = [ROOT / "tests/exchange/venue/test_apply.py", ROOT / "tests/exchange/venue/test_trading.py"]
# Digests of client ids and contents wrap on purpose, modulo 2^64.
WRAPS_ON_PURPOSE = ["-W", "ignore::RuntimeWarning"]


@pytest.mark.parametrize("flag", FLAGS)
def test_the_venue_passes_with_bounds_checks_and_as_plain_python(flag: str) -> None:
    check_under(flag, SELECTION, WRAPS_ON_PURPOSE)
