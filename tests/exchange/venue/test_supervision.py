"""Accounts that have too little, as the venue deals with them; the twin checks every step."""

import numpy as np
import pytest
from hypothesis import given

from exchange import commands
from exchange.venue import image
from exchange.venue.balances import find_imbalance
from exchange.venue.machine import Venue
from exchange.venue.schema import Event, Reason, Reject
from matching.schema import SelfTrade, Side, TimeInForce
from risk.schema import Standing
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
    Market,
    open_market,
)
from tests.exchange.venue.stream_operators import set_parameters
from tests.exchange.venue.stream_troubles import dealt, troubled_sessions
from tests.exchange.venue.streams import Further, Placing, Session, Step, place, rehearse, withdraw_all
from tests.exchange.venue.told import Told

LOTS = 100
GATE_NS = START_NS + 180 * NANO_PER_S - GATE_LEAD_S * NANO_PER_S


def parameters(mark_ticks: int, shock_ticks: int = 100, spread_ticks: int = 0, instrument_id: int = 1) -> np.ndarray:
    """A mark, and a move of so much either way."""
    shocks = [0, shock_ticks, -shock_ticks, *[0] * 13]
    return commands.set_parameters(instrument_id, mark_ticks=mark_ticks, shocks_ticks=shocks, spread_ticks=spread_ticks)


def dealt_market(cash_nano: int = 1_000_000, event_capacity: int = 4_096) -> Market:
    """Alice is long and has little cash, Bob is short and has plenty."""
    market = open_market(event_capacity=event_capacity)
    market.send(parameters(REFERENCE_TICKS))
    market.place(BOB, SELL, REFERENCE_TICKS, LOTS)
    market.place(ALICE, BUY, REFERENCE_TICKS, LOTS)
    market.ask(commands.withdraw(ALICE, CASH_NANO - cash_nano))
    return market


def mark(market: Market, ticks: int, **more: int) -> list[Told]:
    """A new mark; returns what it brought, without the outcome."""
    return market.send(parameters(ticks, **more))[0][:-1]


def kinds(events: list[Told]) -> list[Event]:
    return [event["kind"] for event in events]


def standing(market: Market, account_id: int) -> Standing:
    return Standing(int(market.venue.state.ledger.accounts[account_id]["standing"]))


def lots(market: Market, account_id: int) -> int:
    return market.twin.position_lots(account_id, market.twin.tranches[1])


def fund_nano(market: Market) -> int:
    return int(market.venue.state.ledger.totals[0]["fund_nano"])


def test_a_call_comes_just_below_the_requirement_and_goes_with_what_covers_it():
    market = dealt_market()
    assert mark(market, 900) == [], "500,000 are left, and 500,000 are asked for"
    (called,) = mark(market, 899)
    assert called["standing"] == Standing.CALLED
    assert (called["equity_nano"], called["margin_nano"], called["maintenance_nano"]) == (495_000, 500_000, 300_000)
    market.ask(commands.deposit(ALICE, 5_000))
    (restored,) = market.tick(1)
    assert (restored["standing"], restored["previous"]) == (Standing.SOUND, Standing.CALLED)
    assert market.tick(5) == []


def test_a_call_cancels_what_could_grow_a_position_and_leaves_what_closes_it():
    market = dealt_market(cash_nano=2_000_000)
    market.place(ALICE, BUY, 800, 10)
    market.place(ALICE, BUY, 700, 10, instrument_id=2)
    market.place(ALICE, SELL, 1_400, LOTS)
    events = mark(market, 695)  # 475,000 are left, the position alone asks for 500,000
    assert kinds(events) == [Event.STANDING_CHANGED, Event.CANCELLED, Event.CANCELLED]
    assert [event["reason"] for event in events[1:]] == [Reason.MARGIN_CALL] * 2
    assert [order.side for order in market.twin.orders_of(ALICE)] == [SELL]


def test_a_called_account_may_close_its_position_but_not_grow_it():
    market = dealt_market()
    mark(market, 899)
    assert market.place(ALICE, BUY, 899, 1)["reason"] == Reject.INSUFFICIENT_MARGIN
    market.place(BOB, BUY, 899, 10)
    assert market.place(ALICE, SELL, 899, 10)["kind"] == Event.FILLED


@pytest.mark.parametrize("low_ticks", [880, 859])
def test_orders_elsewhere_that_came_while_an_account_could_afford_them_go_when_it_is_looked_at_again(low_ticks: int):
    market = dealt_market()
    mark(market, low_ticks)
    mark(market, REFERENCE_TICKS)
    assert market.place(ALICE, BUY, 700, 1, instrument_id=2)["kind"] == Event.RESTED
    mark(market, 880)
    events = market.tick(1)
    assert Event.CANCELLED in kinds(events)
    assert market.twin.orders_of(ALICE) == []


