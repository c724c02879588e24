"""Orders by their ids, and how long they are kept."""

from exchange import commands
from exchange.symbols import NANO_PER_S
from exchange.venue.schema import Reject
from exchange.view import MarketView, records
from exchange.view.columns.schema import Bounds
from matching.schema import TimeInForce
from tests.exchange.view.markets import ALICE, BOB, BUY, WINDOW, Market, open_market


def test_a_client_id_finds_the_order_of_that_account_alone(market: Market) -> None:
    order_id = market.place(ALICE, BUY, 39_000, 1, client_id="a-client-id-of-the-longest-length-36")
    order = market.view.order_by_client_id(ALICE, "a-client-id-of-the-longest-length-36")
    assert order == market.view.order(order_id)
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
    assert (market.view.order(order_id), len(market.view.finished_orders())) == (None, 0)


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


def test_the_oldest_finished_orders_are_forgotten_with_their_client_ids() -> None:
    market = open_market(bounds=Bounds(finished_orders=2))
    resting = market.place(ALICE, BUY, 30_000, 1, client_id="resting")
    ids = [market.place(ALICE, BUY, 39_000, 1, client_id=f"c{n}", time_in_force=TimeInForce.IOC) for n in range(3)]
    assert [market.view.order(order_id) is None for order_id in [resting, *ids]] == [False, True, False, False]
    assert market.view.order_by_client_id(ALICE, "c0") is None
    assert market.view.order_by_client_id(ALICE, "c1").order_id == ids[1]


def test_forgetting_an_order_leaves_its_client_id_to_a_newer_one() -> None:
    market = open_market(bounds=Bounds(finished_orders=1))
    forgotten = market.place(ALICE, BUY, 39_000, 4, client_id="twice", time_in_force=TimeInForce.IOC)
    market.send(time_ns=market.time_ns + 121 * NANO_PER_S)
    renewed = market.place(ALICE, BUY, 39_000, 4, client_id="twice")
    market.place(ALICE, BUY, 39_000, 1, time_in_force=TimeInForce.IOC)
    assert market.view.order(forgotten) is None
    assert market.view.order_by_client_id(ALICE, "twice").order_id == renewed
