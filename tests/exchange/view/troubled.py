"""A market in which Alice holds more than she can afford once its mark falls: Bob sold it to her, Carol may buy it."""

import numpy as np

from exchange import commands
from exchange.published import Published
from exchange.symbols import NANO_PER_S
from tests.exchange.view.markets import (
    ALICE,
    BOB,
    BUY,
    CASH_NANO,
    SELL,
    SHOCKS_TICKS,
    TICK_VALUE_NANO,
    WINDOW,
    Market,
    open_market,
)

LOTS = 100
BOUGHT_TICKS = 40_000
MARGIN_NANO = LOTS * max(SHOCKS_TICKS) * TICK_VALUE_NANO
LEFT_NANO = 1_000_000_000
CALLED_TICKS, CLOSING_TICKS, BANKRUPT_TICKS = 35_000, 33_500, 28_000
"""Marks at which Alice has 500, 350 and -200 million nano-USD; 700 are required, and 420 are maintenance."""


def troubled_market(endowment_nano: int = 0, **terms: int) -> Market:
    """Alice is 100 lots long and has a billion nano-USD; Bob gives something to the insurance fund."""
    market = open_market(**terms)
    mark(market, BOUGHT_TICKS)
    market.place(BOB, SELL, BOUGHT_TICKS, LOTS)
    market.place(ALICE, BUY, BOUGHT_TICKS, LOTS)
    market.send(commands.withdraw(ALICE, CASH_NANO - LEFT_NANO))
    if endowment_nano:
        market.send(commands.endow_fund(BOB, endowment_nano))
    return market


def new_mark(ticks: int) -> np.ndarray:
    """The command that marks the first window."""
    return commands.set_parameters(WINDOW, mark_ticks=ticks, shocks_ticks=SHOCKS_TICKS)


def mark(market: Market, ticks: int) -> Published:
    """A new mark; returns the batch that it came with."""
    return market.send(new_mark(ticks))


def wait(market: Market, seconds: int = 1) -> Published:
    """Nothing but time passes."""
    return market.send(time_ns=market.time_ns + seconds * NANO_PER_S)
