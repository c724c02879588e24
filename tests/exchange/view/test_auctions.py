"""What readers see of auctions, icebergs, reduce-only orders, quotes and baskets."""

import pytest

from exchange import commands
from exchange.symbols import NANO_PER_S
from exchange.venue.lifecycle import LifeState
from exchange.venue.schema import EXTRA, Reason
from exchange.view import MarketView, records
from matching.schema import OrderFlag, quote_order_id
from tests.exchange.view.markets import (
    ALICE,
    BOB,
    BUY,
    CAROL,
    CASH_NANO,
    FIRST_GATE_NS,
    SELL,
    WINDOW,
    Market,
    assert_agrees_with_venue,
    open_market,
)

OPENING_S = 60
DAVE, EVE = 4, 5


@pytest.fixture
def auction() -> Market:
    """A market whose first window is in its opening auction."""
    return open_market(opening_auction_s=OPENING_S)


def told_of_auction(market: Market) -> tuple[int, int, int]:
    tranche = market.view.tranches[WINDOW]
    return tranche.indicative_ticks, tranche.indicative_lots, tranche.imbalance_lots


def test_a_crossed_book_of_an_auction_is_shown_as_it_is(auction: Market) -> None:
    auction.place(ALICE, BUY, 41_000, 5)
    auction.place(BOB, SELL, 39_000, 3)
    assert auction.book() == ([(41_000, 5, 1)], [(39_000, 3, 1)])
    assert auction.view.tranches[WINDOW].state == LifeState.AUCTION
    assert_agrees_with_venue(auction)


def test_an_indicative_price_stands_until_the_auction_ends(auction: Market) -> None:
    auction.place(ALICE, BUY, 41_000, 5)
    auction.place(BOB, SELL, 39_000, 3)
    assert told_of_auction(auction) == (0, 0, 0)
    auction.send(time_ns=auction.time_ns + NANO_PER_S)
    assert told_of_auction(auction) == (40_000, 3, 2)
    assert_agrees_with_venue(auction)
    auction.send(time_ns=auction.time_ns + OPENING_S * NANO_PER_S)
    assert told_of_auction(auction) == (0, 0, 0)


def test_a_halt_takes_the_indicative_price_away(auction: Market) -> None:
    auction.place(ALICE, BUY, 41_000, 5)
    auction.place(BOB, SELL, 39_000, 3)
    auction.send(time_ns=auction.time_ns + NANO_PER_S)
    auction.send(commands.halt(WINDOW))
    assert told_of_auction(auction) == (0, 0, 0)


def test_an_uncrossing_fills_both_sides_and_its_trades_have_no_taker(auction: Market) -> None:
    buyer = auction.place(ALICE, BUY, 41_000, 5)
    seller = auction.place(BOB, SELL, 39_000, 3)
    auction.send(time_ns=auction.time_ns + OPENING_S * NANO_PER_S)
    (trade,) = auction.view.tape
    assert (trade.price_ticks, trade.quantity_lots, trade.taker_side) == (40_000, 3, None)
    bought, sold = auction.view.order(buyer), auction.view.order(seller)
    assert (bought.status, bought.filled_lots, bought.leaves_lots) == (records.OPEN, 3, 2)
    assert (sold.status, sold.filled_lots, sold.leaves_lots) == (records.FILLED, 3, 0)
    assert auction.book() == ([(41_000, 2, 1)], [])
    assert_agrees_with_venue(auction)


def test_an_order_that_several_trade_with_in_an_auction_is_filled_by_the_last(auction: Market) -> None:
    buyer = auction.place(ALICE, BUY, 41_000, 6, display_lots=2)
    for lots in (1, 2, 3):
        auction.place(BOB, SELL, 39_000, lots)
    auction.send(time_ns=auction.time_ns + OPENING_S * NANO_PER_S)
    order = auction.view.order(buyer)
    assert (order.status, order.filled_lots, order.quantity_lots) == (records.FILLED, 6, 6)
    assert [trade.quantity_lots for trade in auction.view.tape] == [1, 2, 3]
    assert_agrees_with_venue(auction)


