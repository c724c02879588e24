"""Stakes, capacity and offers at the doors."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal

import orjson
import pytest

from gateway.client import Client, RefusedError

PRICE = "0.04"


async def refusal(awaitable) -> str:
    with pytest.raises(RefusedError) as refused:
        await awaitable
    return refused.value.code


async def provider(doors, name: str = "peter") -> Client:
    key = await doors.account(name, ("provider",))
    return Client(doors.url, key.key_id, key.secret)


def whole_days() -> tuple[datetime, datetime]:
    """From before now until after every window of the tests."""
    today = datetime.now(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    return today, today + timedelta(days=7)


async def test_a_stake_is_posted_and_comes_back_as_far_as_no_capacity_needs_it(doors):
    async with await provider(doors) as peter:
        cash = (await peter.account()).balances.cash
        assert await peter.post_stake("5", client_id="s1") == 5
        assert await peter.post_stake("5", client_id="s1") == 5, "a retry"
        assert (await peter.account()).balances.cash == cash - 5
        assert await refusal(peter.register_capacity("eu-fra", "ef", 51, *whole_days())) == "stake_too_small"
        await peter.register_capacity("eu-fra", "ef", 40, *whole_days())
        assert await refusal(peter.withdraw_stake("1.000000001")) == "stake_bound"
        assert await peter.withdraw_stake("1") == 4
        assert (await peter.capacity()).stake == 4


async def test_a_provider_sells_what_it_registered_and_sees_what_is_left(doors):
    async with await provider(doors) as peter:
        await peter.post_stake("10")
        start, end = whole_days()
        capacity_id = await peter.register_capacity(
            "eu-fra", "ef", 40, start, end, endpoint="fra1/port-7", client_id="c1"
        )
        assert (
            await peter.register_capacity("eu-fra", "ef", 40, start, end, endpoint="fra1/port-7", client_id="c1") == 1
        )
        assert await refusal(peter.place(doors.symbol, "sell", 41, PRICE)) == "capacity_exceeded"
        order = await peter.place(doors.symbol, "sell", 30, PRICE)
        tranche = next(each for each in await peter.instruments() if each.symbol == doors.symbol)
        told = await peter.capacity("eu-fra", start=tranche.start, slots=1)
        (slot,) = told.slots or []
        assert slot.registered == {"ef": 40, "af": 0, "be": 0}
        assert slot.committed[tranche.tier] == 30
        assert slot.free == {"ef": 10, "af": 10, "be": 10}
        (capacity,) = told.capacities
        assert (capacity.capacity_id, capacity.endpoint, capacity.quantity) == (capacity_id, "fra1/port-7", 40)
        assert (capacity.start, capacity.end, capacity.daily) == (start, end, None)
        assert await refusal(peter.withdraw_capacity(capacity_id)) == "capacity_sold"
        await peter.cancel(order.order_id)
        await peter.withdraw_capacity(capacity_id)
        assert (await peter.capacity()).capacities == []


async def test_recurring_capacity_is_told_as_it_was_registered(doors):
    async with await provider(doors) as peter:
        await peter.post_stake("10")
        daily = {"from_s": 3_600, "length_s": 1_800, "weekdays": ["mon", "sun"]}
        await peter.register_capacity("eu-fra", "be", 40, *whole_days(), daily=daily)
        told = await peter.capacity("eu-fra", start=whole_days()[0], slots=2_048)
        assert [each.daily.model_dump() for each in told.capacities] == [daily]
        there = [each.start for each in told.slots if each.registered["be"]]
        assert {(each.weekday() in (0, 6), each.hour, each.minute) for each in there} == {(True, 1, 0), (True, 1, 15)}


@pytest.mark.parametrize("mode", ["all_or_nothing", "best_effort"])
async def test_offers_for_a_schedule_are_taken_and_a_retry_changes_nothing(doors, mode):
    async with await provider(doors) as peter:
        await peter.post_stake("10")
        await peter.register_capacity("eu-fra", "ef", 40, *whole_days())
        offers = [{"symbol": symbol, "price": PRICE, "quantity": 10} for symbol in (doors.symbol, doors.other_symbol)]
        first = await peter.post_offers(offers, mode=mode, client_id="evening")
        assert [(each.accepted, each.status, each.error) for each in first] == [(True, "open", None)] * 2
        assert await peter.post_offers(offers, mode=mode, client_id="evening") == first
        assert sorted(each.order_id for each in await peter.orders()) == sorted(each.order_id for each in first)
        assert [each.quantity for each in await peter.orders()] == [10, 10]


async def test_offers_that_go_too_far_are_refused_together(doors):
    async with await provider(doors) as peter:
        await peter.post_stake("10")
        await peter.register_capacity("eu-fra", "ef", 40, *whole_days())
        rows = [(doors.symbol, 10), (doors.other_symbol, 41)]
        offers = [{"symbol": symbol, "price": PRICE, "quantity": quantity} for symbol, quantity in rows]
        assert await refusal(peter.post_offers(offers, mode="all_or_nothing")) == "capacity_exceeded"
        assert await peter.orders() == []


async def test_offers_of_best_effort_are_answered_one_by_one(doors):
    async with await provider(doors) as peter:
        await peter.post_stake("10")
        await peter.register_capacity("eu-fra", "ef", 40, *whole_days())
        rows = [(doors.symbol, 10), (doors.other_symbol, 41), ("eu-fra.ef.20200101T0000Z.PT1H", 1)]
        offers = [{"symbol": symbol, "price": PRICE, "quantity": quantity} for symbol, quantity in rows]
        told = await peter.post_offers(offers, client_id="evening")
        assert [each.accepted for each in told] == [True, False, False]
        assert [each.error["code"] for each in told[1:]] == ["capacity_exceeded", "unknown_instrument"]
        assert [each.client_id for each in told] == ["evening.0", "evening.1", "evening.2"]
        assert [each.order_id for each in await peter.orders()] == [told[0].order_id]


async def test_an_offer_may_say_what_its_symbol_says(doors):
    key = await doors.account("peter", ("provider",))
    async with Client(doors.url, key.key_id, key.secret) as peter:
        await peter.post_stake("10")
        await peter.register_capacity("eu-fra", "ef", 40, *whole_days())
        tranche = next(each for each in await peter.instruments() if each.symbol == doors.symbol)
        offer = {
            "region": tranche.region,
            "tier": tranche.tier,
            "start": tranche.start.strftime("%Y-%m-%dT%H:%M:%SZ"),
            "duration": doors.symbol.rsplit(".", 1)[1],
            "price": PRICE,
            "quantity": "5",
        }
        body = {"mode": "best_effort", "offers": [offer]}
        status, told = await doors.ask("POST", "/v1/providers/offers", key, body)
        assert (status, told["offers"][0]["symbol"], told["offers"][0]["status"]) == (201, doors.symbol, "open")
        for wrong in ({"symbol": doors.symbol}, {"start": None}, {"duration": "PT1S"}):
            status, told = await doors.ask("POST", "/v1/providers/offers", key, body | {"offers": [offer | wrong]})
            assert status in (400, 422)
            assert told["error"]["param"].startswith("offers[0].")


@pytest.mark.parametrize(
    ("path", "body", "param"),
    [
        ("/v1/providers/stake", {"amount": "0"}, "amount"),
        ("/v1/providers/offers", {"mode": "some", "offers": []}, "mode"),
        ("/v1/providers/offers", {"mode": "best_effort", "offers": []}, "offers"),
        ("/v1/providers/offers", {"mode": "best_effort", "offers": [{}], "client_id": "x" * 33}, "client_id"),
        ("/v1/providers/capacity", {"region": "eu-fra", "tier": "gold"}, "tier"),
    ],
)
async def test_what_a_request_gets_wrong_is_named(doors, path, body, param):
    key = await doors.account("peter", ("provider",))
    status, told = await doors.ask("POST", path, key, orjson.dumps(body))
    assert status in (400, 422)
    assert told["error"]["param"] == param


async def test_capacity_is_the_business_of_keys_of_providers(doors):
    async with await doors.client("alice") as alice:
        assert await refusal(alice.post_stake("1")) == "role_missing"
        assert await refusal(alice.capacity()) == "role_missing"
    async with await provider(doors) as peter:
        assert await refusal(peter.capacity("no-where")) == "unknown_region"
        assert await refusal(peter.withdraw_capacity(7)) == "not_a_provider"


async def test_a_margin_names_the_bond(doors):
    async with await provider(doors) as peter:
        assert (await peter.margin()).bond == Decimal(0)
