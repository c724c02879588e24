"""Orders over REST: placed, refused, sent again, cancelled, replaced."""

from decimal import Decimal

import pytest

from gateway.client import RefusedError
from tests.gateway.doors import QUANTITY_MAX_LOTS

SELL, BUY = "sell", "buy"


def order(doors, **changes):
    return {"symbol": doors.symbol, "side": BUY, "price": "0.040000", "quantity": "10"} | changes


def code_of(answer):
    return answer["error"]["code"]


async def test_an_order_that_rests_is_answered_with_all_its_state(doors):
    key = await doors.account("alice")
    status, answer = await doors.ask("POST", "/v1/orders", key, order(doors, client_id="mine-1"))
    assert status == 201
    assert answer["order_id"] == answer["sequence"] <= doors.exchange.view.sequence
    assert answer.items() >= {
        "client_id": "mine-1", "symbol": doors.symbol, "side": BUY, "status": "open", "reason": None,
        "price": "0.040000", "quantity": "10", "filled_quantity": "0", "remaining_quantity": "10",
        "average_price": None, "trades": [],
    }.items()  # fmt: skip
    assert "repeated" not in answer


async def test_an_order_that_trades_is_answered_with_its_trades_and_their_average(doors):
    async with await doors.client("alice") as alice, await doors.client("bob") as bob:
        await alice.place(doors.symbol, SELL, 1, "0.04")
        await alice.place(doors.symbol, SELL, 2, "0.05")
        answer = await bob.place(doors.symbol, BUY, 5, "0.05")
    assert (answer.status, answer.filled_quantity, answer.remaining_quantity) == ("open", 3, 2)
    assert [(fill.price, fill.quantity) for fill in answer.trades] == [(Decimal("0.04"), 1), (Decimal("0.05"), 2)]
    assert [fill.id for fill in answer.trades] == [f"{answer.sequence}-0", f"{answer.sequence}-1"]
    assert answer.average_price == Decimal("0.046666667")


@pytest.mark.parametrize(
    ("terms", "status", "reason"),
    [({"time_in_force": "ioc"}, "killed", "immediate_remainder"), ({"time_in_force": "fok"}, "killed", "not_fillable")],
)
async def test_an_order_that_may_not_rest_says_why_it_is_gone(doors, terms, status, reason):
    async with await doors.client("alice") as alice:
        answer = await alice.place(doors.symbol, BUY, 5, "0.05", **terms)
        assert (answer.status, answer.reason, answer.remaining_quantity) == (status, reason, 0)
        assert (await alice.order(answer.order_id)).status == status


async def test_a_market_order_needs_no_price(doors):
    async with await doors.client("alice") as alice, await doors.client("bob") as bob:
        await alice.place(doors.symbol, SELL, 5, "0.045")
        answer = await bob.place(doors.symbol, BUY, 5)
    assert (answer.status, answer.average_price) == ("filled", Decimal("0.045"))


async def test_an_iceberg_shows_a_part_of_itself(doors):
    async with await doors.client("alice") as alice:
        answer = await alice.place(doors.symbol, SELL, 9, "0.045", display_quantity=2, label=7)
        assert (answer.status, answer.quantity, answer.remaining_quantity) == ("open", 9, 9)
        book = await alice.book(doors.symbol)
        assert [level[1] for level in book.asks] == [2]
        order = await alice.order(answer.order_id)
    assert (order.display_quantity, order.remaining_quantity, order.label) == (2, 9, 7)


async def test_an_order_with_a_minimum_trades_so_much_or_nothing(doors):
    async with await doors.client("alice") as alice, await doors.client("bob") as bob:
        await alice.place(doors.symbol, SELL, 3, "0.045")
        killed = await bob.place(doors.symbol, BUY, 9, "0.045", minimum_quantity=4)
        assert (killed.status, killed.reason, killed.filled_quantity) == ("killed", "not_fillable", 0)
        answer = await bob.place(doors.symbol, BUY, 9, "0.045", minimum_quantity=3)
        assert (answer.status, answer.filled_quantity) == ("open", 3)
        assert (await bob.order(answer.order_id)).minimum_quantity == 3


