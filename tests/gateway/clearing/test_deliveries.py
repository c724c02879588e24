"""Measured delivery at the doors: who may report, how that is signed, and who sees what came of it."""

from dataclasses import replace

import orjson
import pytest

from exchange.venue.clearing.allocations import open_allocation
from exchange.venue.clearing.delivery_schema import SlotOutcome
from exchange.venue.clearing.lifecycle import AllocationState
from exchange.venue.lifecycle import LifeState
from exchange.view import AllocationView, CorrectionView, Reputation
from gateway.clearing.delivery_requests import REPORTS_AT_ONCE_MAX
from gateway.clearing.report_signing import canonical_report, is_report_signed, public_key_of, sign_report
from gateway.client import Client, Measurement, RefusedError
from kernels.compile import kernel
from tests.gateway.doors import NANO_PER_S

SECRET = bytes(range(32))
LOTS = 10


@kernel
def begin(state, tranche_slot, buyer_id, provider_id):
    """An allocation that is being delivered, in its second slot."""
    tranche, delivery = state.tranches[tranche_slot], state.clearing.deliveries[tranche_slot]
    delivery["slot_s"], delivery["grace_s"], delivery["dispute_s"] = 60, 3_600, 3_600
    tranche["start_ns"] = state.clock[0]["time_ns"] - 90 * NANO_PER_S
    tranche["end_ns"] = tranche["start_ns"] + 3_600 * NANO_PER_S
    tranche["duration_s"] = 3_600
    tranche["state"] = LifeState.DELIVERING
    at = open_allocation(state, tranche_slot, buyer_id, provider_id, LOTS, 0, 0)
    state.clearing.allocations[at]["state"] = AllocationState.DELIVERING
    return state.clearing.allocations[at]["allocation_id"]


async def deliver(doors) -> int:
    """A tranche is delivered by carol to alice; returns the allocation."""
    await doors.account("alice")
    await doors.account("carol")
    view = doors.exchange.view
    parties = view.account_by_name["alice"], view.account_by_name["carol"]
    instrument_id = view.tranche_by_symbol[doors.symbol]

    def make(venue):
        return int(begin(venue.state, instrument_id & (len(venue.state.tranches) - 1), *parties))

    allocation_id = await doors.exchange.look(make, lambda found: found)
    slots = {"outcomes": [SlotOutcome.MEASURED], "paid_nano": 7}
    described = (instrument_id, doors.symbol, *parties, LOTS, 40_000, 0, 0, 1, AllocationState.DELIVERING)
    shown = AllocationView(allocation_id, *described, **slots)
    shown.delivered_lots.append(9)
    view.deliveries.add(shown)
    return allocation_id


async def reporter(doors, name="probe") -> tuple[Client, int]:
    """A client of a registered reporter, and the number of its account."""
    key = await doors.account(name, ("reporter",))
    await doors.admin.register_reporter(name, SECRET)
    return Client(doors.url, key.key_id, key.secret), key.account_id


def row_of(measurement, **changes):
    row = {
        "allocation": measurement.allocation_id,
        "slot": measurement.slot,
        "quantity": measurement.measured_lots,
        "latency_us": measurement.latency_us,
        "loss_ppm": measurement.loss_ppm,
        "signature": sign_report(SECRET, measurement).hex(),
    }
    return row | changes


# Reports.


async def test_each_report_is_answered_for_itself(doors):
    allocation_id = await deliver(doors)
    client, number = await reporter(doors)
    first = Measurement(number, allocation_id, 0, 10, 900, 3)
    reports = [first, first, first._replace(latency_us=5), first._replace(slot=1), first._replace(allocation_id=77)]
    async with client:
        answers = await client.report(SECRET, reports)
    assert [each.outcome for each in answers] == ["counted", "duplicate", "conflicting", "refused", "refused"]
    assert [each.error and each.error["code"] for each in answers[3:]] == ["slot_not_over", "unknown_allocation"]
    assert answers[0].sequence is not None


