"""The final price: what it is made of, and what attackers can make of it. The twin follows every market here."""

import random

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from exchange import commands
from exchange.venue import image
from exchange.venue.final_price import VOLUME_STEPS_MIN, WEIGHT_LOTS_MAX, find_final_ticks
from exchange.venue.layout import PRINTS_KEPT
from exchange.venue.lifecycle import LifeState
from exchange.venue.machine import Venue
from exchange.venue.schema import Event
from exchange.venue.state import State, allocate
from matching.schema import PRICE_TICKS_MAX, QUANTITY_LOTS_MAX
from tests.exchange.venue.market import (
    ALICE,
    BOB,
    BUY,
    CAROL,
    CASH_NANO,
    GATE_LEAD_S,
    LIMITS,
    NANO_PER_S,
    REFERENCE_TICKS,
    SELL,
    START_NS,
    TICK_VALUE_NANO,
    WINDOW_S,
    Market,
    open_market,
)
from tests.exchange.venue.test_supervision import parameters
from tests.exchange.venue.told import Told
from tests.exchange.venue.twin_final_price import Bounds, Print, final_price, party

DAVE, EVE, FRANK = 4, 5, 6
GATE_NS = START_NS + (WINDOW_S - GATE_LEAD_S) * NANO_PER_S
DEAD_WINDOW_NS = GATE_NS - NANO_PER_S
"""The last second before the gate."""
SHOCK_TICKS = 300
REACH_TICKS = SHOCK_TICKS // 2
HONEST_TICKS = 1_040


def marked_market(mark_ticks: int = REFERENCE_TICKS, **series: int) -> Market:
    """Alice, and Bob and Carol, who are one person; Dave, Eve and Frank, who say that they are three."""
    market = open_market(LIMITS._replace(accounts=16), **series)
    for account_id in (DAVE, EVE, FRANK):
        market.send(commands.open_account(account_id, f"account-{account_id}"), commands.deposit(account_id, CASH_NANO))
    market.send(parameters(mark_ticks, SHOCK_TICKS))
    return market


def cross(market: Market, seller: int, buyer: int, price_ticks: int, quantity_lots: int) -> None:
    """The two trade with each other at a price."""
    assert market.place(seller, SELL, price_ticks, quantity_lots)["kind"] == Event.RESTED
    assert market.place(buyer, BUY, price_ticks, quantity_lots)["kind"] == Event.FILLED


def trade_honestly(market: Market) -> None:
    """Three persons agree on a price, each two of them once."""
    for seller, buyer in ((ALICE, BOB), (BOB, DAVE), (ALICE, DAVE)):
        cross(market, seller, buyer, HONEST_TICKS, 10)


def close_gate(market: Market) -> int:
    """Let the gate close; returns the final price, at which every position was settled, and nothing lost by it."""
    before_nano = total_nano(market)
    events = [event for event in market.tick_to(GATE_NS) if event.get("instrument_id") == 1]
    (closed,) = (event for event in events if event["kind"] == Event.STATE_CHANGED and event["final_ticks"])
    settled = [event for event in events if event["kind"] == Event.POSITION_SETTLED]
    assert {event["price_ticks"] for event in settled} <= {closed["final_ticks"]}
    assert sum(event["amount_nano"] for event in settled) == 0
    assert total_nano(market) == before_nano
    return int(closed["final_ticks"])


def total_nano(market: Market) -> int:
    ledger = market.venue.state.ledger
    return int(ledger.accounts["cash_nano"].sum() + ledger.totals[0]["fees_nano"] + ledger.totals[0]["fund_nano"])


# What it is made of.


def test_three_persons_who_trade_enough_make_the_final_price() -> None:
    market = marked_market()
    trade_honestly(market)
    assert close_gate(market) == HONEST_TICKS


def test_without_a_trade_the_mark_is_the_final_price() -> None:
    assert close_gate(marked_market(mark_ticks=1_111)) == 1_111


