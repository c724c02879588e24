"""Gate closure of a tranche that is delivered: who pays, who is cut, who delivers to whom."""

import pytest

from exchange import clearing_commands, commands, staff_commands
from exchange.sequencer import stamp_order_ids
from exchange.venue.balances import find_imbalance
from exchange.venue.clearing.gate_schema import Cause
from exchange.venue.lifecycle import LifeState
from exchange.venue.machine import Venue
from exchange.venue.schema import Event
from exchange.venue.state import VenueLimits
from tests.exchange.venue.clearing.floor import (
    GATE_S,
    LIMITS,
    LOT_NANO,
    SHOCK_TICKS,
    SLOT_S,
    TERMS,
    Floor,
    of_first,
    of_kind,
    windows,
)
from tests.exchange.venue.market import BUY, NANO_PER_S, SELL, START_NS, TICK_VALUE_NANO
from tests.exchange.venue.told import told

RICH = 100_000_000
ONCE, TWICE = 1_000_000, 2_000_000
REPLACEMENT_TICKS = 1_000 + SHOCK_TICKS
FAILURE_NANO = 200 * TICK_VALUE_NANO + SHOCK_TICKS * TICK_VALUE_NANO
BUY_IN_NANO = REPLACEMENT_TICKS * TICK_VALUE_NANO * 11 // 10 - LOT_NANO
UNFUNDED_NANO = LOT_NANO // 10


def test_what_is_bought_and_covered_becomes_an_allocation_with_escrow_and_bond():
    floor = Floor(RICH, RICH, providers={2: TWICE})
    assert floor.trade(1, 2, 7) == 7
    events = floor.close_gate()
    (allocated,) = of_kind(events, Event.ALLOCATED)
    assert (allocated["account_id"], allocated["provider_id"], allocated["lots"]) == (1, 2, 7)
    assert (allocated["escrow_nano"], allocated["bond_nano"]) == (7 * LOT_NANO, 7 * 2 * FAILURE_NANO)
    assert (floor.cash_nano(1), floor.cash_nano(2)) == (RICH - 7 * LOT_NANO, RICH - 14 * FAILURE_NANO)
    assert floor.venue.figures_of_all()["margin_nano"].tolist() == [0, 0]
    assert of_kind(events, Event.CASHED_OUT) == []


@pytest.mark.parametrize("number", [1, 2])
def test_what_risk_staff_add_does_not_bind_what_pays_for_a_delivery(number: int):
    floor = Floor(RICH, RICH, providers={2: TWICE})
    floor.trade(1, 2, 7)
    (*_, outcome) = floor.send(staff_commands.call_margin(number, 1))
    assert outcome["kind"] == Event.ADD_ON_SET
    events = floor.close_gate()
    assert of_kind(events, Event.CASHED_OUT) == []
    assert (floor.cash_nano(1), floor.cash_nano(2)) == (RICH - 7 * LOT_NANO, RICH - 14 * FAILURE_NANO)
    assert floor.allocations() == [(1, 2, 7)]


def test_the_gate_tells_the_final_and_the_replacement_price():
    floor = Floor(RICH, RICH, providers={2: TWICE})
    floor.trade(1, 2, 7)
    (closed,) = of_kind(floor.close_gate(), Event.STATE_CHANGED)
    assert (closed["state"], closed["final_ticks"]) == (LifeState.GATE_CLOSED, 1_000)
    assert closed["replacement_ticks"] == REPLACEMENT_TICKS


def test_a_replacement_is_never_dearer_than_the_highest_price_nor_cheaper_than_the_mark():
    floor = Floor(RICH, RICH, providers={2: TWICE})
    floor.trade(1, 2, 7)
    floor.mark(1_500, 32_000)
    (closed,) = of_kind(floor.close_gate(), Event.STATE_CHANGED)
    assert closed["replacement_ticks"] == 32_000
    floor = Floor(RICH, RICH, providers={2: TWICE})
    floor.trade(1, 2, 7)
    floor.mark(1_500, 10)
    (closed,) = of_kind(floor.close_gate(), Event.STATE_CHANGED)
    assert closed["replacement_ticks"] == 1_510


