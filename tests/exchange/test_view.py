"""The read model against batches of the real venue, and against what the venue itself knows."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from exchange import commands
from exchange.published import Published
from exchange.symbols import NANO_PER_S
from exchange.venue.lifecycle import LifeState
from exchange.venue.machine import Venue
from exchange.venue.schema import Command, Reason, Reject, Tier
from exchange.venue.state import VenueLimits
from exchange.view import MarketView, TrancheView, books, orders, records, venue_flow
from matching.export import level_rows
from matching.schema import ChangeFlag, OrderFlag, SelfTrade, Side, TimeInForce

BUY, SELL = Side
LIMITS = VenueLimits(instruments=64, orders=500, nodes=400, accounts=64, positions=500, client_ids=256)
HOUR_S = 3_600
START_NS = 1_800_000_000 * NANO_PER_S
FIRST_WINDOW_NS = START_NS + HOUR_S * NANO_PER_S
GATE_LEAD_S = 300
FIRST_GATE_NS = FIRST_WINDOW_NS - GATE_LEAD_S * NANO_PER_S
TICK_VALUE_NANO = 1_000  # of one lot over an hour
CASH_NANO = 1_000_000 * 1_000_000_000
ALICE, BOB, CAROL = 1, 2, 3
WINDOW = 1
"""The instrument id of the first tranche listed."""


class Market:
    """A venue whose every batch goes to a view, as the exchange does it."""

    def __init__(self) -> None:
        self.venue = Venue(LIMITS)
        self.view = MarketView()
        self.sequence = 0
        self.time_ns = START_NS
        self.published: list[Published] = []

    def send(self, *groups: np.ndarray, time_ns: int | None = None) -> Published:
        """One batch: a tick, then the commands."""
        self.time_ns = time_ns or self.time_ns + 1_000
        batch = commands.concatenate(commands.tick(self.time_ns), *groups)
        first_sequence = self.sequence + 1
        places = np.flatnonzero(batch["kind"] == Command.PLACE)
        batch["order_id"][places] = first_sequence + places
        published = Published(first_sequence, self.time_ns, batch, self.venue.apply(batch, first_sequence))
        self.sequence += len(batch)
        self.view.apply(published)
        self.published.append(published)
        return published

    def place(self, account_id: int, side: Side, price_ticks: int, quantity_lots: int, **terms: object) -> int:
        """Place one order in a batch of its own; return its id."""
        self.send(commands.place(account_id, WINDOW, side, price_ticks, quantity_lots, **terms))
        return self.venue.sequence

    def book(self) -> tuple[list[tuple[int, int, int]], list[tuple[int, int, int]]]:
        """What the view tells of the first tranche's book."""
        return self.view.tranches[WINDOW].book.depth()


@pytest.fixture
def market() -> Market:
    """Three accounts with cash and one hour's window, open."""
    return open_market()


def open_market(horizon_s: int = 2 * HOUR_S - 1) -> Market:
    market = Market()
    accounts = [commands.open_account(ALICE, "alice"), commands.open_account(BOB, "bob", 7)]
    accounts.append(commands.open_account(CAROL, "carol", 7))
    market.send(commands.define_region(1, "eu-fra"), *accounts)
    market.send(*(commands.deposit(account_id, CASH_NANO) for account_id in (ALICE, BOB, CAROL)))
    market.send(define_windows(horizon_s))
    market.send()
    return market


def define_windows(horizon_s: int) -> np.ndarray:
    return commands.define_series(
        1,
        1,
        Tier.EF,
        first_start_ns=FIRST_WINDOW_NS,
        duration_s=HOUR_S,
        gate_lead_s=GATE_LEAD_S,
        horizon_s=horizon_s,
        reference_ticks=40_000,
        price_step_ticks=100,
        quantity_step_lots=1,
        quantity_max_lots=500,
        band_bps=5_000,
    )