@pytest.mark.parametrize(
    "change", [{"quantity": 11}, {"slot": 1}, {"latency_us": 1}, {"loss_ppm": 1}, {"allocation": 9}]
)
async def test_a_report_that_was_altered_refuses_the_call(doors, change):
    allocation_id = await deliver(doors)
    await reporter(doors)
    key = await doors.account("probe", ("reporter",))
    measurement = Measurement(key.account_id, allocation_id, 0, 10, 900, 3)
    body = {"reports": [row_of(measurement), row_of(measurement, **change)]}
    before = doors.exchange.view.commands
    status, answer = await doors.ask("POST", "/v1/deliveries/reports", key, body)
    assert (status, answer["error"]["code"]) == (401, "bad_signature")
    assert answer["error"]["param"] == "reports[1].signature"
    assert await count_reports(doors) == 0
    assert doors.exchange.view.commands >= before


async def count_reports(doors):
    return await doors.exchange.look(
        lambda venue: int(venue.state.clearing.desk[0]["live_reports"]), lambda found: found
    )


async def test_a_report_of_another_account_is_not_signed_by_its_key(doors):
    allocation_id = await deliver(doors)
    await reporter(doors)
    other = await doors.account("other-probe", ("reporter",))
    await doors.admin.register_reporter("other-probe", bytes(31) + b"\1")
    measurement = Measurement(other.account_id, allocation_id, 0, 10, 900, 3)
    status, answer = await doors.ask("POST", "/v1/deliveries/reports", other, {"reports": [row_of(measurement)]})
    assert (status, answer["error"]["code"]) == (401, "bad_signature")


async def test_who_is_no_reporter_reports_nothing(doors):
    key = await doors.account("probe", ("reporter",))
    body = {"reports": [row_of(Measurement(key.account_id, 1, 0, 10, 900, 3))]}
    status, answer = await doors.ask("POST", "/v1/deliveries/reports", key, body)
    assert (status, answer["error"]["code"]) == (403, "not_a_reporter")
    trader = await doors.account("alice")
    status, answer = await doors.ask("POST", "/v1/deliveries/reports", trader, body)
    assert (status, answer["error"]["code"]) == (403, "role_missing")


async def test_a_key_that_is_taken_away_signs_no_more(doors):
    allocation_id = await deliver(doors)
    client, number = await reporter(doors)
    await doors.admin.register_reporter("probe", None)
    async with client:
        with pytest.raises(RefusedError, match="not registered"):
            await client.report(SECRET, [Measurement(number, allocation_id, 0, 10, 900, 3)])


@pytest.mark.parametrize(
    ("body", "param"),
    [
        ({}, "reports"),
        ({"reports": []}, "reports"),
        ({"reports": [row_of(Measurement(1, 1, 0, 1, 1, 1))] * (REPORTS_AT_ONCE_MAX + 1)}, "reports"),
        ({"reports": [row_of(Measurement(1, 1, 0, 1, 1, 1), signature="00")]}, "reports[0].signature"),
        ({"reports": [row_of(Measurement(1, 1, 0, 1, 1, 1), quantity="1")]}, "reports[0].quantity"),
        ({"reports": [row_of(Measurement(1, 1, 0, 1, 1, 1), slot=-1)]}, "reports[0].slot"),
        ({"reports": [row_of(Measurement(1, 1, 0, 1, 1, 1), allocation=1 << 53)]}, "reports[0].allocation"),
    ],
    ids=lambda value: orjson.dumps(value).decode()[:60],
)
async def test_what_is_no_report_is_refused_by_name(doors, body, param):
    key = await doors.account("probe", ("reporter",))
    status, answer = await doors.ask("POST", "/v1/deliveries/reports", key, body)
    assert (status, answer["error"]["param"]) == (422, param)


def test_what_is_signed_is_one_line_for_each_thing():
    measurement = Measurement(7, 17, 3, 10, 900, 12)
    assert canonical_report(measurement) == b"bwx-report-1\n7\n17\n3\n10\n900\n12"
    signature = sign_report(SECRET, measurement)
    assert is_report_signed(public_key_of(SECRET), signature, measurement)
    assert not is_report_signed(public_key_of(SECRET), signature[:-1], measurement)
    assert not is_report_signed(bytes(31), signature, measurement)


# The parties.


async def test_buyer_and_provider_see_their_deliveries_and_others_do_not(doors):
    allocation_id = await deliver(doors)
    for name, count in (("alice", 1), ("carol", 1), ("bob", 0)):
        async with await doors.client(name) as client:
            found = await client.deliveries()
            assert len(found) == count
            assert await client.deliveries(doors.other_symbol) == []
    (seen,) = await doors.admin.deliveries(everybody=True)
    assert (seen.allocation, seen.buyer, seen.provider, seen.state) == (allocation_id, "alice", "carol", "delivering")
    assert [(slot.outcome, slot.delivered) for slot in seen.slots] == [("measured", 9)]
    assert await doors.admin.deliveries(doors.symbol, disputed=True, everybody=True) == []