def test_an_account_below_maintenance_gives_up_a_part_of_its_position_each_second():
    market = dealt_market()
    market.place(CAROL, BUY, 835, LOTS)
    events = mark(market, 835)
    assert kinds(events)[:4] == [Event.STANDING_CHANGED, Event.STANDING_CHANGED, Event.FORCED_ORDER, Event.TRADE]
    assert [event["standing"] for event in events[:2]] == [Standing.CALLED, Standing.CLOSING]
    assert lots(market, ALICE) == LOTS - 20
    assert standing(market, ALICE) == Standing.CLOSING
    market.tick(0.5)
    assert lots(market, ALICE) == LOTS - 20, "its turn is not there yet"
    market.tick(0.5)
    assert lots(market, ALICE) == LOTS - 40
    for _ in range(5):
        market.tick(1)
    assert standing(market, ALICE) < Standing.CLOSING
    assert lots(market, ALICE) > 0, "it is closed no further than it must be"


def test_a_forced_order_trades_no_worse_than_the_bankruptcy_price_without_a_fund():
    market = dealt_market()
    equity_nano = 295_000
    at_risk_ticks = equity_nano // (LOTS * TICK_VALUE_NANO)  # what each lot may still lose
    market.place(CAROL, BUY, 859 - at_risk_ticks - 1, LOTS)
    assert kinds(mark(market, 859)) == [Event.STANDING_CHANGED] * 2
    assert market.tick(1) == []
    market.place(CAROL, BUY, 859 - at_risk_ticks, 7)
    events = market.tick(1)
    assert [event["quantity_lots"] for event in events if event["kind"] == Event.TRADE] == [7]


