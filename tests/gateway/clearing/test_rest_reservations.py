"""Reservations at the doors: who gets a token, what it says, and that a provider believes it without asking."""

import asyncio
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import orjson
import pytest
from typer.testing import CliRunner

from exchange.venue.schema import Tier
from exchange.view import AllocationView, CapacityView
from gateway.clearing.reservation_key import FILE_NAME, ReservationKey
from gateway.clearing.reservations import reservation_of
from gateway.cli import app
from gateway.client import RefusedError, Reservation, verify_reservation
from tests.gateway.cli.test_risk import run
from tests.gateway.doors import NANO_PER_S, Doors

HOUR_NS = 3_600 * NANO_PER_S
ENDPOINT = "fra1.carol.example:443"
LOTS = 6


async def allocated(doors: Doors) -> AllocationView:
    """Alice bought from carol, as if the gate of the first symbol had closed, and carol has capacity for it."""
    for name in ("alice", "bob", "carol"):
        await doors.account(name)
    view = doors.exchange.view
    ids = view.account_by_name
    tranche = view.tranches[view.tranche_by_symbol[doors.symbol]]
    accounts = (ids["alice"], ids["carol"])
    allocation = AllocationView(17, tranche.instrument_id, doors.symbol, *accounts, LOTS, 40_000, 240_000_000, 0, 1)
    view.deliveries.add(allocation)
    span = (tranche.start_ns - HOUR_NS, tranche.end_ns + HOUR_NS)
    view.capacities[3] = CapacityView(3, ids["carol"], 1, Tier.EF, 100, *span, 0, 0, 0, ENDPOINT)
    return allocation


# Who gets one, and what it says.