def test_who_sold_what_it_does_not_have_buys_in_and_the_buyer_who_goes_without_is_paid():
    floor = Floor(RICH, RICH)
    floor.trade(1, 2, 7)
    events = floor.close_gate()
    seller, buyer = of_kind(events, Event.CASHED_OUT)
    assert (seller["account_id"], seller["cause"], seller["lots"]) == (2, Cause.UNCOVERED, -7)
    assert (buyer["account_id"], buyer["cause"], buyer["lots"]) == (1, Cause.WENT_WITHOUT, 7)
    assert seller["penalty_nano"] == -buyer["penalty_nano"] == -7 * BUY_IN_NANO
    assert buyer["amount_nano"] == 7 * (LOT_NANO + BUY_IN_NANO)
    assert (floor.cash_nano(1), floor.cash_nano(2)) == (RICH + 7 * BUY_IN_NANO, RICH - 7 * BUY_IN_NANO)
    assert floor.allocations() == []
    assert floor.total("fund_nano") == 0


def test_a_buyer_gets_what_it_can_pay_for_and_its_penalty_goes_to_the_sellers_who_sell_less():
    floor = Floor(3 * LOT_NANO + 7_000, RICH, RICH, providers={2: ONCE, 3: ONCE})
    assert floor.trade(1, 2, 6) == 6
    assert floor.trade(1, 3, 3) == 3
    events = floor.close_gate()
    unfunded, *cut = of_kind(events, Event.CASHED_OUT)
    assert (unfunded["account_id"], unfunded["cause"], unfunded["lots"]) == (1, Cause.UNFUNDED, 6)
    assert unfunded["penalty_nano"] == -7_000, "all that it had left"
    assert [(each["account_id"], each["lots"], each["penalty_nano"]) for each in cut] == [
        (2, -4, 4_667),
        (3, -2, 2_333),
    ]
    assert all(each["cause"] == Cause.WENT_WITHOUT for each in cut)
    assert floor.allocations() == [(1, 2, 2), (1, 3, 1)]


def test_unfunded_and_uncovered_lots_cancel_out_and_their_penalties_go_to_the_fund():
    floor = Floor(RICH, RICH, LOT_NANO, RICH, providers={2: ONCE})
    floor.trade(1, 2, 5)
    assert floor.trade(3, 4, 3) == 3
    events = floor.close_gate()
    rows = [(each["account_id"], each["cause"], each["lots"]) for each in of_kind(events, Event.CASHED_OUT)]
    assert rows[:2] == [(3, Cause.UNFUNDED, 2), (4, Cause.UNCOVERED, -3)]
    assert rows[2:] == [(1, Cause.WENT_WITHOUT, 1)], "one lot is missing, and five are more than one"
    assert floor.allocations() == [(1, 2, 4), (3, 2, 1)]
    assert floor.total("fund_nano") == 3 * BUY_IN_NANO - BUY_IN_NANO, "the unfunded buyer had nothing left"


def test_the_fund_pays_what_who_failed_cannot_and_then_those_who_go_without_share():
    floor = Floor(RICH, RICH, 10 * SHOCK_TICKS * TICK_VALUE_NANO)
    assert floor.trade(1, 3, 7) == 7
    assert floor.trade(2, 3, 3) == 3
    events = floor.close_gate()
    seller, *cut = of_kind(events, Event.CASHED_OUT)
    assert seller["penalty_nano"] == -50_000
    assert [(each["account_id"], each["penalty_nano"]) for each in cut] == [(1, 35_000), (2, 15_000)]
    assert floor.cash_nano(3) == 0


