"""The life-cycle table is the truth: the venue makes every move in it and no other."""

import pytest

from exchange import commands
from exchange.venue.lifecycle import AUCTION_STATES, FINAL_STATES, NEXT_STATE, NEXT_STATE_ARRAY, LifeState, Trigger
from exchange.venue.schema import Event, Reject
from matching.schema import Phase
from tests.exchange.venue.delivery_market import DeliveryMarket
from tests.exchange.venue.market import ALICE, BOB, BUY, SELL, Market, open_market
from tests.exchange.venue.told import told

GATE_S, START_S, END_S = 120, 180, 360
"""Of the first window, counted from the opening."""


def reached(state: LifeState) -> Market:
    """A market whose first tranche is in a state."""
    market = open_market()
    if state in AUCTION_STATES:
        market = open_market(opening_auction_s=20, closing_auction_s=25)
    seconds = {LifeState.GATE_CLOSED: GATE_S, LifeState.DELIVERING: START_S, LifeState.CLOSING_AUCTION: 100}
    market.tick(seconds.get(state, 1) - 1)
    if state == LifeState.HALTED:
        market.send(commands.halt(1))
    assert market.twin.tranches[1].state == state
    return market


LASTING = [
    *(LifeState.OPEN, LifeState.HALTED, LifeState.GATE_CLOSED, LifeState.DELIVERING),
    *(LifeState.AUCTION, LifeState.CLOSING_AUCTION),
]
"""The states in which a command can find a tranche: it is opened as it is listed, and forgotten as it ends."""


def test_every_state_has_its_row_and_every_move_leads_to_a_state() -> None:
    assert set(NEXT_STATE) == set(LifeState)
    for moves in NEXT_STATE.values():
        assert set(moves.values()) <= set(LifeState) - {LifeState.NONE, LifeState.LISTED}


def test_a_final_state_is_one_that_nothing_leads_out_of() -> None:
    ends = {state for state, moves in NEXT_STATE.items() if not moves}
    assert ends == FINAL_STATES | {LifeState.NONE}


def test_kernels_read_the_same_table() -> None:
    for state in LifeState:
        for trigger in Trigger:
            assert NEXT_STATE_ARRAY[state, trigger] == NEXT_STATE[state].get(trigger, LifeState.NONE)


def moves_of(market: Market) -> set[tuple[LifeState, LifeState]]:
    """(from, to) of every change of state so far."""
    return {
        (LifeState(event["previous_state"]), LifeState(event["state"]))
        for events in market.events
        for event in told(events)
        if event["kind"] == Event.STATE_CHANGED
    }


def test_every_move_of_the_table_happens_and_no_other() -> None:
    market = open_market()
    market.place(ALICE, BUY, 1_000, 1)
    market.place(BOB, SELL, 1_000, 1)
    market.send(commands.halt(1), commands.resume(1), commands.halt(2))
    market.tick(5 * END_S)
    moves = moves_of(market)
    for opening_s, closing_s in ((20, 25), (500, 0), (500, 25)):
        moves |= moves_of(halted_and_resumed(opening_s, closing_s))
    market = open_market(opening_auction_s=20)
    market.tick(20)
    market.send(commands.halt_market(), commands.resume_market())
    moves |= moves_of(market) | delivered_moves()
    assert moves == {(state, target) for state, row in NEXT_STATE.items() for target in row.values()}


def delivered_moves() -> set[tuple[LifeState, LifeState]]:
    """Those of a tranche that is delivered."""
    market = DeliveryMarket()
    market.allocate()
    events = market.tick_into_window(2_000)
    changes = [event for event in events if event["kind"] == Event.STATE_CHANGED and event["instrument_id"] == 1]
    return {(LifeState(event["previous_state"]), LifeState(event["state"])) for event in changes}


def halted_and_resumed(opening_s: int, closing_s: int) -> Market:
    """Three tranches are stopped in their auctions; one comes back at once, one after its last call, one never."""
    market = open_market(opening_auction_s=opening_s, closing_auction_s=closing_s)
    market.send(*(commands.halt(instrument_id) for instrument_id in (1, 2, 3)), commands.resume(2))
    market.tick(GATE_S - 10)
    market.send(commands.resume(1), commands.halt(1))
    market.tick(5 * END_S)
    return market


@pytest.mark.parametrize("state", LASTING)
@pytest.mark.parametrize(("trigger", "build"), [(Trigger.HALT, commands.halt), (Trigger.RESUME, commands.resume)])
def test_a_move_that_the_table_does_not_have_is_refused(state: LifeState, trigger: Trigger, build) -> None:
    market = reached(state)
    outcome = market.ask(build(1))
    if trigger in NEXT_STATE[state]:
        assert (outcome["kind"], outcome["state"]) == (Event.STATE_CHANGED, NEXT_STATE[state][trigger])
    else:
        assert (outcome["kind"], outcome["reason"]) == (Event.REJECTED, Reject.ILLEGAL_STATE_CHANGE)
        assert market.twin.tranches[1].state == state


@pytest.mark.parametrize(
    ("state", "phase"),
    [
        (LifeState.OPEN, Phase.OPEN),
        (LifeState.HALTED, Phase.HALTED),
        (LifeState.GATE_CLOSED, Phase.CLOSED),
        (LifeState.DELIVERING, Phase.CLOSED),
        (LifeState.AUCTION, Phase.AUCTION),
        (LifeState.CLOSING_AUCTION, Phase.AUCTION),
    ],
)
def test_matching_takes_what_the_state_of_a_tranche_allows(state: LifeState, phase: Phase) -> None:
    market = reached(state)
    assert market.venue.state.book.instruments[1]["phase"] == phase


@pytest.mark.parametrize("build", [commands.halt, commands.resume])
@pytest.mark.parametrize("instrument_id", [0, 4, 9, (1 << 32) - 1])
def test_a_tranche_that_is_not_listed_is_unknown(build, instrument_id: int) -> None:
    assert open_market().ask(build(instrument_id))["reason"] == Reject.UNKNOWN_INSTRUMENT


def test_a_tranche_that_has_ended_is_unknown() -> None:
    market = open_market()
    market.tick(END_S)
    assert market.ask(commands.halt(1))["reason"] == Reject.UNKNOWN_INSTRUMENT