def test_a_closing_auction_gives_the_final_price() -> None:
    market = open_market(closing_auction_s=OPENING_S)
    market.send(time_ns=FIRST_GATE_NS - 10 * NANO_PER_S)
    assert market.view.tranches[WINDOW].state == LifeState.CLOSING_AUCTION
    for account_id in (DAVE, EVE):
        market.send(commands.open_account(account_id, f"a{account_id}"), commands.deposit(account_id, CASH_NANO))
    market.place(ALICE, SELL, 45_000, 30)
    for buyer in (BOB, DAVE, EVE):
        market.place(buyer, BUY, 45_000, 10)
    market.send(time_ns=FIRST_GATE_NS)
    tranche = market.view.tranches[WINDOW]
    assert (tranche.state, tranche.final_ticks) == (LifeState.GATE_CLOSED, 45_000)
    assert_agrees_with_venue(market)


def test_a_level_shows_the_clip_of_an_iceberg_and_the_order_all_of_it(market: Market) -> None:
    order_id = market.place(ALICE, SELL, 41_000, 10, display_lots=3)
    assert market.book() == ([], [(41_000, 3, 1)])
    market.place(BOB, BUY, 41_000, 4)
    order = market.view.order(order_id)
    assert market.book() == ([], [(41_000, 2, 1)])
    assert (order.display_lots, order.leaves_lots, order.filled_lots, order.quantity_lots) == (3, 6, 4, 10)
    assert_agrees_with_venue(market)
    market.send(commands.cancel(ALICE, order_id=order_id))
    order = market.view.order(order_id)
    assert (order.status, order.leaves_lots) == (records.CANCELLED, 0)
    assert_agrees_with_venue(market)


def test_terms_that_no_flag_asks_for_are_not_shown(market: Market) -> None:
    group = commands.place(ALICE, WINDOW, BUY, 39_000, 5, display_lots=2).copy()
    group["flags"][0] = 0
    group.view(EXTRA)["minimum_lots"][1] = 3
    market.send(group)
    (order,) = market.view.open_orders(ALICE)
    assert (order.display_lots, order.minimum_lots) == (0, 0)
    assert_agrees_with_venue(market)


def test_a_reduce_only_order_is_as_large_as_the_position(market: Market) -> None:
    market.place(BOB, SELL, 40_000, 4)
    market.place(ALICE, BUY, 40_000, 4)
    order_id = market.place(ALICE, SELL, 42_000, 9, flags=OrderFlag.REDUCE_ONLY)
    order = market.view.order(order_id)
    assert (order.quantity_lots, order.leaves_lots) == (4, 4)
    market.place(ALICE, SELL, 43_000, 3)
    order = market.view.order(order_id)
    assert (order.quantity_lots, order.leaves_lots, order.status) == (1, 1, records.OPEN)
    market.place(ALICE, SELL, 43_000, 1)
    order = market.view.order(order_id)
    assert (order.status, order.reason) == (records.CANCELLED, Reason.REDUCE_ONLY)
    assert_agrees_with_venue(market)


def quote(bid_lots: int, ask_lots: int, bid_ticks: int = 39_900, ask_ticks: int = 40_100) -> commands.Quote:
    return commands.Quote(WINDOW, bid_ticks, bid_lots, ask_ticks, ask_lots)


def test_quotes_are_orders_under_lasting_ids(market: Market) -> None:
    market.send(commands.mass_quote(ALICE, [quote(5, 6)], label=7))
    bid, ask = (market.view.order(quote_order_id(ALICE, WINDOW, side)) for side in (BUY, SELL))
    assert [(order.leaves_lots, order.label, order.status) for order in (bid, ask)] == [
        (5, 7, records.OPEN),
        (6, 7, records.OPEN),
    ]
    market.place(BOB, SELL, 39_900, 2)
    bid = market.view.order(bid.order_id)
    assert (bid.filled_lots, bid.leaves_lots) == (2, 3)
    assert_agrees_with_venue(market)


def test_a_quote_that_keeps_its_place_keeps_what_was_filled(market: Market) -> None:
    market.send(commands.mass_quote(ALICE, [quote(5, 6)]))
    market.place(BOB, SELL, 39_900, 2)
    market.send(commands.mass_quote(ALICE, [quote(1, 6)], label=8, post_only=True))
    bid = market.view.order(quote_order_id(ALICE, WINDOW, BUY))
    assert (bid.filled_lots, bid.leaves_lots, bid.quantity_lots, bid.label) == (2, 1, 3, 8)
    assert_agrees_with_venue(market)


