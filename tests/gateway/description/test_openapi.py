"""The description of REST: it names every route, says of each what its handler reads, and what it answers is so."""

import ast
import inspect
import re
import textwrap

import jsonschema_rs
import pytest

from gateway.description.openapi import described, openapi
from gateway.description.routes import ROUTES, SOCKET, Cancels, Orders
from gateway.encoding.requests import RISK_STAFF, Role
from gateway.orders.entry import OWNERS
from gateway.orders.requests import BatchRequest, CancelAllTerms
from gateway.orders.routes import ORDER_OPERATIONS

READERS = {"query_of", "read_query", "body_of"}
ALL_ROLES = tuple(role.value for role in Role)
CLOSURES = {"POST /v1/orders/batch", "POST /v1/orders/cancel-batch", "POST /v1/orders/cancel-after"}
CLOSURES |= {"PUT /v1/quotes", "POST /v1/baskets"}
"""Routes of operations that a socket has too: their models are those of the operations."""


@pytest.fixture
def document(doors):
    return openapi(doors.runner.app.router)


async def test_every_route_is_described_and_nothing_else(doors, document):
    routes = {f"{method} {path}" for method, path, _ in described(doors.runner.app.router)}
    assert routes == {*ROUTES, SOCKET}
    found = {f"{method.upper()} {path}" for path, methods in document["paths"].items() for method in methods}
    assert found == routes
    operations = [each for methods in document["paths"].values() for each in methods.values()]
    names = [each["operationId"] for each in operations]
    assert len(set(names)) == len(names)
    assert [each["operationId"] for each in operations if not each["summary"]] == []


def calls_of(handler):
    """All calls that a handler makes, itself or through helpers that it hands its request."""
    waiting, seen = [handler], set()
    while waiting:
        function = waiting.pop()
        if function in seen:
            continue
        seen.add(function)
        module = inspect.getmodule(function)
        for call in ast.walk(ast.parse(textwrap.dedent(inspect.getsource(function)))):
            if isinstance(call, ast.Call) and isinstance(call.func, ast.Name):
                yield call
                helper = getattr(module, call.func.id, None)
                is_helper = inspect.isfunction(helper) and call.func.id not in READERS | {"signed_by"}
                if is_helper and "request" in inspect.signature(helper).parameters:
                    waiting.append(helper)


def models_read_by(handler):
    """The names of the models that a handler reads."""
    return {ast.unparse(call.args[1]) for call in calls_of(handler) if call.func.id in READERS}


GROUPS_OF_ROLES = {"*Role": ALL_ROLES, "*OWNERS": OWNERS, "*CANCEL_ALL.roles": OWNERS, "*RISK_STAFF": RISK_STAFF}


def roles_asked_by(handler):
    """The roles one of which must have signed."""
    asked = [ast.unparse(each) for call in calls_of(handler) if call.func.id == "signed_by" for each in call.args[1:]]
    groups = [GROUPS_OF_ROLES.get(each) or (each.removeprefix("Role.").lower(),) for each in asked]
    return {role for group in groups for role in group}


async def test_each_route_is_described_with_the_models_that_its_handler_reads_and_the_roles_that_it_asks_for(doors):
    for method, path, handler in described(doors.runner.app.router):
        key = f"{method} {path}"
        if key == SOCKET or key in CLOSURES:
            continue
        route = ROUTES[key]
        named = {route.query.__name__} | ({route.body.__name__} if route.body else set())
        assert models_read_by(handler) - {"NoQuery"} == named - {"NoQuery"}, key
        assert roles_asked_by(handler) == {role.value for role in route.roles}, key
    operations = {ROUTES[key].body: ROUTES[key].roles for key in CLOSURES}
    known = {each.model: each.roles for each in ORDER_OPERATIONS.values()}
    assert {model: known[model] for model in known if model is not BatchRequest} == {
        model: roles for model, roles in operations.items() if model not in (Orders, Cancels)
    } | {CancelAllTerms: OWNERS}


async def test_who_may_ask_is_described(doors, document):
    """Whatever is said to need no signature needs none, and all else does."""
    async with doors.http.get(f"{doors.url}/v1/openapi.json") as response:
        assert (response.status, response.content_type) == (200, "application/json")
        assert await response.json() == document
    for key, route in ROUTES.items():
        method, path = key.split(" ")
        security = document["paths"][path][method.lower()]["security"]
        assert bool(security) == bool(route.roles or route.is_by_cookie)
        assert {name for each in security for name in each} <= set(document["components"]["securitySchemes"])
        concrete = re.sub(r"\{\w+\}", "1", path)
        _, answer = await doors.ask(method, concrete)
        code = answer.get("error", {}).get("code")
        assert (code == "not_signed", code == "not_signed_in") == (bool(route.roles), route.is_by_cookie), key


