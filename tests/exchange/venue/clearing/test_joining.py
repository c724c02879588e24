"""Who must close joins the closing auction of a delivered tranche by force: who, with what, at which limit."""

from collections.abc import Iterable

import pytest

from exchange import commands
from exchange.venue.balances import find_imbalance
from exchange.venue.clearing.gate_schema import Cause
from exchange.venue.prints import FORCED_ID_SHIFT
from exchange.venue.schema import Event, Reason
from matching.schema import OrderFlag, Side
from tests.exchange.venue.clearing.floor import GATE_S, LIMITS, LOT_NANO, SHOCK_TICKS, Floor, of_first, of_kind
from tests.exchange.venue.clearing.test_gate import crowded_venue
from tests.exchange.venue.market import BUY, NANO_PER_S, SELL, START_NS, TICK_VALUE_NANO
from tests.exchange.venue.told import Told, told

RICH = 100_000_000
ONCE = 1_000_000
AUCTION_S = 30
SALE_LIMIT_TICKS = 900
"""The mark less the penalty of a tenth."""
PURCHASE_LIMIT_TICKS = 1_210
"""The replacement price of 1,100 and a tenth of it."""
FAILURE_NANO = (200 + SHOCK_TICKS) * TICK_VALUE_NANO
"""Of a lot: the shortfall fee and what replacing it costs."""


def auction_floor(*cash_nano: int, **terms: object) -> Floor:
    """A floor whose first tranche has a closing auction."""
    series = {"closing_auction_s": AUCTION_S} | terms.pop("series", {})
    return Floor(*cash_nano, series=series, **terms)