async def test_a_reduce_only_order_is_answered_with_what_the_position_left_of_it(doors):
    async with await doors.client("alice") as alice, await doors.client("bob") as bob:
        with pytest.raises(RefusedError, match="reduce_only_without_position"):
            await bob.place(doors.symbol, SELL, 9, "0.05", reduce_only=True)
        await alice.place(doors.symbol, SELL, 3, "0.045")
        await bob.place(doors.symbol, BUY, 3, "0.045")
        answer = await bob.place(doors.symbol, SELL, 9, "0.05", reduce_only=True, client_id="close")
        assert (answer.quantity, answer.remaining_quantity, answer.filled_quantity) == (3, 3, 0)
        again = await bob.place(doors.symbol, SELL, 9, "0.05", reduce_only=True, client_id="close")
        assert (again.repeated, again.quantity, again.filled_quantity) == (True, 3, 0)
        order = await bob.order(answer.order_id)
    assert (order.reduce_only, order.quantity) == (True, 3)


async def test_an_account_does_not_trade_with_itself_unless_it_says_so(doors):
    async with await doors.client("alice") as alice:
        await alice.place(doors.symbol, SELL, 5, "0.04")
        answer = await alice.place(doors.symbol, BUY, 5, "0.04")
        assert (answer.status, answer.reason) == ("killed", "self_trade")
        answer = await alice.place(doors.symbol, BUY, 5, "0.04", self_trade="none")
        assert (answer.status, answer.filled_quantity) == ("filled", 5)


@pytest.mark.parametrize(
    ("changes", "status", "code", "param"),
    [
        ({"symbol": "eu-fra.ef.20200101T0000Z.PT1H"}, 404, "unknown_instrument", "symbol"),
        ({"price": "0.040001"}, 422, "price_off_tick", "price"),
        ({"price": "0.07"}, 422, "price_outside_band", "price"),
        ({"price": "2000"}, 422, "price_out_of_range", "price"),
        ({"price": "-0.04"}, 422, "price_out_of_range", "price"),
        ({"price": "0"}, 422, "price_out_of_range", "price"),
        ({"price": 0.04}, 422, "number_not_string", "price"),
        ({"price": "4e-2"}, 422, "scientific_notation", "price"),
        ({"quantity": str(QUANTITY_MAX_LOTS + 1)}, 422, "quantity_out_of_range", "quantity"),
        ({"quantity": "0"}, 422, "quantity_out_of_range", "quantity"),
        ({"quantity": "-1"}, 422, "quantity_out_of_range", "quantity"),
        ({"quantity": "9" * 200}, 422, "quantity_out_of_range", "quantity"),
        ({"quantity": "1.5"}, 422, "too_many_decimals", "quantity"),
        ({"time_in_force": "ioc", "post_only": "reject"}, 422, "invalid_order_terms", "post_only"),
        ({"time_in_force": "gtd", "expires_time": "2020-01-01T00:00:00Z"}, 422, "already_expired", "expires_time"),
        ({"display_quantity": "0"}, 422, "quantity_out_of_range", "display_quantity"),
        ({"display_quantity": "11"}, 422, "invalid_order_terms", "display_quantity"),
        ({"minimum_quantity": "0"}, 422, "quantity_out_of_range", "minimum_quantity"),
        ({"minimum_quantity": "-1"}, 422, "quantity_out_of_range", "minimum_quantity"),
        ({"minimum_quantity": "1", "post_only": "slide"}, 422, "invalid_order_terms", "minimum_quantity"),
        ({"reduce_only": True}, 422, "reduce_only_without_position", "reduce_only"),
        ({"reduce_only": "yes"}, 422, "wrong_type", "reduce_only"),
        ({"label": -1}, 422, "invalid_value", "label"),
        ({"label": 1 << 32}, 422, "invalid_value", "label"),
        ({"colour": "red"}, 422, "unknown_field", "colour"),
    ],
    ids=str,
)
async def test_an_order_that_cannot_be_taken_is_refused_by_name(doors, changes, status, code, param):
    key = await doors.account("alice")
    got, answer = await doors.ask("POST", "/v1/orders", key, order(doors, **changes))
    assert (got, code_of(answer), answer["error"]["param"]) == (status, code, param)
    assert doors.exchange.view.resting_orders == 0


