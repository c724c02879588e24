"""Requests that are nearly right to every route, signed by a key that may do everything, while a bystander trades."""

import asyncio
import random
import re
from typing import Any
from urllib.parse import quote

import orjson
from yarl import URL

from gateway.identity.keys import ApiKey
from tests.gateway.doors import Doors, signed_headers
from tests.gateway.fuzz.mutations import Mutator
from tests.gateway.fuzz.shares import SEED, inputs
from tests.gateway.fuzz.valid import Names, Route, Valid
from tests.gateway.fuzz.watch import NO_LIMITS, check_error, resume, watched
from tests.gateway.wire import dial

ROLES = ("trader", "provider", "market_maker", "reporter", "admin")
AT_ONCE = 16
HEADERS = (
    *("Origin", "Expect", "Content-Encoding", "Content-Type", "Transfer-Encoding", "Connection", "Upgrade", "Accept"),
    *("Cookie", "Range", "If-None-Match", "X-Forwarded-For", "Sec-WebSocket-Version", "Sec-WebSocket-Key"),
)
HEADER_VALUES = (
    *("", "http://[", "http://a]", "\xff", "gzip", "deflate", "br", "identity", "chunked", "upgrade", "websocket"),
    *("100-continue", "13", "0", "-1", "9" * 30, "a" * 5_000, "text/csv", "bytes=0-", "a=b; c", ",", ";;=", "*/*"),
)
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
                raise AssertionError(f"input {at} of seed {SEED}: {route.method} {path} {body!r}") from error
            statuses.add(status)
            await resume(doors.exchange)
            effects.take()
    assert {200, 201, 400, 404, 422} <= statuses


async def test_bytes_that_are_nearly_http_end_in_a_refusal_or_a_closed_connection(serve: Any, caplog: Any) -> None:
    dice = random.Random(SEED + 7)
    waits = dict.fromkeys(("head_wait_s", "body_wait_s", "close_wait_s"), 0.2)
    async with serve(**(NO_LIMITS | waits)) as doors, watched(doors, caplog):
        key = await doors.account("fuzzer", ROLES)
        valid, mutator = Valid(names_of(doors), dice), Mutator(dice)
        statuses: set[bytes] = set()
        for _ in range(0, inputs(0.01), AT_ONCE):
            sent = [nearly_http(valid, mutator, key) for _ in range(AT_ONCE)]
            answers = await asyncio.gather(*(answered(doors, payload) for payload in sent))
            for payload, answer in zip(sent, answers, strict=True):
                assert not answer or answer.startswith(b"HTTP/"), f"seed {SEED}: {payload!r}"
                assert b" 500 " not in answer.split(b"\r\n")[0], f"seed {SEED}: {payload!r}"
                statuses.add(answer[9:12])
            await resume(doors.exchange)
    assert {b"200", b"400", b"401"} <= statuses


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


def nearly_http(valid: Valid, mutator: Mutator, key: ApiKey) -> bytes:
    """A whole request as bytes, of which the head is torn or has a strange header."""
    route = valid.over_rest()
    path, body = requested(route, valid, mutator)
    headers = signed_headers(key, route.method, path, body)
    headers |= {"Host": "localhost", "Content-Length": str(len(body))}
    if mutator.dice.random() < 0.5:
        name, value = mutator.dice.choice((*HEADERS, *headers)), mutator.dice.choice(HEADER_VALUES)
        headers[name] = value
    lines = [f"{route.method} {path} HTTP/1.1", *(f"{name}: {value}" for name, value in headers.items()), "", ""]
    head = "\r\n".join(lines).encode("latin-1", "replace")
    return (mutator.torn(head) if mutator.dice.random() < 0.5 else head) + body


async def answered(doors: Doors, payload: bytes) -> bytes:
    """All that comes back for bytes on a connection of their own, until it is closed."""
    async with dial(doors) as wire:
        wire.send(payload)
        try:
            return await wire.rest()
        except TimeoutError:
            raise AssertionError(f"seed {SEED}: the connection stays open after {payload!r}") from None


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
    """In a query, and so short that the line of a request has room for several."""
    return quote(str(value)[:200], safe="", errors="replace")
