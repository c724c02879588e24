"""The requirement against brute force, and what it says of portfolios whose figures are published."""

from itertools import product

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from risk.contracts import fee_per_lot
from risk.margin import check_order
from risk.schema import SCENARIOS, RiskReject
from tests.risk.books import INSTRUMENTS, REFERENCE_TICKS, REGIONS, TICK_VALUE_NANO, Books, Open

BUY, SELL = 0, 1
ALICE = 1
SHOCKS = st.lists(st.integers(-1_000, 1_000), min_size=SCENARIOS - 1, max_size=SCENARIOS - 1).map(
    lambda drawn: [0, *drawn]
)
PRICES = st.sampled_from([1, 700, 999, 1_000, 1_001, 1_400])
ORDERS = st.builds(
    lambda at, side, limit, lots: Open(ALICE, at, side, limit, lots),
    st.integers(0, 2),
    st.integers(0, 1),
    PRICES,
    st.integers(1, 3),
)
POSITIONS = st.lists(st.integers(-4, 4), min_size=3, max_size=3)


class Portfolio:
    """Alice's positions, opened at the mark, and her open orders, in three contracts of two classes."""

    def __init__(self, lots: list[int], orders: list[Open], shocks: list[list[int]], charges: tuple[int, int, int]):
        self.books = Books()
        self.lots, self.orders = lots, orders
        for at, each in enumerate(shocks):
            self.books.set_shocks(at, each)
            contract = self.books.contract(at)
            contract["taker_fee_ppm"], contract["maker_fee_ppm"] = 500, -100
            for name, value in zip(("spread_ticks", "concentration_ticks", "concentration_lots"), charges, strict=True):
                contract[name] = value
        for at, held in enumerate(lots):
            if held:
                self.books.fill(ALICE, at, held, held * REFERENCE_TICKS * TICK_VALUE_NANO)
        for order in orders:
            self.books.enter(order)

    def certain_nano(self, order: Open) -> int:
        """What one lot of an order loses in a fill at its limit, if that is worse than the mark, with the fee."""
        worse_ticks = order.limit_ticks - REFERENCE_TICKS if order.side == BUY else REFERENCE_TICKS - order.limit_ticks
        paid_ticks = order.limit_ticks if order.side == BUY else max(order.limit_ticks, REFERENCE_TICKS)
        fee_nano = -(-paid_ticks * TICK_VALUE_NANO * 500 // 1_000_000)
        return max(worse_ticks, 0) * TICK_VALUE_NANO + fee_nano

    def fillings(self, orders: list[Open]) -> list[tuple[int, ...]]:
        """Every way in which the orders may fill: none, some or all lots of each."""
        return list(product(*(range(order.lots + 1) for order in orders)))

    def worst_by_brute_force(self, region_id: int) -> int:
        """Of one class: the worst loss over all scenarios and all fillings."""
        own = [order for order in self.orders if REGIONS[order.at] == region_id]
        worst_nano = 0
        for filled in self.fillings(own):
            lots, paid_nano = list(self.lots), 0
            for order, filled_lots in zip(own, filled, strict=True):
                lots[order.at] += filled_lots if order.side == BUY else -filled_lots
                paid_nano += filled_lots * self.certain_nano(order)
            for scenario in range(SCENARIOS):
                gains_nano = sum(
                    held * int(self.books.shocks_ticks[at, scenario]) * TICK_VALUE_NANO
                    for at, held in enumerate(lots)
                    if REGIONS[at] == region_id
                )
                worst_nano = max(worst_nano, paid_nano - gains_nano)
        return worst_nano

    def charges_by_brute_force(self) -> int:
        """The largest charges that any filling leads to."""
        return max(self.charges(filled) for filled in self.fillings(self.orders))

    def charges(self, filled: tuple[int, ...]) -> int:
        lots = list(self.lots)
        for order, filled_lots in zip(self.orders, filled, strict=True):
            lots[order.at] += filled_lots if order.side == BUY else -filled_lots
        charged_ticks = 0
        for at, held in enumerate(lots):
            contract = self.books.contract(at)
            charged_ticks += abs(held) * int(contract["spread_ticks"])
            beyond_lots = max(abs(held) - int(contract["concentration_lots"]), 0)
            charged_ticks += beyond_lots * int(contract["concentration_ticks"])
        return charged_ticks * TICK_VALUE_NANO


PORTFOLIOS = st.builds(
    Portfolio,
    POSITIONS,
    st.lists(ORDERS, max_size=4),
    st.lists(SHOCKS, min_size=3, max_size=3),
    st.sampled_from([(0, 0, 0), (100, 0, 0), (100, 50, 3)]),
)


@given(PORTFOLIOS)
def test_the_worst_of_the_scenarios_is_the_worst_over_all_fillings(portfolio: Portfolio) -> None:
    margin_nano = portfolio.books.margin_nano(ALICE)
    scenario_nano = sum(portfolio.worst_by_brute_force(region_id) for region_id in set(REGIONS))
    assert margin_nano - scenario_nano == portfolio.charges_by_brute_force()


@given(PORTFOLIOS)
def test_no_filling_requires_more_than_the_orders_did(portfolio: Portfolio) -> None:
    """However the open orders fill, what is free never becomes less, and so does no cancel make it so."""
    books = portfolio.books
    account = books.ledger.accounts[ALICE]
    free_nano = int(account["unsettled_nano"] - account["margin_nano"])
    fees_nano = 0
    for order in portfolio.orders[::2]:
        books.drop(order)
        signed_lots = order.lots if order.side == BUY else -order.lots
        books.fill(ALICE, order.at, signed_lots, signed_lots * order.limit_ticks * TICK_VALUE_NANO)
        fees_nano += order.lots * int(fee_per_lot(books.contract(order.at), np.int64(order.limit_ticks), 500))
        now_nano = int(account["unsettled_nano"] - account["margin_nano"]) - fees_nano
        assert now_nano >= free_nano
        free_nano = now_nano
    for order in list(books.orders):
        books.drop(order)
        now_nano = int(account["unsettled_nano"] - account["margin_nano"]) - fees_nano
        assert now_nano >= free_nano
        free_nano = now_nano


@given(PORTFOLIOS, ORDERS, st.integers(-2, 2))
def test_the_quick_check_decides_as_the_close_one_does(portfolio: Portfolio, order: Open, more_nano: int) -> None:
    """At what the order needs exactly, and around it."""
    books = portfolio.books
    books.enter(order)
    account = books.ledger.accounts[ALICE]
    needed_nano = int(account["margin_nano"] - account["unsettled_nano"])
    books.drop(order)
    account["cash_nano"] = needed_nano + more_nano
    before = books.ledger.accounts[ALICE].copy(), books.ledger.losses.copy(), books.ledger.totals.copy()
    place = np.int64(order.side), np.int64(order.limit_ticks), np.int64(order.lots)
    reject = check_order(books.ledger, books.slot(order.at), np.int64(ALICE), *place)
    if more_nano >= 0:
        assert reject == 0
    elif order.lots > closable(books, order):
        assert reject == RiskReject.INSUFFICIENT_MARGIN
    assert before[0] == books.ledger.accounts[ALICE], "a check changes nothing"
    assert books.ledger.totals["live_positions"] == before[2]["live_positions"]


def closable(books: Books, order: Open) -> int:
    """How many lots an order could close beside the others on its side."""
    held = books.positions.get((ALICE, order.at), [0, 0])[0]
    others = sum(each.lots for each in books.orders if (each.at, each.side) == (order.at, order.side))
    return max(held if order.side == SELL else -held, 0) - others


# Published figures: McMillan, Options as a Strategic Investment, the chapter on SPAN: a future on the S&P 500, and the
# December 410 call on it, in dollars a contract.
LONG_FUTURE = [0, 0, 3330, 3330, -3330, -3330, 6670, 6670, -6670, -6670, 10000, 10000, -10000, -10000, 7000, -7000]
LONG_CALL = [460, -610, 2640, 1730, -1270, -2340, 5210, 4540, -2540, -3430, 8060, 7640, -3380, -3990, 3130, -1500]


def requirement_of(futures: int, calls: int) -> int:
    """In dollars: two contracts of one class, a tick of which is worth one."""
    books = Books()
    for at, shocks_ticks in enumerate((LONG_FUTURE, LONG_CALL)):
        books.contract(at)["tick_value_nano"] = 1
        books.contract(at)["spread_ticks"] = 0
        books.set_shocks(at, shocks_ticks)
    for at, lots in enumerate((futures, calls)):
        if lots:
            books.fill(ALICE, at, lots, lots * REFERENCE_TICKS)
    return books.margin_nano(ALICE)


def test_the_worked_example_of_span_comes_out() -> None:
    assert requirement_of(futures=1, calls=0) == 10_000
    assert requirement_of(futures=0, calls=1) == 3_990
    assert requirement_of(futures=1, calls=-1) == 6_620


@given(PORTFOLIOS, POSITIONS)
def test_two_portfolios_together_require_no_more_than_each_for_itself(portfolio: Portfolio, more: list[int]) -> None:
    books = portfolio.books
    apart_nano = books.margin_nano(ALICE)
    for at, lots in enumerate(more):
        if lots:
            books.fill(2, at, lots, lots * REFERENCE_TICKS * TICK_VALUE_NANO)
            books.fill(ALICE, at, lots, lots * REFERENCE_TICKS * TICK_VALUE_NANO)
    concentration_nano = sum(
        8 * int(books.contract(at)["concentration_ticks"]) * TICK_VALUE_NANO for at in range(len(INSTRUMENTS))
    )
    assert books.margin_nano(ALICE) <= apart_nano + books.margin_nano(2) + concentration_nano


def test_taking_off_more_than_is_open_is_a_bug() -> None:
    books = Books()
    books.enter(Open(ALICE, 0, BUY, 1_000, 2))
    with pytest.raises(AssertionError, match="more was taken off than was open"):
        books.move(Open(ALICE, 0, BUY, 1_000, 2), -3)