@pytest.mark.parametrize(
    ("step_lots", "lots", "counts"),
    [(1, (4, 3, 3), True), (1, (3, 3, 3), False), (5, (15, 15, 20), True), (5, (15, 15, 15), False)],
)
def test_too_few_steps_of_quantity_leave_the_mark(step_lots: int, lots: tuple[int, ...], counts: bool) -> None:
    market = marked_market(quantity_step_lots=step_lots)
    for (seller, buyer), each in zip(((ALICE, BOB), (BOB, DAVE), (DAVE, ALICE)), lots, strict=True):
        cross(market, seller, buyer, HONEST_TICKS, each)
    assert close_gate(market) == (HONEST_TICKS if counts else REFERENCE_TICKS)


def test_two_persons_leave_the_mark_though_one_of_them_has_two_accounts() -> None:
    market = marked_market()
    cross(market, ALICE, BOB, HONEST_TICKS, 50)
    cross(market, CAROL, ALICE, HONEST_TICKS, 50)
    assert close_gate(market) == REFERENCE_TICKS


def test_what_one_pair_trades_beyond_all_others_does_not_count() -> None:
    market = marked_market()
    cross(market, ALICE, BOB, HONEST_TICKS, 100)
    cross(market, DAVE, EVE, HONEST_TICKS, 4)
    assert close_gate(market) == REFERENCE_TICKS, "of four lots and four of a hundred there are no ten"


def test_where_two_halves_meet_the_price_is_the_nearest_to_the_mark() -> None:
    prices = {}
    for mark_ticks in (950, 1_000, 1_015, 1_050):
        market = marked_market(mark_ticks)
        cross(market, ALICE, BOB, 1_000, 10)
        cross(market, DAVE, EVE, 1_030, 10)
        prices[mark_ticks] = close_gate(market)
    assert prices == {950: 1_000, 1_000: 1_000, 1_015: 1_015, 1_050: 1_030}


def test_only_the_last_prints_are_kept() -> None:
    market = marked_market()
    for _ in range(PRINTS_KEPT):
        cross(market, ALICE, DAVE, 900, 20)
    for seller, buyer in ((ALICE, BOB), (BOB, DAVE), (DAVE, ALICE)) * 3:
        cross(market, seller, buyer, HONEST_TICKS, 10)
    assert len(market.venue.image()["prints"]) == PRINTS_KEPT
    assert close_gate(market) == HONEST_TICKS


def test_a_price_that_was_fixed_at_the_gate_stands_whatever_is_marked_later() -> None:
    market = marked_market()
    trade_honestly(market)
    close_gate(market)
    market.send(parameters(700, SHOCK_TICKS))
    events: list[Told] = market.tick_to(GATE_NS + (GATE_LEAD_S + WINDOW_S) * NANO_PER_S)
    moves = [event for event in events if event["kind"] == Event.STATE_CHANGED and event["instrument_id"] == 1]
    assert [(event["state"], event["final_ticks"]) for event in moves] == [
        (LifeState.DELIVERING, HONEST_TICKS),
        (LifeState.SETTLED, HONEST_TICKS),
    ]


def test_a_restored_venue_finds_the_same_final_price() -> None:
    market = marked_market()
    for number in range(PRINTS_KEPT + 3):
        cross(market, (ALICE, BOB, DAVE)[number % 3], EVE, 1_000 + 7 * number, 3)
    restored = Venue(market.venue.limits, state=image.restore(market.venue.image(), market.venue.limits))
    assert restored.digest() == market.venue.digest()
    sequence = market.next_sequence
    assert close_gate(market) > REFERENCE_TICKS
    assert restored.apply(market.sent[-1], sequence).tobytes() == market.events[-1].tobytes()
    assert restored.digest() == market.venue.digest()


