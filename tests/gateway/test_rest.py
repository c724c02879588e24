"""REST as everybody may read it."""

import asyncio

import pytest

SELL, BUY = "sell", "buy"


def order(doors, **changes):
    return {"symbol": doors.symbol, "side": BUY, "price": "0.040000", "quantity": "10"} | changes


def code_of(answer):
    return answer["error"]["code"]


async def test_the_status_tells_how_the_exchange_is_doing(doors):
    status, answer = await doors.ask("GET", "/v1/status")
    view = doors.exchange.view
    assert status == 200
    assert answer["phase"] == "trading"
    assert answer["sequence"] == view.sequence
    assert answer["commands"] == view.commands > 0
    assert (answer["trades"], answer["resting_orders"], answer["market_halted"]) == (0, 0, False)
    assert answer["open_instruments"] == len(view.tranches)
    assert set(answer) == {
        "phase", "sequence", "commands", "trades", "resting_orders", "open_instruments", "market_halted",
        "journal_first_sequence", "journal_trimmed_until", "uptime_s", "version", "time", "time_ns",
    }  # fmt: skip
    assert (answer["journal_first_sequence"], answer["journal_trimmed_until"]) == (1, None)


async def test_the_time_is_the_clock_that_signatures_are_judged_by(doors):
    _, first = await doors.ask("GET", "/v1/time")
    _, second = await doors.ask("GET", "/v1/time")
    assert first["time_ns"] < second["time_ns"]
    assert first["time"].endswith("Z")


async def test_instruments_come_in_pages_without_a_gap_or_a_repeat(doors):
    seen, cursor = [], ""
    while True:
        _, page = await doors.ask("GET", f"/v1/instruments?limit=4{cursor}")
        assert 1 <= len(page["instruments"]) <= 4
        seen += [row["symbol"] for row in page["instruments"]]
        if page["next_cursor"] is None:
            break
        cursor = f"&cursor={page['next_cursor']}"
    assert seen == [tranche.symbol for tranche in doors.exchange.view.tranches.values()]


@pytest.mark.parametrize(
    ("query", "part"),
    [("region=us-nyc", "us-nyc."), ("tier=be", ".be."), ("state=open&region=eu-fra&tier=ef", "eu-fra.ef.")],
)
async def test_instruments_are_filtered(doors, query, part):
    _, page = await doors.ask("GET", f"/v1/instruments?{query}")
    everything = [tranche.symbol for tranche in doors.exchange.view.tranches.values()]
    assert [row["symbol"] for row in page["instruments"]] == [symbol for symbol in everything if part in symbol]
    assert 0 < len(page["instruments"]) < len(everything)


async def test_no_instrument_is_in_a_state_that_none_has_reached(doors):
    _, page = await doors.ask("GET", "/v1/instruments?state=settled")
    assert (page["instruments"], page["next_cursor"]) == ([], None)


async def test_an_instrument_tells_its_terms_and_its_best_prices(doors):
    async with await doors.client("alice") as alice:
        await alice.place(doors.symbol, BUY, 3, "0.03")
        await alice.place(doors.symbol, SELL, 4, "0.05")
    _, row = await doors.ask("GET", f"/v1/instruments/{doors.symbol}")
    assert (row["region"], row["tier"], row["state"]) == ("eu-fra", "ef", "open")
    assert (row["price_step"], row["quantity_step"]) == ("0.000010", "1")
    assert (row["reference_price"], row["band_low"], row["band_high"]) == ("0.040000", "0.020000", "0.060000")
    assert (row["best_bid"], row["best_bid_quantity"]) == ("0.030000", "3")
    assert (row["best_ask"], row["best_ask_quantity"]) == ("0.050000", "4")
    assert row["gate_closure"] < row["start"] < row["end"]
    assert (row["last_price"], row["traded_quantity"]) == (None, "0")


async def test_a_book_shows_its_best_levels(doors):
    async with await doors.client("alice") as alice:
        for price, quantity in (("0.03", 1), ("0.031", 2), ("0.031", 5), ("0.029", 4)):
            await alice.place(doors.symbol, BUY, quantity, price)
        await alice.place(doors.symbol, SELL, 6, "0.05")
    _, book = await doors.ask("GET", f"/v1/book?symbol={doors.symbol}&depth=2")
    assert book["bids"] == [["0.031000", "7"], ["0.030000", "1"]]
    assert book["asks"] == [["0.050000", "6"]]


