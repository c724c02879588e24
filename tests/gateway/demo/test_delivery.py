"""Carriers, consumers and meters of the demo, who come through the doors like anybody."""

import asyncio
from collections.abc import AsyncIterator, Coroutine
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import orjson
import pytest

from exchange.service import Exchange
from exchange.venue.lifecycle import LifeState
from gateway.clearing.report_signing import public_key_of
from gateway.client import DueAllocation
from gateway.client.providers import Capacity
from gateway.demo.calibration import load_calibration
from gateway.demo.delivery import (
    CAPACITY_SHARE,
    CARRIERS,
    WINDOWS_PER_SLOT,
    _is_covered,
    _slots_over,
    run_carrier,
    run_consumer,
    run_meter,
)
from gateway.demo.market import METERS, METERS_FILE, Cast, consumer_name, meter_name, open_demo
from gateway.demo.measuring import Line
from gateway.demo.plan import DELIVERED_REGIONS, DELIVERED_TERMS, demo_plan
from tests.gateway.clearing.test_deliveries import count_reports, deliver
from tests.gateway.conftest import LIMITS, _list_tranches
from tests.gateway.doors import Doors

CALIBRATION = load_calibration()
START = datetime(2026, 11, 28, 16, 9, tzinfo=UTC)


@pytest.fixture
async def exchange(tmp_path: Path, store_options: dict[str, object]) -> AsyncIterator[Exchange]:
    """One with room for what the demo lists."""
    opened = await Exchange.open(tmp_path / "exchange", limits=LIMITS._replace(instruments=1_024), **store_options)
    await _list_tranches(opened)
    yield opened
    await opened.close()


@pytest.fixture
async def cast(doors: Doors, tmp_path: Path) -> Cast:
    """The demo's accounts and windows, on the exchange of the tests."""
    return await open_demo(doors.exchange, doors.keys, tmp_path)


async def play(until_then: Coroutine[Any, Any, None], *parts: Coroutine[Any, Any, None]) -> None:
    """Let bots act until something is so."""
    tasks = [asyncio.create_task(part) for part in parts]
    try:
        await until_then
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


# What is listed.


def test_windows_of_minutes_are_delivered_and_all_others_settled_in_cash():
    series = demo_plan(CALIBRATION).series
    delivered = [each for each in series if each.delivery is not None]
    assert [(each.region, each.tier, each.window) for each in delivered] == [
        (region, "af", "PT3M") for region in DELIVERED_REGIONS
    ]
    assert all(each.delivery == DELIVERED_TERMS for each in delivered)
    assert 180 % DELIVERED_TERMS.slot_s == 0


async def test_the_exchange_takes_the_terms(cast: Cast, doors: Doors):
    delivered = {t.region for t in doors.exchange.view.tranches.values() if t.slot_s == DELIVERED_TERMS.slot_s}
    assert delivered == set(DELIVERED_REGIONS)


# Carriers and consumers.


async def test_carriers_sell_no_more_than_their_capacity_and_consumers_hold_what_they_buy(doors: Doors, cast: Cast):
    view = doors.exchange.view
    carriers = [run_carrier(doors.url, cast.credentials[each.name], CALIBRATION, each) for each in CARRIERS]
    consumer = run_consumer(doors.url, cast.credentials[consumer_name(0)], CALIBRATION, 0)
    account_ids = [view.account_by_name[each.name] for each in CARRIERS]
    buyer_id = view.account_by_name[consumer_name(0)]
    await play(_bought(view, buyer_id), *carriers, consumer)
    for carrier, account_id in zip(CARRIERS, account_ids, strict=True):
        capacities = [each for each in view.capacities.values() if each.account_id == account_id]
        assert {view.regions[each.region_id] for each in capacities} == set(DELIVERED_REGIONS)
        assert all(carrier.name in each.endpoint for each in capacities)
        offered = {view.tranche_by_symbol[order.symbol]: order.leaves_lots for order in view.open_orders(account_id)}
        parts = {code: _part(code) for code in DELIVERED_REGIONS}
        for instrument_id, lots in offered.items():
            assert view.tranches[instrument_id].slot_s
            assert 0 < lots <= parts[view.tranches[instrument_id].region]
    assert all(position.tranche.slot_s for position in view.positions(buyer_id))