@pytest.mark.parametrize("name", ["alice", "carol"])
async def test_buyer_and_provider_get_a_token_that_the_published_keys_prove(doors: Doors, name: str):
    await allocated(doors)
    tranche = doors.exchange.view.tranches[doors.exchange.view.tranche_by_symbol[doors.symbol]]
    start = datetime.fromtimestamp(tranche.start_ns // NANO_PER_S, UTC)
    async with await doors.client(name) as client:
        token, keys = await client.reservation(17), await client.reservation_keys()
    proved = verify_reservation(token, keys, provider="carol", endpoint=ENDPOINT, now=start + timedelta(minutes=1))
    assert proved == Reservation(
        allocation_id=17,
        buyer="alice",
        provider="carol",
        endpoint=ENDPOINT,
        symbol=doors.symbol,
        region="eu-fra",
        tier="ef",
        mbps=LOTS,
        start=start,
        end=start + timedelta(hours=1),
    )


@pytest.mark.parametrize("allocation", ["17", "18", "0", "x", "9007199254740993", "-1"])
async def test_nobody_else_learns_that_there_is_an_allocation(doors: Doors, allocation: str):
    await allocated(doors)
    status, told = await doors.ask("GET", f"/v1/allocations/{allocation}/reservation", await doors.account("bob"))
    assert (status, told["error"]["code"]) == (404, "unknown_allocation")


async def test_a_token_needs_a_key_of_a_party(doors: Doors):
    await allocated(doors)
    path = "/v1/allocations/17/reservation"
    assert (await doors.ask("GET", path))[0] == 401
    reporter = await doors.account("alice", ("reporter",))
    assert (await doors.ask("GET", path, reporter))[1]["error"]["code"] == "role_missing"


async def test_the_key_set_is_for_everybody_and_holds_no_secret(doors: Doors):
    status, told = await doors.ask("GET", "/v1/reservation-keys")
    assert (status, list(told)) == (200, ["keys"])
    (key,) = told["keys"]
    assert (key["kty"], key["crv"], key["alg"]) == ("OKP", "Ed25519", "EdDSA")
    assert "d" not in key
    assert (await doors.ask("GET", "/v1/reservation-keys?full=1"))[0] == 422


# The endpoint.


@pytest.mark.parametrize(
    ("change", "endpoint"),
    [
        ({}, ENDPOINT),
        ({"account_id": 1}, ""),
        ({"region_id": 2}, ""),
        ({"tier": Tier.AF}, ""),
        ({"endpoint": ""}, ""),
        ({"first_ns": 900 * NANO_PER_S, "daily_from_s": 0, "daily_length_s": 86_400, "weekdays": 0b1111111}, ENDPOINT),
        ({"daily_from_s": 0, "daily_length_s": 86_400, "weekdays": 0}, ""),
    ],
    ids=str,
)
async def test_an_endpoint_is_that_of_a_capacity_that_covers_the_window(doors: Doors, change, endpoint: str):
    allocation = await allocated(doors)
    view = doors.exchange.view
    view.capacities[3] = view.capacities[3]._replace(**change)
    assert reservation_of(view, allocation).endpoint == endpoint


@pytest.mark.parametrize(("early_ns", "late_ns"), [(0, -900 * NANO_PER_S), (900 * NANO_PER_S, 0)])
async def test_a_capacity_that_misses_a_quarter_of_an_hour_covers_nothing(doors: Doors, early_ns: int, late_ns: int):
    allocation = await allocated(doors)
    view = doors.exchange.view
    tranche = view.tranches[allocation.instrument_id]
    span = {"first_ns": tranche.start_ns + early_ns, "end_ns": tranche.end_ns + late_ns}
    view.capacities[3] = view.capacities[3]._replace(**span)
    assert reservation_of(view, allocation).endpoint == ""


async def test_a_capacity_of_the_own_tier_goes_before_a_better_one_and_then_the_oldest(doors: Doors):
    allocation = await allocated(doors)
    view = doors.exchange.view
    symbol = next(name for name in view.tranche_by_symbol if name.startswith("eu-fra.be."))
    interruptible = replace(allocation, instrument_id=view.tranche_by_symbol[symbol], symbol=symbol)
    span = {"first_ns": 0, "end_ns": 1 << 62}
    for number, tier in ((3, Tier.EF), (5, Tier.AF), (4, Tier.AF)):
        terms = {"capacity_id": number, "tier": tier, "endpoint": f"port-{number}"}
        view.capacities[number] = view.capacities[3]._replace(**terms, **span)
    assert reservation_of(view, interruptible).endpoint == "port-4"
    assert reservation_of(view, allocation).endpoint == "port-3"


# On the command line.


async def test_a_token_is_printed_and_its_window_is_named_when_it_is_not_on(doors: Doors, tmp_path: Path):
    await allocated(doors)
    printed = await run(doors, tmp_path / "key.json", "trade", "reservation", "17", name="alice")
    assert printed.exit_code == 0, printed.output
    await doors_keys(doors, tmp_path / "keys.json")
    terms = ("--keys", str(tmp_path / "keys.json"), "--provider", "carol")
    verified = await run(doors, tmp_path / "key.json", "verify-reservation", printed.output.strip(), *terms)
    assert verified.exit_code == 1
    assert "no right to anything: its window begins at" in verified.output
    refused = await run(doors, tmp_path / "key.json", "trade", "reservation", "18", name="alice")
    assert (refused.exit_code, "unknown_allocation" in refused.output) == (1, True)


async def doors_keys(doors: Doors, path: Path) -> None:
    _, keys = await doors.ask("GET", "/v1/reservation-keys")
    await asyncio.to_thread(path.write_bytes, orjson.dumps(keys))


@pytest.fixture
def reservation() -> Reservation:
    now = datetime.now(UTC).replace(microsecond=0)
    symbol = "eu-fra.ef.20261122T1400Z.PT1H"
    place = ("alice", "carol", ENDPOINT, symbol, "eu-fra", "ef", LOTS)
    return Reservation(17, *place, now - timedelta(minutes=5), now + timedelta(minutes=5))


def verified(tmp_path: Path, token: str, provider: str = "carol", *more: str):
    terms = ["--keys", str(tmp_path / "keys.json"), "--provider", provider, *more]
    return CliRunner().invoke(app, ["verify-reservation", token, *terms])


def test_a_provider_verifies_a_token_with_a_file_of_keys_and_no_exchange(tmp_path: Path, reservation: Reservation):
    key = ReservationKey.open(tmp_path)
    (tmp_path / "keys.json").write_bytes(orjson.dumps(key.key_set()))
    told = verified(tmp_path, key.sign(reservation), "carol", "--endpoint", ENDPOINT)
    assert told.exit_code == 0, told.output
    assert f"alice may use 6 Mbps of {reservation.symbol} at {ENDPOINT}" in told.output
    assert verified(tmp_path, key.sign(reservation), "dave").exit_code == 1
    assert verified(tmp_path, key.sign(reservation), "carol", "--endpoint", "elsewhere").exit_code == 1
    assert verified(tmp_path, key.sign(reservation)[:-9]).exit_code == 1


@pytest.mark.parametrize("content", [b"", b"[]", b"{}", b'{"keys": 5}', b'{"keys": [5]}'])
def test_what_is_no_key_set_is_told_in_one_line(tmp_path: Path, content: bytes):
    (tmp_path / "keys.json").write_bytes(content)
    told = verified(tmp_path, "token")
    assert (told.exit_code, "is no key set" in told.output) == (2, True)


def test_an_empty_key_set_proves_nothing(tmp_path: Path, reservation: Reservation):
    (tmp_path / "keys.json").write_bytes(b'{"keys": []}')
    assert verified(tmp_path, ReservationKey.open(tmp_path).sign(reservation)).exit_code == 1


async def test_the_key_is_the_stores(doors: Doors, tmp_path: Path):
    _, keys = await doors.ask("GET", "/v1/reservation-keys")
    assert (tmp_path / "exchange" / FILE_NAME).exists()
    assert ReservationKey.open(tmp_path / "exchange").key_set() == keys


async def test_an_unknown_allocation_is_refused_to_the_client_by_name(doors: Doors):
    async with await doors.client("alice") as alice:
        with pytest.raises(RefusedError, match="no such allocation"):
            await alice.reservation(17)