async def test_trades_come_newest_first_in_pages(doors):
    async with await doors.client("alice") as alice, await doors.client("bob") as bob:
        for quantity in (1, 2, 3):
            await alice.place(doors.symbol, SELL, quantity, "0.04")
            await bob.place(doors.symbol, BUY, quantity, "0.04")
        await alice.place(doors.other_symbol, SELL, 9, "0.04")
        await bob.place(doors.other_symbol, BUY, 9, "0.04")
    _, first = await doors.ask("GET", f"/v1/trades?symbol={doors.symbol}&limit=2")
    _, rest = await doors.ask("GET", f"/v1/trades?symbol={doors.symbol}&limit=2&before={first['next_cursor']}")
    assert [row["quantity"] for row in first["trades"] + rest["trades"]] == ["3", "2", "1"]
    assert rest["next_cursor"] is None
    assert {row["taker_side"] for row in first["trades"]} == {BUY}
    _, everything = await doors.ask("GET", "/v1/trades")
    assert [row["quantity"] for row in everything["trades"]] == ["9", "3", "2", "1"]


@pytest.mark.parametrize(
    ("path", "status", "code"),
    [
        ("/v1/instruments/eu-fra.ef.20200101T0000Z.PT1H", 404, "unknown_instrument"),
        ("/v1/book?symbol=gold", 404, "unknown_instrument"),
        ("/v1/trades?symbol=gold", 404, "unknown_instrument"),
        ("/v1/book", 422, "missing_field"),
        ("/v1/book?symbol=gold&depth=0", 422, "invalid_value"),
        ("/v1/book?symbol=gold&depth=1e3", 422, "invalid_value"),
        ("/v1/book?symbol=gold&symbol=silver", 400, "duplicate_key"),
        ("/v1/trades?before=yesterday", 422, "malformed_cursor"),
        ("/v1/instruments?limit=5&colour=red", 422, "unknown_field"),
        ("/v1/status?min_seq=now", 422, "invalid_value"),
        ("/v1/nothing", 404, "not_found"),
        ("/../etc/passwd", 404, "not_found"),
        ("/v1/ws", 400, "bad_request"),
    ],
)
async def test_a_read_that_cannot_be_answered_is_refused_by_name(doors, path, status, code):
    got, answer = await doors.ask("GET", path)
    assert (got, code_of(answer)) == (status, code)


async def test_a_wrong_method_is_told_the_right_ones(doors):
    async with doors.http.post(f"{doors.url}/v1/status") as response:
        assert response.status == 405
        assert "GET" in response.headers["Allow"]
        assert code_of(await response.json()) == "method_not_allowed"


@pytest.mark.parametrize("path", ["/shell.js", "/v1/status", "/v1/nothing"])
async def test_every_answer_says_what_a_browser_may_load(doors, path):
    async with doors.http.get(doors.url + path) as response:
        policy = response.headers["Content-Security-Policy"]
        assert response.headers["X-Content-Type-Options"] == "nosniff"
    assert "default-src 'none'; script-src 'self'; style-src 'self'" in policy
    assert "frame-ancestors 'none'" in policy


@pytest.mark.parametrize("path", ["/", "/risk"])
async def test_a_page_with_libraries_may_do_what_they_need_and_load_from_nowhere_else(doors, path):
    async with doors.http.get(doors.url + path) as response:
        policy = response.headers["Content-Security-Policy"]
    directives = dict(directive.strip().split(" ", 1) for directive in policy.split(";"))
    assert directives["script-src"] == "'self' 'wasm-unsafe-eval' blob:"
    assert (directives["default-src"], directives["connect-src"], directives["frame-ancestors"]) == (
        *("'none'", "'self'"),
        "'none'",
    )
    assert "http" not in policy


async def test_the_front_page_and_its_files_are_served(doors):
    async with doors.http.get(doors.url) as response:
        assert response.content_type == "text/html"
        page = await response.text()
    assert "<!doctype html>" in page.lower()
    async with doors.http.get(f"{doors.url}/market.js") as response:
        assert (response.status, response.content_type) == (200, "text/javascript")


async def test_a_read_waits_for_the_sequence_it_asks_for(doors):
    wanted = doors.exchange.view.sequence + 2
    reading = asyncio.create_task(doors.ask("GET", f"/v1/status?min_seq={wanted}"))
    await asyncio.sleep(0.02)
    assert not reading.done()
    async with await doors.client("alice") as alice:
        await alice.place(doors.symbol, BUY, 1, "0.03")
    status, answer = await reading
    assert status == 200
    assert answer["sequence"] >= wanted


async def test_a_read_does_not_wait_for_ever(serve):
    async with serve(sequence_wait_s=0.05) as doors:
        status, answer = await doors.ask("GET", f"/v1/status?min_seq={1 << 60}")
    assert (status, code_of(answer)) == (503, "sequence_not_reached")