def references(node):
    if isinstance(node, dict):
        if isinstance(node.get("$ref"), str):
            yield node["$ref"]
        for each in node.values():
            yield from references(each)
    elif isinstance(node, list):
        for each in node:
            yield from references(each)


async def test_every_reference_leads_somewhere(document):
    for reference in references(document):
        found = document
        for name in reference.removeprefix("#/").split("/"):
            found = found[name]


QUERIES = {
    "/v1/candles": "?symbol={symbol}&interval=1m",
    "/v1/curve": "?region=eu-fra&tier=ef",
    "/v1/book": "?symbol={symbol}",
    "/v1/providers/capacity": "?region=eu-fra&slots=2",
    "/v1/risk/orders": "?account=alice",
}


async def test_real_answers_are_as_described(doors, document):
    """Two accounts have traded, one has registered capacity: every read without a part in its path is asked."""
    key, other = await doors.account("alice", ALL_ROLES), await doors.account("bob", ("trader", "provider"))
    await doors.admin.register_reporter("alice", bytes(range(32)))
    sent = [
        ("POST", "/v1/orders", key, order(doors, "sell", 5)),
        ("POST", "/v1/orders", other, order(doors, "buy", 3)),
        ("POST", "/v1/orders", other, order(doors, "buy", 30) | {"price": "0.0390", "client_id": "kept"}),
        ("POST", "/v1/orders/cancel-after", other, {"cancel_after_ms": 60_000}),
        ("PUT", "/v1/quotes", key, {"quotes": [{"symbol": doors.symbol, "bid_price": "0.038", "bid_quantity": "2"}]}),
        ("POST", "/v1/baskets", other, {"legs": [order(doors, "buy", 1)]}),
        ("POST", "/v1/margin/what-if", key, {"orders": [order(doors, "buy", 1)]}),
        ("POST", "/v1/keys", key, {"roles": ["trader"]}),
    ]
    for method, path, signer, body in sent:
        status, answer = await doors.ask(method, path, signer, body)
        check(document, method, path, status, answer)
    reads = [path for path in document["paths"] if "get" in document["paths"][path] and "{" not in path]
    assert len(reads) > 30
    for path in reads:
        if path in ("/v1/ws", "/v1/openapi.json", "/v1/asyncapi.json", "/v1/session", "/v1/risk/accounts.csv"):
            continue
        is_signed = document["paths"][path]["get"]["security"]
        query = QUERIES.get(path, "").format(symbol=doors.symbol)
        is_of_some = any(part in path for part in ("admin", "due", "risk"))
        for signer in (key, other) if is_signed and not is_of_some else (key,):
            status, answer = await doors.ask("GET", path + query, signer if is_signed else None)
            assert status == 200, answer
            check(document, "GET", path, status, answer)
    for path, template in ((f"/v1/instruments/{doors.symbol}", "/v1/instruments/{symbol}"),):
        status, answer = await doors.ask("GET", path)
        check(document, "GET", template, status, answer)
    status, answer = await doors.ask("GET", "/v1/orders/by-client-id/kept", other)
    check(document, "GET", "/v1/orders/by-client-id/{client_id}", status, answer)
    status, answer = await doors.ask("GET", "/v1/instruments/atlantis")
    assert status == 404
    check(document, "GET", "/v1/instruments/{symbol}", status, answer)


def order(doors, side, quantity):
    return {"symbol": doors.symbol, "side": side, "price": "0.0400", "quantity": str(quantity)}


def check(document, method, path, status, answer):
    responses = document["paths"][path][method.lower()]["responses"]
    found = responses.get(str(status)) or responses[f"{status // 100}XX"]
    if "$ref" in found:
        found = document["components"]["responses"]["Refusal"]
    schema = found["content"]["application/json"]["schema"] | {"components": document["components"]}
    errors = [f"{'/'.join(map(str, e.instance_path))}: {e.message}" for e in jsonschema_rs.iter_errors(schema, answer)]
    assert errors == [], f"{method} {path}"