def assert_agrees_with_venue(market: Market) -> None:
    """Levels, holds, positions, counts: the view says what the venue knows."""
    view, state = market.view, market.venue.state
    for tranche in view.tranches.values():
        for side in Side:
            assert tranche.book.levels(side) == [
                tuple(row) for row in level_rows(state.book, tranche.instrument_id, side).tolist()
            ]
    for account_id in view.accounts:
        account = state.ledger.accounts[account_id]
        balances = view.balances(account_id)
        assert balances.cash_nano == account["cash_nano"]
        assert balances.order_hold_nano == account["order_hold_nano"]
        assert balances.position_hold_nano == account["position_hold_nano"]
        assert len(view.positions(account_id)) == account["position_count"]
    assert view.resting_orders == state.book.counters[0]["resting_orders"]
    assert view.resting_orders == sum(len(view.open_orders(account_id)) for account_id in view.accounts)
    assert view.trades == state.book.counters[0]["trades"]
    assert view.commands == state.clock[0]["commands"]
    assert MarketView.load(view.dump()) == view


# What is listed


def test_a_listed_tranche_shows_its_terms(market: Market) -> None:
    tranche = market.view.tranches[market.view.tranche_by_symbol["eu-fra.ef.20270115T0900Z.PT1H"]]
    assert (tranche.region, tranche.tier, tranche.state) == ("eu-fra", Tier.EF, LifeState.OPEN)
    assert (tranche.start_ns, tranche.gate_ns) == (FIRST_WINDOW_NS, FIRST_GATE_NS)
    assert (tranche.end_ns, tranche.duration_s) == (FIRST_WINDOW_NS + HOUR_S * NANO_PER_S, HOUR_S)
    assert (tranche.price_step_ticks, tranche.quantity_step_lots, tranche.quantity_max_lots) == (100, 1, 500)
    assert (tranche.reference_ticks, tranche.band_low_ticks, tranche.band_high_ticks) == (40_000, 20_000, 60_000)
    assert tranche.tick_value_nano == TICK_VALUE_NANO


def test_accounts_are_found_by_name_and_number(market: Market) -> None:
    assert market.view.account_by_name == {"alice": ALICE, "bob": BOB, "carol": CAROL}
    assert (market.view.accounts[BOB].name, market.view.accounts[BOB].group) == ("bob", 7)
    assert market.view.regions == {1: "eu-fra"}


def test_a_refused_definition_leaves_no_trace(market: Market) -> None:
    market.send(commands.define_region(9, "us-nyc"), commands.open_account(ALICE, "mallory"))
    assert market.view.regions == {1: "eu-fra"}
    assert "mallory" not in market.view.account_by_name
    assert market.view.accounts[ALICE].name == "alice"


def test_a_new_reference_brings_a_new_band(market: Market) -> None:
    market.send(commands.set_reference(WINDOW, 50_000))
    tranche = market.view.tranches[WINDOW]
    assert (tranche.reference_ticks, tranche.band_low_ticks, tranche.band_high_ticks) == (50_000, 25_000, 75_000)


def test_halts_show_on_the_tranche_and_on_the_market(market: Market) -> None:
    market.send(commands.halt(WINDOW), commands.halt_market())
    assert market.view.tranches[WINDOW].state is LifeState.HALTED
    assert market.view.market_halted
    market.send(commands.resume(WINDOW), commands.resume_market())
    assert market.view.tranches[WINDOW].state is LifeState.OPEN
    assert not market.view.market_halted


# The book after every kind of event


def test_resting_orders_add_up_at_their_level(market: Market) -> None:
    market.place(ALICE, BUY, 39_900, 5)
    market.place(BOB, BUY, 39_900, 7)
    market.place(ALICE, BUY, 40_000, 1)
    market.place(BOB, SELL, 40_200, 9)
    market.place(BOB, SELL, 40_100, 2)
    assert market.book() == ([(40_000, 1, 1), (39_900, 12, 2)], [(40_100, 2, 1), (40_200, 9, 1)])
    book = market.view.tranches[WINDOW].book
    assert (book.best_bid_ticks, book.best_ask_ticks) == (40_000, 40_100)
    assert book.sequence == market.venue.sequence


