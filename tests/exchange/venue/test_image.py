"""The logical state: complete, without a trace of memory, and enough to begin again from."""

from typing import Any

import numpy as np
import pytest

from exchange import commands, staff_commands
from exchange.venue import image
from exchange.venue.agenda import TRANCHE_DUE
from exchange.venue.clearing.allocations import open_allocation
from exchange.venue.clearing.coverage import holding_of
from exchange.venue.clearing.delivery_schema import KEY_WORDS
from exchange.venue.clearing.ramp_steps import schedule_ramp
from exchange.venue.clearing.reports import enter_report
from exchange.venue.lifecycle import LifeState
from exchange.venue.machine import Venue
from exchange.venue.schema import Event
from matching.schema import TimeInForce
from tests.exchange.venue.market import ALICE, BOB, BUY, CAROL, LIMITS, NANO_PER_S, SELL, START_NS, Market, open_market
from tests.exchange.venue.told import told


def busy_market() -> Market:
    """Something in every part of the image: orders, positions, ids, a halted tranche, limits, which the twin lacks."""
    market = open_market()
    market.place(ALICE, SELL, 1_000, 5, client_id="mine")
    market.place(BOB, BUY, 1_000, 3)
    market.place(CAROL, BUY, 990, 2, time_in_force=TimeInForce.GTD, expires_ns=START_NS + 90 * NANO_PER_S)
    market.place(CAROL, BUY, 990, 2, instrument_id=2)
    market.send(commands.halt(3), commands.withdraw(BOB, 5, client_id="back"))
    market.ask(commands.set_cancel_after(CAROL, 600_000))
    limits = (
        staff_commands.set_account_limits(ALICE, order_lots=100),
        staff_commands.set_instrument_limits(2, order_lots=100),
        staff_commands.set_region_limit(CAROL, 1, 100),
    )
    market.venue.apply(commands.concatenate(*limits), market.next_sequence)
    market.next_sequence += len(limits)
    market.twin.commands += len(limits)
    provide(market.venue)
    return market


def provide(venue: Venue) -> None:
    """Let Bob be a provider with capacity, who owes something of the second tranche."""
    venue.state.ledger.accounts["is_provider"][BOB] = 1
    venue.state.clock["last_capacity_id"] = 1
    terms = {"account_id": BOB, "region_id": 1, "lots": 100, "end_ns": START_NS + 86_400 * NANO_PER_S}
    for name, value in ({"capacity_id": 1} | terms).items():
        venue.state.clearing.capacities[name][1] = value
    venue.state.clearing.sellers["first_capacity"][BOB] = 1
    holding_of(venue.state, BOB, 1)
    open_allocation(venue.state, 2, CAROL, BOB, 5, 0, 0)
    venue.state.clearing.deliveries["slot_s"][2] = 60
    venue.state.clearing.reporter_keys[ALICE * KEY_WORDS] = 7
    enter_report(venue.state, 1, 0, ALICE, 3, 5, 0)


def test_a_busy_venue_has_rows_in_every_part() -> None:
    rows = busy_market().venue.image()
    assert list(rows) == list(image.LAYOUTS)
    assert all(len(rows[name]) for name in image.LAYOUTS)


def test_a_restored_venue_has_the_same_image_and_goes_on_alike() -> None:
    market = busy_market()
    schedule_ramp(market.venue.state, 2)  # as when a tranche that is delivered is listed
    restored = Venue.from_image(market.venue.image(), LIMITS)
    assert restored.digest() == market.venue.digest()
    further = commands.concatenate(
        commands.place(ALICE, 1, SELL, 1_000, 5, client_id="mine"),
        commands.cancel(ALICE, target_client_id="mine"),
        commands.resume(3),
        commands.tick(START_NS + 2_000 * NANO_PER_S),
    )
    events = [venue.apply(further, market.next_sequence).tobytes() for venue in (market.venue, restored)]
    assert events[0] == events[1]
    assert restored.digest() == market.venue.digest()


