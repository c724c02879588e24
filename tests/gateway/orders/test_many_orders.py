"""Many orders in one request, over both doors: batches, mass cancels, quotes, baskets."""

import pytest

from gateway.client import Client
from tests.gateway.peer import connect

SELL, BUY = "sell", "buy"
QUOTER = ("trader", "market_maker")
REST = {
    "place_many": ("POST", "/v1/orders/batch"),
    "cancel_many": ("POST", "/v1/orders/cancel-batch"),
    "cancel_all": ("DELETE", "/v1/orders"),
    "quote": ("PUT", "/v1/quotes"),
    "basket": ("POST", "/v1/baskets"),
}


def order(doors, **changes):
    return {"symbol": doors.symbol, "side": BUY, "price": "0.040000", "quantity": "10"} | changes


@pytest.fixture(params=["rest", "socket"])
async def ask(request, doors):
    """Ask for an operation over one door: whether it was taken, and the result or the error."""

    async def over_rest(key, op, **fields):
        method, path = REST[op]
        if method == "DELETE":
            query = "&".join(f"{name}={value}" for name, value in fields.items())
            status, answer = await doors.ask(method, f"{path}?{query}" if query else path, key)
        else:
            status, answer = await doors.ask(method, path, key, fields)
        return status < 400, answer.get("error", answer)

    async def over_a_socket(key, op, **fields):
        async with connect(doors, key) as peer:
            answer = await peer.ask(op, **fields)
        return answer["ok"], answer.get("error") or answer["result"]

    return over_rest if request.param == "rest" else over_a_socket


async def test_each_order_of_a_batch_has_its_own_result_in_order(doors, ask):
    key = await doors.account("alice")
    wrong = [order(doors, price=0.04), order(doors, symbol="nowhere"), order(doors, price="0.040001"), 7]
    orders = [order(doors, client_id="first"), *wrong, order(doors, client_id="last")]
    taken, answer = await ask(key, "place_many", orders=orders)
    assert (taken, answer["accepted"], answer["refused"]) == (True, 2, 4)
    assert [result["ok"] for result in answer["results"]] == [True, False, False, False, False, True]
    assert [answer["results"][at]["result"]["client_id"] for at in (0, 5)] == ["first", "last"]
    codes = [result["error"]["code"] for result in answer["results"][1:5]]
    assert codes == ["number_not_string", "unknown_instrument", "price_off_tick", "not_an_object"]
    assert doors.exchange.view.resting_orders == 2


async def test_orders_of_a_batch_are_carried_out_in_their_order(doors, ask):
    key = await doors.account("alice")
    orders = [order(doors, side=SELL), order(doors, self_trade="none", quantity="4")]
    _, answer = await ask(key, "place_many", orders=orders)
    first, second = (result["result"] for result in answer["results"])
    assert first["sequence"] < second["sequence"]
    assert (first["status"], second["status"], second["trades"][0]["quantity"]) == ("open", "filled", "4")


async def test_orders_that_say_what_holds_anyway_are_answered_alike(doors, ask):
    """They go another road through the doors."""
    key = await doors.account("alice")
    await doors.account("bob")
    kinds = [{}, {"time_in_force": "ioc"}, {"price": "0.041", "side": SELL}, {"client_id": "named"}]
    plain = [order(doors, **kind) for kind in kinds]
    answers = []
    for said in ({}, {"self_trade": "cancel_newest"}):
        named = {"client_id": f"named-{len(answers)}"}
        orders = [each | said | (named if "client_id" in each else {}) for each in plain]
        _, answer = await ask(key, "place_many", orders=orders)
        answers.append([result["result"] for result in answer["results"]])
        assert [row["status"] for row in answers[-1]] == ["open", "killed", "open", "open"]
        assert answers[-1][3]["client_id"] == named["client_id"]
    own = dict.fromkeys(("sequence", "time", "time_ns", "order_id", "client_id"))
    assert [row | own for row in answers[0]] == [row | own for row in answers[1]]
    assert all(row.keys() == answers[0][0].keys() for rows in answers for row in rows)