def test_a_window_in_a_slot_that_was_used_before_begins_without_prints() -> None:
    market = marked_market()
    trade_honestly(market)
    close_gate(market)
    market.tick(2 * LIMITS.instruments * WINDOW_S)
    assert 1 + LIMITS.instruments in market.twin.tranches or min(market.twin.tranches) > LIMITS.instruments
    assert len(market.venue.image()["prints"]) == 0
    assert not market.venue.image()["tranches"]["prints"].any()


# What attackers make of it.


@pytest.mark.parametrize("attack_ticks", [500, 1_500])
def test_one_lot_printed_within_a_group_in_a_dead_window_moves_nothing(attack_ticks: int) -> None:
    """The attackers hold a position that any other price would pay for."""
    quiet, attacked = marked_market(), marked_market()
    for market in (quiet, attacked):
        market.send(commands.set_fees(1, maker_fee_ppm=100, taker_fee_ppm=200))
        trade_honestly(market)
        cross(market, EVE, BOB, HONEST_TICKS, 100)
        market.tick_to(DEAD_WINDOW_NS)
    cross(attacked, BOB, CAROL, attack_ticks, 1)
    assert close_gate(attacked) == close_gate(quiet) == HONEST_TICKS
    for account_id in (ALICE, DAVE, EVE):
        assert attacked.cash_nano(account_id) == quiet.cash_nano(account_id)
    in_group = [sum(each.cash_nano(account_id) for account_id in (BOB, CAROL)) for each in (attacked, quiet)]
    assert in_group[0] <= in_group[1], "the attack pays"


def test_any_number_of_lots_within_a_group_neither_moves_a_price_nor_pushes_prints_out() -> None:
    market = marked_market()
    trade_honestly(market)
    for _ in range(2 * PRINTS_KEPT):
        cross(market, BOB, CAROL, 1_500, 40)
        cross(market, CAROL, BOB, 1_500, 40)
    assert close_gate(market) == HONEST_TICKS


def test_an_account_that_trades_with_itself_says_nothing() -> None:
    market = marked_market()
    trade_honestly(market)
    for _ in range(PRINTS_KEPT):
        cross(market, EVE, EVE, 1_500, 40)
    assert close_gate(market) == HONEST_TICKS


def test_one_lot_between_two_persons_moves_neither_the_mark_nor_what_others_agreed_on() -> None:
    for is_quiet in (True, False):
        market = marked_market()
        if not is_quiet:
            trade_honestly(market)
        market.tick_to(DEAD_WINDOW_NS)
        cross(market, EVE, FRANK, 1_400, 1)
        assert close_gate(market) == (REFERENCE_TICKS if is_quiet else HONEST_TICKS)


@pytest.mark.parametrize("lots", [1, 30, 1_000])
def test_two_persons_move_the_price_no_further_than_to_the_mark_however_much_they_trade(lots: int) -> None:
    for attack_ticks in (600, 1_400):
        market = marked_market()
        trade_honestly(market)
        market.send(*(commands.deposit(account_id, 100 * CASH_NANO) for account_id in (EVE, FRANK)))
        for _ in range(4):
            cross(market, EVE, FRANK, attack_ticks, lots)
            if market.twin.position_lots(FRANK, market.twin.tranches[1]) > 0:
                cross(market, FRANK, EVE, attack_ticks, lots)
        assert REFERENCE_TICKS <= close_gate(market) <= HONEST_TICKS


def test_single_lots_of_three_who_collude_push_others_out_but_never_speak() -> None:
    market = marked_market()
    trade_honestly(market)
    for number in range(PRINTS_KEPT):
        cross(market, (DAVE, EVE, FRANK)[number % 3], (EVE, FRANK, DAVE)[number % 3], 1_100, 1)
    assert PRINTS_KEPT < VOLUME_STEPS_MIN
    assert close_gate(market) == REFERENCE_TICKS