def test_an_empty_side_has_no_best_price(market: Market) -> None:
    book = market.view.tranches[WINDOW].book
    assert (book.best_bid_ticks, book.best_ask_ticks) == (None, None)


def test_depth_gives_no_more_levels_than_asked_for(market: Market) -> None:
    for price_ticks in (39_700, 39_900, 39_800):
        market.place(ALICE, BUY, price_ticks, 1)
    bids, asks = market.view.tranches[WINDOW].book.depth(2)
    assert ([level.price_ticks for level in bids], asks) == ([39_900, 39_800], [])


def test_a_trade_takes_lots_off_the_makers_level(market: Market) -> None:
    maker = market.place(BOB, SELL, 40_000, 10)
    taker = market.place(ALICE, BUY, 40_500, 4)
    assert market.book() == ([], [(40_000, 6, 1)])
    assert (market.view.order(taker).status, market.view.order(taker).filled_lots) == (records.FILLED, 4)
    assert (market.view.order(maker).status, market.view.order(maker).leaves_lots) == (records.OPEN, 6)


def test_a_level_that_is_traded_through_is_gone(market: Market) -> None:
    makers = [market.place(BOB, SELL, 40_000, 2), market.place(BOB, SELL, 40_100, 3)]
    market.place(ALICE, BUY, 40_100, 6)
    assert market.book() == ([(40_100, 1, 1)], [])
    assert [market.view.order(maker).status for maker in makers] == [records.FILLED, records.FILLED]


def test_a_cancel_takes_the_order_off_its_level(market: Market) -> None:
    first = market.place(ALICE, BUY, 39_000, 3)
    market.place(BOB, BUY, 39_000, 4)
    market.send(commands.cancel(ALICE, order_id=first))
    assert market.book() == ([(39_000, 4, 1)], [])
    order = market.view.order(first)
    assert (order.status, order.reason, order.quantity_lots) == (records.CANCELLED, Reason.REQUESTED, 3)
    assert (order.leaves_lots, order.filled_lots) == (0, 0)


def test_a_smaller_total_reduces_the_level_and_keeps_the_price(market: Market) -> None:
    order_id = market.place(ALICE, SELL, 41_000, 10, client_id="first")
    market.place(BOB, BUY, 41_000, 4)
    market.send(commands.replace(ALICE, 41_000, 7, order_id=order_id))
    assert market.book() == ([], [(41_000, 3, 1)])
    order = market.view.order(order_id)
    assert (order.quantity_lots, order.filled_lots, order.leaves_lots) == (7, 4, 3)
    assert order.client_id == "first"


def test_a_replace_that_changes_nothing_touches_no_level(market: Market) -> None:
    order_id = market.place(ALICE, SELL, 41_000, 10)
    book = market.view.tranches[WINDOW].book
    book.take_changes()
    market.send(commands.replace(ALICE, 41_000, 10, order_id=order_id))
    assert book.take_changes() == {}


def test_a_replace_to_another_price_moves_the_lots(market: Market) -> None:
    order_id = market.place(ALICE, SELL, 41_000, 10, client_id="mover")
    market.send(commands.replace(ALICE, 42_000, 12, order_id=order_id))
    assert market.book() == ([], [(42_000, 12, 1)])
    order = market.view.order(order_id)
    assert (order.price_ticks, order.quantity_lots, order.leaves_lots, order.status) == (42_000, 12, 12, records.OPEN)
    assert market.view.order_by_client_id(ALICE, "mover") is order


