"""A capture gives the image of the moment in which it was taken, whatever becomes of the state."""

import pytest

from exchange import commands
from exchange.venue.capture import CaptureMemory
from exchange.venue.image import digest, take_image
from exchange.venue.lifecycle import LifeState
from exchange.venue.machine import Venue
from matching.schema import TimeInForce
from tests.exchange.venue.clearing.floor import Floor
from tests.exchange.venue.market import (
    ALICE,
    BOB,
    BUY,
    CAROL,
    LIMITS,
    NANO_PER_S,
    SELL,
    START_NS,
    WINDOW_S,
    Market,
    open_market,
)


def grow(market: Market, orders: int = 20) -> None:
    """Orders, trades, positions, cancels, and client ids over more than their retention."""
    for number in range(orders):
        market.place(ALICE, SELL, 1_000 + number, 5, client_id=f"sell-{market.next_sequence}")
        market.place(BOB, BUY, 1_000, 3)
        market.place(CAROL, BUY, 990 - number, 2, instrument_id=2, client_id=f"buy-{market.next_sequence}")
    market.place(CAROL, BUY, 989, 2, time_in_force=TimeInForce.GTD, expires_ns=START_NS + 90 * NANO_PER_S)


def test_a_capture_has_the_image_of_its_moment_though_the_market_goes_on() -> None:
    market, memory = open_market(), CaptureMemory()
    grow(market)
    expected = market.venue.digest()
    captured = memory.capture(market.venue.state)
    grow(market)
    assert market.venue.digest() != expected
    assert digest(take_image(captured)) == expected


def test_accounts_are_captured_up_to_the_last_that_is_open() -> None:
    market, memory = open_market(), CaptureMemory()
    highest = len(market.venue.state.ledger.accounts) - 1
    market.send(commands.open_account(highest - 2, "high"), commands.open_account(highest - 5, "lower"))
    restored = Venue.from_image(market.venue.image(), LIMITS)
    for state in (market.venue.state, restored.state):
        captured = memory.capture(state)
        assert len(captured.ledger.accounts) == highest - 1
        assert digest(take_image(captured)) == market.venue.digest()


@pytest.mark.parametrize("additions", [0, 1, 10_000_000])
def test_memory_that_was_got_ahead_holds_a_larger_market_too(additions: int) -> None:
    market, memory = open_market(), CaptureMemory()
    memory.reserve(market.venue.state, additions)
    for _ in range(3):
        grow(market)
        assert digest(take_image(memory.capture(market.venue.state))) == market.venue.digest()


def test_tranches_are_captured_up_to_the_highest_slot_that_ever_held_one() -> None:
    market, memory = open_market(), CaptureMemory()
    grow(market)
    listed = int(market.venue.state.clock[0]["next_instrument_id"])
    assert listed < len(market.venue.state.tranches)
    restored = Venue.from_image(market.venue.image(), LIMITS)
    for state in (market.venue.state, restored.state):
        captured = memory.capture(state)
        assert len(captured.tranches) == len(captured.book.instruments) == len(captured.ledger.contracts) == listed
        assert digest(take_image(captured)) == market.venue.digest()


def test_tranches_whose_numbers_have_gone_round_the_slots_are_captured_whole() -> None:
    market, memory = open_market(), CaptureMemory()
    state = market.venue.state
    for _ in range(40):
        market.tick(WINDOW_S)
    assert state.clock[0]["next_instrument_id"] > len(state.tranches)
    assert (state.tranches["state"] != LifeState.NONE).any()
    captured = memory.capture(state)
    assert len(captured.tranches) == len(state.tranches)
    assert digest(take_image(captured)) == market.venue.digest()


def test_a_ring_of_client_ids_that_has_gone_round_is_captured_from_its_oldest() -> None:
    market, memory = open_market(), CaptureMemory()
    size = len(market.venue.state.clients)
    for number in range(size + size // 2):
        if number % (size // 4) == 0:
            market.tick(121)
        market.send(commands.deposit(BOB, 1, client_id=f"wire-{number}"))
    clock = market.venue.state.clock[0]
    assert clock["newest_client"] > size > clock["newest_client"] - clock["oldest_client"] > 0
    assert digest(take_image(memory.capture(market.venue.state))) == market.venue.digest()


def test_accounts_that_are_as_many_as_orders_are_captured_whole() -> None:
    market, memory = open_market(limits=LIMITS._replace(accounts=LIMITS.orders + 1)), CaptureMemory()
    market.send(commands.open_account(LIMITS.orders, "late", group=9))
    assert digest(take_image(memory.capture(market.venue.state))) == market.venue.digest()


def test_a_market_in_which_nothing_happened_is_captured() -> None:
    market = open_market()
    assert digest(take_image(CaptureMemory().capture(market.venue.state))) == market.venue.digest()


def test_delivery_is_captured_with_all_that_an_image_has_of_it() -> None:
    floor, memory = Floor(*[100_000_000] * 3, providers={2: 2_000_000}), CaptureMemory()
    floor.trade(1, 2, 7)
    floor.trade(3, 2, 5, 1_000, 2)
    floor.close_gate()
    expected = floor.venue.digest()
    captured = memory.capture(floor.venue.state)
    floor.tick(1_000)
    assert floor.venue.digest() != expected
    assert digest(take_image(captured)) == expected
    assert len(take_image(captured)["allocations"]) == 1
    assert take_image(captured)["positions"]["since"].all()


def test_a_capture_for_which_memory_was_got_ahead_gets_no_more() -> None:
    market, memory = open_market(), CaptureMemory()
    memory.reserve(market.venue.state, 1_000)
    ahead = dict(memory._kept)
    grow(market)
    assert digest(take_image(memory.capture(market.venue.state))) == market.venue.digest()
    assert {"orders", "clients"} <= set(ahead)
    assert all(memory._kept[name] is kept for name, kept in ahead.items())