@pytest.mark.parametrize(("attack_ticks", "sign"), [(500, -1), (1_500, 1)])
def test_a_large_wash_of_three_gains_no_more_than_half_of_the_worst_shock_on_what_they_hold(
    attack_ticks: int, sign: int
) -> None:
    """Eve holds a position against Alice; she, Dave and Frank print what they like."""
    market, held_lots = marked_market(), 40
    seller, buyer = (EVE, ALICE) if sign < 0 else (ALICE, EVE)
    cross(market, seller, buyer, REFERENCE_TICKS, held_lots)
    market.send(*(commands.deposit(account_id, 10 * CASH_NANO) for account_id in (DAVE, EVE, FRANK)))
    colluding = (DAVE, EVE, FRANK)
    before_nano = sum(market.cash_nano(account_id) for account_id in colluding)
    for seller, buyer in ((DAVE, EVE), (EVE, FRANK), (FRANK, DAVE)) * 3:
        cross(market, seller, buyer, attack_ticks, 100)
    assert close_gate(market) == REFERENCE_TICKS + sign * REACH_TICKS
    gain_nano = sum(market.cash_nano(account_id) for account_id in colluding) - before_nano
    assert gain_nano == held_lots * REACH_TICKS * TICK_VALUE_NANO
    assert 2 * gain_nano <= held_lots * SHOCK_TICKS * TICK_VALUE_NANO, "more than what a position is margined for"


def test_a_forced_trade_is_none_to_settle_at() -> None:
    """Alice is long and must close. Half of the weight is at the reference, and half above."""
    market = marked_market()
    trade_honestly(market)
    cross(market, EVE, ALICE, REFERENCE_TICKS, 100)
    market.ask(commands.withdraw(ALICE, market.free_nano(ALICE)))
    market.place(FRANK, BUY, 900, 100)
    prints = market.venue.image()["prints"].tobytes()
    events = market.send(parameters(840, SHOCK_TICKS))[0]
    assert {Event.FORCED_ORDER, Event.TRADE} <= {event["kind"] for event in events}
    assert market.venue.image()["prints"].tobytes() == prints
    market.send(parameters(HONEST_TICKS, SHOCK_TICKS))
    assert close_gate(market) == HONEST_TICKS, "with a lot more below it would be the reference"


# Beside its twin.


def test_whatever_is_traded_the_venue_finds_what_its_twin_does() -> None:
    """A few of these markets fall back to the mark, most do not."""
    found = [random_close(random.Random(seed)) for seed in range(12)]
    assert 0 < sum(final_ticks != REFERENCE_TICKS for final_ticks in found) < len(found)


def random_close(chance: random.Random) -> int:
    """A market of accounts that trade at random; the twin follows each step of it, and the gate."""
    market = marked_market()
    for _ in range(chance.choice([2, 6, 12, 20])):
        seller, buyer = chance.choices([ALICE, BOB, CAROL, DAVE, EVE, FRANK], k=2)
        cross(market, seller, buyer, REFERENCE_TICKS + chance.randint(-60, 200), chance.choice([1, 2, 5, 20]))
    return close_gate(market)


ACCOUNTS = st.integers(1, 7)
GROUPS = st.lists(st.sampled_from([0, 0, 1, 2, (1 << 32) - 1]), min_size=8, max_size=8)
LOTS = st.one_of(st.integers(1, 20), st.sampled_from([100, WEIGHT_LOTS_MAX, WEIGHT_LOTS_MAX + 1, QUANTITY_LOTS_MAX]))
PRICES = st.one_of(st.integers(95, 105), st.integers(1, 400), st.just(PRICE_TICKS_MAX))
TRADES = st.lists(st.tuples(PRICES, LOTS, ACCOUNTS, ACCOUNTS).filter(lambda drawn: drawn[2] != drawn[3]), max_size=12)
BOUNDS = st.builds(
    Bounds,
    mark_ticks=st.one_of(st.integers(90, 110), st.integers(1, 200)),
    worst_shock_ticks=st.sampled_from([0, 1, 2, 9, 40, 199, 5_000, PRICE_TICKS_MAX]),
    price_max_ticks=st.sampled_from([200, 300, PRICE_TICKS_MAX]),
    step_lots=st.sampled_from([1, 1, 1, 2, 50, QUANTITY_LOTS_MAX]),
)
Trade = tuple[int, int, int, int]
"""Price, lots, both accounts."""
SLOT = 3