def test_a_replace_that_trades_counts_what_was_filled_before(market: Market) -> None:
    order_id = market.place(ALICE, BUY, 39_000, 10)
    market.place(BOB, SELL, 39_000, 2)
    market.place(BOB, SELL, 39_500, 3)
    market.send(commands.replace(ALICE, 39_500, 6, order_id=order_id, flags=ChangeFlag.NAMES_REMAINING))
    order = market.view.order(order_id)
    assert (order.quantity_lots, order.filled_lots, order.leaves_lots) == (8, 5, 3)
    assert market.book() == ([(39_500, 3, 1)], [])


def test_a_replace_that_fills_ends_the_order(market: Market) -> None:
    order_id = market.place(ALICE, BUY, 39_000, 3)
    market.place(BOB, SELL, 39_500, 3)
    market.send(commands.replace(ALICE, 39_500, 3, order_id=order_id))
    assert (market.view.order(order_id).status, market.view.open_orders(ALICE)) == (records.FILLED, [])
    assert market.book() == ([], [])


def test_a_replace_below_what_was_filled_cancels(market: Market) -> None:
    order_id = market.place(ALICE, BUY, 39_000, 10)
    market.place(BOB, SELL, 39_000, 4)
    market.send(commands.replace(ALICE, 39_000, 4, order_id=order_id))
    order = market.view.order(order_id)
    assert (order.status, order.reason) == (records.CANCELLED, Reason.REPLACED_BELOW_FILLED)
    assert market.book() == ([], [])


def test_a_refused_replace_leaves_the_order_as_it_was(market: Market) -> None:
    order_id = market.place(ALICE, BUY, 39_000, 10)
    market.send(commands.replace(ALICE, 39_050, 10, order_id=order_id))
    order = market.view.order(order_id)
    assert (order.price_ticks, order.status, order.sequence) == (39_000, records.OPEN, order_id)
    assert market.book() == ([(39_000, 10, 1)], [])


def test_an_immediate_order_is_killed_with_what_it_got(market: Market) -> None:
    market.place(BOB, SELL, 40_000, 3)
    order_id = market.place(ALICE, BUY, 40_000, 5, time_in_force=TimeInForce.IOC)
    order = market.view.order(order_id)
    assert (order.status, order.reason) == (records.KILLED, Reason.IMMEDIATE_REMAINDER)
    assert (order.quantity_lots, order.filled_lots, order.leaves_lots) == (5, 3, 0)
    assert market.book() == ([], [])


def test_a_market_order_shows_the_limit_that_bounded_it(market: Market) -> None:
    terms = {"time_in_force": TimeInForce.IOC, "flags": OrderFlag.MARKET}
    order_id = market.place(ALICE, BUY, 0, 5, **terms)
    assert market.view.order(order_id).price_ticks == market.view.tranches[WINDOW].band_high_ticks


def test_a_slid_order_rests_at_the_price_it_slid_to(market: Market) -> None:
    market.place(BOB, SELL, 40_000, 3)
    order_id = market.place(ALICE, BUY, 40_500, 5, flags=OrderFlag.POST_ONLY_SLIDE)
    assert market.book() == ([(39_900, 5, 1)], [(40_000, 3, 1)])
    assert market.view.order(order_id).price_ticks == 39_900


def test_prevention_by_decrement_shrinks_both_orders(market: Market) -> None:
    maker = market.place(BOB, SELL, 40_000, 10)
    taker = market.place(CAROL, BUY, 40_000, 4, self_trade=SelfTrade.DECREMENT)
    assert market.book() == ([], [(40_000, 6, 1)])
    taken, resting = market.view.order(taker), market.view.order(maker)
    assert (taken.status, taken.reason, taken.quantity_lots) == (records.KILLED, Reason.SELF_TRADE, 0)
    assert (resting.quantity_lots, resting.leaves_lots, resting.status) == (6, 6, records.OPEN)