@pytest.mark.parametrize("cash_nano", [LOT_NANO // 2, 5 * FAILURE_NANO - 1, 5 * FAILURE_NANO, 50 * FAILURE_NANO])
def test_a_provider_covers_as_many_lots_as_it_can_put_the_bond_for(cash_nano: int):
    floor = Floor(RICH, cash_nano, providers={2: ONCE})
    lots = floor.trade(1, 2, 5)
    floor.close_gate()
    covered = min(lots, cash_nano // FAILURE_NANO)
    assert floor.total("bonds_nano") == covered * FAILURE_NANO
    assert floor.allocations() == ([(1, 2, covered)] if covered else [])


def test_who_bought_and_sold_first_comes_first_and_a_position_that_turned_begins_anew():
    floor = Floor(*[RICH] * 6, providers={4: ONCE, 5: ONCE, 6: ONCE})
    floor.trade(2, 4, 1)
    floor.trade(1, 5, 2)
    floor.trade(3, 6, 3)
    floor.trade(4, 2, 1)
    floor.trade(2, 4, 2)
    floor.close_gate()
    assert floor.allocations() == [(1, 5, 2), (3, 6, 3), (2, 4, 2)]


def test_there_are_fewer_allocations_than_there_are_traders():
    floor = Floor(*[RICH] * 6, providers={4: ONCE, 5: ONCE, 6: ONCE})
    for buyer, seller, lots in ((1, 4, 2), (2, 5, 9), (3, 6, 4), (1, 6, 3)):
        floor.trade(buyer, seller, lots)
    floor.close_gate()
    assert floor.allocations() == [(1, 4, 2), (1, 5, 3), (2, 5, 6), (2, 6, 3), (3, 6, 4)]


def test_what_finds_no_place_is_cashed_out_at_the_final_price_without_a_penalty():
    floor = Floor(*[RICH] * 5, providers={3: ONCE, 4: ONCE})
    floor.shrink_pool(2)
    floor.trade(1, 3, 2)
    floor.trade(2, 4, 5)
    floor.trade(5, 4, 1)
    events = floor.close_gate()
    assert floor.allocations() == [(1, 3, 2)]
    rows = of_kind(events, Event.CASHED_OUT)
    assert [(each["account_id"], each["lots"]) for each in rows] == [(2, 5), (4, -6), (5, 1)]
    assert {(each["cause"], each["penalty_nano"]) for each in rows} == {(Cause.NO_ROOM, 0)}
    assert [floor.cash_nano(number) for number in (2, 4, 5)] == [RICH] * 3


def test_a_tranche_with_allocations_is_settling_until_they_are_settled():
    floor = Floor(RICH, RICH, providers={2: TWICE})
    floor.trade(1, 2, 7)
    floor.close_gate()
    states = [event["state"] for event in of_kind(floor.end_window(), Event.STATE_CHANGED)]
    assert states == [LifeState.DELIVERING, LifeState.SETTLING]
    assert of_kind(of_first(floor.tick(600)), Event.STATE_CHANGED) == []
    (settled,) = of_kind(of_first(floor.tick(60)), Event.STATE_CHANGED)
    assert settled["state"] == LifeState.SETTLED


def test_a_tranche_that_was_cashed_out_as_a_whole_is_settled_when_its_window_ends():
    floor = Floor(RICH, RICH)
    floor.trade(1, 2, 7)
    floor.close_gate()
    states = [event["state"] for event in of_kind(floor.end_window(), Event.STATE_CHANGED)]
    assert states == [LifeState.DELIVERING, LifeState.SETTLED]


def test_a_tranche_that_nobody_holds_expires():
    floor = Floor(RICH, RICH)
    floor.close_gate()
    states = [event["state"] for event in of_kind(floor.end_window(), Event.STATE_CHANGED)]
    assert states == [LifeState.DELIVERING, LifeState.EXPIRED]


def test_without_slots_a_tranche_is_settled_in_cash():
    floor = Floor(RICH, RICH, slot_s=0)
    floor.trade(1, 2, 7, 900)
    events = floor.close_gate()
    assert of_kind(events, Event.PARAMETERS_SET) == []
    assert [event["kind"] for event in events] == [Event.POSITION_SETTLED, Event.POSITION_SETTLED, Event.STATE_CHANGED]
    assert events[-1]["replacement_ticks"] == 0
    states = [event["state"] for event in of_kind(floor.end_window(), Event.STATE_CHANGED)]
    assert states == [LifeState.DELIVERING, LifeState.SETTLED]


def test_one_late_tick_over_several_gates_does_what_many_timely_ones_do():
    found = []
    for seconds in ([GATE_S + 780], [60] * (GATE_S // 60 + 13), [GATE_S - 2, 1, 301, 480]):
        floor = Floor(*[RICH] * 4, providers={3: ONCE})
        floor.mark(1_000, SHOCK_TICKS, 2)
        for buyer, seller, lots, instrument_id in ((1, 3, 5, 1), (2, 4, 7, 1), (2, 3, 4, 2), (1, 4, 2, 2)):
            assert floor.trade(buyer, seller, lots, 1_000, instrument_id) == lots
        events = [event for pause in seconds for event in floor.tick(pause)]
        found.append([{name: event[name] for name in event if name not in ("sequence", "index")} for event in events])
        assert len(of_kind(events, Event.ALLOCATED)) == 4
    assert found[0] == found[1] == found[2]


def test_what_other_positions_require_does_not_pay_for_lots():
    floor = Floor(20 * LOT_NANO, RICH, RICH, providers={2: ONCE})
    floor.mark(1_000, SHOCK_TICKS, 2)
    assert floor.trade(1, 3, 10, 1_000, 2) == 10
    assert floor.trade(1, 2, 20) == 20
    floor.close_gate()
    ramped_ticks = SHOCK_TICKS + (1_000 - SHOCK_TICKS) * 9 // 10
    margin_nano = 10 * ramped_ticks * TICK_VALUE_NANO
    assert floor.allocations() == [(1, 2, (20 * LOT_NANO - margin_nano) // LOT_NANO)] == [(1, 2, 10)]


def test_gains_at_the_gate_pay_for_lots_and_losses_lessen_what_is_there():
    floor = Floor(10 * LOT_NANO, RICH, RICH, RICH, providers={2: ONCE, 4: ONCE})
    floor.trade(1, 2, 10, 1_000)
    floor.trade(3, 4, 1, 1_010)
    floor.mark(1_010)
    events = floor.close_gate()
    assert of_kind(events, Event.STATE_CHANGED)[0]["final_ticks"] == 1_010
    assert floor.allocations() == [(1, 2, 10), (3, 4, 1)]
    assert floor.cash_nano(1) == 0


def test_a_gate_with_thousands_of_positions_is_closed_by_one_tick():
    traders = 5_000
    limits = LIMITS._replace(orders=2 * traders, nodes=1_000, accounts=2 * traders + 1, positions=4 * traders)
    providers = dict.fromkeys(range(traders + 1, traders + traders // 2), ONCE)
    venue = crowded_venue(traders, limits, providers)
    events = told(venue.apply(commands.tick(START_NS + GATE_S * NANO_PER_S), 1 << 30))
    assert find_imbalance(venue.image()) == ""
    allocations = venue.image()["allocations"]
    bought = sum(event["lots"] for event in of_kind(events, Event.POSITION_SETTLED) if event["lots"] > 0)
    assert bought == sum(1 + number % 7 for number in range(traders))
    assert len(providers) <= len(allocations) < 2 * traders
    covered = sum(1 + (number - traders - 1) % 7 for number in providers)
    assert allocations["lots"].sum() == covered
    assert int(venue.state.ledger.totals[0]["escrow_nano"]) == covered * LOT_NANO


def crowded_venue(traders: int, limits: VenueLimits, providers: dict[int, int], **series: int) -> Venue:
    """So many buyers, each of whom bought something from a seller of its own."""
    venue = Venue(limits)
    numbers = range(1, 2 * traders + 1)
    pairs = [(number + 1, traders + number + 1, 1 + number % 7) for number in range(traders)]
    batches = [
        [commands.tick(START_NS), commands.define_region(1, "eu-fra")],
        [commands.open_account(number, f"trader-{number}") for number in numbers],
        [commands.deposit(number, 10 * LOT_NANO) for number in numbers],
        [windows(**series), clearing_commands.set_delivery_terms(1, SLOT_S, **TERMS)],
        [commands.tick(START_NS + NANO_PER_S)],
        [
            order
            for buyer, seller, lots in pairs
            for order in (commands.place(seller, 1, SELL, 1_000, lots), commands.place(buyer, 1, BUY, 1_000, lots))
        ],
    ]
    sequence = 1
    for groups in batches:
        batch = commands.concatenate(*groups)
        stamp_order_ids(batch, sequence)
        venue.apply(batch, sequence)
        sequence += len(batch)
    for number, multiplier_ppm in providers.items():
        venue.state.ledger.accounts["is_provider"][number] = 1
        venue.state.clearing.providers["multiplier_ppm"][number] = multiplier_ppm
    return venue