def _part(code: str) -> int:
    return int(CALIBRATION.regions[code].capacity_mbps * CAPACITY_SHARE) // WINDOWS_PER_SLOT


async def _bought(view: Any, account_id: int) -> None:
    async with asyncio.timeout(20):
        while not any(position.lots > 0 for position in view.positions(account_id)):  # noqa: ASYNC110
            await asyncio.sleep(0.05)


@pytest.mark.parametrize(("days_left", "covered"), [(22, True), (20, False)])
def test_capacity_is_renewed_in_good_time(days_left: int, covered: bool):
    now = datetime.now(UTC)
    span = {"start": now - timedelta(days=300), "end": now + timedelta(days=days_left)}
    terms = {"capacity_id": 1, "region": "eu-fra", "tier": "af", "quantity": 5, "daily": None, "endpoint": ""}
    capacity = Capacity.model_construct(**terms, **span)
    assert _is_covered([capacity], "eu-fra", now) is covered
    assert not _is_covered([capacity], "us-iad", now)


# Meters.


def due(**changes: object) -> DueAllocation:
    terms = {"symbol": "s", "provider": "north-fibre", "endpoint": "", "quantity": 6, "settled_slots": 1}
    times = {"start": START, "slot_s": 30, "slots": 6, "open_until": START}
    return DueAllocation.model_construct(**({"allocation": 7, "region": "eu-fra"} | terms | times | changes))


@pytest.mark.parametrize(
    ("seconds", "numbers"),
    [(-100, []), (29, []), (60.1, []), (61, [1]), (91, [1, 2]), (200, [1, 2, 3, 4, 5]), (9_000, [1, 2, 3, 4, 5])],
)
def test_a_slot_is_measured_once_it_is_over_until_it_is_settled(seconds: float, numbers: list[int]):
    over = list(_slots_over(due(), START + timedelta(seconds=seconds)))
    assert [slot.number for slot, _ in over] == numbers
    assert all(provider == "north-fibre" for _, provider in over)


async def test_three_meters_report_a_slot_once_each(doors: Doors, cast: Cast):
    allocation_id = await deliver(doors)
    view = doors.exchange.view
    tranche = view.tranches[view.tranche_by_symbol[doors.symbol]]
    tranche.state, tranche.slot_s = LifeState.DELIVERING, 60
    tranche.start_ns = view.time_ns - 90_000_000_000
    allocation = view.deliveries.by_id[allocation_id]
    allocation.outcomes.clear()
    line = Line(CALIBRATION, {})

    async def reported() -> None:
        async with asyncio.timeout(20):
            while await count_reports(doors) < METERS:  # noqa: ASYNC110
                await asyncio.sleep(0.05)
        await asyncio.sleep(3)  # long enough for a meter to come again

    await play(reported(), *(run_meter(doors.url, meter, line) for meter in cast.meters))
    assert await count_reports(doors) == METERS


async def test_meters_keep_their_keys(doors: Doors, cast: Cast, tmp_path: Path):
    again = await open_demo(doors.exchange, doors.keys, tmp_path)
    assert again == cast
    path = tmp_path / METERS_FILE
    assert path.stat().st_mode & 0o777 == 0o600
    assert list(orjson.loads(path.read_bytes())) == [meter_name(number) for number in range(METERS)]
    keys = doors.exchange.view.deliveries.reporter_keys
    assert [keys[each.account_id] for each in cast.meters] == [public_key_of(e.private_key) for e in cast.meters]


async def test_a_meter_whose_key_is_gone_is_given_another(doors: Doors, cast: Cast, tmp_path: Path):
    await asyncio.to_thread((tmp_path / METERS_FILE).unlink)
    again = await open_demo(doors.exchange, doors.keys, tmp_path)
    assert {each.private_key for each in again.meters}.isdisjoint(each.private_key for each in cast.meters)
    keys = doors.exchange.view.deliveries.reporter_keys
    assert [keys[each.account_id] for each in again.meters] == [public_key_of(e.private_key) for e in again.meters]
