"""What a refused or killed order is told to do instead, when it asks."""

import pytest

from tests.gateway.peer import connect

SELL, BUY = "sell", "buy"


@pytest.fixture(params=["rest", "socket"])
async def place(request, doors):
    """Place an order over one door: whether it was taken, and the result or the error."""

    async def over_rest(key, **terms):
        status, answer = await doors.ask("POST", "/v1/orders", key, terms)
        return status < 400, answer.get("error", answer)

    async def over_a_socket(key, **terms):
        async with connect(doors, key) as peer:
            answer = await peer.ask("place", **terms)
        return answer["ok"], answer.get("error") or answer["result"]

    return over_rest if request.param == "rest" else over_a_socket


@pytest.fixture
async def poor(doors):
    """An account that can pay for a few hundred lots."""
    key = await doors.account("poor")
    await doors.admin.withdraw("poor", "999990")
    return key


async def test_a_refusal_for_lack_of_margin_tells_the_largest_quantity_that_would_pass(doors, place, poor):
    terms = {"symbol": doors.symbol, "side": BUY, "price": "0.04", "quantity": "9000", "alternatives": True}
    taken, error = await place(poor, **terms)
    assert (taken, error["code"]) == (False, "insufficient_margin")
    largest = int(error["alternatives"]["largest_quantity"])
    assert 0 < largest < 9000
    assert error["alternatives"]["windows"] == []
    taken, error = await place(poor, **(terms | {"quantity": str(largest + 1)}))
    assert (taken, error["alternatives"]["largest_quantity"]) == (False, str(largest))
    taken, answer = await place(poor, **(terms | {"quantity": str(largest)}))
    assert (taken, answer["status"]) == (True, "open")
    assert "alternatives" not in answer
    taken, error = await place(poor, **terms)
    assert (taken, error["alternatives"]["largest_quantity"]) == (False, "0")


async def test_a_market_order_is_measured_at_the_edge_of_the_band(doors, place, poor):
    async with await doors.client("maker") as maker:
        await maker.place(doors.symbol, SELL, 10_000, "0.04")
    terms = {"symbol": doors.symbol, "side": BUY, "type": "market", "quantity": "9000", "alternatives": True}
    _, error = await place(poor, **terms)
    largest = int(error["alternatives"]["largest_quantity"])
    taken, _ = await place(poor, **(terms | {"quantity": str(largest + 1)}))
    assert not taken
    taken, answer = await place(poor, **(terms | {"quantity": str(largest)}))
    assert (taken, answer["status"]) == (True, "filled")


async def test_less_than_the_minimum_is_no_alternative(doors, place, poor):
    terms = {"symbol": doors.symbol, "side": BUY, "price": "0.04", "quantity": "9000", "alternatives": True}
    _, error = await place(poor, **terms, minimum_quantity="8000")
    assert error["alternatives"]["largest_quantity"] == "0"


async def test_nobody_is_told_who_does_not_ask(doors, place, poor):
    terms = {"symbol": doors.symbol, "side": BUY, "price": "0.04", "quantity": "9000"}
    _, error = await place(poor, **terms)
    assert sorted(error) == ["code", "message", "number", "param"]
    _, answer = await place(poor, **(terms | {"quantity": "1", "time_in_force": "ioc"}))
    assert (answer["status"], "alternatives" in answer) == ("killed", False)


async def test_other_refusals_have_no_alternatives(doors, place, poor):
    terms = {"symbol": doors.symbol, "side": BUY, "price": "0.040001", "quantity": "1", "alternatives": True}
    _, error = await place(poor, **terms)
    assert (error["code"], "alternatives" in error) == ("price_off_tick", False)
    _, error = await place(poor, **(terms | {"alternatives": "yes"}))
    assert (error["code"], error["param"]) == ("wrong_type", "alternatives")


@pytest.fixture
async def offers(doors):
    """Asks in the window of another tier at the same time, and in a later and an earlier one of the same tier."""
    starts = sorted(symbol for symbol in doors.exchange.view.tranche_by_symbol if symbol.startswith("eu-fra.ef."))
    own, earlier, later = starts[2], starts[1], starts[4]
    other_tier = own.replace(".ef.", ".be.")
    async with await doors.client("maker") as maker:
        for symbol, price in ((other_tier, "0.041"), (later, "0.042"), (earlier, "0.043")):
            await maker.place(symbol, SELL, 7, price)
        await maker.place(starts[3], BUY, 7, "0.039")
    return own, [other_tier, earlier, later]


@pytest.mark.parametrize("terms", [{"time_in_force": "ioc"}, {"time_in_force": "fok"}, {"minimum_quantity": "1"}])
async def test_an_order_killed_for_lack_of_offers_is_told_of_the_nearest_windows(doors, place, offers, terms):
    key = await doors.account("alice")
    own, others = offers
    order = {"symbol": own, "side": BUY, "price": "0.045", "quantity": "5", "alternatives": True} | terms
    taken, answer = await place(key, **order)
    assert (taken, answer["status"]) == (True, "killed")
    told = answer["alternatives"]
    assert told["largest_quantity"] is None
    assert told["windows"] == [
        {"symbol": symbol, "price": price, "quantity": "7"}
        for symbol, price in zip(others, ("0.041000", "0.043000", "0.042000"), strict=True)
    ]


async def test_a_seller_is_told_who_buys(doors, place, offers):
    key = await doors.account("alice")
    terms = {"symbol": offers[0], "side": SELL, "type": "market", "quantity": "5", "alternatives": True}
    _, answer = await place(key, **terms)
    (window,) = answer["alternatives"]["windows"]
    assert (window["price"], window["symbol"] in offers[1]) == ("0.039000", False)


async def test_orders_that_ask_for_alternatives_are_answered_while_others_are_under_way(doors, poor):
    terms = {"symbol": doors.symbol, "side": BUY, "price": "0.04", "quantity": "9000", "alternatives": True}
    async with connect(doors, poor) as peer:
        for at in range(20):
            await peer.send({"op": "place", "id": at, **terms})
            await peer.send({"op": "ping", "id": f"ping-{at}"})
        answers = [await peer.message() for _ in range(40)]
    refusals = [answer for answer in answers if not answer["ok"]]
    assert {answer["id"] for answer in refusals} == set(range(20))
    assert len({answer["error"]["alternatives"]["largest_quantity"] for answer in refusals}) == 1
