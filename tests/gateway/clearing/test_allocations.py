"""Clearing at the doors: terms of delivery, and who may see which allocations."""

import asyncio
from decimal import Decimal
from pathlib import Path

import orjson
import pytest
from typer.testing import CliRunner

from exchange.venue.clearing.schema import TERM_NAMES
from exchange.view import AllocationView
from gateway.cli import app
from gateway.client import AccountUpdate, AllocationBegun, Escrow, Settlement
from gateway.encoding.rows import instrument_row
from gateway.feeds.account_events import account_events
from tests.exchange.view.markets import ALICE, BOB, CAROL, FIRST_GATE_NS
from tests.exchange.view.test_deliveries import delivered_market, sold
from tests.gateway.doors import Doors

TERMS = {"slot_s": 60, "shortfall_fee_ppm": 200_000, "penalty_ppm": 50_000, "grace_s": 60, "dispute_s": 600}
ALL_TERMS = dict.fromkeys(TERM_NAMES, 0) | TERMS


def code_of(answer):
    return answer["error"]["code"]


async def test_an_administrator_sets_terms_of_all_series_of_a_region_and_tier(doors):
    root = await doors.account("root", ("admin",))
    wanted = {"region": "eu-fra", "tier": "ef", **TERMS}
    status, answer = await doors.ask("POST", "/v1/admin/delivery-terms", root, wanted)
    assert status == 200
    assert answer.items() >= ({"series": [1]} | ALL_TERMS).items()
    terms = doors.exchange.view.series[1]
    assert {name: getattr(terms, name) for name in TERM_NAMES} == ALL_TERMS
    await doors.admin.set_delivery_terms("eu-fra", "ef", slot_s=0)
    assert doors.exchange.view.series[1].slot_s == 0


@pytest.mark.parametrize(
    ("body", "status", "code"),
    [
        ({"series": 1}, 422, "missing_field"),
        ({"slot_s": 60}, 422, "missing_field"),
        ({"series": 1, "region": "eu-fra", "slot_s": 60}, 422, "missing_field"),
        ({"series": 99, "slot_s": 60}, 404, "unknown_series"),
        ({"region": "mars", "tier": "ef", "slot_s": 60}, 404, "unknown_region"),
        ({"series": 1, "slot_s": 7}, 422, "terms_out_of_range"),
        ({"series": 1, "slot_s": 60, "penalty_ppm": 500_001}, 422, "terms_out_of_range"),
        ({"series": 1, "slot_s": 60, "penalty_ppm": -1}, 422, "invalid_value"),
        ({"series": 1, "slot_s": 60, "penalty_ppm": 1 << 32}, 422, "invalid_value"),
        ({"series": 1, "slot_s": "60"}, 422, "wrong_type"),
        ({"series": 1, "slot_s": 60, "fee": 1}, 422, "unknown_field"),
    ],
)
async def test_terms_that_cannot_be_are_refused_by_name(doors, body, status, code):
    root = await doors.account("root", ("admin",))
    found, answer = await doors.ask("POST", "/v1/admin/delivery-terms", root, body)
    assert (found, code_of(answer)) == (status, code)


async def test_only_administrators_set_terms_and_see_the_allocations_of_everybody(doors):
    trader = await doors.account("alice")
    assert (await doors.ask("POST", "/v1/admin/delivery-terms", trader, {"series": 1, **TERMS}))[0] == 403
    assert (await doors.ask("GET", "/v1/admin/allocations", trader))[0] == 403
    assert (await doors.ask("GET", "/v1/allocations"))[0] == 401


async def test_who_has_no_allocations_sees_none(doors):
    async with await doors.client("alice") as alice:
        assert await alice.allocations() == []
        assert await alice.allocations(doors.symbol) == []
    assert await doors.admin.allocations(everybody=True) == []
    status, answer = await doors.ask("GET", "/v1/allocations?symbol=nothing", await doors.account("alice"))
    assert (status, code_of(answer)) == (404, "unknown_instrument")


async def test_buyer_and_provider_see_their_allocations_and_nobody_elses(doors: Doors):
    view = await with_allocations(doors)
    async with await doors.client("alice") as alice, await doors.client("bob") as bob:
        (bought,) = await alice.allocations()
        assert (bought.buyer, bought.provider, bought.quantity) == ("alice", "carol", 6)
        assert (bought.price, bought.escrow, bought.state) == (Decimal("0.04"), Decimal("0.24"), "reserved")
        assert [each.quantity for each in await bob.allocations()] == [4]
    async with await doors.client("carol") as carol, await doors.client("dave") as dave:
        assert [each.buyer for each in await carol.allocations(doors.symbol)] == ["alice", "bob"]
        assert await carol.allocations(doors.other_symbol) == []
        assert await dave.allocations() == []
    assert [each.id for each in await doors.admin.allocations(everybody=True)] == [1, 2]
    root = await doors.account("root", ("admin",))
    _, page = await doors.ask("GET", "/v1/admin/allocations?limit=1", root)
    assert ([row["id"] for row in page["allocations"]], page["next_cursor"]) == (["1"], "1")
    _, page = await doors.ask("GET", "/v1/admin/allocations?limit=1&cursor=1", root)
    assert ([row["id"] for row in page["allocations"]], page["next_cursor"]) == (["2"], None)
    assert view.deliveries.by_id


