"""Prices for everybody: tickers, the forward curve, tranches by when they begin."""

import pytest


@pytest.fixture
async def traded(doors):
    async with await doors.client("alice") as alice, await doors.client("bob") as bob:
        await alice.place(doors.symbol, "sell", 5, "0.045")
        await bob.place(doors.symbol, "buy", 2, "0.045")
        await bob.place(doors.symbol, "buy", 3, "0.039")


async def test_a_ticker_tells_what_a_tranche_trades_at(doors, traded):
    status, answer = await doors.ask("GET", f"/v1/ticker/{doors.symbol}")
    assert status == 200
    assert answer.items() >= {
        "symbol": doors.symbol, "state": "open", "best_bid": "0.039000", "best_bid_quantity": "3",
        "best_ask": "0.045000", "best_ask_quantity": "3", "last_price": "0.045000", "mark_price": "0.040000",
        "traded_quantity": "2", "sequence": doors.exchange.view.sequence,
    }.items()  # fmt: skip
    status, answer = await doors.ask("GET", "/v1/ticker/nowhere")
    assert (status, answer["error"]["code"]) == (404, "unknown_instrument")


async def test_the_forward_curve_has_the_windows_ahead_in_their_order(doors, traded):
    status, answer = await doors.ask("GET", "/v1/curve?region=eu-fra&tier=ef")
    assert status == 200
    points = answer["points"]
    assert [point["start"] for point in points] == sorted(point["start"] for point in points)
    assert answer["windows"] == len(points) > 2
    assert all(point["symbol"].startswith("eu-fra.ef.") for point in points)
    (point,) = [each for each in points if each["symbol"] == doors.symbol]
    assert point.items() >= {
        "mark_price": "0.040000", "best_bid": "0.039000", "best_ask": "0.045000", "last_price": "0.045000",
        "duration": "PT1H",
    }.items()  # fmt: skip
    _, answer = await doors.ask("GET", "/v1/curve?region=eu-fra&tier=ef&limit=2")
    assert answer["points"] == points[:2]
    assert answer["windows"] == len(points)


async def test_a_curve_can_be_of_windows_of_one_length(doors):
    _, hours = await doors.ask("GET", "/v1/curve?region=eu-fra&tier=be&duration=PT1H")
    _, days = await doors.ask("GET", "/v1/curve?region=eu-fra&tier=be&duration=P1D")
    assert (len(hours["points"]) > 0, days["points"]) == (True, [])


@pytest.mark.parametrize(
    ("query", "status", "code", "param"),
    [
        ("region=atlantis&tier=ef", 404, "unknown_region", "region"),
        ("region=eu-fra&tier=gold", 422, "invalid_value", "tier"),
        ("region=eu-fra", 422, "missing_field", "tier"),
        ("region=eu-fra&tier=ef&duration=1h", 422, "invalid_value", "duration"),
        ("region=eu-fra&tier=ef&limit=5000", 422, "invalid_value", "limit"),
    ],
)
async def test_a_curve_that_cannot_be_is_refused(doors, query, status, code, param):
    told, answer = await doors.ask("GET", f"/v1/curve?{query}")
    assert (told, answer["error"]["code"], answer["error"]["param"]) == (status, code, param)


async def test_candles_tell_what_a_tranche_traded_at(doors, traded):
    async with await doors.client("alice") as alice:
        await alice.place(doors.symbol, "sell", 3, "0.039")
    for interval in ("1m", "5m", "1h"):
        status, answer = await doors.ask("GET", f"/v1/candles?symbol={doors.symbol}&interval={interval}")
        assert (status, answer["interval"]) == (200, interval)
        assert sum(candle["trades"] for candle in answer["candles"]) == 2
        assert sum(int(candle["quantity"]) for candle in answer["candles"]) == 5
        assert (answer["candles"][0]["open"], answer["candles"][-1]["close"]) == ("0.045000", "0.039000")
        async with await doors.client("carol") as carol:
            own = await carol.candles(doors.symbol, interval)
        assert [str(candle.average_price) for candle in own] == [each["average_price"] for each in answer["candles"]]
    _, answer = await doors.ask("GET", f"/v1/candles?symbol={doors.other_symbol}&interval=1m")
    assert answer["candles"] == []


@pytest.mark.parametrize(
    ("query", "status", "code", "param"),
    [
        ("symbol=nowhere&interval=1m", 404, "unknown_instrument", "symbol"),
        ("symbol=nowhere&interval=1d", 422, "invalid_value", "interval"),
        ("interval=1m", 422, "missing_field", "symbol"),
    ],
)
async def test_candles_that_cannot_be_are_refused(doors, query, status, code, param):
    told, answer = await doors.ask("GET", f"/v1/candles?{query}")
    assert (told, answer["error"]["code"], answer["error"]["param"]) == (status, code, param)


async def test_tranches_are_found_by_when_they_begin(doors):
    _, answer = await doors.ask("GET", "/v1/instruments?region=eu-fra&tier=ef")
    starts = sorted(row["start"] for row in answer["instruments"])
    query = f"/v1/instruments?region=eu-fra&tier=ef&start_from={starts[1]}&start_to={starts[3]}"
    _, answer = await doors.ask("GET", query)
    assert sorted(row["start"] for row in answer["instruments"]) == starts[1:3]
    status, answer = await doors.ask("GET", "/v1/instruments?start_from=tomorrow")
    assert (status, answer["error"]["code"], answer["error"]["param"]) == (422, "malformed_time", "start_from")
