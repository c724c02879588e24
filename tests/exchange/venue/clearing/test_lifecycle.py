"""The table of an allocation's life is the truth: every move in it happens, and no other."""

import pytest

from exchange import delivery_commands
from exchange.venue.clearing.lifecycle import (
    NEXT_ALLOCATION_STATE,
    NEXT_ALLOCATION_STATE_ARRAY,
    AllocationState,
    AllocationTrigger,
)
from exchange.venue.schema import Event, Reject
from tests.exchange.venue.delivery_market import DISPUTE_S, GRACE_S, PROVIDER, SLOT_S, SLOTS, DeliveryMarket
from tests.exchange.venue.told import Told

LOTS = 6
MEASURED = ((LOTS, LOTS, LOTS), (LOTS, 2, LOTS), (0, 0, 0), (LOTS, LOTS, LOTS))
"""What is delivered of each allocation: all, a part, nothing, and all by somebody who was ready."""


def moves_of(events: list[Told]) -> set[tuple[AllocationState, AllocationState]]:
    """(from, to) of every change of an allocation."""
    return {
        (AllocationState(event["detail"]), AllocationState(event["state"]))
        for event in events
        if event["kind"] == Event.ALLOCATION_CHANGED
    }


def test_every_state_has_its_row_and_only_the_first_and_the_last_lead_nowhere() -> None:
    assert set(NEXT_ALLOCATION_STATE) == set(AllocationState)
    ends = {state for state, moves in NEXT_ALLOCATION_STATE.items() if not moves}
    assert ends == {AllocationState.NONE, AllocationState.SETTLED}


def test_kernels_read_the_same_table() -> None:
    for state in AllocationState:
        for trigger in AllocationTrigger:
            expected = NEXT_ALLOCATION_STATE[state].get(trigger, AllocationState.NONE)
            assert NEXT_ALLOCATION_STATE_ARRAY[state, trigger] == expected


def test_every_move_of_the_table_happens_and_no_other() -> None:
    market = DeliveryMarket()
    market.checks_mirror = False
    ids = [market.allocate(LOTS) for _ in MEASURED]
    events = market.send(delivery_commands.provision(PROVIDER, ids[-1]))[0]
    events += market.tick_into_window(0)
    for slot in range(SLOTS):
        events += market.tick_into_window(SLOT_S * (slot + 1))
        for allocation_id, lots in zip(ids, MEASURED, strict=True):
            market.report(allocation_id, slot, *[lots[slot]] * 3)
    events += market.tick_into_window(SLOTS * SLOT_S + GRACE_S + DISPUTE_S)
    moves = {(state, target) for state, row in NEXT_ALLOCATION_STATE.items() for target in row.values()}
    assert moves_of(events) == moves


@pytest.mark.parametrize("seconds", [0, SLOTS * SLOT_S + GRACE_S])
def test_a_move_that_the_table_does_not_have_is_refused(seconds: int) -> None:
    market = DeliveryMarket()
    allocation_id = market.allocate(LOTS)
    market.tick_into_window(seconds)
    state = AllocationState(int(market.allocation(allocation_id)["state"]))
    assert AllocationTrigger.PROVISION not in NEXT_ALLOCATION_STATE[state]
    told = market.ask(delivery_commands.provision(PROVIDER, allocation_id))
    assert told["reason"] == Reject.ILLEGAL_ALLOCATION_CHANGE
    assert market.allocation(allocation_id)["state"] == state