def test_a_quote_that_moves_begins_anew_and_one_that_is_replaced_by_its_id_does_not(market: Market) -> None:
    order_id = quote_order_id(ALICE, WINDOW, BUY)
    market.send(commands.mass_quote(ALICE, [quote(5, 6)]))
    market.place(BOB, SELL, 39_900, 2)
    market.send(commands.replace(ALICE, 39_800, 5, order_id=order_id))
    bid = market.view.order(order_id)
    assert (bid.filled_lots, bid.leaves_lots, bid.quantity_lots) == (2, 3, 5)
    assert_agrees_with_venue(market)
    market.send(commands.mass_quote(ALICE, [quote(4, 6)]))
    bid = market.view.order(order_id)
    assert (bid.filled_lots, bid.leaves_lots, bid.quantity_lots) == (0, 4, 4)
    assert_agrees_with_venue(market)


def test_a_side_without_lots_is_taken_away_and_may_come_back(market: Market) -> None:
    market.send(commands.mass_quote(ALICE, [quote(5, 6)]))
    market.send(commands.mass_quote(ALICE, [commands.Quote(WINDOW, 0, 0, 40_100, 6)]))
    assert market.book() == ([], [(40_100, 6, 1)])
    market.send(commands.mass_quote(ALICE, [quote(2, 6)]))
    assert market.book() == ([(39_900, 2, 1)], [(40_100, 6, 1)])
    assert_agrees_with_venue(market)


def test_a_basket_fills_its_legs_or_leaves_no_trace(market: Market) -> None:
    market.place(BOB, SELL, 40_000, 3)
    before = len(market.view.finished_orders())
    market.send(commands.basket(ALICE, [commands.Leg(WINDOW, BUY, 40_000, 4)]))
    assert len(market.view.finished_orders()) == before
    market.send(commands.basket(ALICE, [commands.Leg(WINDOW, BUY, 40_000, 3)], label=5))
    leg = next(order for order in market.view.finished_orders() if order.account_id == ALICE)
    assert (leg.status, leg.filled_lots, leg.label) == (records.FILLED, 3, 5)
    assert_agrees_with_venue(market)


def test_a_mass_cancel_ends_every_order_that_it_means(market: Market) -> None:
    ids = [market.place(ALICE, BUY, 39_000, 5, display_lots=2, label=1), market.place(CAROL, BUY, 39_000, 1, label=1)]
    kept = market.place(BOB, BUY, 39_000, 1, label=2)
    market.send(commands.mass_cancel(None, label=1))
    assert {market.view.order(order_id).reason for order_id in ids} == {Reason.MASS_CANCELLED}
    assert market.view.order(kept).status == records.OPEN
    assert_agrees_with_venue(market)


def test_entries_of_another_kind_behind_a_head_are_not_read_as_its_own(market: Market) -> None:
    quotes = commands.mass_quote(ALICE, [quote(5, 6)])
    legs = commands.basket(ALICE, [commands.Leg(WINDOW, BUY, 1, 1)])
    mixed = commands.concatenate(quotes, legs[1:])
    mixed["continuations"][0] = len(mixed) - 1
    market.send(mixed)
    assert market.book() == ([(39_900, 5, 1)], [(40_100, 6, 1)])
    assert_agrees_with_venue(market)


def test_a_dump_in_the_middle_of_an_auction_goes_on_alike(auction: Market) -> None:
    auction.place(ALICE, BUY, 41_000, 6, display_lots=2)
    auction.send(commands.mass_quote(BOB, [commands.Quote(WINDOW, 39_000, 2, 39_500, 4)]))
    auction.send(time_ns=auction.time_ns + NANO_PER_S)
    loaded = MarketView.load(auction.view.dump())
    assert loaded == auction.view
    auction.send(time_ns=auction.time_ns + OPENING_S * NANO_PER_S)
    loaded.apply(auction.published[-1])
    assert loaded == auction.view
