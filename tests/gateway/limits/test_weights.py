"""What requests cost: one table, which every route is found in and the document repeats."""

import re
from pathlib import Path

import pytest

from gateway.limits.weights import CANCEL, COMMAND, LOOK, MESSAGE, OPERATIONS, READ, Payer, operation_of_route
from gateway.limits.weights import operation_on_socket as on_socket

DOCUMENT = Path(__file__).parents[3] / "docs" / "api.md"
PARTS = {"name": "alice", "symbol": "gold", "order_id": "1", "client_id": "a", "day": "2026-01-01"}


def routes(doors):
    """Every route of the application, as method and path."""
    for route in doors.runner.app.router.routes():
        path = route.resource.canonical
        if path.startswith("/v1/") and path != "/v1/ws" and route.method != "HEAD":
            yield route.method, path


async def test_whoever_pays_by_address_needs_no_signature_and_everybody_else_does(serve):
    async with serve(address_weight_burst=10_000) as doors:
        for method, path in routes(doors):
            concrete = re.sub(r"\{(\w+)\}", lambda part: PARTS.get(part[1], "1"), path)
            _, answer = await doors.ask(method, concrete)
            is_signed = answer.get("error", {}).get("code") == "not_signed"
            payer = operation_of_route(method, path).payer
            assert is_signed == (payer is Payer.ACCOUNT), f"{method} {path}"


async def test_every_request_in_the_table_is_one_that_can_be_asked(doors):
    known = {f"{method} {path}" for method, path in routes(doors)} | {"GET /v1/ws"}
    named = {request for operation in OPERATIONS for request in operation.requests if " " in request}
    assert named <= known


@pytest.mark.parametrize(
    ("method", "path", "operation"),
    [
        ("GET", "/", LOOK),
        ("GET", None, LOOK),
        ("HEAD", "/v1/status", LOOK),
        ("GET", "/v1/account", READ),
        ("HEAD", "/v1/account", READ),
        ("POST", "/v1/admin/deposits", COMMAND),
        ("DELETE", "/v1/orders/{order_id}", CANCEL),
    ],
)
def test_a_request_is_known_by_its_route(method, path, operation):
    assert operation_of_route(method, path) is operation


def test_a_request_on_a_socket_is_known_by_its_name():
    assert on_socket("cancel") is CANCEL
    assert on_socket("ping") is MESSAGE
    assert on_socket("anything") is MESSAGE


def test_the_document_lists_what_requests_cost():
    listed = re.findall(r"^\| `(\w+)` \| (\d+) \| (\w+) \| (.+) \|$", DOCUMENT.read_text(), re.MULTILINE)
    assert listed == [(each.name, str(each.weight), each.payer, each.what) for each in OPERATIONS]


async def test_weights_and_budgets_are_published(serve):
    async with serve(account_weight_per_s=7) as doors:
        status, answer = await doors.ask("GET", "/v1/limits/weights")
    assert status == 200
    weights = {row["operation"]: row["weight"] for row in answer["weights"]}
    assert weights == {each.name: each.weight for each in OPERATIONS}
    assert answer["budgets"]["account"] == {"per_s": 7, "burst": 10_000}
    assert [row["operation"] for row in answer["weights"] if row["always_taken"]] == ["cancel", "kill_switch"]
