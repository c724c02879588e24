"""Everybody who comes to the market does what its kind does, and is refused nothing that it should get."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator

import pytest

from exchange import commands
from exchange.plan import apply_plan, read_plan
from gateway.settings import GatewaySettings
from load_tests import serving
from load_tests.participants.abusers import ABUSES, Abuse, Abuser, unless_expected
from load_tests.participants.dashboards import SlowDashboard
from load_tests.participants.makers import BinaryMaker, JsonMaker
from load_tests.participants.participant import Participant
from load_tests.participants.providers import Provider
from load_tests.participants.scene import Operator, Scene
from load_tests.participants.storms import CONNECTIONS, Reconnecter
from load_tests.participants.takers import Taker
from load_tests.participants.timed import Observation, Recorder
from load_tests.serving import PLAN
from tests.gateway.conftest import Serve
from tests.gateway.doors import Doors

SEEN_S = 20.0
LAST_THING = {
    "maker": "book",
    "binary_maker": "frame",
    "taker": "orders",
    "provider": "POST /providers/offers",
    "dashboard": "books right",
    "storm": "ping",
    "abuser": "cancel_all",
}
TOGETHER = {
    "connections_per_address_max": 512,
    "address_weight_burst": 20_000,
    "attempts_per_address_burst": 20_000,
}


async def seen_of(doors: Doors, *kinds: type[Participant], lived_s: float = 0.0, **wanted: int) -> list[Observation]:
    """What some notice who are there together for a while, and until enough was seen whose name begins so."""
    admin = doors.keys.create(0, ("admin",))
    recorder, seen = Recorder(), list[Observation]()
    scene = Scene(doors.url, Operator(admin.key_id, admin.secret), recorder)
    lives = [asyncio.create_task(kind(scene, number).live()) for number, kind in enumerate(kinds)]
    await asyncio.sleep(lived_s)
    async with asyncio.timeout(SEEN_S):
        while not all(has_seen(seen, who, count) for who, count in wanted.items()):
            await asyncio.sleep(0.05)
            seen += recorder.take()
    ended = [life for life in lives if life.done()]
    for life in lives:
        life.cancel()
    await asyncio.gather(*lives, return_exceptions=True)
    assert not ended, "a participant never ends by itself"
    return seen + recorder.take()


def has_seen(seen: list[Observation], who: str, count: int) -> bool:
    """Whether somebody, whose name has underscores here, has been seen so often to do its last thing."""
    return sum(each.name == f"{who.replace('_', '-')}: {LAST_THING[who]}" for each in seen) >= count


def names(seen: list[Observation]) -> Counter[str]:
    return Counter(each.name for each in seen)


@pytest.fixture
async def market(serve: Serve) -> AsyncIterator[Doors]:
    async with serve(**TOGETHER) as doors:
        yield doors


async def test_makers_of_both_lanes_quote_and_requote_and_takers_trade_with_them(market: Doors) -> None:
    seen = await seen_of(market, JsonMaker, BinaryMaker, Taker, maker=10, binary_maker=4, taker=4)
    assert [each for each in seen if each.failure is not None] == []
    counted = names(seen)
    assert counted["maker: quote"] > 1
    assert counted["taker: place"] > 1
    assert market.exchange.view.trades > 0


async def test_a_provider_waits_where_nothing_is_delivered(market: Doors) -> None:
    assert names(await seen_of(market, Provider, lived_s=0.4)) == Counter()


async def test_a_provider_registers_capacity_and_offers_whole_schedules(
    market: Doors, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("load_tests.participants.providers.PAUSE_S", 0.05)
    await apply_plan(market.exchange, read_plan(PLAN))
    await market.exchange.submit(commands.resume_market())
    delivered = [each for each in market.exchange.view.tranches.values() if each.symbol.startswith("us-iad.af.")]
    assert delivered, "the plan of make load has windows that are delivered"
    seen = await seen_of(market, Provider, provider=2)
    assert [each for each in seen if each.failure is not None] == []
    counted = names(seen)
    assert counted["provider: POST /providers/capacity"] == 1
    assert counted["provider: POST /providers/offers"] > 1
    assert market.exchange.view.resting_orders > 0


async def test_a_slow_dashboard_has_right_books_beside_a_busy_market(market: Doors) -> None:
    seen = await seen_of(market, SlowDashboard, JsonMaker, Taker, dashboard=1, taker=2)
    assert [each for each in seen if each.failure is not None] == []
    assert {each.kind for each in seen if each.name.startswith("dashboard: trades")} <= {"slow"}


async def test_a_storm_comes_with_many_connections_and_goes_again(market: Doors) -> None:
    seen = await seen_of(market, Reconnecter, storm=CONNECTIONS)
    assert [each for each in seen if each.failure is not None] == []
    assert names(seen)["storm: open"] >= CONNECTIONS


async def test_a_storm_that_the_doors_hold_off_has_no_failures(serve: Serve) -> None:
    async with serve(attempts_per_address_burst=10, attempts_per_address_per_s=1) as doors:
        seen = await seen_of(doors, Reconnecter, lived_s=0.6, storm=1)
    assert [each for each in seen if each.failure is not None] == []
    assert names(seen)["storm: open"] > names(seen)["storm: ping"]


async def test_all_that_is_wrong_is_refused_by_its_name(market: Doors, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("load_tests.participants.abusers.PAUSE_S", 0.01)
    monkeypatch.setattr("load_tests.participants.abusers.FLOODED_EVERY", 1)
    seen = await seen_of(market, Abuser, abuser=1)
    assert [each for each in seen if each.failure is not None] == []
    counted = names(seen)
    assert all(counted[f"abuser: {abuse.what}"] for abuse in ABUSES)
    assert counted["abuser: over the limit"] > 0


def test_a_refusal_by_another_name_is_a_failure() -> None:
    abuse = Abuse("nothing", "", {"malformed_json"})
    assert unless_expected(abuse, "malformed_json") is None
    assert unless_expected(abuse, "internal_error") == "answered internal_error, not malformed_json"


def test_what_is_raised_for_a_load_from_one_address_are_settings_of_the_doors() -> None:
    fields = {name.removeprefix("BWX_GATEWAY_").lower() for name in serving.TOGETHER}
    assert fields <= set(GatewaySettings.model_fields)