def test_what_a_forced_order_brings_beyond_the_bankruptcy_price_is_shared_with_the_fund_up_to_a_fee():
    market = dealt_market()
    market.place(CAROL, BUY, 859, LOTS)
    moved = next(event for event in mark(market, 859) if event["kind"] == Event.FUND_MOVED)
    assert moved["amount_nano"] == 20 * -(-859 * TICK_VALUE_NANO // 100) == fund_nano(market)


def test_the_fund_carries_a_forced_order_beyond_the_bankruptcy_price():
    market = dealt_market()
    market.ask(commands.endow_fund(BOB, 1_000_000))
    market.place(CAROL, BUY, 810, LOTS)
    before_nano = fund_nano(market)
    events = mark(market, 805, shock_ticks=300)
    assert Event.TRADE in kinds(events)
    market.place(CAROL, BUY, 700, LOTS)
    for _ in range(20):
        market.tick(1)
    assert fund_nano(market) != before_nano
    assert find_imbalance(market.venue.image()) == ""


def test_a_bankrupt_account_is_deleveraged_against_who_gained_most_and_no_healthy_one_loses_more_than_gains():
    market = dealt_market()
    bob_before = market.figures(BOB)
    events = mark(market, 700)  # Alice lost 1,500,000 and had 1,000,000
    assert kinds(events)[1:] == [Event.STANDING_CHANGED, Event.DELEVERAGED, Event.STANDING_CHANGED]
    assert (events[2]["counter_account_id"], events[2]["price_ticks"], events[2]["quantity_lots"]) == (BOB, 800, LOTS)
    assert lots(market, ALICE) == lots(market, BOB) == 0
    assert market.figures(ALICE).equity_nano == 0
    assert market.figures(BOB).equity_nano == bob_before.cash_nano + 1_000_000
    assert standing(market, ALICE) == Standing.SOUND


def test_the_fund_pays_before_anybody_is_deleveraged_of_gains():
    market = dealt_market()
    market.ask(commands.endow_fund(BOB, 300_000))
    events = mark(market, 700)
    assert kinds(events)[2:4] == [Event.DELEVERAGED, Event.FUND_MOVED]
    assert events[2]["price_ticks"] == 740, "the fund carries 60 of the 100 ticks that are missing"
    assert (events[3]["amount_nano"], events[3]["fund_nano"]) == (-300_000, 0)


def test_a_flat_account_never_pays():
    market = dealt_market()
    market.ask(commands.deposit(CAROL, 5))
    mark(market, 500)
    assert market.figures(CAROL).equity_nano == CASH_NANO + 5


def test_an_account_with_nothing_but_debts_is_paid_for_by_the_fund_when_there_is_one():
    market = dealt_market()
    market.place(CAROL, BUY, 700, LOTS)
    market.place(BOB, BUY, 701, LOTS)  # Bob closes at a loss to nobody but Alice
    market.ask(commands.endow_fund(CAROL, 100_000))
    mark(market, 700)
    for _ in range(30):
        market.tick(1)
    assert market.figures(ALICE).equity_nano >= 0
    assert find_imbalance(market.venue.image()) == ""


def test_a_settlement_that_a_loser_cannot_pay_takes_the_fund_first_and_then_gains_pro_rata():
    market = dealt_market()
    market.place(CAROL, SELL, REFERENCE_TICKS, 50)
    market.place(ALICE, BUY, REFERENCE_TICKS, 50)
    market.ask(commands.endow_fund(BOB, 100_001))
    market.ask(commands.halt_market())  # nobody can be closed before the gate
    mark(market, 700)
    events = market.tick_to(GATE_NS)
    shortfall = next(event for event in events if event["kind"] == Event.SHORTFALL)
    assert shortfall["shortfall_nano"] == 150 * 300 * TICK_VALUE_NANO - 1_000_000
    assert shortfall["amount_nano"] == -100_001
    settled = {event["account_id"]: event for event in events if event["kind"] == Event.POSITION_SETTLED}
    assert settled[ALICE]["moved_nano"] == shortfall["shortfall_nano"]
    assert settled[BOB]["moved_nano"] + settled[CAROL]["moved_nano"] == -shortfall["haircut_nano"]
    assert market.cash_nano(ALICE) == 0
    assert find_imbalance(market.venue.image()) == ""


def test_nothing_is_closed_while_the_market_is_halted():
    market = dealt_market()
    market.place(CAROL, BUY, 860, LOTS)
    market.ask(commands.halt_market())
    assert kinds(mark(market, 859)) == [Event.STANDING_CHANGED] * 2
    market.tick(3)
    assert lots(market, ALICE) == LOTS
    market.ask(commands.resume_market())
    market.tick(1)
    assert lots(market, ALICE) == LOTS - 20


def test_a_halt_stops_trades_but_no_cancel_of_what_a_called_account_has_open():
    market = dealt_market()
    market.place(ALICE, SELL, 1_400, LOTS)
    market.ask(commands.halt_market())
    assert kinds(mark(market, 859)) == [Event.STANDING_CHANGED, Event.STANDING_CHANGED, Event.CANCELLED]


def test_an_account_that_is_being_closed_brings_no_orders():
    market = dealt_market()
    mark(market, 859)
    assert market.place(ALICE, SELL, 860, 10)["reason"] == Reject.ACCOUNT_IN_LIQUIDATION


def test_a_late_tick_closes_no_more_than_a_timely_one():
    market = dealt_market()
    mark(market, 859)
    market.place(CAROL, BUY, 855, LOTS)
    market.tick(60)
    assert lots(market, ALICE) == LOTS - 20


@pytest.mark.parametrize("event_capacity", [4, 5, 7])
def test_a_small_buffer_gives_the_same_events(event_capacity: int):
    whole, small = dealt_market(), dealt_market(event_capacity=event_capacity)
    for market in (whole, small):
        for price_ticks in range(900, 700, -10):
            if len(market.twin.orders) < LIMITS.orders - 1:
                market.place(CAROL, BUY, price_ticks, 3)
        market.send(parameters(859), parameters(700), parameters(600))
        for _ in range(5):
            market.tick(1)
    assert np.array_equal(np.concatenate(whole.events), np.concatenate(small.events))


def test_a_restored_venue_goes_on_alike():
    market = dealt_market()
    market.place(CAROL, BUY, 835, LOTS)
    mark(market, 835)
    twin = Venue(LIMITS, state=image.restore(market.venue.image(), LIMITS))
    assert twin.digest() == market.venue.digest()
    tick = commands.tick(market.twin.time_ns + NANO_PER_S)
    sequence = market.next_sequence
    events = market.send(tick)
    assert np.array_equal(twin.apply(tick, sequence), market.events[-1])
    assert twin.digest() == market.venue.digest()
    assert len(events[0]) > 2


def test_who_loses_the_last_lots_to_somebody_else_s_closing_is_looked_at_again_as_one_who_had_some():
    """Alice's turn comes before Carol's, whose closing then takes Alice's gains in the other tranche."""

    def order(account_id: int, pick: int, side: Side, lots: int) -> Step:
        choices = account_id, pick, side, 0, lots, "", (TimeInForce.GTC, 0), SelfTrade.NONE, 5, Further(), 0
        return Step(place, (Placing(*choices),))

    def marked(pick: int, ticks: int, shocks_percent: tuple[int, int]) -> Step:
        return Step(set_parameters, (pick, ticks, shocks_percent, (0, 0, 0)))

    steps = [
        *dealt(CAROL, ALICE, 20),
        *(Step(withdraw_all, (account_id, 0)) for account_id in (CAROL, ALICE)),
        marked(0, 1_000, (50, 50)),
        *(order(*terms) for terms in ((ALICE, 0, BUY, 20), (ALICE, 1, BUY, 5), (CAROL, 0, BUY, 60), (4, 0, SELL, 97))),
        marked(1, 1_000, (100, 50)),
        *(order(*terms) for terms in ((ALICE, 1, BUY, 40), (CAROL, 1, SELL, 60))),
        marked(0, 300, (50, 100)),
    ]
    market = rehearse(Session({}, steps), checks=True)
    assert market.twin.accounts[ALICE].standing == Standing.CLOSING
    assert market.twin.accounts[ALICE].review_ns == market.twin.time_ns + NANO_PER_S
    told_then = market.tick(1)
    assert Event.STANDING_CHANGED not in [event["kind"] for event in told_then]
    assert market.twin.accounts[ALICE].review_ns == market.twin.time_ns + 10 * NANO_PER_S


@given(troubled_sessions())
def test_accounts_in_trouble_are_dealt_with_as_the_twin_finds(session: Session):
    market = rehearse(session, checks=True)
    assert find_imbalance(market.venue.image()) == ""
    market.tick_to(market.twin.time_ns + 2_000 * NANO_PER_S)
