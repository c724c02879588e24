"""Delivery as a whole at the doors: what everybody sees of a tranche, and what reporters are to measure."""

from dataclasses import replace
from decimal import Decimal

import pytest

from exchange.venue.clearing.delivery_schema import SlotOutcome
from exchange.venue.clearing.lifecycle import AllocationState
from exchange.venue.lifecycle import LifeState
from exchange.venue.schema import Tier
from exchange.view import AllocationView, CapacityView
from gateway.client import Client
from tests.gateway.doors import Doors

MEASURED, SILENT = int(SlotOutcome.MEASURED), int(SlotOutcome.SILENT)
ENDPOINT = "fra1.carol.example:443"


async def delivering(doors: Doors, symbol: str = "", first_id: int = 1) -> list[AllocationView]:
    """Carol delivers a window to alice and bob: two slots of four are settled, in one of which bob got nothing."""
    for name in ("alice", "bob", "carol"):
        await doors.account(name)
    view = doors.exchange.view
    ids = view.account_by_name
    tranche = view.tranches[view.tranche_by_symbol[symbol or doors.symbol]]
    tranche.state, tranche.slot_s, tranche.grace_s, tranche.final_ticks = LifeState.DELIVERING, 900, 60, 40_000
    sold = ((ids["alice"], 6, [6, 6], [MEASURED, MEASURED]), (ids["bob"], 4, [3, 0], [MEASURED, SILENT]))
    for number, (buyer_id, lots, delivered, outcomes) in enumerate(sold, start=first_id):
        described = (tranche.instrument_id, tranche.symbol, buyer_id, ids["carol"], lots, 40_000, 0, 0, 1)
        money = {"paid_nano": 10, "refunded_nano": 3, "replacement_nano": 2, "corrected_nano": -1}
        added = AllocationView(number, *described, state=AllocationState.DELIVERING, outcomes=outcomes, **money)
        added.delivered_lots.extend(delivered)
        added.delivered = sum(delivered)
        view.deliveries.add(added)
    return [view.deliveries.by_id[number] for number in (first_id, first_id + 1)]


# For everybody.


async def test_a_tranche_shows_what_all_its_allocations_add_up_to(doors: Doors):
    await delivering(doors)
    async with Client(doors.url) as nobody:
        (seen,) = await nobody.delivery_summary()
    assert (seen.symbol, seen.region, seen.tier, seen.state) == (doors.symbol, "eu-fra", "ef", "delivering")
    assert (seen.quantity, seen.allocations, seen.slots, seen.settled_slots) == (10, 2, 4, 2)
    assert seen.delivered_ppm == 15 * 1_000_000 // 16, "a slot that nobody measured counts for neither side"
    assert (seen.price, seen.paid, seen.refunded) == (Decimal("0.04"), Decimal("0.00000002"), Decimal("0.000000006"))
    assert (seen.replacement, seen.corrected) == (Decimal("0.000000004"), Decimal("-0.000000002"))


async def test_the_summary_names_nobody(doors: Doors):
    await delivering(doors)
    async with doors.http.get(f"{doors.url}/v1/deliveries/summary") as response:
        text = await response.text()
    assert not any(name in text for name in ("alice", "bob", "carol"))


async def test_the_latest_tranches_come_first_and_no_more_than_asked_for(doors: Doors):
    async with Client(doors.url) as nobody:
        assert await nobody.delivery_summary() == []
        await delivering(doors, doors.other_symbol)
        await delivering(doors, first_id=3)
        assert [each.symbol for each in await nobody.delivery_summary()] == [doors.symbol, doors.other_symbol]
        assert [each.symbol for each in await nobody.delivery_summary(1)] == [doors.symbol]
    assert (await doors.ask("GET", "/v1/deliveries/summary?limit=101"))[0] == 422


async def test_a_share_is_unknown_before_anything_is_measured_and_never_above_all(doors: Doors):
    first, _ = await delivering(doors)
    totals = doors.exchange.view.deliveries.totals[first.instrument_id]
    async with Client(doors.url) as nobody:
        totals.delivered = 17
        assert (await nobody.delivery_summary())[0].delivered_ppm == 1_000_000
        totals.measured = 0
        assert (await nobody.delivery_summary())[0].delivered_ppm is None


