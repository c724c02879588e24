"""Whether the books add up, and what is said where they do not."""

import numpy as np
import pytest

from exchange import commands
from exchange.venue.balances import find_imbalance
from tests.exchange.venue.market import ALICE, BOB, BUY, SELL, Market, open_market


@pytest.fixture
def market() -> Market:
    market = open_market()
    market.send(commands.set_fees(1, -100, 500))
    market.tick(120)
    instrument_id = max(market.twin.tranches)
    market.place(ALICE, SELL, 1_000, 5, instrument_id=instrument_id)
    market.place(BOB, BUY, 1_000, 3, instrument_id=instrument_id)
    return market


def test_books_add_up_after_trades_and_fees_and_settling(market: Market) -> None:
    assert market.figures(BOB).fees_nano > 0
    assert find_imbalance(market.venue.image()) == ""
    market.tick(2_000)
    assert find_imbalance(market.venue.image()) == ""


@pytest.mark.parametrize(
    ("subject", "field", "complaint"),
    [
        ("accounts", "cash_nano", "all that is held comes to"),
        ("summary", "fees_nano", "all that is held comes to"),
        ("summary", "fund_nano", "all that is held comes to"),
        ("summary", "deposits_nano", "all that is held comes to"),
        ("positions", "lots", "the lots of instrument"),
        ("positions", "cost_nano", "the cost_nano of instrument"),
    ],
)
@pytest.mark.parametrize("more", [1, -1])
def test_one_nano_or_lot_too_many_is_named(market: Market, subject: str, field: str, complaint: str, more: int) -> None:
    image = {name: np.array(rows) for name, rows in market.venue.image().items()}
    image[subject][field][-1] += more
    assert complaint in find_imbalance(image)


def test_what_is_wrong_in_two_instruments_at_once_does_not_cancel_out(market: Market) -> None:
    first = sorted(market.twin.tranches)[-2]
    market.place(ALICE, SELL, 1_000, 1, instrument_id=first)
    market.place(BOB, BUY, 1_000, 1, instrument_id=first)
    image = {name: np.array(rows) for name, rows in market.venue.image().items()}
    image["positions"]["lots"][0] += 1
    image["positions"]["lots"][-1] -= 1
    assert "lots of instrument" in find_imbalance(image)
