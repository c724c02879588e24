"""Requests that are nearly right to every route, signed by a key that may do everything, while a bystander trades."""

import random
import re
from typing import Any
from urllib.parse import quote

import orjson
from yarl import URL

from gateway.keys import ApiKey
from tests.gateway.doors import Doors, signed_headers
from tests.gateway.fuzz.mutations import Mutator
from tests.gateway.fuzz.shares import SEED, inputs
from tests.gateway.fuzz.valid import Names, Route, Valid
from tests.gateway.fuzz.watch import NO_LIMITS, check_error, resume, watched
from tests.gateway.wire import HOST, dial

ROLES = ("trader", "provider", "market_maker", "reporter", "admin")
PART = re.compile(r"\{(\w+)[^}]*\}")
RAW_PARTS = ("%ff", "%00", "%2f", "%zz", "%", "..", "%2e%2e", "a", "-1", "0", "9" * 25, "+", "*", "%f0%9f%98%80", "~")


async def test_every_request_is_answered_by_name_and_what_is_refused_changes_nothing(serve: Any, caplog: Any) -> None:
    dice = random.Random(SEED + 6)
    async with serve(**NO_LIMITS) as doors, watched(doors, caplog) as effects:
        key = await doors.account("fuzzer", ROLES)
        valid, mutator, statuses = Valid(names_of(doors), dice), Mutator(dice), set()
        effects.take()
        for at in range(inputs(0.025)):
            valid.order_ids = [each.order_id for each in doors.exchange.view.open_orders(key.account_id)[:5]] or [1]
            route = valid.over_rest()
            path, body = requested(route, valid, mutator)
            try:
                status = await ask(doors, key, route.method, path, body)
                assert not effects.take() or status < 400, "a refused request did something"
            except Exception as error:
                raise AssertionError(f"input {at} of seed {SEED + 6}: {route.method} {path} {body!r}") from error
            statuses.add(status)
            await resume(doors.exchange)
            effects.take()
    assert {200, 201, 400, 404, 422} <= statuses


async def test_bytes_that_are_nearly_http_end_in_a_refusal_or_a_closed_connection(serve: Any, caplog: Any) -> None:
    dice = random.Random(SEED + 7)
    async with serve(**NO_LIMITS) as doors, watched(doors, caplog) as effects:
        key = await doors.account("fuzzer", ROLES)
        valid, mutator = Valid(names_of(doors), dice), Mutator(dice)
        for at in range(inputs(0.005)):
            route = valid.over_rest()
            path, body = requested(route, valid, mutator)
            headers = signed_headers(key, route.method, path, body) | {"Content-Length": str(len(body))}
            lines = "".join(f"{name}: {value}\r\n" for name, value in headers.items()).encode()
            payload = mutator.torn(f"{route.method} {path} HTTP/1.1\r\n".encode() + HOST + lines + b"\r\n") + body
            async with dial(doors) as wire:
                wire.send(payload)
                wire.writer.write_eof()
                answered = await wire.rest()
            assert not answered or answered.startswith((b"HTTP/1.1 ", b"HTTP/1.0 ")), payload
            assert b" 500 " not in answered.split(b"\r\n")[0], f"input {at} of seed {SEED + 7}: {payload!r}"
            await resume(doors.exchange)
        effects.take()


async def test_every_operation_and_every_route_is_among_what_is_fuzzed(serve: Any) -> None:
    async with serve() as doors:
        valid = Valid(names_of(doors), random.Random(SEED))
        made = {(route.method, PART.sub("{}", route.path)) for route in valid.routes()}
        there = {
            (route.method, PART.sub("{}", route.resource.canonical))
            for route in doors.runner.app.router.routes()
            if route.resource is not None and route.method != "HEAD" and route.resource.canonical.startswith("/v1/")
        }
    assert made == there - {("GET", "/v1/ws")}


def requested(route: Route, valid: Valid, mutator: Mutator) -> tuple[str, bytes]:
    """Path with query, and body: mostly with one of them changed."""
    dice = mutator.dice
    parts = valid.parts()
    changes = dice.choice(("nothing", "path", "query", "query", "body", "body", "body", "body"))
    if changes == "path" and "{" in route.path:
        name = dice.choice(PART.findall(route.path))
        parts[name] = dice.choice((quote(str(mutator.value()), safe="", errors="replace")[:2_000], *RAW_PARTS))
    path = PART.sub(lambda found: parts[found[1]], route.path)
    query = mutator.changed(route.query or {"min_seq": "1"}) if changes == "query" else route.query
    pairs = [f"{_quoted(name)}={_quoted(value)}" for name, value in query.items()]
    if changes == "query" and dice.random() < 0.2:
        pairs.append(dice.choice((*pairs, "%ff=%ff", "min_seq=" + "9" * 19, "a", "=", "&&", "limit=%00")))
    body = b"" if route.body is None else orjson.dumps(route.body)
    if changes == "body":
        body = mutator.payload(route.body or {"a": 1})
    return path + ("?" + "&".join(pairs) if pairs else ""), body


async def ask(doors: Doors, key: ApiKey, method: str, path: str, body: bytes) -> int:
    """Send a request, look at the form of the answer, and return its status."""
    headers = signed_headers(key, method, path, body)
    url = URL(doors.url + path, encoded=True)
    async with doors.http.request(method, url, data=body, headers=headers, allow_redirects=False) as response:
        text = await response.read()
        if response.status >= 400:
            check_error(orjson.loads(text)["error"])
        elif response.content_type == "application/json":
            orjson.loads(text)
    return response.status


def names_of(doors: Doors) -> Names:
    """What requests may name."""
    symbols = tuple(sorted(each for each in doors.exchange.view.tranche_by_symbol if each.startswith("eu-fra.")))[:4]
    return Names(symbols, "eu-fra", "fuzzer", ("2026-11-22T14:00:00Z", "2100-01-01T00:00:00Z"))


def _quoted(value: object) -> str:
    return quote(str(value)[:2_000], safe="", errors="replace")
