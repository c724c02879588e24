"""The market that most tests of the read model begin with."""

import pytest

from tests.exchange.view.markets import Market, open_market


@pytest.fixture
def market() -> Market:
    """Three accounts with cash and one hour's window, open."""
    return open_market()
