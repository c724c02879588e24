"""The client over both doors: many orders at once, and what only REST tells."""

import time
from decimal import Decimal

import pytest

from gateway.client import Client, Leg, NewOrder, OrderAnswer, Quote, RefusedError

SELL, BUY = "sell", "buy"


@pytest.fixture(params=["rest", "stream"])
async def door(request, doors):
    """A market maker's client, or the stream of it."""
    key = await doors.account("maker", ("trader", "market_maker"))
    async with Client(doors.url, key.key_id, key.secret) as client:
        if request.param == "rest":
            yield client
        else:
            async with client.stream() as stream:
                yield stream


async def test_a_batch_tells_answers_and_refusals_in_order(doors, door):
    terms = {"time_in_force": "ioc", "label": 7}
    orders = [NewOrder(doors.symbol, SELL, 5, "0.045"), NewOrder(doors.symbol, BUY, 5, "0.0450001")]
    orders.append(NewOrder(doors.symbol, BUY, 5, terms=terms))
    placed, refused, killed = await door.place_many(orders)
    assert isinstance(placed, OrderAnswer)
    assert (placed.status, placed.price) == ("open", Decimal("0.045"))
    assert isinstance(refused, RefusedError)
    assert (refused.code, refused.param) == ("too_many_decimals", "price")
    assert (killed.status, killed.reason) == ("killed", "self_trade")
    results = await door.cancel_many([placed.order_id, 1], client_ids=["nobody"])
    assert results[0].status == "cancelled"
    assert [each.code for each in results[1:]] == ["unknown_order"] * 2


async def test_all_orders_under_a_label_are_cancelled(doors, door):
    orders = [NewOrder(doors.symbol, BUY, 5, "0.039", {"label": label, "session": 3}) for label in (1, 1, 2)]
    await door.place_many(orders)
    answer = await door.cancel_all(label=1)
    assert (answer.cancelled, answer.quantity, answer.repeated) == (2, 10, False)
    assert (await door.cancel_all(region="eu-fra", session=3, side="buy")).cancelled == 1
    again = await door.cancel_all(retry_id="twice")
    assert (await door.cancel_all(retry_id="twice")).sequence == again.sequence


async def test_quotes_and_baskets(doors, door):
    quotes = [Quote(symbol, "0.039", 5, Decimal("0.041"), 5) for symbol in (doors.symbol, doors.other_symbol)]
    answer = await door.quote(quotes, label=9, post_only=True)
    assert [each.ask.price for each in answer.quotes] == [Decimal("0.041")] * 2
    async with await doors.client("taker") as taker:
        legs = [Leg(doors.symbol, BUY, 2, "0.041"), Leg(doors.other_symbol, SELL, 2, "0.039")]
        basket = await taker.basket(legs)
        assert (basket.status, [leg.average_price for leg in basket.legs]) == (
            "filled", [Decimal("0.041"), Decimal("0.039")],
        )  # fmt: skip
        killed = await taker.basket([Leg(doors.symbol, BUY, 1, "0.041"), Leg(doors.other_symbol, SELL, 50, "0.039")])
        assert (killed.status, killed.killed_leg) == ("killed", 1)
    with pytest.raises(RefusedError, match="quote_crossed") as refused:
        await door.quote([Quote(doors.symbol, "0.041", 5, "0.041", 5)])
    assert refused.value.param == "quotes[0]"


async def test_own_quotes_fills_tickers_and_curves_are_read(doors):
    key = await doors.account("maker", ("trader", "market_maker"))
    async with Client(doors.url, key.key_id, key.secret) as maker, await doors.client("taker") as taker:
        await maker.quote([Quote(doors.symbol, "0.039", 5, "0.041", 5)])
        first = await taker.place(doors.symbol, BUY, 2, "0.041")
        second = await taker.place(doors.symbol, BUY, 1, "0.041")
        (quote,) = await maker.own_quotes()
        assert (quote.bid.remaining_quantity, quote.ask.remaining_quantity) == (5, 2)
        everything = await maker.fills()
        assert [fill.quantity for fill in everything.fills] == [2, 1]
        assert [fill.id for fill in everything.fills] == [each.trades[0].id for each in (first, second)]
        assert [fill.quantity for fill in (await maker.fills(first.sequence)).fills] == [1]
        assert (await maker.fills(everything.sequence)).fills == []
        ticker = await taker.ticker(doors.symbol)
        assert (ticker.last_price, ticker.traded_quantity) == (Decimal("0.041"), 3)
        curve = await taker.curve("eu-fra", "ef", duration="PT1H")
        assert [point.last_price for point in curve.points if point.symbol == doors.symbol] == [Decimal("0.041")]
        begins = sorted(point.start for point in curve.points)
        found = await taker.instruments(region="eu-fra", tier="ef", start_from=begins[1], start_to=begins[2])
        assert [each.start for each in found] == [begins[1]]
        assert abs((await taker.server_time()).time_ns - time.time_ns()) < 60_000_000_000
        assert await taker.orders(label=4) == []


async def test_alternatives_come_with_refusals_and_answers(doors, door):
    refused_order = (doors.symbol, BUY, 9_000, "0.04")
    await doors.admin.withdraw("maker", "999990")
    with pytest.raises(RefusedError, match="insufficient_margin") as refused:
        await door.place(*refused_order, alternatives=True)
    largest = refused.value.alternatives.largest_quantity
    assert (await door.place(doors.symbol, BUY, largest, "0.04")).status == "open"
    async with await doors.client("taker") as taker:
        await taker.place(doors.other_symbol, SELL, 3, "0.044")
        killed = await taker.place(doors.other_symbol, BUY, 1, "0.03", time_in_force="ioc", alternatives=True)
        assert [window.symbol for window in killed.alternatives.windows] == []
        killed = await taker.place(doors.symbol, BUY, 1, "0.03", time_in_force="ioc", alternatives=True)
        (window,) = killed.alternatives.windows
        assert (window.symbol, window.price, window.quantity) == (doors.other_symbol, Decimal("0.044"), 3)