async def test_a_batch_that_comes_again_changes_nothing(doors, ask):
    key = await doors.account("alice")
    orders = [order(doors, client_id="one"), order(doors, client_id="two", quantity="0"), order(doors, price="9")]
    _, first = await ask(key, "place_many", orders=orders)
    _, again = await ask(key, "place_many", orders=orders)
    told, retold = (answer["results"][0]["result"] for answer in (first, again))
    assert retold == told | {"repeated": True, "time": retold["time"], "time_ns": retold["time_ns"]}
    assert again["results"][2] == first["results"][2]
    assert doors.exchange.view.resting_orders == 1


@pytest.mark.parametrize("count", [0, 65])
async def test_a_batch_has_1_to_64_orders(doors, ask, count):
    key = await doors.account("alice")
    taken, error = await ask(key, "place_many", orders=[order(doors)] * count)
    assert (taken, error["code"], error["param"]) == (False, "invalid_value", "orders")
    taken, answer = await ask(key, "place_many", orders=[order(doors)] * 64)
    assert (taken, answer["accepted"]) == (True, 64)


async def test_orders_of_a_batch_are_not_asked_for_alternatives(doors, ask):
    key = await doors.account("alice")
    _, answer = await ask(key, "place_many", orders=[order(doors, alternatives=True)])
    assert answer["results"][0]["error"] | {"message": ""} == {
        "code": "unknown_field", "number": 404, "message": "", "param": "alternatives",
    }  # fmt: skip


async def test_many_orders_are_cancelled_by_either_of_their_names(doors, ask):
    key, other = await doors.account("alice"), await doors.account("bob")
    orders = [order(doors, client_id="by-name"), order(doors), order(doors)]
    _, placed = await ask(key, "place_many", orders=orders)
    order_ids = [result["result"]["order_id"] for result in placed["results"]]
    targets = [{"client_id": "by-name"}, {"order_id": order_ids[1]}, {"order_id": 1}, {}, {"order_id": "7"}]
    _, answer = await ask(key, "cancel_many", orders=targets)
    assert [result["ok"] for result in answer["results"]] == [True, True, False, False, False]
    assert [result["result"]["status"] for result in answer["results"][:2]] == ["cancelled", "cancelled"]
    codes = [result["error"]["code"] for result in answer["results"][2:]]
    assert codes == ["unknown_order", "missing_field", "wrong_type"]
    _, foreign = await ask(other, "cancel_many", orders=[{"order_id": order_ids[2]}])
    assert foreign["results"][0]["error"]["code"] == "unknown_order"
    assert doors.exchange.view.resting_orders == 1


async def test_a_batch_of_which_something_is_refused_has_a_status_of_its_own(doors):
    key = await doors.account("alice")
    status, _ = await doors.ask("POST", "/v1/orders/batch", key, {"orders": [order(doors)]})
    assert status == 201
    status, _ = await doors.ask("POST", "/v1/orders/batch", key, {"orders": [order(doors), order(doors, price="0")]})
    assert status == 207


@pytest.fixture
async def crowd(doors):
    """Alice's orders in three tranches, on both sides, under two labels and sessions; and one of Bob's."""
    alice, bob = await doors.account("alice"), await doors.account("bob")
    best_effort = next(symbol for symbol in doors.exchange.view.tranche_by_symbol if symbol.startswith("eu-fra.be."))
    american = next(symbol for symbol in doors.exchange.view.tranche_by_symbol if symbol.startswith("us-nyc."))
    orders = [
        order(doors, label=1, session=5),
        order(doors, side=SELL, price="0.05", label=1),
        order(doors, symbol=best_effort, label=2, session=5),
        order(doors, symbol=american, side=SELL, price="0.05", label=2),
    ]
    assert (await doors.ask("POST", "/v1/orders/batch", alice, {"orders": orders}))[0] == 201
    assert (await doors.ask("POST", "/v1/orders", bob, order(doors, label=1, session=5)))[0] == 201
    return alice