async def test_deliveries_come_in_pages(doors):
    first = await deliver(doors)
    shown = doors.exchange.view.deliveries.by_id[first]
    doors.exchange.view.deliveries.add(replace(shown, allocation_id=first + 5))
    root = await doors.account("root", ("admin",))
    status, page = await doors.ask("GET", "/v1/admin/deliveries?limit=1", root)
    assert (status, page["next_cursor"]) == (200, str(first))
    status, page = await doors.ask("GET", f"/v1/admin/deliveries?limit=1&cursor={first}", root)
    assert ([row["allocation"] for row in page["deliveries"]], page["next_cursor"]) == ([first + 5], None)


async def test_a_party_disputes_and_risk_staff_decide(doors):
    allocation_id = await deliver(doors)
    async with await doors.client("alice") as alice, await doors.client("bob") as bob:
        await alice.dispute(allocation_id)
        (seen,) = await alice.deliveries(disputed=True)
        assert seen.is_disputed
        with pytest.raises(RefusedError, match="not in a state"):
            await alice.dispute(allocation_id)
        for action in (bob.dispute, bob.provision):
            with pytest.raises(RefusedError, match="no such allocation"):
                await action(allocation_id)
    with pytest.raises(RefusedError, match="not over, or not settled"):
        await doors.admin.correct(allocation_id, 0, 0, delivered=0, reason="dismissed")


async def test_corrections_are_listed_with_their_reasons_the_newest_first(doors):
    rows = [CorrectionView(number, 5, 7, 2, -3, -1_000, f"reason {number}") for number in (1, 2)]
    doors.exchange.view.deliveries.corrections.extend(rows)
    root = await doors.account("root", ("admin",))
    status, answer = await doors.ask("GET", "/v1/admin/corrections", root)
    assert status == 200
    assert [row["reason"] for row in answer["corrections"]] == ["reason 2", "reason 1"]
    assert (answer["corrections"][0]["amount"], answer["corrections"][0]["change"]) == ("-0.000001000", -3)


async def test_reputation_is_for_everybody(doors):
    await doors.account("carol")
    doors.exchange.view.deliveries.reputations[doors.exchange.view.account_by_name["carol"]] = Reputation(5, 6, 7)
    (seen,) = await doors.admin.providers()
    assert (seen.account, seen.good_ppm, seen.bad_ppm, seen.multiplier_ppm) == ("carol", 5, 6, 7)
    assert (await doors.ask("GET", "/v1/providers"))[0] == 200


async def test_reporters_are_listed_with_their_keys(doors):
    client, _ = await reporter(doors)
    await client.close()
    root = await doors.account("root", ("admin",))
    _, answer = await doors.ask("GET", "/v1/admin/reporters", root)
    assert answer["reporters"] == [{"account": "probe", "public_key": public_key_of(SECRET).hex()}]


async def test_an_interruption_cuts_nothing_where_nothing_gives_way(doors):
    await deliver(doors)
    assert await doors.admin.interrupt("eu-fra", 5) == []
    with pytest.raises(RefusedError, match="no such region"):
        await doors.admin.interrupt("gold", 5)


@pytest.mark.parametrize("path", ["reporters", "corrections", "interruptions", "deliveries"])
async def test_only_administrators_decide(doors, path):
    trader = await doors.account("alice")
    method = "GET" if path == "deliveries" else "POST"
    status, answer = await doors.ask(method, f"/v1/admin/{path}", trader, {} if method == "POST" else b"")
    assert (status, answer["error"]["code"]) == (403, "role_missing")


@pytest.mark.parametrize("public_key", ["00" * 32, "ff" * 31, "GG" * 32, 5])
async def test_a_reporter_needs_a_key(doors, public_key):
    await doors.account("probe")
    root = await doors.account("root", ("admin",))
    body = {"account": "probe", "public_key": public_key}
    status, answer = await doors.ask("POST", "/v1/admin/reporters", root, body)
    assert (status, answer["error"]["param"]) == (422, "public_key")
