"""What readers see of accounts that have too little: standings, forced orders, deleveraging, the insurance fund."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from exchange import commands
from exchange.published import Published
from exchange.symbols import NANO_PER_S
from exchange.venue.schema import Event, Reason
from exchange.view import MarketView
from exchange.view.records import KILLED, maintenance_of
from matching.schema import Side, TimeInForce, quote_order_id
from risk.schema import Standing
from tests.exchange.view.markets import (
    ALICE,
    BOB,
    BUY,
    CAROL,
    FIRST_GATE_NS,
    SELL,
    WINDOW,
    Market,
    assert_agrees_with_venue,
)
from tests.exchange.view.troubled import (
    BANKRUPT_TICKS,
    BOUGHT_TICKS,
    CALLED_TICKS,
    CLOSING_TICKS,
    LEFT_NANO,
    LOTS,
    MARGIN_NANO,
    mark,
    new_mark,
    troubled_market,
    wait,
)


def standing(market: Market, account_id: int) -> int:
    return market.view.accounts[account_id].standing


def lots(market: Market, account_id: int) -> int:
    return sum(position.lots for position in market.view.positions(account_id))


def test_a_standing_is_told_with_the_money() -> None:
    market = troubled_market()
    assert standing(market, ALICE) == Standing.SOUND
    for ticks, due in ((CALLED_TICKS, Standing.CALLED), (CLOSING_TICKS, Standing.CLOSING)):
        mark(market, ticks)
        wait(market)  # who is called already is looked at again a second later
        assert (standing(market, ALICE), standing(market, BOB)) == (due, Standing.SOUND)
        assert_agrees_with_venue(market)
    market.send(commands.deposit(ALICE, MARGIN_NANO))
    wait(market)
    assert standing(market, ALICE) == Standing.SOUND


@pytest.mark.parametrize("margin_nano", [0, 1, 2, 4, 5, 6, 999_999, 1_000_001, MARGIN_NANO, (1 << 62) - 1])
def test_maintenance_is_six_tenths_of_the_margin_rounded_up(margin_nano: int) -> None:
    assert maintenance_of(margin_nano) == (margin_nano * 6 + 9) // 10


def test_a_forced_order_is_an_order_of_its_owner() -> None:
    market = troubled_market()
    bid = market.place(CAROL, BUY, CLOSING_TICKS, 12)
    mark(market, CLOSING_TICKS)
    (forced,) = [order for order in market.view.finished_orders() if order.is_forced]
    assert (forced.account_id, forced.side, forced.quantity_lots, forced.filled_lots) == (ALICE, SELL, 20, 12)
    assert (forced.status, forced.reason) == (KILLED, Reason.IMMEDIATE_REMAINDER)
    assert forced.time_in_force == TimeInForce.IOC
    assert market.view.order(forced.order_id) == forced
    assert not market.view.order(bid).is_forced
    assert lots(market, ALICE) == LOTS - 12
    assert market.view.tape[-1].quantity_lots == 12
    assert_agrees_with_venue(market)


def test_a_quote_is_never_taken_for_a_forced_order() -> None:
    market = troubled_market()
    market.send(commands.mass_quote(CAROL, [commands.Quote(WINDOW, 30_000, 5, 50_000, 6)]))
    assert not market.view.order(quote_order_id(CAROL, WINDOW, BUY)).is_forced


def test_what_a_call_cancels_tells_why() -> None:
    market = troubled_market()
    order_id = market.place(ALICE, BUY, 30_000, 20)
    mark(market, CALLED_TICKS)
    assert market.view.order(order_id).reason == Reason.MARGIN_CALL
    assert_agrees_with_venue(market)


def test_deleveraging_moves_both_positions_and_is_no_trade() -> None:
    market = troubled_market()
    trades = market.view.trades
    batch = mark(market, BANKRUPT_TICKS)
    assert Event.DELEVERAGED in batch.events["kind"]
    assert (lots(market, ALICE), lots(market, BOB)) == (0, 0)
    assert (market.view.trades, len(market.view.tape)) == (trades, trades)
    assert not any(order.is_forced for order in market.view.finished_orders())
    assert_agrees_with_venue(market)


def test_the_fund_shows_what_it_got_and_what_it_paid() -> None:
    market = troubled_market(endowment_nano=150_000_000)
    assert market.view.fund_nano == 150_000_000
    mark(market, BANKRUPT_TICKS)
    assert market.view.fund_nano == 0
    assert_agrees_with_venue(market)


def test_the_fund_shows_what_a_settlement_took() -> None:
    market = troubled_market(endowment_nano=50_000_000)
    settle_what_nobody_could_close(market)
    assert (market.view.fund_nano, market.view.positions(ALICE)) == (0, [])
    assert market.view.balances(ALICE).cash_nano == 0
    assert_agrees_with_venue(market)


def test_a_view_of_a_troubled_market_is_the_same_when_it_is_replayed_or_loaded() -> None:
    market = whole_story()
    assert_the_same_when_replayed(market)
    assert_agrees_with_venue(market)


ACCOUNTS = st.sampled_from([ALICE, BOB, CAROL])
AMOUNTS = st.sampled_from([1, 40_000_000, 300_000_000])
TROUBLES = st.one_of(
    st.builds(new_mark, st.integers(24, 56).map(lambda thousands: 1_000 * thousands)),
    st.builds(
        commands.place,
        ACCOUNTS,
        st.sampled_from([WINDOW, WINDOW, WINDOW + 1]),
        st.sampled_from(Side),
        st.integers(250, 550).map(lambda steps: 100 * steps),
        st.integers(1, 40),
    ),
    st.builds(commands.deposit, ACCOUNTS, AMOUNTS),
    st.builds(commands.withdraw, ACCOUNTS, AMOUNTS),
    st.builds(commands.endow_fund, ACCOUNTS, AMOUNTS),
)


@given(st.lists(st.tuples(st.sampled_from([0, 0, 1, 3]), st.lists(TROUBLES, max_size=5)), max_size=25))
def test_the_view_says_what_the_venue_knows_of_accounts_in_trouble(batches: list[tuple[int, list[np.ndarray]]]) -> None:
    market = troubled_market()
    for account_id in (BOB, CAROL):
        market.send(commands.withdraw(account_id, market.view.balances(account_id).withdrawable_nano - LEFT_NANO))
    for seconds, batch in batches:
        market.send(*batch, time_ns=market.time_ns + seconds * NANO_PER_S + 1_000)
    assert_agrees_with_venue(market)
    settle_what_nobody_could_close(market)
    assert_agrees_with_venue(market)
    assert_the_same_when_replayed(market)


def assert_the_same_when_replayed(market: Market) -> None:
    """From the batches alone, with a dump and a load half way."""
    replayed = MarketView()
    half = len(market.published) // 2
    for batch in market.published[:half]:
        replayed.apply(Published(*batch[:4]))
    replayed = MarketView.load(replayed.dump())
    for batch in market.published[half:]:
        replayed.apply(Published(*batch[:4]))
    replayed.set_figures(market.venue.figures_of_all())
    assert replayed == market.view
    assert replayed.dump() == market.view.dump()


def whole_story() -> Market:
    """Called, closed in part against bids, bankrupt, deleveraged; then a settlement that somebody cannot pay."""
    market = troubled_market(endowment_nano=50_000_000, fees_ppm=(-20, 500))
    market.place(ALICE, BUY, 30_000, 20)
    mark(market, CALLED_TICKS)
    market.place(CAROL, BUY, CLOSING_TICKS, 30)
    for ticks in (CLOSING_TICKS, BANKRUPT_TICKS):
        mark(market, ticks)
        wait(market, 2)
    assert {Event.FORCED_ORDER, Event.DELEVERAGED, Event.FUND_MOVED} <= kinds(market)
    mark(market, BOUGHT_TICKS)
    market.send(commands.deposit(ALICE, 10 * MARGIN_NANO // LOTS))
    market.place(BOB, SELL, BOUGHT_TICKS, 5)
    market.place(ALICE, BUY, BOUGHT_TICKS, 5)
    settle_what_nobody_could_close(market)
    assert Event.SHORTFALL in kinds(market)
    return market


def kinds(market: Market) -> set[int]:
    return {int(kind) for batch in market.published for kind in batch.events["kind"]}


def settle_what_nobody_could_close(market: Market) -> None:
    """The mark falls far while the market is halted, and the gate closes before anything is closed or deleveraged."""
    market.send(commands.halt_market(), new_mark(20_000))
    market.send(time_ns=FIRST_GATE_NS)
    market.send(commands.resume_market())
