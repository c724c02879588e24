"""Accounts, money, regions and halts, each with its refusals."""

import numpy as np
import pytest

from exchange import commands
from exchange.venue.schema import REGION_CAPACITY, Event, Reason, Reject
from matching.schema import SelfTrade
from risk.schema import AMOUNT_NANO_MAX, TOTAL_NANO_MAX
from tests.exchange.venue.market import ALICE, BOB, BUY, CASH_NANO, LIMITS, SELL, START_NS, Market, open_market

NEWCOMER = 4


@pytest.fixture
def market() -> Market:
    return open_market()


def test_an_account_opens_without_money_and_in_its_group(market: Market) -> None:
    outcome = market.ask(commands.open_account(NEWCOMER, "dave", 9))
    assert (outcome["kind"], outcome["account_id"]) == (Event.ACCOUNT_OPENED, NEWCOMER)
    assert (outcome["group"], outcome["cash_nano"]) == (9, 0)


@pytest.mark.parametrize(
    ("account_id", "reject"),
    [
        (0, Reject.UNKNOWN_ACCOUNT),
        (LIMITS.accounts, Reject.UNKNOWN_ACCOUNT),
        ((1 << 32) - 1, Reject.UNKNOWN_ACCOUNT),
        (ALICE, Reject.ACCOUNT_EXISTS),
        (LIMITS.accounts - 1, Reject.NONE),
    ],
)
def test_an_account_needs_a_free_number(market: Market, account_id: int, reject: Reject) -> None:
    outcome = market.ask(commands.open_account(account_id, "dave"))
    assert outcome["reason"] == reject
    assert outcome["account_id"] == account_id


@pytest.mark.parametrize(
    ("amount_nano", "reject"),
    [
        (1, Reject.NONE),
        (0, Reject.AMOUNT_OUT_OF_RANGE),
        (-1, Reject.AMOUNT_OUT_OF_RANGE),
        (-(1 << 63), Reject.AMOUNT_OUT_OF_RANGE),
        (AMOUNT_NANO_MAX - CASH_NANO, Reject.NONE),
        (AMOUNT_NANO_MAX - CASH_NANO + 1, Reject.AMOUNT_OUT_OF_RANGE),
        ((1 << 63) - 1, Reject.AMOUNT_OUT_OF_RANGE),
    ],
)
def test_a_deposit_is_positive_and_keeps_the_balance_in_range(market: Market, amount_nano: int, reject: Reject) -> None:
    outcome = market.ask(commands.deposit(ALICE, amount_nano))
    assert outcome["reason"] == reject
    assert market.cash_nano(ALICE) == CASH_NANO + (0 if reject else amount_nano)


def test_all_deposits_together_stay_in_range(market: Market) -> None:
    moved_nano = 3 * CASH_NANO
    while moved_nano + AMOUNT_NANO_MAX - CASH_NANO <= TOTAL_NANO_MAX:
        assert market.ask(commands.deposit(ALICE, AMOUNT_NANO_MAX - CASH_NANO))["kind"] == Event.DEPOSITED
        assert market.ask(commands.withdraw(ALICE, AMOUNT_NANO_MAX - CASH_NANO))["kind"] == Event.WITHDREW
        moved_nano += AMOUNT_NANO_MAX - CASH_NANO
    rest_nano = TOTAL_NANO_MAX - moved_nano
    assert market.ask(commands.deposit(ALICE, rest_nano + 1))["reason"] == Reject.AMOUNT_OUT_OF_RANGE
    assert market.ask(commands.deposit(ALICE, rest_nano))["kind"] == Event.DEPOSITED


