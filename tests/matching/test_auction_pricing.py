"""The price of an auction against one found by trying every price."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from matching.book import OrderBook
from matching.schema import PRICE_TICKS_MAX, Side
from tests.matching.auctions import Lots, best_of, collecting, demand_and_supply, lots_by_price, uncrossed
from tests.matching.commands import PLAIN, buy, iceberg, make_book, place, run, sell

ORDER_CAPACITY = 64
STEPS_MAX = 40
SIDES = st.sampled_from(Side)
LOTS = st.integers(1, 9)
NEAR = st.lists(st.tuples(SIDES, st.integers(1, STEPS_MAX), LOTS), max_size=24)
EDGES = st.sampled_from([1, 2, 63, 64, 4_096, 1 << 29, PRICE_TICKS_MAX - 64, PRICE_TICKS_MAX - 1, PRICE_TICKS_MAX])
FAR = st.lists(st.tuples(SIDES, EDGES | st.integers(1, PRICE_TICKS_MAX), LOTS | st.just(1 << 40)), max_size=24)


@given(NEAR, st.sampled_from([1, 2, 5, 64]), st.data())
def test_the_price_is_the_best_of_every_price_on_the_step(
    orders: list[tuple[Side, int, int]], step: int, data: st.DataObject
) -> None:
    book = auction([(side, steps * step, lots) for side, steps, lots in orders], step)
    bids, asks = both_sides(book)
    reference_ticks = data.draw(st.integers(-step, (STEPS_MAX + 1) * step))
    every_price = range(min(asks, default=0), max(bids, default=0) + 1, step)
    assert book.indicative(PLAIN, reference_ticks) == best_of(every_price, bids, asks, reference_ticks)


@given(FAR, EDGES | st.integers(0, 1 << 32))
def test_the_price_is_found_however_far_apart_the_orders_are(
    orders: list[tuple[Side, int, int]], reference_ticks: int
) -> None:
    book = auction(orders, 1)
    bids, asks = both_sides(book)
    turns = {price_ticks + n for price_ticks in (*bids, *asks, reference_ticks) for n in (-1, 0, 1)}
    if bids and asks:
        turns = {price_ticks for price_ticks in turns if min(asks) <= price_ticks <= max(bids)}
    assert book.indicative(PLAIN, reference_ticks) == best_of(turns, bids, asks, reference_ticks)


@given(NEAR, st.integers(0, STEPS_MAX), st.integers(1, 9))
def test_the_price_counts_what_icebergs_do_not_show(
    orders: list[tuple[Side, int, int]], reference_ticks: int, display_lots: int
) -> None:
    book = auction([], 1)
    for number, order in enumerate(orders, 1):
        command = place(number, *order)
        run(book, iceberg(command, min(display_lots, order[2])) if number % 2 else command)
    book.check()
    assert book.indicative(PLAIN, reference_ticks) == auction(orders, 1).indicative(PLAIN, reference_ticks)


@given(NEAR, st.integers(0, STEPS_MAX))
def test_an_uncrossing_trades_the_volume_at_the_price_and_leaves_nothing_that_crosses(
    orders: list[tuple[Side, int, int]], reference_ticks: int
) -> None:
    book = auction(orders, 1)
    before = both_sides(book)
    price_ticks, volume_lots, imbalance_lots = book.indicative(PLAIN, reference_ticks)
    events = uncrossed(book, reference_ticks)
    book.check()
    trades = [event for event in events if event["kind"].name == "AUCTION_TRADE"]
    assert {trade["price_ticks"] for trade in trades} <= {price_ticks}
    assert sum(trade["quantity_lots"] for trade in trades) == volume_lots
    assert (events[-1]["price_ticks"], events[-1]["quantity_lots"]) == (price_ticks, volume_lots)
    assert events[-1]["leaves_lots"] == imbalance_lots
    if volume_lots:
        demand, supply = demand_and_supply(*both_sides(book), price_ticks)
        assert demand - supply == imbalance_lots
        assert demand == 0 or supply == 0
    for side in Side:
        assert sum(before[side].values()) - sum(both_sides(book)[side].values()) == volume_lots


@pytest.mark.parametrize(
    ("bids", "asks", "reference_ticks", "expected"),
    [
        pytest.param({99: 5}, {100: 5}, 99, (0, 0, 0), id="sides that do not meet"),
        pytest.param({100: 5}, {}, 100, (0, 0, 0), id="one side"),
        pytest.param({100: 5}, {100: 5}, 7, (100, 5, 0), id="one price"),
        pytest.param({110: 5, 100: 5}, {90: 5, 105: 4}, 500, (104, 5, 0), id="volume before all else"),
        pytest.param({110: 10, 105: 4}, {100: 10}, 0, (106, 10, 0), id="then the smallest imbalance"),
        pytest.param({110: 5}, {90: 5}, 101, (101, 5, 0), id="then the reference itself"),
        pytest.param({110: 5}, {90: 5}, 300, (110, 5, 0), id="then as near to a high reference as may be"),
        pytest.param({110: 5}, {90: 5}, 0, (90, 5, 0), id="then as near to a low reference as may be"),
        pytest.param({110: 10, 101: 2}, {90: 10, 102: 2}, 0, (90, 10, 2), id="the reference among equal imbalances"),
        pytest.param({110: 10, 101: 2}, {90: 10, 102: 2}, 105, (105, 10, -2), id="the one nearer to the reference"),
        pytest.param({110: 10, 101: 3}, {90: 10, 102: 2}, 0, (102, 10, -2), id="a small imbalance to sell"),
        pytest.param({110: 10, 101: 2}, {90: 10, 102: 3}, 200, (101, 10, 2), id="a small imbalance to buy"),
    ],
)
def test_the_rules_decide_in_their_order(
    bids: Lots, asks: Lots, reference_ticks: int, expected: tuple[int, int, int]
) -> None:
    orders = [(Side.BUY, *row) for row in bids.items()] + [(Side.SELL, *row) for row in asks.items()]
    assert auction(orders, 1).indicative(PLAIN, reference_ticks) == expected


@pytest.mark.parametrize(
    ("bids", "asks", "price_ticks"),
    [
        pytest.param({110: 9}, {100: 5}, 110, id="more to buy"),
        pytest.param({110: 5}, {100: 9}, 100, id="more to sell"),
        pytest.param({110: 5}, {100: 5}, 100, id="neither"),
        pytest.param({200: 9, 100: 2}, {50: 9, 110: 2}, 100, id="either"),
    ],
)
def test_between_two_prices_as_near_the_larger_side_decides(bids: Lots, asks: Lots, price_ticks: int) -> None:
    orders = [(Side.BUY, *row) for row in bids.items()] + [(Side.SELL, *row) for row in asks.items()]
    assert auction(orders, 10).indicative(PLAIN, 105)[0] == price_ticks


def test_an_indicative_price_changes_nothing() -> None:
    book = make_book("compiled")
    collecting(book, buy(1, 105, 7), buy(2, 101, 7), sell(3, 99, 9))
    orders, counters = book.orders().tobytes(), book.book.counters.tobytes()
    first = book.indicative(PLAIN, 100)
    assert book.indicative(PLAIN, 100) == first
    assert (book.orders().tobytes(), book.book.counters.tobytes()) == (orders, counters)
    book.check()


def test_an_instrument_that_was_never_listed_has_no_price() -> None:
    book = make_book("compiled")
    run(book, buy(1, 105, 7))
    assert book.indicative(7, 100) == (0, 0, 0)


def auction(orders: list[tuple[Side, int, int]], step: int) -> OrderBook:
    """A compiled book with these (side, price, lots) in an auction."""
    book = make_book("compiled", orders=ORDER_CAPACITY)
    book.list_instrument(PLAIN, price_step_ticks=step)
    commands = [place(number, *order, account_id=number % 16) for number, order in enumerate(orders, 1)]
    collecting(book, *commands)
    book.check()
    return book


def both_sides(book: OrderBook) -> tuple[Lots, Lots]:
    """Lots by price of the bids and of the asks."""
    orders = book.orders()
    return lots_by_price(orders, Side.BUY), lots_by_price(orders, Side.SELL)
