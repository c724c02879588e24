"""The client can ask for all that the server has, and follow every channel."""

import ast
import re
from pathlib import Path

import gateway.client
from gateway.client import Client
from gateway.feeds.topics import CHANNELS

SOURCES = sorted(Path(gateway.client.__file__).parent.glob("*.py"))
OPENED_AS_A_STREAM = "/v1/ws"
PUT_TOGETHER = {"/v1/admin/risk/{}/what-if", "/v1/keys/{}", "/v1/admin/keys/{}"}
"""Of two texts each."""
FOR_OTHERS = {"/v1/openapi.json", "/v1/asyncapi.json", "/v1/session"}
"""For programs that make clients, and for browsers."""


def texts() -> set[str]:
    """All texts in the client, with a mark in the place of what is put into them."""
    found = set()
    for source in SOURCES:
        for node in ast.walk(ast.parse(source.read_text())):
            if isinstance(node, ast.Constant) and isinstance(node.value, str):
                found.add(node.value)
            elif isinstance(node, ast.JoinedStr):
                parts = [part.value if isinstance(part, ast.Constant) else "{}" for part in node.values]
                found.add("".join(map(str, parts)))
    return found


async def test_every_route_has_a_method_of_the_client(doors):
    asked = texts() | PUT_TOGETHER
    paths = {route.resource.canonical for route in doors.runner.app.router.routes()}
    wanted = {path for path in paths if path.startswith("/v1/")} - {OPENED_AS_A_STREAM} - FOR_OTHERS
    assert {path for path in wanted if re.sub(r"\{\w+\}", "{}", path) not in asked} == set()


def test_every_channel_has_a_method_of_the_stream():
    assert CHANNELS.keys() - texts() == set()


async def test_tranches_and_regions_are_followed_from_how_they_stand(doors):
    async with Client(doors.url) as anyone, anyone.stream() as stream:
        lives, regions = await stream.subscribe_instruments(), await stream.subscribe_strain()
        first = await anext(lives)
        assert (first.type, doors.symbol in {each.symbol for each in first.instruments}) == ("snapshot", True)
        assert {each.region for each in (await anext(regions)).regions} == {"eu-fra", "us-nyc"}
        await doors.admin.halt(doors.symbol)
        await doors.admin.set_strain("eu-fra", low_ppm=100_000, high_ppm=900_000)
        (halted,) = (await anext(lives)).instruments
        assert (halted.symbol, halted.state, halted.was_listed) == (doors.symbol, "halted", True)
        (strained,) = (await anext(regions)).regions
        assert (strained.region, strained.low_ppm, strained.high_ppm) == ("eu-fra", 100_000, 900_000)


async def test_one_ticker_is_followed_alone(doors):
    async with await doors.client("alice") as alice, alice.stream() as stream:
        tickers = await stream.subscribe_tickers(doors.symbol)
        assert [each.symbol for each in await anext(tickers)] == [doors.symbol]
        await alice.place(doors.other_symbol, "buy", 1, "0.039")
        await alice.place(doors.symbol, "buy", 1, "0.039")
        (changed,) = await anext(tickers)
        assert (changed.symbol, str(changed.best_bid)) == (doors.symbol, "0.039000")


async def test_administrators_read_what_was_done(doors):
    await doors.admin.open_account("ann")
    await doors.admin.register_reporter("ann", bytes(range(32)))
    entries = await doors.admin.audit(2)
    assert [each.action for each in entries] == ["POST /v1/admin/reporters", "POST /v1/admin/accounts"]
    assert [each.account for each in await doors.admin.reporters()] == ["ann"]
    assert await doors.admin.corrections() == []
    assert {each.stage for each in await doors.admin.stages()} >= {"decode", "send"}
    weights = await doors.admin.weights()
    assert {each.operation for each in weights.weights} > {"place", "cancel_after"}
    assert weights.budgets["account"].burst > 0