@pytest.mark.parametrize(
    ("body", "status", "code"),
    [
        (b"", 400, "malformed_json"),
        (b"{", 400, "malformed_json"),
        (b"[]", 400, "not_an_object"),
        (b'{"symbol": NaN}', 400, "malformed_json"),
        (b'{"symbol": "a", "symbol": "b"}', 400, "duplicate_key"),
        (b"[" * 100_000, 400, "malformed_json"),
        (b"x" * (256 * 1024), 400, "malformed_json"),
        (b"x" * (256 * 1024 + 1), 413, "body_too_large"),
        (b"x" * (4 * 1024 * 1024), 413, "body_too_large"),
    ],
    ids=lambda value: repr(value[:16]) + str(len(value)) if isinstance(value, bytes) else str(value),
)
async def test_a_body_that_is_no_order_is_refused_by_name(doors, body, status, code):
    key = await doors.account("alice")
    got, answer = await doors.ask("POST", "/v1/orders", key, body)
    assert (got, code_of(answer)) == (status, code)


async def test_an_order_whose_margin_equity_does_not_cover_is_refused(doors):
    async with await doors.client("alice") as alice:
        await doors.admin.withdraw("alice", "999999.99")
        with pytest.raises(RefusedError) as refused:
            await alice.place(doors.symbol, BUY, 1_000, "0.04")
    assert (refused.value.code, refused.value.number) == ("insufficient_margin", 205)


async def test_a_retry_is_answered_as_the_first_time(doors):
    key, other = await doors.account("alice"), await doors.account("bob")
    await doors.ask("POST", "/v1/orders", other, order(doors, side=SELL, quantity="4"))
    sent = order(doors, client_id="mine-1")
    _, first = await doors.ask("POST", "/v1/orders", key, sent)
    await doors.ask("POST", "/v1/orders", other, order(doors, side=SELL, quantity="3"))
    status, again = await doors.ask("POST", "/v1/orders", key, sent)
    assert status == 201
    assert again.pop("repeated") is True
    without_time = {"time", "time_ns"}
    assert {name: again[name] for name in again.keys() - without_time} == {
        name: first[name] for name in first.keys() - without_time
    }
    assert first["filled_quantity"] == "4"
    assert doors.exchange.view.resting_orders == 1


async def test_the_retry_of_a_refused_order_is_refused_again_with_the_same_name(doors):
    key = await doors.account("alice")
    sent = order(doors, price="0.07", client_id="mine-1")
    first_status, first = await doors.ask("POST", "/v1/orders", key, sent)
    again_status, again = await doors.ask("POST", "/v1/orders", key, sent)
    assert (first_status, again_status) == (422, 422)
    assert again == first | {"repeated": True}


async def test_a_client_id_cannot_mean_two_orders(doors):
    key = await doors.account("alice")
    await doors.ask("POST", "/v1/orders", key, order(doors, client_id="mine-1"))
    status, answer = await doors.ask("POST", "/v1/orders", key, order(doors, client_id="mine-1", quantity="11"))
    assert (status, code_of(answer), answer["error"]["param"]) == (409, "client_id_reused", "client_id")


async def test_two_accounts_may_use_the_same_client_id(doors):
    for name in ("alice", "bob"):
        key = await doors.account(name)
        status, answer = await doors.ask("POST", "/v1/orders", key, order(doors, client_id="mine-1"))
        assert (status, "repeated" in answer) == (201, False)


async def test_an_order_is_cancelled_by_either_of_its_names(doors):
    async with await doors.client("alice") as alice:
        first = await alice.place(doors.symbol, BUY, 5, "0.03")
        second = await alice.place(doors.symbol, BUY, 6, "0.03", client_id="odd/?#%+name")
        answer = await alice.cancel(first.order_id)
        assert (answer.status, answer.order_id, answer.quantity) == ("cancelled", first.order_id, 5)
        answer = await alice.cancel(client_id="odd/?#%+name")
        assert (answer.status, answer.order_id, answer.client_id) == ("cancelled", second.order_id, "odd/?#%+name")
        assert await alice.orders() == []


async def test_the_retry_of_a_cancel_is_no_error(doors):
    async with await doors.client("alice") as alice:
        placed = await alice.place(doors.symbol, BUY, 5, "0.03")
        first = await alice.cancel(placed.order_id, retry_id="cancel-1")
        again = await alice.cancel(placed.order_id, retry_id="cancel-1")
    assert (first.repeated, again.repeated) == (False, True)
    assert (again.status, again.sequence) == ("cancelled", first.sequence)