async def test_the_command_line_shows_own_allocations(doors: Doors, tmp_path: Path):
    await with_allocations(doors)
    key = await doors.account("alice")
    fields = orjson.dumps({"url": doors.url, "key_id": key.key_id, "secret": key.secret})
    await asyncio.to_thread((tmp_path / "key.json").write_bytes, fields)
    arguments = ["trade", "allocations", "--key", str(tmp_path / "key.json")]
    shown = await asyncio.to_thread(CliRunner().invoke, app, arguments)
    assert "reserved" in shown.output
    assert "0.24" in shown.output
    assert "bob" not in shown.output


async def with_allocations(doors: Doors):
    """Two allocations in the view of a served exchange, as if the gate of its first symbol had closed."""
    for name in ("alice", "bob", "carol"):
        await doors.account(name)
    view = doors.exchange.view
    ids = view.account_by_name
    instrument_id = view.tranche_by_symbol[doors.symbol]
    for number, (buyer, lots) in enumerate((("alice", 6), ("bob", 4)), 1):
        money = (lots * 40_000_000, lots * 96_000_000)
        accounts = (ids[buyer], ids["carol"])
        described = (instrument_id, doors.symbol, *accounts, lots, 40_000, *money, 1)
        view.deliveries.add(AllocationView(number, *described))
    return view


def test_each_account_hears_of_its_settlement_escrow_and_allocations():
    market = delivered_market()
    symbol = market.view.tranches[sold(market)].symbol
    heard = account_events(market.view, market.send(time_ns=FIRST_GATE_NS), {ALICE, BOB, CAROL})
    assert [row["kind"] for row in heard[ALICE]] == ["settlement", "escrow", "allocation"]
    assert [row["kind"] for row in heard[CAROL]] == ["settlement", "escrow", "allocation", "allocation"]
    assert {row["symbol"] for row in heard[ALICE]} == {symbol}
    assert heard[ALICE][1] | {"symbol": ""} == {
        "kind": "escrow",
        "symbol": "",
        "quantity": "6",
        "price": "0.040000",
        "amount": "-0.240000000",
    }
    assert [row["role"] for row in (heard[ALICE][2], heard[CAROL][2])] == ["buyer", "provider"]
    assert heard[CAROL][1]["quantity"] == "-10"


def test_who_goes_without_hears_why_and_what_it_gets():
    market = delivered_market()
    market.venue.state.ledger.accounts["is_provider"][CAROL] = 0
    sold(market)
    batch = market.send(time_ns=FIRST_GATE_NS)
    heard = account_events(market.view, batch, {ALICE, CAROL})
    (seller,) = (row for row in heard[CAROL] if row["kind"] == "cash_out")
    (buyer,) = (row for row in heard[ALICE] if row["kind"] == "cash_out")
    assert (seller["cause"], seller["quantity"], seller["penalty"]) == ("uncovered", "-10", "-0.440000000")
    assert (buyer["cause"], buyer["quantity"], buyer["penalty"]) == ("went_without", "6", "0.264000000")
    assert buyer["amount"] == "0.504000000"


def test_an_instrument_shows_how_it_is_delivered_and_its_replacement_price():
    market = delivered_market()
    window = market.view.tranches[sold(market)]
    row = instrument_row(window)
    assert (row["delivery"], row["replacement_price"]) == (ALL_TERMS, None)
    market.send(time_ns=FIRST_GATE_NS)
    assert instrument_row(window)["replacement_price"] == "0.080000"


def test_the_client_knows_what_happens_at_a_gate():
    market = delivered_market()
    sold(market)
    heard = account_events(market.view, market.send(time_ns=FIRST_GATE_NS), {CAROL})[CAROL]
    money = dict.fromkeys(("cash", "equity", "margin", "maintenance", "free", "withdrawable", "fees", "add_on"), "1")
    fields = {"account_id": 3, "name": "carol", "standing": "sound", "balances": money, "positions": []}
    update = AccountUpdate.model_validate(fields | {"type": "update", "sequence": 7, "events": heard})
    assert [type(event) for event in update.events] == [Settlement, Escrow, AllocationBegun, AllocationBegun]
    assert update.events[1].quantity == -10
    assert update.events[2].role == "provider"