@pytest.mark.parametrize(
    ("amount_nano", "reject"),
    [
        (CASH_NANO, Reject.NONE),
        (CASH_NANO + 1, Reject.INSUFFICIENT_FUNDS),
        ((1 << 63) - 1, Reject.INSUFFICIENT_FUNDS),
        (0, Reject.AMOUNT_OUT_OF_RANGE),
        (-1, Reject.AMOUNT_OUT_OF_RANGE),
        (-(1 << 63), Reject.AMOUNT_OUT_OF_RANGE),
    ],
)
def test_a_withdrawal_is_positive_and_takes_no_more_than_is_available(
    market: Market, amount_nano: int, reject: Reject
) -> None:
    outcome = market.ask(commands.withdraw(ALICE, amount_nano))
    assert outcome["reason"] == reject
    assert market.cash_nano(ALICE) == CASH_NANO - (0 if reject else amount_nano)


def test_what_an_order_requires_cannot_be_withdrawn(market: Market) -> None:
    market.place(ALICE, BUY, 1_000, 10)
    required_nano = 10 * 1_200 * 50
    assert market.ask(commands.withdraw(ALICE, CASH_NANO - required_nano + 1))["reason"] == Reject.INSUFFICIENT_FUNDS
    assert market.ask(commands.withdraw(ALICE, CASH_NANO - required_nano))["kind"] == Event.WITHDREW


def test_a_gain_that_is_not_settled_cannot_be_withdrawn(market: Market) -> None:
    market.place(ALICE, SELL, 1_000, 5)
    market.place(BOB, BUY, 1_000, 5)
    market.place(ALICE, BUY, 1_400, 5)
    market.place(BOB, SELL, 1_400, 5)
    assert market.ask(commands.withdraw(BOB, CASH_NANO + 1))["reason"] == Reject.INSUFFICIENT_FUNDS


def test_an_event_of_money_tells_what_moved_and_what_there_is(market: Market) -> None:
    outcome = market.ask(commands.withdraw(ALICE, 30))
    assert (outcome["amount_nano"], outcome["cash_nano"]) == (-30, CASH_NANO - 30)


@pytest.mark.parametrize(
    ("region_id", "reject"),
    [(2, Reject.NONE), (1, Reject.ID_OUT_OF_ORDER), (3, Reject.ID_OUT_OF_ORDER), (0, Reject.ID_OUT_OF_ORDER)],
)
def test_regions_are_numbered_without_gaps(market: Market, region_id: int, reject: Reject) -> None:
    assert market.ask(commands.define_region(region_id, "us-nyc"))["reason"] == reject


def test_regions_come_to_an_end() -> None:
    market = Market()
    regions = [commands.define_region(at, "eu-fra") for at in range(1, REGION_CAPACITY + 1)]
    answers = market.send(commands.tick(START_NS), *regions, checks=False)
    assert answers[-2][-1]["kind"] == Event.REGION_DEFINED
    assert answers[-1][-1]["reason"] == Reject.ID_OUT_OF_ORDER


def test_the_market_may_be_halted_and_resumed_more_than_once(market: Market) -> None:
    groups = [commands.halt_market(), commands.halt_market(), commands.resume_market(), commands.resume_market()]
    kinds = [answer[-1]["kind"] for answer in market.send(*groups)]
    assert kinds == [*[Event.MARKET_HALTED] * 2, *[Event.MARKET_RESUMED] * 2]


def test_an_account_in_a_group_does_not_trade_with_its_own(market: Market) -> None:
    market.send(commands.open_account(NEWCOMER, "dave", 5), commands.deposit(NEWCOMER, CASH_NANO))
    market.place(NEWCOMER, SELL, 1_000, 1)
    assert market.place(BOB, BUY, 1_000, 1, self_trade=SelfTrade.CANCEL_NEWEST)["reason"] == Reason.SELF_TRADE


def test_refusals_carry_the_account_and_nothing_else(market: Market) -> None:
    outcome = market.ask(commands.withdraw(ALICE, CASH_NANO + 1))
    names = ("instrument_id", "order_id", "counter_order_id", "counter_account_id", "price_ticks", "quantity_lots")
    assert outcome["account_id"] == ALICE
    assert np.count_nonzero([outcome[name] for name in names]) == 0