async def test_a_replace_keeps_the_id_and_counts_what_was_filled(doors):
    async with await doors.client("alice") as alice, await doors.client("bob") as bob:
        placed = await alice.place(doors.symbol, SELL, 10, "0.04", client_id="mine-1")
        await bob.place(doors.symbol, BUY, 4, "0.04")
        smaller = await alice.replace(placed.order_id, price="0.04", quantity=9)
        assert (smaller.order_id, smaller.filled_quantity, smaller.remaining_quantity) == (placed.order_id, 4, 5)
        dearer = await alice.replace(client_id="mine-1", price="0.05", quantity=8, quantity_is="remaining")
        assert (dearer.price, dearer.quantity, dearer.remaining_quantity) == (Decimal("0.05"), 12, 8)
        gone = await alice.replace(placed.order_id, price="0.05", quantity=3)
        assert (gone.status, gone.reason, gone.filled_quantity) == ("cancelled", "replaced_below_filled", 4)


@pytest.mark.parametrize("method", ["GET", "DELETE", "PATCH"])
@pytest.mark.parametrize("path", ["/v1/orders/999999", "/v1/orders/x", "/v1/orders/0", f"/v1/orders/{1 << 64}",
                                  "/v1/orders/by-client-id/nobody"])  # fmt: skip
async def test_an_order_that_is_not_there_is_unknown(doors, method, path):
    key = await doors.account("alice")
    body = {"price": "0.04", "quantity": "5"} if method == "PATCH" else b""
    status, answer = await doors.ask(method, path, key, body)
    assert (status, code_of(answer)) == (404, "unknown_order")


async def test_an_account_sees_and_changes_only_its_own_orders(doors):
    async with await doors.client("alice") as alice, await doors.client("mallory") as mallory:
        placed = await alice.place(doors.symbol, BUY, 5, "0.03", client_id="mine-1")
        for attempt in (
            mallory.order(placed.order_id),
            mallory.order(client_id="mine-1"),
            mallory.cancel(placed.order_id),
            mallory.cancel(client_id="mine-1"),
            mallory.replace(placed.order_id, price="0.02", quantity=1),
            mallory.replace(client_id="mine-1", price="0.02", quantity=1),
        ):
            with pytest.raises(RefusedError) as refused:
                await attempt
            assert refused.value.code == "unknown_order"
        assert await mallory.orders() == []
        assert (await mallory.account()).balances.margin == 0
        assert [order.order_id for order in await alice.orders()] == [placed.order_id]


async def test_open_orders_come_in_pages(doors):
    key = await doors.account("alice")
    async with await doors.client("alice") as alice:
        placed = [(await alice.place(doors.symbol, BUY, 1, "0.03")).order_id for _ in range(5)]
        await alice.place(doors.other_symbol, BUY, 1, "0.03")
    _, first = await doors.ask("GET", f"/v1/orders?symbol={doors.symbol}&limit=3", key)
    path = f"/v1/orders?symbol={doors.symbol}&limit=3&cursor={first['next_cursor']}"
    _, rest = await doors.ask("GET", path, key)
    assert [row["order_id"] for row in first["orders"] + rest["orders"]] == placed
    assert rest["next_cursor"] is None


async def test_an_account_shows_its_money_and_positions(doors):
    async with await doors.client("alice") as alice, await doors.client("bob") as bob:
        await alice.place(doors.symbol, SELL, 10, "0.04")
        await bob.place(doors.symbol, BUY, 4, "0.04")
        seller, buyer = await alice.account(), await bob.account()
    assert (seller.name, buyer.name) == ("alice", "bob")
    assert [(position.symbol, position.quantity) for position in seller.positions] == [(doors.symbol, -4)]
    assert [(position.quantity, position.cost) for position in buyer.positions] == [(4, Decimal("0.16"))]
    assert [(position.mark_price, position.unsettled) for position in buyer.positions] == [(Decimal("0.04"), 0)]
    assert seller.balances.margin == 10 * Decimal("0.048")  # what was sold, and what may still be
    assert buyer.balances.margin == 4 * Decimal("0.048")
    assert buyer.balances.free == buyer.balances.withdrawable == buyer.balances.equity - buyer.balances.margin