@pytest.mark.parametrize(
    ("scope", "cancelled"),
    [
        ({}, 4),
        ({"label": 1}, 2),
        ({"session": 5}, 2),
        ({"region": "eu-fra"}, 3),
        ({"tier": "ef"}, 3),
        ({"region": "eu-fra", "tier": "be"}, 1),
        ({"side": "sell"}, 2),
        ({"label": 2, "side": "buy", "session": 5}, 1),
        ({"label": 0}, 0),
    ],
)
async def test_all_own_orders_that_match_are_cancelled_and_nobody_elses(doors, ask, crowd, scope, cancelled):
    taken, answer = await ask(crowd, "cancel_all", **scope)
    assert (taken, answer["cancelled"], answer["quantity"]) == (True, cancelled, str(10 * cancelled))
    assert doors.exchange.view.resting_orders == 5 - cancelled
    assert answer["sequence"] <= doors.exchange.view.sequence


async def test_a_mass_cancel_of_one_tranche_leaves_the_others(doors, ask, crowd):
    _, answer = await ask(crowd, "cancel_all", symbol=doors.symbol)
    assert answer["cancelled"] == 2
    async with Client(doors.url, crowd.key_id, crowd.secret) as alice:
        assert doors.symbol not in {each.symbol for each in await alice.orders()}


async def test_a_mass_cancel_that_comes_again_cancels_nothing_more(doors, ask, crowd):
    _, first = await ask(crowd, "cancel_all", retry_id="panic")
    await doors.ask("POST", "/v1/orders", crowd, order(doors))
    _, again = await ask(crowd, "cancel_all", retry_id="panic")
    assert (again["repeated"], again["cancelled"], again["quantity"]) == (True, None, first["quantity"])
    assert again["sequence"] == first["sequence"]
    assert doors.exchange.view.resting_orders == 2
    taken, error = await ask(crowd, "cancel_all", retry_id="panic", label=1)
    assert (taken, error["code"]) == (False, "client_id_reused")


@pytest.mark.parametrize(
    ("scope", "code", "param"),
    [
        ({"symbol": "nowhere"}, "unknown_instrument", "symbol"),
        ({"region": "atlantis"}, "unknown_region", "region"),
        ({"tier": "gold"}, "invalid_value", "tier"),
        ({"side": "both"}, "invalid_value", "side"),
        ({"label": -1}, "invalid_value", "label"),
        ({"session": 65_536}, "invalid_value", "session"),
        ({"lable": 1}, "unknown_field", "lable"),
    ],
)
async def test_a_mass_cancel_of_what_cannot_be_cancels_nothing(doors, ask, crowd, scope, code, param):
    taken, error = await ask(crowd, "cancel_all", **scope)
    assert (taken, error["code"], error["param"]) == (False, code, param)
    assert doors.exchange.view.resting_orders == 5


async def test_open_orders_are_listed_by_label_and_session(doors, crowd):
    async def quantities(query):
        return [row["label"] for row in (await doors.ask("GET", f"/v1/orders?{query}", crowd))[1]["orders"]]

    assert await quantities("label=1") == [1, 1]
    assert await quantities("session=5") == [1, 2]
    assert await quantities("label=2&session=5") == [2]
    status, answer = await doors.ask("GET", "/v1/orders?label=x", crowd)
    assert (status, answer["error"]["code"]) == (422, "invalid_value")


def both_sides(doors, **changes):
    sides = {"bid_price": "0.039", "bid_quantity": "5", "ask_price": "0.041", "ask_quantity": "6"}
    return {"symbol": doors.symbol} | sides | changes