async def test_slots_are_told_as_far_as_they_are_asked_for(doors: Doors):
    await delivering(doors)
    async with Client(doors.url) as nobody:
        (unasked,) = await nobody.delivery_summary()
        (latest,) = await nobody.delivery_summary(latest_slots=1)
        (whole,) = await nobody.delivery_summary(latest_slots=96)
    assert (unasked.first_slot, unasked.slot_measured, unasked.slot_delivered) == (2, [], [])
    assert (latest.first_slot, latest.slot_measured, latest.slot_delivered) == (1, [6], [6])
    assert (whole.first_slot, whole.slot_measured, whole.slot_delivered) == (0, [10, 6], [9, 6])
    assert (await doors.ask("GET", "/v1/deliveries/summary?latest_slots=97"))[0] == 422


async def test_fees_for_shortfalls_and_open_disputes_are_added_up(doors: Doors):
    first, second = await delivering(doors)
    deliveries = doors.exchange.view.deliveries
    deliveries.add(replace(first, allocation_id=3, is_disputed=True, shortfall_fee_nano=7))
    async with Client(doors.url) as nobody:
        (seen,) = await nobody.delivery_summary()
    assert (seen.disputed, seen.shortfall_fee) == (1, Decimal("0.000000007"))
    assert second.is_disputed is False


async def test_what_is_forgotten_shows_no_more(doors: Doors):
    first, _ = await delivering(doors)
    doors.exchange.view.deliveries.drop_tranche(first.instrument_id)
    async with Client(doors.url) as nobody:
        assert await nobody.delivery_summary() == []


# For reporters.


async def meter(doors: Doors) -> Client:
    key = await doors.account("meter", ("reporter",))
    return Client(doors.url, key.key_id, key.secret)


async def test_a_reporter_learns_whose_line_to_measure_and_in_which_slots(doors: Doors):
    first, second = await delivering(doors)
    view = doors.exchange.view
    view.capacities[1] = CapacityView(1, first.provider_id, 1, Tier.EF, 100, 0, 1 << 62, 0, 0, 0, ENDPOINT)
    async with await meter(doors) as client:
        due = await client.due_allocations()
    assert [each.allocation for each in due] == [first.allocation_id, second.allocation_id]
    assert (due[0].provider, due[0].endpoint, due[0].region, due[0].quantity) == ("carol", ENDPOINT, "eu-fra", 6)
    assert (due[0].slot_s, due[0].slots, due[0].settled_slots) == (900, 4, 2)
    assert (due[0].open_until - due[0].start).total_seconds() == 3_600 + 60


@pytest.mark.parametrize(
    "state", [AllocationState.DELIVERED, AllocationState.SHORT, AllocationState.FAILED, AllocationState.SETTLED]
)
async def test_what_is_measured_to_the_end_is_not_due(doors: Doors, state: AllocationState):
    first, second = await delivering(doors)
    first.state = int(state)
    async with await meter(doors) as client:
        assert [each.allocation for each in await client.due_allocations()] == [second.allocation_id]
        doors.exchange.view.tranches[first.instrument_id].state = LifeState.SETTLED
        assert await client.due_allocations() == []


async def test_what_is_due_comes_in_pages(doors: Doors):
    first, second = await delivering(doors)
    doors.exchange.view.deliveries.add(replace(second, allocation_id=9))
    key = await doors.account("meter", ("reporter",))
    _, page = await doors.ask("GET", "/v1/deliveries/due?limit=2", key)
    assert ([row["allocation"] for row in page["due"]], page["next_cursor"]) == ([1, 2], "2")
    _, page = await doors.ask("GET", "/v1/deliveries/due?limit=2&cursor=2", key)
    assert ([row["allocation"] for row in page["due"]], page["next_cursor"]) == ([9], None)
    assert first.allocation_id == 1


@pytest.mark.parametrize("role", ["trader", "provider"])
async def test_only_reporters_learn_what_is_due(doors: Doors, role: str):
    key = await doors.account("alice", (role,))
    status, told = await doors.ask("GET", "/v1/deliveries/due", key)
    assert (status, told["error"]["code"]) == (403, "role_missing")
    assert (await doors.ask("GET", "/v1/deliveries/due"))[0] == 401
