"""A halt of the whole market, and how tranches come back from it; cancels that flood an auction."""

import numpy as np

from exchange import commands
from exchange.venue.lifecycle import LifeState
from exchange.venue.machine import Venue
from exchange.venue.schema import Event
from matching.events import EVENTS_PER_STEP_MAX
from tests.exchange.venue.auction_markets import (
    AUCTION,
    CLOSING_AUCTION,
    LAST_CALL_NS,
    OPENING_END_NS,
    OPENING_S,
    auction_market,
    states,
    trades,
)
from tests.exchange.venue.market import (
    ALICE,
    BOB,
    BUY,
    CASH_NANO,
    LIMITS,
    NANO_PER_S,
    SELL,
    START_NS,
    Market,
    define_series,
    opening,
)
from tests.exchange.venue.told import told

FLOOD = 2_000
"""Orders on each side."""


def resume_market(market: Market) -> list[tuple[int, LifeState]]:
    """(instrument, state) of every move that it brings."""
    market.send(commands.halt_market())
    (events,) = market.send(commands.resume_market())
    assert events[-1]["kind"] == Event.MARKET_RESUMED
    return [(event["instrument_id"], LifeState(event["state"])) for event in events[:-1]]


def test_a_market_that_was_halted_comes_back_through_the_auctions_of_its_open_tranches() -> None:
    market = auction_market()
    market.tick_to(OPENING_END_NS + NANO_PER_S)
    market.place(ALICE, BUY, 1_000, 5)
    assert resume_market(market) == [(1, AUCTION), (2, AUCTION), (3, AUCTION)]
    resumed_ns = market.twin.time_ns
    assert market.place(BOB, SELL, 990, 3)["kind"] == Event.RESTED
    assert states(market.tick_to(resumed_ns + OPENING_S * NANO_PER_S - 1)) == []
    events = market.tick_to(resumed_ns + OPENING_S * NANO_PER_S)
    assert trades(events) == [(ALICE, BOB, 1_000, 3)]
    assert states(events) == [LifeState.OPEN]


def test_an_auction_after_a_halt_of_the_market_ends_at_the_last_call_at_the_latest() -> None:
    market = auction_market()
    market.tick_to(LAST_CALL_NS - NANO_PER_S)
    assert (1, AUCTION) in resume_market(market)
    assert states(market.tick_to(LAST_CALL_NS)) == [CLOSING_AUCTION]


def test_a_tranche_without_an_opening_auction_trades_again_at_once() -> None:
    market = auction_market(opening_auction_s=0)
    assert resume_market(market) == []
    market.place(ALICE, BUY, 1_000, 1)
    assert market.place(BOB, SELL, 1_000, 1)["kind"] == Event.FILLED


def test_what_is_halted_by_itself_or_in_an_auction_stays_so_when_the_market_resumes() -> None:
    market = auction_market()
    assert resume_market(market) == []
    market.tick_to(OPENING_END_NS + NANO_PER_S)
    market.send(commands.halt(2))
    market.tick_to(LAST_CALL_NS)
    assert resume_market(market) == [(3, AUCTION)]
    found = {instrument_id: tranche.state for instrument_id, tranche in market.twin.tranches.items()}
    assert found == {1: CLOSING_AUCTION, 2: LifeState.HALTED, 3: AUCTION}


def test_to_resume_a_market_that_was_not_halted_changes_nothing() -> None:
    market = auction_market()
    market.tick_to(OPENING_END_NS)
    (events,) = market.send(commands.resume_market())
    assert [event["kind"] for event in events] == [Event.MARKET_RESUMED]
    assert {tranche.state for tranche in market.twin.tranches.values()} == {LifeState.OPEN}


def test_tranches_are_called_in_the_order_of_their_ids_whatever_slots_they_fell_on() -> None:
    """Windows of a day keep a low id while those of three minutes go once round the slots."""
    market = auction_market()
    start_ns = START_NS + 86_400 * NANO_PER_S
    market.send(define_series(2, first_start_ns=start_ns, horizon_s=86_400, opening_auction_s=OPENING_S))
    while max(market.twin.tranches) < 14:
        market.tick(60)
    market.tick(OPENING_S + 1)
    is_open = [each for each, tranche in market.twin.tranches.items() if tranche.state == LifeState.OPEN]
    slots = [instrument_id % LIMITS.instruments for instrument_id in sorted(is_open)]
    assert slots != sorted(slots)
    assert [instrument_id for instrument_id, _ in resume_market(market)] == sorted(is_open)
    market.tick(3_600)


def test_a_market_resumes_alike_whatever_the_size_of_the_buffer() -> None:
    histories = []
    for event_capacity in (4_096, EVENTS_PER_STEP_MAX):
        market = auction_market(event_capacity=event_capacity)
        market.tick_to(OPENING_END_NS)
        market.place(ALICE, BUY, 1_000, 5)
        assert len(resume_market(market)) == 3
        market.tick(200)
        histories.append(np.concatenate(market.events).tobytes())
    assert histories[0] == histories[1]


# Cancels without end.


def test_cancels_that_flood_an_auction_come_behind_its_one_pass_whatever_the_buffer() -> None:
    """The tick that uncrosses and a cancel of every order are one batch: what traded is gone, the rest is cancelled."""
    limits = LIMITS._replace(orders=2 * FLOOD, positions=4 * FLOOD)
    money = [commands.deposit(account_id, FLOOD * CASH_NANO) for account_id in (ALICE, BOB)]
    series = opening(opening_auction_s=OPENING_S)
    founding = commands.concatenate(*series, *money, commands.tick(START_NS + NANO_PER_S))
    orders = [commands.place(ALICE, 1, BUY, 1_000 + at % 20, 1, order_id=1_000 + at) for at in range(FLOOD)]
    orders += [commands.place(BOB, 1, SELL, 1_010 - at % 20, 1, order_id=10_000 + at) for at in range(FLOOD)]
    cancels = [commands.cancel(int(order["account_id"][0]), order_id=int(order["order_id"][0])) for order in orders]
    flood = commands.concatenate(commands.tick(OPENING_END_NS + NANO_PER_S), *cancels)
    histories, digests = [], []
    for event_capacity in (EVENTS_PER_STEP_MAX, 16_384):
        venue = Venue(limits, event_capacity=event_capacity)
        venue.apply(commands.concatenate(founding, *orders), 1)
        assert len(venue.image()["orders"]) == 2 * FLOOD
        histories.append(venue.apply(flood, 50_000))
        digests.append(venue.digest())
    assert histories[0].tobytes() == histories[1].tobytes()
    assert digests[0] == digests[1]
    kinds = [event["kind"] for event in told(histories[0])]
    traded_lots, cancelled = kinds.count(Event.AUCTION_TRADE), kinds.count(Event.CANCELLED)
    assert 0 < traded_lots < FLOOD
    assert cancelled == 2 * (FLOOD - traded_lots)
    assert kinds.count(Event.REJECTED) == 2 * traded_lots
    assert Event.CANCELLED not in kinds[: kinds.index(Event.UNCROSSED)]