def call(floor: Floor) -> None:
    """Time passes until the closing auction has begun."""
    floor.tick(GATE_S - AUCTION_S - (floor.time_ns - START_NS) // NANO_PER_S)


def place(floor: Floor, number: int, side: Side, price_ticks: int, lots: int, **terms: object) -> int:
    """An order in the auction; its id."""
    (rested,) = floor.send(commands.place(number, 1, side, price_ticks, lots, **terms))
    assert rested["kind"] == Event.RESTED
    return rested["order_id"]


def forced(events: Iterable[Told]) -> list[tuple[int, Side, int, int]]:
    """(account, side, price, lots) of the orders that somebody was forced to bring, in this order."""
    rows = of_kind(list(events), Event.FORCED_ORDER)
    assert all(event["order_id"] >> FORCED_ID_SHIFT == 1 for event in rows)
    names = ("account_id", "side", "price_ticks", "quantity_lots")
    return [tuple(event[name] for name in names) for event in rows]


def trades(events: Iterable[Told]) -> list[tuple[int, int, int, int]]:
    """(buyer, seller, price, lots) of an auction."""
    names = ("account_id", "counter_account_id", "price_ticks", "quantity_lots")
    return [tuple(event[name] for name in names) for event in of_kind(list(events), Event.AUCTION_TRADE)]


def cash_outs(events: Iterable[Told]) -> list[tuple[int, Cause, int]]:
    return [(event["account_id"], event["cause"], event["lots"]) for event in of_kind(list(events), Event.CASHED_OUT)]


# Who joins.


def test_who_cannot_pay_sells_what_it_cannot_pay_for_to_who_bids_and_is_not_cashed_out():
    floor = auction_floor(3 * LOT_NANO, RICH, RICH, providers={2: ONCE})
    assert floor.trade(1, 2, 8) == 8
    call(floor)
    place(floor, 3, BUY, 950, 20)
    events = floor.close_gate()
    assert forced(events) == [(1, SELL, SALE_LIMIT_TICKS, 5)]
    assert trades(events) == [(3, 1, 950, 5)]
    assert cash_outs(events) == [(1, Cause.UNFUNDED, 1), (2, Cause.WENT_WITHOUT, -1)], "it lost 250 by the sale"
    assert floor.allocations() == [(1, 2, 2), (3, 2, 5)]


def test_who_has_nothing_to_deliver_buys_what_it_sold_and_the_buyer_does_not_go_without():
    floor = auction_floor(RICH, RICH, RICH, providers={3: ONCE})
    assert floor.trade(1, 2, 7) == 7
    call(floor)
    place(floor, 3, SELL, 1_010, 20)
    events = floor.close_gate()
    assert forced(events) == [(2, BUY, PURCHASE_LIMIT_TICKS, 7)]
    assert trades(events) == [(2, 3, 1_010, 7)]
    assert cash_outs(events) == []
    assert floor.allocations() == [(1, 3, 7)]
    assert floor.cash_nano(2) == RICH - 7 * 10 * TICK_VALUE_NANO, "it would have been 7 x 210 ticks"


def test_a_provider_buys_back_the_lots_whose_bond_it_cannot_put():
    floor = auction_floor(RICH, 42 * 50 * TICK_VALUE_NANO, RICH, providers={2: ONCE, 3: ONCE})
    assert floor.trade(1, 2, 5) == 5
    call(floor)
    place(floor, 3, SELL, 1_150, 20)
    floor.mark(1_150)
    events = floor.close_gate()
    assert forced(events) == [(2, BUY, 1_375, 1)], "it lost 750 of 2,100 ticks, and a bond is 330"
    assert trades(events) == [(2, 3, 1_150, 1)]
    assert floor.allocations() == [(1, 2, 4), (1, 3, 1)]


def test_who_can_pay_and_deliver_does_not_join_and_keeps_its_orders():
    floor = auction_floor(5 * LOT_NANO, RICH, providers={2: ONCE})
    assert floor.trade(1, 2, 5) == 5
    call(floor)
    own = place(floor, 1, SELL, 1_100, 5)
    events = floor.close_gate()
    assert forced(events) == []
    (gone,) = of_kind(events, Event.CANCELLED)
    assert (gone["order_id"], gone["reason"]) == (own, Reason.GATE_CLOSED)
    assert floor.allocations() == [(1, 2, 5)]


def test_margin_of_own_orders_in_the_tranche_makes_nobody_join():
    floor = auction_floor(12 * LOT_NANO, RICH, providers={2: ONCE})
    assert floor.trade(1, 2, 10) == 10
    call(floor)
    place(floor, 1, BUY, 1_000, 2)
    assert floor.venue.figures_of_all()["margin_nano"][0] == 12 * LOT_NANO
    assert forced(floor.close_gate()) == []
    assert floor.allocations() == [(1, 2, 10)]


def test_what_other_positions_require_makes_who_could_pay_join():
    floor = auction_floor(20 * LOT_NANO, RICH, RICH, providers={2: ONCE})
    floor.mark(1_000, SHOCK_TICKS, 2)
    assert floor.trade(1, 3, 10, 1_000, 2) == 10
    assert floor.trade(1, 2, 20) == 20
    call(floor)
    events = floor.close_gate()
    assert forced(events) == [(1, SELL, SALE_LIMIT_TICKS, 10)]
    assert cash_outs(events)[0] == (1, Cause.UNFUNDED, 10), "nobody bid"


def test_a_tranche_that_is_settled_in_cash_lets_nobody_join():
    floor = auction_floor(3 * LOT_NANO, RICH, RICH, slot_s=0)
    floor.trade(1, 2, 8)
    call(floor)
    place(floor, 3, BUY, 950, 20)
    events = floor.close_gate()
    assert forced(events) == []
    assert [event["kind"] for event in events][:2] == [Event.UNCROSSED, Event.CANCELLED]


def test_nobody_joins_while_the_market_is_halted():
    floor = auction_floor(3 * LOT_NANO, RICH, RICH, providers={2: ONCE})
    floor.trade(1, 2, 8)
    call(floor)
    place(floor, 3, BUY, 950, 20)
    floor.send(commands.halt_market())
    events = floor.close_gate()
    assert forced(events) == trades(events) == of_kind(events, Event.UNCROSSED) == []
    assert cash_outs(events)[0] == (1, Cause.UNFUNDED, 5)


def test_without_an_auction_nobody_joins():
    floor = Floor(3 * LOT_NANO, RICH, RICH, providers={2: ONCE})
    floor.trade(1, 2, 8)
    floor.send(commands.place(3, 1, BUY, 850, 1))
    assert forced(floor.close_gate()) == []


# At which limit.


@pytest.mark.parametrize(
    ("penalty_ppm", "mark_ticks", "limit_ticks"),
    [(0, 1_000, 1_000), (100_000, 1_000, 900), (33_333, 1_000, 967), (500_000, 1_000, 500), (1, 1_000, 1_000)],
)
def test_a_sale_brings_no_less_than_a_cash_out_would_leave(penalty_ppm: int, mark_ticks: int, limit_ticks: int):
    floor = auction_floor(3 * LOT_NANO, RICH, providers={2: ONCE}, penalty_ppm=penalty_ppm)
    floor.trade(1, 2, 8)
    floor.mark(mark_ticks)
    assert forced(floor.close_gate()) == [(1, SELL, limit_ticks, 5)]


@pytest.mark.parametrize(("penalty_ppm", "limit_ticks"), [(0, 1_100), (100_000, 1_210), (33_333, 1_136)])
def test_a_purchase_costs_no_more_than_a_cash_out(penalty_ppm: int, limit_ticks: int):
    floor = auction_floor(RICH, RICH, penalty_ppm=penalty_ppm)
    floor.trade(1, 2, 8)
    assert forced(floor.close_gate()) == [(2, BUY, limit_ticks, 8)]


def test_a_limit_is_on_the_step_and_within_the_band_and_no_worse_for_it():
    floor = auction_floor(3 * LOT_NANO, RICH, RICH, series={"price_step_ticks": 7, "band_bps": 500})
    floor.trade(1, 2, 8, 1_001)
    events = floor.close_gate()
    assert forced(events) == [(1, SELL, 952, 6), (2, BUY, 1_050, 8)], "the band is from 950 to 1,050"


def test_without_a_price_that_is_good_enough_an_account_does_not_join_and_keeps_its_orders():
    floor = auction_floor(7 * LOT_NANO, RICH, RICH, series={"price_step_ticks": 900, "band_bps": 100})
    floor.send(commands.set_reference(1, 900))
    assert floor.trade(1, 2, 8, 900) == 8
    call(floor)
    own = place(floor, 1, SELL, 1_800, 8)
    floor.send(commands.set_reference(1, 32_000))
    events = floor.close_gate()
    assert forced(events) == [(2, BUY, 900, 8)], "the next price within the band is above the highest"
    assert [event["reason"] for event in events if event.get("order_id") == own] == [Reason.GATE_CLOSED]
    assert cash_outs(events)[0] == (1, Cause.UNFUNDED, 1)


# What becomes of orders.


def test_own_orders_go_first_for_want_of_margin_and_those_of_others_stay():
    floor = auction_floor(RICH, RICH, RICH)
    floor.trade(1, 2, 8)
    own = [place(floor, 2, BUY, 950, 1, flags=OrderFlag.REDUCE_ONLY)]
    call(floor)
    own += [place(floor, 2, SELL, 1_200, 2), place(floor, 2, BUY, 900, 5, display_lots=2)]
    other = place(floor, 3, SELL, 1_250, 3)
    events = floor.close_gate()
    at = [event["kind"] for event in events].index(Event.FORCED_ORDER)
    gone = of_kind(events[:at], Event.CANCELLED)
    assert [(event["order_id"], event["reason"]) for event in gone] == [(each, Reason.MARGIN_CALL) for each in own]
    assert forced(events) == [(2, BUY, PURCHASE_LIMIT_TICKS, 8)]
    left = [(event["order_id"], event["reason"]) for event in of_kind(events[at:], Event.CANCELLED)]
    assert left == [(events[at]["order_id"], Reason.GATE_CLOSED), (other, Reason.GATE_CLOSED)]


def test_who_is_called_loses_the_order_that_would_have_closed_its_position():
    floor = auction_floor(7 * LOT_NANO, RICH, RICH, providers={2: ONCE})
    floor.trade(1, 2, 8)
    call(floor)
    own = place(floor, 1, SELL, 1_100, 8)
    place(floor, 3, BUY, 1_000, 8)
    events = floor.close_gate()
    assert [event["kind"] for event in events][:3] == [Event.CANCELLED, Event.FORCED_ORDER, Event.RESTED]
    assert events[0]["order_id"] == own
    assert trades(events) == [(3, 1, 1_000, 1)]
    assert floor.allocations() == [(1, 2, 7), (3, 2, 1)]


def test_two_who_must_close_trade_with_each_other():
    floor = auction_floor(3 * LOT_NANO, RICH, RICH, RICH, providers={4: ONCE})
    floor.trade(1, 4, 8)
    floor.trade(3, 2, 5)
    events = floor.close_gate()
    assert forced(events) == [(1, SELL, SALE_LIMIT_TICKS, 5), (2, BUY, PURCHASE_LIMIT_TICKS, 5)]
    assert trades(events) == [(2, 1, 1_000, 5)], "at the reference, to which both limits reach"
    assert cash_outs(events) == []
    assert floor.allocations() == [(1, 4, 3), (3, 4, 5)]


def test_a_forced_order_never_trades_with_its_own_group():
    floor = auction_floor(3 * LOT_NANO, RICH, RICH, RICH, providers={2: ONCE}, groups={1: 9, 3: 9})
    floor.trade(1, 2, 8)
    call(floor)
    fellow, far = place(floor, 3, BUY, 950, 20), place(floor, 3, BUY, 890, 1)
    stranger = place(floor, 4, BUY, 940, 2)
    events = floor.close_gate()
    prevented = [event for event in of_kind(events, Event.CANCELLED) if event["reason"] == Reason.SELF_TRADE]
    assert [(event["order_id"], event["counter_account_id"]) for event in prevented] == [(fellow, 1)]
    assert trades(events) == [(4, 1, 940, 2)]
    assert {far, stranger}.isdisjoint(event["order_id"] for event in prevented)


def test_of_two_of_a_group_who_must_close_against_each_other_the_later_joins_alone():
    floor = auction_floor(3 * LOT_NANO, RICH, RICH, RICH, providers={4: ONCE}, groups={1: 9, 2: 9})
    floor.trade(1, 4, 8)
    floor.trade(3, 2, 5)
    events = floor.close_gate()
    assert len(forced(events)) == 2
    assert trades(events) == []


def test_what_others_leave_of_forced_orders_is_cancelled_at_the_gate():
    floor = auction_floor(3 * LOT_NANO, RICH, RICH, providers={2: ONCE})
    floor.trade(1, 2, 8)
    call(floor)
    place(floor, 3, BUY, 950, 2)
    events = floor.close_gate()
    (gone,) = of_kind(events, Event.CANCELLED)
    assert (gone["account_id"], gone["quantity_lots"], gone["reason"]) == (1, 3, Reason.GATE_CLOSED)


def test_both_sides_of_a_forced_trade_pay_the_fee_of_an_auction_and_the_fund_gets_nothing():
    floor = auction_floor(RICH, RICH, RICH, providers={3: ONCE}, fees_ppm=(1_000, 2_000))
    assert floor.trade(1, 2, 8) == 8
    call(floor)
    place(floor, 3, SELL, 1_000, 20)
    before_nano = floor.total("fees_nano")
    events = floor.close_gate()
    assert trades(events) == [(2, 3, 1_000, 8)]
    assert floor.total("fees_nano") - before_nano == 2 * 8 * LOT_NANO // 1_000
    assert of_kind(events, Event.FUND_MOVED) == []


@pytest.mark.parametrize(("free_lots", "final_ticks"), [(0, 1_000), (10, 1_040)])
def test_what_is_forced_moves_no_final_price_and_what_is_not_does(free_lots: int, final_ticks: int):
    """Three must buy; three others bid as much beside them, or do not."""
    floor = auction_floor(*[RICH] * 8, providers={8: ONCE})
    for seller in (2, 3, 4):
        assert floor.trade(1, seller, 10) == 10
    call(floor)
    place(floor, 8, SELL, 1_040, 100)
    for buyer in (5, 6, 7) if free_lots else ():
        place(floor, buyer, BUY, 1_040, free_lots)
    events = floor.close_gate()
    assert sum(lots for _, _, price_ticks, lots in trades(events) if price_ticks == 1_040) == 30 + 3 * free_lots
    assert of_kind(events, Event.STATE_CHANGED)[-1]["final_ticks"] == final_ticks


# However it is led.


def test_a_full_book_lets_nobody_join_and_the_gate_closes_as_without():
    floor = auction_floor(3 * LOT_NANO, RICH, RICH, providers={2: ONCE}, limits=LIMITS._replace(orders=3))
    floor.trade(1, 2, 8)
    call(floor)
    for ticks in (950, 951, 952):
        place(floor, 3, BUY, ticks, 1)
    events = floor.close_gate()
    assert forced(events) == []
    assert cash_outs(events)[0] == (1, Cause.UNFUNDED, 5)


def test_an_image_taken_right_before_the_gate_goes_on_alike():
    floor = auction_floor(3 * LOT_NANO, RICH, RICH, RICH, providers={4: ONCE}, groups={1: 9, 3: 9})
    floor.restores = True
    floor.trade(1, 4, 8)
    floor.trade(3, 2, 5)
    call(floor)
    place(floor, 3, BUY, 990, 5)
    place(floor, 2, BUY, 980, 3)
    assert len(forced(floor.close_gate())) == 2


def test_one_late_tick_over_the_auctions_of_several_windows_does_what_many_timely_ones_do():
    found = []
    for seconds in ([GATE_S + 780], [60] * (GATE_S // 60 + 13), [GATE_S - 2, 1, 301, 480]):
        floor = auction_floor(4 * LOT_NANO, RICH, RICH, RICH, providers={3: ONCE})
        floor.mark(1_000, SHOCK_TICKS, 2)
        for buyer, seller, lots, instrument_id in ((1, 3, 5, 1), (2, 4, 7, 1), (1, 3, 4, 2), (2, 4, 2, 2)):
            assert floor.trade(buyer, seller, lots, 1_000, instrument_id) == lots
        events = [event for pause in seconds for event in floor.tick(pause)]
        found.append([{name: event[name] for name in event if name not in ("sequence", "index")} for event in events])
        assert len(of_kind(events, Event.FORCED_ORDER)) >= 3
    kinds = (Event.FORCED_ORDER, Event.AUCTION_TRADE, Event.CASHED_OUT, Event.ALLOCATED, Event.UNCROSSED)
    told_by = [[event for event in each if event["kind"] in kinds] for each in found]
    assert told_by[0] == told_by[1] == told_by[2]


def test_thousands_join_within_one_tick():
    traders = 2_500
    limits = LIMITS._replace(orders=4 * traders, nodes=1_000, accounts=2 * traders + 1, positions=4 * traders)
    venue = crowded_venue(traders, limits, {}, closing_auction_s=AUCTION_S)
    events = told(venue.apply(commands.tick(START_NS + GATE_S * NANO_PER_S), 1 << 30))
    assert find_imbalance(venue.image()) == ""
    joined = of_kind(of_first(events), Event.FORCED_ORDER)
    assert len(joined) == traders, "all who sold"