async def test_quotes_of_many_tranches_take_the_place_of_those_before(doors, ask):
    key = await doors.account("maker", QUOTER)
    entries = [both_sides(doors), both_sides(doors, symbol=doors.other_symbol)]
    taken, answer = await ask(key, "quote", quotes=entries, label=3)
    assert taken
    assert [(row["bid"]["status"], row["ask"]["remaining_quantity"]) for row in answer["quotes"]] == [("open", "6")] * 2
    one_side = {"symbol": doors.symbol, "ask_price": "0.042", "ask_quantity": "2"}
    _, answer = await ask(key, "quote", quotes=[one_side, both_sides(doors, symbol=doors.other_symbol)])
    changed, kept = answer["quotes"]
    assert (changed["bid"]["status"], changed["ask"]["price"]) == ("cancelled", "0.042000")
    assert (kept["bid"]["status"], kept["bid"]["remaining_quantity"], kept["bid"]["trades"]) == ("open", "5", [])
    _, answer = await ask(key, "quote", quotes=[one_side])
    assert answer["quotes"][0]["bid"] is None
    status, own = await doors.ask("GET", "/v1/quotes", key)
    assert status == 200
    by_symbol = {row["symbol"]: row for row in own["quotes"]}
    assert (by_symbol[doors.symbol]["bid"], by_symbol[doors.symbol]["ask"]["price"]) == (None, "0.042000")
    assert by_symbol[doors.other_symbol]["bid"]["remaining_quantity"] == "5"
    _, page = await doors.ask("GET", f"/v1/quotes?symbol={doors.symbol}", key)
    assert [row["symbol"] for row in page["quotes"]] == [doors.symbol]


async def test_own_quotes_are_read_a_page_at_a_time(doors):
    key = await doors.account("maker", QUOTER)
    entries = [both_sides(doors), both_sides(doors, symbol=doors.other_symbol)]
    assert (await doors.ask("PUT", "/v1/quotes", key, {"quotes": entries}))[0] == 200
    _, first = await doors.ask("GET", "/v1/quotes?limit=1", key)
    _, second = await doors.ask("GET", f"/v1/quotes?limit=1&cursor={first['next_cursor']}", key)
    assert second["next_cursor"] is None
    assert {row["symbol"] for page in (first, second) for row in page["quotes"]} == {doors.symbol, doors.other_symbol}


async def test_a_quote_that_trades_is_answered_with_its_trades(doors, ask):
    key, taker = await doors.account("maker", QUOTER), await doors.account("taker")
    await doors.ask("POST", "/v1/orders", taker, order(doors, side=SELL, price="0.039", quantity="2"))
    _, answer = await ask(key, "quote", quotes=[both_sides(doors)], client_id="round-1")
    bid = answer["quotes"][0]["bid"]
    assert (bid["status"], bid["remaining_quantity"], bid["trades"][0]["quantity"]) == ("open", "3", "2")
    assert bid["trades"][0]["id"].startswith(f"{answer['sequence']}-")
    _, again = await ask(key, "quote", quotes=[both_sides(doors)], client_id="round-1")
    bid = again["quotes"][0]["bid"]
    assert (again["repeated"], bid["status"], bid["remaining_quantity"], bid["trades"]) == (True, "open", "3", None)


@pytest.mark.parametrize(
    ("changes", "code", "param"),
    [
        ({"bid_price": "0.041"}, "quote_crossed", "quotes[1]"),
        ({"ask_price": "0.041001"}, "price_off_tick", "quotes[1]"),
        ({"bid_price": None}, "invalid_order_terms", "quotes[1].bid_price"),
        ({"ask_quantity": None}, "invalid_order_terms", "quotes[1].ask_quantity"),
        ({"symbol": "nowhere"}, "unknown_instrument", "quotes[1].symbol"),
        ({"bid_price": 0.04}, "number_not_string", "quotes[1].bid_price"),
        ({"mid": "0.04"}, "unknown_field", "quotes[1].mid"),
    ],
)
async def test_one_bad_entry_refuses_all_quotes_and_is_named(doors, ask, changes, code, param):
    key = await doors.account("maker", QUOTER)
    entries = [both_sides(doors, symbol=doors.other_symbol), both_sides(doors, **changes)]
    entries[1] = {name: value for name, value in entries[1].items() if value is not None}
    taken, error = await ask(key, "quote", quotes=entries)
    assert (taken, error["code"], error["param"]) == (False, code, param)
    assert doors.exchange.view.resting_orders == 0