def test_an_image_of_an_image_is_the_same_bytes() -> None:
    first = busy_market().venue.image()
    second = Venue.from_image(first, LIMITS).image()
    assert {name: rows.tobytes() for name, rows in first.items()} == {
        name: rows.tobytes() for name, rows in second.items()
    }


def test_an_image_keeps_what_it_was_though_the_venue_goes_on() -> None:
    market = busy_market()
    rows = market.venue.image()
    before = image.digest(rows)
    market.venue.apply(commands.tick(START_NS + 2_000 * NANO_PER_S), market.next_sequence)
    assert image.digest(rows) == before != market.venue.digest()


@pytest.mark.parametrize("name", image.LAYOUTS)
def test_the_digest_covers_every_part(name: str) -> None:
    rows = {each: part.copy() for each, part in busy_market().venue.image().items()}
    before = image.digest(rows)
    rows[name].view(np.uint8)[-1] ^= 1
    assert image.digest(rows) != before


def test_rows_of_another_layout_are_a_bug() -> None:
    rows = dict(Venue(LIMITS).image())
    rows["orders"] = rows["positions"]
    with pytest.raises(AssertionError, match="orders has another layout"):
        image.digest(rows)


@pytest.mark.parametrize(
    ("limits", "complaint"),
    [
        ({"orders": 2}, "3 orders"),
        ({"positions": 1}, "positions"),
        ({"client_ids": 2}, "3 clients"),
        ({"accounts": 3}, "accounts"),
        ({"instruments": 2}, "3 tranches"),
    ],
)
def test_limits_too_small_for_an_image_are_an_error(limits: dict[str, int], complaint: str) -> None:
    market = busy_market()
    market.send(commands.deposit(BOB, 1, client_id="third"))
    with pytest.raises(ValueError, match=complaint):
        image.restore(market.venue.image(), LIMITS._replace(**limits))


def test_limits_that_just_suffice_are_enough() -> None:
    rows = busy_market().venue.image()
    pairs = {(row["account_id"], row["instrument_id"]) for name in ("orders", "positions") for row in rows[name]}
    just = LIMITS._replace(orders=3, positions=len(pairs), client_ids=2, accounts=4, instruments=4)
    assert Venue.from_image(rows, just).digest() == image.digest(rows)


def test_an_empty_venue_is_restored_as_an_empty_venue() -> None:
    empty = Venue(LIMITS)
    assert Venue.from_image(empty.image(), LIMITS).digest() == empty.digest()


@pytest.mark.parametrize(
    ("state", "deadline"),
    [
        (LifeState.OPEN, "gate_ns"),
        (LifeState.HALTED, "gate_ns"),
        (LifeState.GATE_CLOSED, "start_ns"),
        (LifeState.DELIVERING, "end_ns"),
    ],
)
def test_a_restored_tranche_waits_for_its_next_deadline(state: LifeState, deadline: str) -> None:
    market = open_market()
    market.tick({LifeState.GATE_CLOSED: 120, LifeState.DELIVERING: 180}.get(state, 0))
    if state == LifeState.HALTED:
        market.send(commands.halt(1))
    rows: dict[str, Any] = market.venue.image()
    (tranche,) = rows["tranches"][rows["tranches"]["instrument_id"] == 1]
    restored = image.restore(rows, LIMITS)
    entries = restored.agenda[: int(restored.clock[0]["agenda_count"])].tolist()
    assert (int(tranche[deadline]), TRANCHE_DUE, 1) in entries


def test_a_restored_queue_keeps_the_order_of_time() -> None:
    market = open_market()
    ids = [market.place(account_id, BUY, 1_000, 1)["order_id"] for account_id in (CAROL, ALICE, BOB)]
    restored = Venue.from_image(market.venue.image(), LIMITS)
    taker = commands.concatenate(commands.place(ALICE, 1, SELL, 1_000, 3, order_id=99))
    trades = [event for event in told(restored.apply(taker, market.next_sequence)) if event["kind"] == Event.TRADE]
    assert [event["counter_order_id"] for event in trades] == ids