def test_a_maker_that_prevention_consumes_is_cancelled(market: Market) -> None:
    maker = market.place(BOB, SELL, 40_000, 4)
    taker = market.place(CAROL, BUY, 40_000, 10, self_trade=SelfTrade.DECREMENT)
    assert market.book() == ([(40_000, 6, 1)], [])
    assert (market.view.order(maker).status, market.view.order(maker).reason) == (records.CANCELLED, Reason.SELF_TRADE)
    assert (market.view.order(taker).quantity_lots, market.view.order(taker).leaves_lots) == (6, 6)
    assert market.view.open_orders(BOB) == []


def test_prevention_by_cancelling_both_empties_the_level(market: Market) -> None:
    maker = market.place(BOB, SELL, 40_000, 4)
    taker = market.place(CAROL, BUY, 40_000, 10, self_trade=SelfTrade.CANCEL_BOTH)
    assert market.book() == ([], [])
    assert market.view.order(maker).status == records.CANCELLED
    assert market.view.order(taker).status == records.KILLED


def test_an_expired_order_leaves_its_level(market: Market) -> None:
    expires_ns = market.time_ns + NANO_PER_S
    order_id = market.place(ALICE, BUY, 39_000, 3, time_in_force=TimeInForce.GTD, expires_ns=expires_ns)
    assert market.book() == ([(39_000, 3, 1)], [])
    market.send(time_ns=expires_ns)
    assert market.book() == ([], [])
    assert (market.view.order(order_id).reason, market.view.order(order_id).updated_ns) == (Reason.EXPIRED, expires_ns)


# What changed since a reader looked


def test_touched_levels_tell_what_is_left_of_them(market: Market) -> None:
    market.view.take_changed()
    market.place(BOB, SELL, 40_000, 10)
    gone = market.place(BOB, SELL, 40_100, 10)
    market.send(commands.cancel(BOB, order_id=gone))
    market.place(ALICE, BUY, 40_000, 4)
    (tranche,) = market.view.take_changed()
    assert tranche.instrument_id == WINDOW
    assert tranche.book.take_changes() == {(SELL, 40_000): 6, (SELL, 40_100): 0}
    assert (tranche.book.take_changes(), market.view.take_changed()) == ({}, [])