async def test_a_tranche_is_quoted_once_in_a_request(doors, ask):
    key = await doors.account("maker", QUOTER)
    _, error = await ask(key, "quote", quotes=[both_sides(doors), both_sides(doors)])
    assert error["code"] == "duplicate_instrument"


async def test_quotes_that_only_make_are_refused_when_they_would_take(doors, ask):
    key, other = await doors.account("maker", QUOTER), await doors.account("other")
    await doors.ask("POST", "/v1/orders", other, order(doors, side=SELL, price="0.039"))
    _, error = await ask(key, "quote", quotes=[both_sides(doors)], post_only=True)
    assert (error["code"], error["param"]) == ("post_only_would_trade", "quotes[0]")


async def test_only_a_market_makers_key_sends_quotes(doors, ask):
    key = await doors.account("alice")
    taken, error = await ask(key, "quote", quotes=[both_sides(doors)])
    assert (taken, error["code"]) == (False, "role_missing")
    assert (await doors.ask("GET", "/v1/quotes", key))[1]["quotes"] == []


def legs_of(doors, **changes):
    first = {"symbol": doors.symbol, "side": BUY, "price": "0.041", "quantity": "3"}
    second = {"symbol": doors.other_symbol, "side": SELL, "price": "0.039", "quantity": "3"}
    return [first, second | changes]


@pytest.fixture
async def liquidity(doors):
    """Asks in one tranche and bids in another."""
    key = await doors.account("maker")
    orders = [
        order(doors, side=SELL, price="0.04", quantity="1"),
        order(doors, side=SELL, price="0.041"),
        order(doors, symbol=doors.other_symbol),
    ]
    await doors.ask("POST", "/v1/orders/batch", key, {"orders": orders})


async def test_a_basket_is_filled_leg_by_leg(doors, ask, liquidity):
    key = await doors.account("alice")
    taken, answer = await ask(key, "basket", legs=legs_of(doors), client_id="spread", label=4)
    assert (taken, answer["status"], answer["reason"], answer["killed_leg"]) == (True, "filled", None, None)
    bought, sold = answer["legs"]
    assert [(fill["price"], fill["quantity"]) for fill in bought["trades"]] == [("0.040000", "1"), ("0.041000", "2")]
    assert (bought["average_price"], sold["average_price"]) == ("0.040666667", "0.040000000")
    assert [fill["quantity"] for fill in sold["trades"]] == ["3"]
    async with Client(doors.url, key.key_id, key.secret) as alice:
        own = [await alice.order(leg["order_id"]) for leg in answer["legs"]]
        assert [(each.symbol, each.status, each.label) for each in own] == [
            (doors.symbol, "filled", 4), (doors.other_symbol, "filled", 4),
        ]  # fmt: skip
    _, again = await ask(key, "basket", legs=legs_of(doors), client_id="spread", label=4)
    assert again == answer | {"repeated": True, "time": again["time"], "time_ns": again["time_ns"]}


async def test_a_basket_that_cannot_be_filled_whole_does_nothing_and_names_the_leg(doors, ask, liquidity):
    key = await doors.account("alice")
    taken, answer = await ask(key, "basket", legs=legs_of(doors, quantity="11"), client_id="large")
    assert (taken, answer["status"], answer["reason"], answer["killed_leg"]) == (True, "killed", "not_fillable", 1)
    assert [(leg["order_id"], leg["trades"]) for leg in answer["legs"]] == [(None, [])] * 2
    assert doors.exchange.view.trades == 0
    _, again = await ask(key, "basket", legs=legs_of(doors, quantity="11"), client_id="large")
    assert (again["repeated"], again["killed_leg"]) == (True, 1)


