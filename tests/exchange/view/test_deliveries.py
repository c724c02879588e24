"""What readers see of delivery: terms, replacement prices, allocations."""

import numpy as np

from exchange import clearing_commands, commands
from exchange.venue.clearing.schema import TERM_NAMES
from exchange.venue.lifecycle import LifeState
from exchange.view import MarketView
from tests.exchange.venue.clearing.providing import provide
from tests.exchange.view.markets import (
    ALICE,
    BOB,
    BUY,
    CAROL,
    FIRST_GATE_NS,
    FIRST_WINDOW_NS,
    HOUR_S,
    NANO_PER_S,
    SELL,
    TICK_VALUE_NANO,
    WINDOW,
    Market,
    assert_agrees_with_venue,
    define_windows,
    open_market,
)

TERMS = {"slot_s": 60, "shortfall_fee_ppm": 200_000, "penalty_ppm": 50_000, "grace_s": 60, "dispute_s": 600}
LATER = 2


def delivered_market() -> Market:
    """A market whose second series is delivered, and whose third account has capacity to sell."""
    market = open_market()
    windows = define_windows(2 * HOUR_S - 1).copy()
    windows.view(np.uint32)[1] = LATER  # the series' number
    market.send(windows, clearing_commands.set_delivery_terms(LATER, **TERMS))
    market.send()
    provide(market.venue, CAROL)
    return market


def sold(market: Market) -> int:
    """Ten lots of the delivered window change hands; return its number."""
    (window,) = (each.instrument_id for each in market.view.tranches.values() if each.slot_s)
    market.send(commands.place(CAROL, window, SELL, 40_000, 10))
    market.send(commands.place(ALICE, window, BUY, 40_000, 6), commands.place(BOB, window, BUY, 40_000, 4))
    return window


def test_a_window_shows_the_terms_that_its_series_had_when_it_was_listed():
    market = delivered_market()
    (window,) = (each for each in market.view.tranches.values() if each.slot_s)
    assert {name: getattr(window, name) for name in TERM_NAMES} == dict.fromkeys(TERM_NAMES, 0) | TERMS
    assert market.view.tranches[WINDOW].slot_s == 0
    market.send(clearing_commands.set_delivery_terms(LATER, 90))
    assert (market.view.series[LATER].slot_s, window.slot_s) == (90, 60)


def test_allocations_are_seen_by_both_accounts_and_by_tranche():
    market = delivered_market()
    window = sold(market)
    market.send(time_ns=FIRST_GATE_NS)
    first, second = (market.view.deliveries.by_id[each] for each in market.view.deliveries.of_tranche[window])
    assert (first.buyer_id, first.provider_id, first.lots, first.price_ticks) == (ALICE, CAROL, 6, 40_000)
    assert first.escrow_nano == 6 * 40_000 * TICK_VALUE_NANO
    assert market.view.deliveries.of_account(ALICE) == [first]
    assert market.view.deliveries.of_account(BOB) == [second]
    assert market.view.deliveries.of_account(CAROL) == [first, second]
    assert market.view.tranches[window].replacement_ticks == 80_000, "the worst shock is the whole price"
    assert_agrees_with_venue(market)


def test_a_loaded_view_shows_the_same_allocations():
    market = delivered_market()
    sold(market)
    market.send(time_ns=FIRST_GATE_NS)
    loaded = MarketView.load(market.view.dump())
    assert loaded == market.view
    assert [each.lots for each in loaded.deliveries.of_account(CAROL)] == [6, 4]


def test_a_window_that_is_over_is_settling_while_it_has_allocations():
    market = delivered_market()
    window = sold(market)
    market.send(time_ns=FIRST_GATE_NS)
    market.send(time_ns=FIRST_WINDOW_NS + HOUR_S * NANO_PER_S)
    assert market.view.tranches[window].state == LifeState.SETTLING