def test_changes_that_nobody_reads_do_not_pile_up(market: Market, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(books, "UNREAD_LEVELS_MAX", 2)
    for price_ticks in (39_000, 39_100, 39_200, 39_300):
        market.place(ALICE, BUY, price_ticks, 1)
    assert market.view.tranches[WINDOW].book.take_changes() == {(BUY, 39_300): 1}


# Trades


def test_a_trade_is_on_the_tranches_tape_and_on_the_markets(market: Market) -> None:
    market.place(BOB, SELL, 40_000, 10)
    market.place(ALICE, BUY, 40_500, 4)
    sequence = market.venue.sequence
    (trade,) = market.view.tape
    assert list(market.view.tranches[WINDOW].trades) == [trade]
    assert trade.trade_id == f"{sequence}-0"
    assert (trade.price_ticks, trade.quantity_lots, trade.taker_side) == (40_000, 4, BUY)
    assert (trade.time_ns, trade.symbol) == (market.time_ns, market.view.tranches[WINDOW].symbol)
    tranche = market.view.tranches[WINDOW]
    assert (tranche.last_trade_ticks, tranche.traded_lots, market.view.trades) == (40_000, 4, 1)


def test_the_tape_of_a_tranche_keeps_the_latest_trades_alone(market: Market) -> None:
    market.place(BOB, SELL, 40_000, 500)
    for _ in range(10):
        takers = [commands.place(ALICE, WINDOW, BUY, 40_000, 1, client_id="") for _ in range(50)]
        market.send(*takers)
    market.place(BOB, SELL, 40_100, 1)
    market.place(ALICE, BUY, 40_100, 1)
    trades = market.view.tranches[WINDOW].trades
    assert (len(trades), trades[-1].price_ticks, market.view.trades) == (records.TRADES_KEPT, 40_100, 501)


# Money


def test_a_resting_order_holds_its_notional_until_it_leaves(market: Market) -> None:
    order_id = market.place(ALICE, BUY, 39_000, 10)
    held_nano = 39_000 * 10 * TICK_VALUE_NANO
    assert market.view.balances(ALICE) == (CASH_NANO, held_nano, 0, CASH_NANO - held_nano)
    market.send(commands.cancel(ALICE, order_id=order_id))
    assert market.view.balances(ALICE) == (CASH_NANO, 0, 0, CASH_NANO)


def test_a_trade_makes_two_opposite_positions(market: Market) -> None:
    market.place(BOB, SELL, 40_000, 10)
    market.place(ALICE, BUY, 41_000, 10)
    cost_nano = 40_000 * 10 * TICK_VALUE_NANO
    (long,), (short,) = market.view.positions(ALICE), market.view.positions(BOB)
    assert (long.instrument_id, long.lots, long.cost_nano, long.hold_nano) == (WINDOW, 10, cost_nano, cost_nano)
    assert (short.lots, short.cost_nano, short.hold_nano) == (-10, -cost_nano, cost_nano)
    assert market.view.balances(BOB) == (CASH_NANO, 0, cost_nano, CASH_NANO - cost_nano)


def test_a_flat_position_that_made_money_holds_nothing(market: Market) -> None:
    market.place(BOB, SELL, 40_000, 10)
    market.place(ALICE, BUY, 40_000, 10)
    market.place(BOB, BUY, 41_000, 10)
    market.place(ALICE, SELL, 41_000, 10)
    gain_nano = 1_000 * 10 * TICK_VALUE_NANO
    (flat,), (loser,) = market.view.positions(ALICE), market.view.positions(BOB)
    assert (flat.lots, flat.cost_nano, flat.hold_nano) == (0, -gain_nano, 0)
    assert (loser.lots, loser.cost_nano, loser.hold_nano) == (0, gain_nano, gain_nano)


def test_money_in_and_out_moves_the_cash(market: Market) -> None:
    market.send(commands.deposit(ALICE, 5), commands.withdraw(BOB, 7), commands.withdraw(BOB, CASH_NANO))
    assert market.view.balances(ALICE).cash_nano == CASH_NANO + 5
    assert market.view.balances(BOB).cash_nano == CASH_NANO - 7


def test_gate_closure_turns_positions_into_cash(market: Market) -> None:
    market.place(BOB, SELL, 40_000, 10)
    market.place(ALICE, BUY, 40_000, 10)
    market.place(BOB, SELL, 42_000, 1)
    market.place(CAROL, BUY, 42_000, 1)
    resting = market.place(CAROL, BUY, 39_000, 1)
    market.send(time_ns=FIRST_GATE_NS)
    tranche = market.view.tranches[WINDOW]
    assert (tranche.state, tranche.final_ticks) == (LifeState.GATE_CLOSED, 42_000)
    assert market.view.balances(ALICE).available_nano == CASH_NANO + 2_000 * 10 * TICK_VALUE_NANO
    assert market.view.positions(ALICE) == market.view.positions(BOB) == []
    assert market.view.order(resting).reason == Reason.GATE_CLOSED
    assert_agrees_with_venue(market)


# Orders by their ids


def test_a_client_id_finds_the_order_of_that_account_alone(market: Market) -> None:
    order_id = market.place(ALICE, BUY, 39_000, 1, client_id="a-client-id-of-the-longest-length-36")
    order = market.view.order_by_client_id(ALICE, "a-client-id-of-the-longest-length-36")
    assert order is market.view.order(order_id)
    assert order.symbol == market.view.tranches[WINDOW].symbol
    assert market.view.order_by_client_id(BOB, "a-client-id-of-the-longest-length-36") is None
    assert market.view.order_by_client_id(ALICE, "") is None


def test_a_refused_order_is_found_by_its_client_id_alone(market: Market) -> None:
    order_id = market.place(ALICE, BUY, 39_001, 4, client_id="off-tick")
    order = market.view.order_by_client_id(ALICE, "off-tick")
    assert (order.status, order.reason) == (records.REJECTED, Reject.PRICE_OFF_TICK)
    assert (order.quantity_lots, order.leaves_lots, order.order_id) == (4, 0, order_id)
    assert market.view.order(order_id) is None
    assert MarketView.load(market.view.dump()) == market.view


def test_a_refused_order_without_a_client_id_is_not_kept(market: Market) -> None:
    order_id = market.place(ALICE, BUY, 39_001, 4)
    assert (market.view.order(order_id), len(market.view.orders.finished)) == (None, 0)


def test_a_command_that_comes_again_changes_nothing(market: Market) -> None:
    order_id = market.place(ALICE, BUY, 39_000, 4, client_id="again")
    market.place(ALICE, BUY, 39_000, 4, client_id="again")
    assert market.book() == ([(39_000, 4, 1)], [])
    assert [order.order_id for order in market.view.open_orders(ALICE)] == [order_id]


def test_a_client_id_used_again_with_other_content_still_means_the_first_order(market: Market) -> None:
    order_id = market.place(ALICE, BUY, 39_000, 4, client_id="mine")
    market.place(ALICE, BUY, 39_000, 5, client_id="mine")
    assert market.view.order_by_client_id(ALICE, "mine").order_id == order_id
    assert market.view.order_by_client_id(ALICE, "mine").status == records.OPEN


def test_a_client_id_that_the_venue_forgot_means_the_new_order(market: Market) -> None:
    finished = market.place(ALICE, BUY, 39_000, 4, client_id="twice", time_in_force=TimeInForce.IOC)
    market.send(time_ns=market.time_ns + 121 * NANO_PER_S)
    renewed = market.place(ALICE, BUY, 39_000, 4, client_id="twice")
    assert market.view.order_by_client_id(ALICE, "twice").order_id == renewed
    assert market.view.order(finished).status == records.KILLED
    assert MarketView.load(market.view.dump()).order_by_client_id(ALICE, "twice").order_id == renewed


def test_open_orders_are_listed_oldest_first(market: Market) -> None:
    ids = [market.place(ALICE, BUY, price_ticks, 1) for price_ticks in (39_000, 39_500, 38_000)]
    market.send(commands.cancel(ALICE, order_id=ids[1]))
    assert [order.order_id for order in market.view.open_orders(ALICE)] == [ids[0], ids[2]]
    assert market.view.open_orders(99) == []


# Bounds


def test_the_oldest_finished_orders_are_forgotten_with_their_client_ids(
    market: Market, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(orders, "FINISHED_ORDERS_KEPT", 2)
    resting = market.place(ALICE, BUY, 30_000, 1, client_id="resting")
    ids = [market.place(ALICE, BUY, 39_000, 1, client_id=f"c{n}", time_in_force=TimeInForce.IOC) for n in range(3)]
    assert [market.view.order(order_id) is None for order_id in [resting, *ids]] == [False, True, False, False]
    assert market.view.order_by_client_id(ALICE, "c0") is None
    assert market.view.order_by_client_id(ALICE, "c1").order_id == ids[1]
    assert len(market.view.orders.by_client) == 3


def test_tranches_are_dropped_some_time_after_their_end(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(venue_flow, "ENDED_TRANCHES_KEPT", 2)
    market = open_market(horizon_s=6 * HOUR_S)
    order_id = market.place(ALICE, BUY, 39_000, 1)
    symbol = market.view.tranches[WINDOW].symbol
    for hour in range(1, 6):
        market.send(time_ns=FIRST_WINDOW_NS + hour * HOUR_S * NANO_PER_S)
    assert list(market.view.ended_tranches) == [4, 5]
    assert min(market.view.tranches) == 4
    assert symbol not in market.view.tranche_by_symbol
    assert market.view.order(order_id).symbol == symbol
    assert_agrees_with_venue(market)


# Snapshots


def test_a_loaded_view_goes_on_like_the_one_that_was_dumped(market: Market) -> None:
    market.place(ALICE, BUY, 39_000, 4, client_id="kept")
    market.place(BOB, SELL, 39_000, 3)
    loaded = MarketView.load(market.view.dump())
    assert loaded == market.view
    market.place(BOB, SELL, 39_000, 3)
    assert loaded != market.view
    loaded.apply(market.published[-1])
    assert loaded == market.view
    assert loaded.dump() == market.view.dump()


@pytest.mark.parametrize("payload", [b"", b"[]", b"{}", b'{"format": 0}', b'{"format": 1}', b"\xff"])
def test_what_is_no_dump_is_refused(payload: bytes) -> None:
    with pytest.raises(ValueError, match="no dump of a market view"):
        MarketView.load(payload)


def test_counters_follow_the_journal(market: Market) -> None:
    before = market.view.commands
    market.send(commands.place(ALICE, WINDOW, BUY, 39_000, 1, client_id="two-records"))
    assert market.view.sequence == market.sequence
    assert (market.view.commands, market.view.time_ns) == (before + 2, market.time_ns)


# Against the venue


@st.composite
def groups(draw: st.DrawFn) -> np.ndarray:
    """A command of three accounts around one price, so that most of them meet."""
    account_id = draw(st.sampled_from([ALICE, BOB, CAROL]))
    price_ticks = 40_000 + 100 * draw(st.integers(-3, 3))
    quantity_lots = draw(st.integers(1, 9))
    target = draw(st.sampled_from(["a", "b", "c", "d"]))
    match draw(st.sampled_from(["place"] * 5 + ["cancel", "replace", "replace"])):
        case "cancel":
            return commands.cancel(account_id, target_client_id=target)
        case "replace":
            flags = draw(st.sampled_from([0, 0, ChangeFlag.REQUEUE, ChangeFlag.NAMES_REMAINING]))
            return commands.replace(account_id, price_ticks, quantity_lots, target_client_id=target, flags=flags)
    time_in_force = draw(st.sampled_from(TimeInForce))
    flags = draw(st.sampled_from([0, 0, OrderFlag.POST_ONLY, OrderFlag.POST_ONLY_SLIDE]))
    return commands.place(
        account_id,
        draw(st.sampled_from([WINDOW, WINDOW, WINDOW + 1])),
        draw(st.sampled_from(Side)),
        price_ticks + draw(st.sampled_from([0] * 9 + [1])),
        quantity_lots,
        client_id=draw(st.sampled_from(["", "", "a", "b", "c", "d"])),
        time_in_force=time_in_force,
        flags=0 if time_in_force in (TimeInForce.IOC, TimeInForce.FOK) else flags,
        self_trade=draw(st.sampled_from(SelfTrade)),
        expires_ns=START_NS + 200_000 if time_in_force == TimeInForce.GTD else 0,
    )


@given(st.lists(st.lists(groups(), max_size=6), min_size=1, max_size=25))
def test_the_view_says_what_the_venue_knows(batches: list[list[np.ndarray]]) -> None:
    market = open_market(horizon_s=3 * HOUR_S)
    for batch in batches:
        market.send(*batch, time_ns=market.time_ns + 20_000)
        for tranche in market.view.take_changed():
            touched = tranche.book.take_changes()
            assert all(level_lots(tranche, side, price) == lots for (side, price), lots in touched.items())
    assert_agrees_with_venue(market)
    market.send(time_ns=FIRST_GATE_NS)
    assert_agrees_with_venue(market)
    assert not market.view.tranches[WINDOW].book.bids


def level_lots(tranche: TrancheView, side: int, price_ticks: int) -> int:
    return (tranche.book.bids if side == BUY else tranche.book.asks).get(price_ticks, 0)