def state_after(trades: list[Trade], groups: list[int], bounds: Bounds, in_auction: int = 0) -> State:
    """A state whose tranche has noted these trades, the last so many in the auction at its gate."""
    state = allocate(LIMITS)
    state.book.groups[: len(groups)] = groups
    state.book.instruments[SLOT]["quantity_step_lots"] = bounds.step_lots
    for name in ("mark_ticks", "worst_shock_ticks", "price_max_ticks"):
        state.ledger.contracts[SLOT][name] = getattr(bounds, name)
    state.tranches[SLOT]["instrument_id"] = SLOT
    state.tranches[SLOT]["prints"] = len(trades)
    if in_auction:
        state.clearing.gate["auction_id"] = SLOT
        state.clearing.gate["first_print"] = len(trades) - in_auction
    for number, (price_ticks, lots, account_id, counter_id) in enumerate(trades):
        place = SLOT * PRINTS_KEPT + number % PRINTS_KEPT
        state.prints[place] = (lots, SLOT, account_id, counter_id, price_ticks)
    return state


def as_prints(trades: list[Trade], groups: list[int]) -> list[Print]:
    return [
        Print(ticks, lots, (party(one, groups[one]), party(other, groups[other]))) for ticks, lots, one, other in trades
    ]


def between_persons(trades: list[Trade], groups: list[int]) -> list[Trade]:
    """Those that a tranche would note."""
    return [trade for trade, each in zip(trades, as_prints(trades, groups), strict=True) if len(each.pair) == 2]


@given(TRADES, GROUPS, BOUNDS, st.integers(0, 12))
def test_the_rule_finds_what_its_twin_finds(
    trades: list[Trade], groups: list[int], bounds: Bounds, in_auction: int
) -> None:
    trades = between_persons(trades, groups)
    in_auction = min(in_auction, len(trades))
    found = int(find_final_ticks(state_after(trades, groups, bounds, in_auction), SLOT))
    assert found == final_price(as_prints(trades, groups), bounds, in_auction)
    assert 1 <= found <= bounds.price_max_ticks
    assert abs(found - bounds.mark_ticks) <= max(bounds.worst_shock_ticks // 2, 1)


@given(TRADES, GROUPS, BOUNDS, st.randoms(use_true_random=False))
def test_the_order_of_prints_and_who_of_two_bought_say_nothing(
    trades: list[Trade], groups: list[int], bounds: Bounds, chance: random.Random
) -> None:
    trades = between_persons(trades, groups)[-PRINTS_KEPT:]
    turned = [
        chance.choice([(ticks, lots, one, other), (ticks, lots, other, one)]) for ticks, lots, one, other in trades
    ]
    chance.shuffle(turned)
    states = [state_after(each, groups, bounds) for each in (trades, turned)]
    assert np.unique([int(find_final_ticks(state, SLOT)) for state in states]).size == 1


@given(TRADES, GROUPS, BOUNDS)
def test_no_pair_takes_the_price_beyond_what_others_say_and_the_mark(
    trades: list[Trade], groups: list[int], bounds: Bounds
) -> None:
    """Whatever a pair printed, its prints could have been anywhere."""
    trades = between_persons(trades, groups)[-PRINTS_KEPT:]
    found = int(find_final_ticks(state_after(trades, groups, bounds), SLOT))
    prints = as_prints(trades, groups)
    for pair in {each.pair for each in prints}:
        said = [bounds.mark_ticks, *(each.price_ticks for each in prints if each.pair != pair)]
        assert min(said) <= found <= max(said)
