"""Stakes and capacity, as the read model has them, and slot by slot as the venue keeps them."""

import numpy as np

from exchange import clearing_commands, commands
from exchange.capacity import capacities_of, read_sold, slots_of
from exchange.symbols import NANO_PER_S
from exchange.venue.clearing.capacity_schema import RING_SLOTS, SLOT_NS, STAKE_NANO_PER_LOT
from exchange.venue.schema import Tier
from exchange.view import CapacityView, MarketView
from tests.exchange.view.markets import (
    ALICE,
    BOB,
    BUY,
    FIRST_WINDOW_NS,
    SELL,
    START_NS,
    Market,
    assert_agrees_with_venue,
)

HOUR_NS = 3_600 * NANO_PER_S
END_NS = START_NS + 48 * HOUR_NS


def register(market: Market, lots: int, tier: Tier = Tier.EF, **terms: object) -> int:
    """Capacity of Alice from the start on; returns its id."""
    end_ns = terms.pop("end_ns", END_NS)
    command = clearing_commands.register_capacity(ALICE, 1, tier, lots, START_NS, end_ns, **terms)  # type: ignore[arg-type]
    return int(market.send(command).events.view(np.uint64).reshape(-1, 8)[-1, 2])


def test_capacities_show_with_their_endpoints_until_they_are_withdrawn(market: Market) -> None:
    market.send(clearing_commands.post_stake(ALICE, 20 * STAKE_NANO_PER_LOT))
    first = register(market, 9, endpoint="fra1/port-7")
    second = register(market, 5, Tier.BE, daily_from_s=3_600, daily_length_s=900, weekdays=5)
    assert register(market, 999) not in market.view.capacities
    assert list(capacities_of(market.view, ALICE)) == [
        CapacityView(first, ALICE, 1, Tier.EF, 9, START_NS, END_NS, 0, 0, 0, "fra1/port-7"),
        CapacityView(second, ALICE, 1, Tier.BE, 5, START_NS, END_NS, 3_600, 900, 5, ""),
    ]
    assert_agrees_with_venue(market)
    market.send(clearing_commands.withdraw_capacity(ALICE, first))
    assert list(market.view.capacities) == [second]
    assert_agrees_with_venue(market)


def test_a_stake_shows_on_the_account(market: Market) -> None:
    market.send(clearing_commands.post_stake(ALICE, 700), clearing_commands.withdraw_stake(ALICE, 200))
    assert market.view.accounts[ALICE].stake_nano == 500
    assert_agrees_with_venue(market)


def test_a_capacity_that_is_over_is_not_told_and_goes_with_the_next(market: Market) -> None:
    market.send(clearing_commands.post_stake(ALICE, 20 * STAKE_NANO_PER_LOT))
    first = register(market, 9, end_ns=START_NS + SLOT_NS)
    market.send(commands.tick(START_NS + SLOT_NS), time_ns=START_NS + SLOT_NS)
    assert list(capacities_of(market.view, ALICE)) == []
    assert first in market.view.capacities
    second = register(market, 9)
    assert list(market.view.capacities) == [second]
    market.send(clearing_commands.withdraw_capacity(ALICE, first))
    assert MarketView.load(market.view.dump()) == market.view


def test_slots_tell_what_is_registered_sold_and_free(market: Market) -> None:
    market.send(clearing_commands.post_stake(ALICE, 20 * STAKE_NANO_PER_LOT))
    register(market, 9)
    register(market, 5, Tier.BE)
    market.place(ALICE, SELL, 40_000, 4)
    market.place(BOB, BUY, 40_000, 1)
    read = read_sold(market.venue, ALICE, 1)
    slots = slots_of(market.view, ALICE, 1, read)
    at = FIRST_WINDOW_NS // SLOT_NS - slots.first_slot
    assert slots.registered[at].tolist() == [9, 0, 5]
    assert slots.sold[at - 1 : at + 5].tolist() == [[0, 0, 0], *[[4, 0, 0]] * 4, [0, 0, 0]]
    assert slots.free[at - 1 : at + 1].tolist() == [[9, 9, 14], [5, 5, 10]]
    assert len(slots.sold) == RING_SLOTS
    assert slots.registered[-1].tolist() == [0, 0, 0]


def test_an_account_that_sells_nothing_in_a_region_has_slots_of_nothing(market: Market) -> None:
    slots = slots_of(market.view, BOB, 1, read_sold(market.venue, BOB, 1))
    assert not slots.registered.any()
    assert not slots.free.any()