@pytest.mark.parametrize(
    ("changes", "code", "param"),
    [
        ({"price": "0.039001"}, "price_off_tick", "legs[1]"),
        ({"price": "0.01"}, "price_outside_band", "legs[1]"),
        ({"quantity": "0"}, "quantity_out_of_range", "legs[1].quantity"),
        ({"symbol": "nowhere"}, "unknown_instrument", "legs[1].symbol"),
        ({"side": "long"}, "invalid_value", "legs[1].side"),
        ({"type": "market"}, "unknown_field", "legs[1].type"),
    ],
)
async def test_a_leg_that_cannot_be_refuses_the_basket_and_is_named(doors, ask, liquidity, changes, code, param):
    key = await doors.account("alice")
    taken, error = await ask(key, "basket", legs=legs_of(doors, **changes))
    assert (taken, error["code"], error["param"]) == (False, code, param)
    assert doors.exchange.view.trades == 0


async def test_what_all_entries_together_are_refused_for_names_none_of_them(doors, ask, liquidity):
    key = await doors.account("maker", QUOTER)
    assert (await ask(key, "quote", quotes=[both_sides(doors)], client_id="once"))[0]
    taken, error = await ask(key, "quote", quotes=[both_sides(doors, bid_quantity="1")], client_id="once")
    assert (taken, error["code"], error["param"]) == (False, "client_id_reused", "client_id")
    await doors.admin.withdraw("maker", "999990")
    _, error = await ask(key, "quote", quotes=[both_sides(doors, bid_quantity="9000")])
    assert (error["code"], error["param"]) == ("insufficient_margin", None)
    large = [leg | {"quantity": "9000"} for leg in legs_of(doors)]
    _, error = await ask(key, "basket", legs=large)
    assert (error["code"], error["param"]) == ("insufficient_margin", None)


async def test_a_halted_market_takes_no_quotes_and_no_baskets_but_mass_cancels(doors, ask, crowd):
    key = await doors.account("maker", QUOTER)
    await doors.admin.halt()
    for op, fields in (("quote", {"quotes": [both_sides(doors)]}), ("basket", {"legs": legs_of(doors)})):
        taken, error = await ask(key, op, **fields)
        assert (taken, error["code"], error["param"]) == (False, "market_halted", None)
    assert (await ask(crowd, "cancel_all"))[1]["cancelled"] == 4


async def test_a_basket_has_at_most_16_legs(doors, ask):
    key = await doors.account("alice")
    taken, error = await ask(key, "basket", legs=legs_of(doors) * 9)
    assert (taken, error["code"], error["param"]) == (False, "invalid_value", "legs")


async def test_what_concerns_many_orders_needs_a_key_that_owns_them(doors, ask):
    admin = doors.keys.create(0, ("admin",))
    requests = {
        "place_many": {"orders": [order(doors)]},
        "cancel_many": {"orders": [{"order_id": 1}]},
        "cancel_all": {},
        "quote": {"quotes": [both_sides(doors)]},
        "basket": {"legs": legs_of(doors)},
    }
    for op, fields in requests.items():
        taken, error = await ask(admin, op, **fields)
        assert (taken, error["code"]) == (False, "role_missing")


async def test_each_order_of_a_batch_counts_as_a_request_under_way(serve):
    async with serve(requests_in_flight_max=3) as doors:
        key = await doors.account("alice")
        async with connect(doors, key) as peer:
            refused = await peer.ask("place_many", orders=[order(doors)] * 4)
            assert refused["error"]["code"] == "too_many_in_flight"
            assert (await peer.ask("place_many", orders=[order(doors)] * 3))["result"]["accepted"] == 3


async def test_a_batch_is_answered_before_channels_tell_of_its_last_order(doors):
    key = await doors.account("alice")
    async with connect(doors, key) as peer:
        await peer.ask("subscribe", channel="orders")
        assert (await peer.of_channel("orders", "snapshot"))["orders"] == []
        answer = await peer.ask("place_many", orders=[order(doors), order(doors)])
        last = answer["result"]["results"][1]["result"]["sequence"]
        told = [message for message in peer.others if message.get("channel") == "orders"]
        assert all(message["sequence"] < last for message in told)
