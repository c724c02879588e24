"""What each request costs of a budget. One table: the doors charge by it, publish it, and the document repeats it.

A request is named by method and path as routes are written, or by its `op` on a socket. What is not in the table costs
what reads or commands cost in general.
"""

from enum import StrEnum
from typing import NamedTuple


class Payer(StrEnum):
    """Whose budget a request is charged to."""

    ACCOUNT = "account"
    ADDRESS = "address"


class Operation(NamedTuple):
    """What requests of a kind cost, and which they are."""

    name: str
    weight: int
    payer: Payer
    requests: tuple[str, ...]
    what: str
    is_always_taken: bool = False
    """Charged as far as there is something left, and never refused: what ends risk must not wait."""


_BY_ID, _BY_CLIENT_ID = "/v1/orders/{order_id}", "/v1/orders/by-client-id/{client_id}"

PLACE = Operation("place", 4, Payer.ACCOUNT, ("POST /v1/orders", "place"), "a new order; given back when it trades")
REPLACE = Operation("replace", 4, Payer.ACCOUNT, (f"PATCH {_BY_ID}", f"PATCH {_BY_CLIENT_ID}", "replace"), "a replace")
PLACE_MANY = Operation(
    "place_many", 64, Payer.ACCOUNT, ("POST /v1/orders/batch", "place_many"), "a batch of up to 64 orders"
)
QUOTE = Operation("quote", 40, Payer.ACCOUNT, ("PUT /v1/quotes", "quote"), "a mass quote of up to 64 tranches")
BASKET = Operation("basket", 16, Payer.ACCOUNT, ("POST /v1/baskets", "basket"), "a basket of up to 16 legs")
FRAME = Operation(
    "frame", 16, Payer.ACCOUNT, (), "a binary frame of up to 1,023 records; one of cancels alone is a cancel"
)
CANCEL = Operation(
    "cancel",
    1,
    Payer.ACCOUNT,
    (
        *(f"DELETE {_BY_ID}", f"DELETE {_BY_CLIENT_ID}", "DELETE /v1/orders", "POST /v1/orders/cancel-batch"),
        *("cancel", "cancel_many", "cancel_all"),
    ),
    "a cancel, of one order or of many; never refused",
    is_always_taken=True,
)
CANCEL_AFTER = Operation(
    "cancel_after", 1, Payer.ACCOUNT, ("POST /v1/orders/cancel-after", "cancel_after"), "a sign of life"
)
KILL_SWITCH = Operation(
    "kill_switch",
    0,
    Payer.ACCOUNT,
    ("POST /v1/admin/kill-switch", "POST /v1/admin/halt"),
    "the kill switch, a halt; never refused",
    is_always_taken=True,
)
BATCH = Operation(
    "batch",
    40,
    Payer.ACCOUNT,
    ("POST /v1/providers/offers", "POST /v1/deliveries/reports"),
    "a schedule of offers, many reports at once",
)
ANALYSIS = Operation(
    "analysis",
    20,
    Payer.ACCOUNT,
    (
        *("GET /v1/margin", "POST /v1/margin/what-if", "GET /v1/statements/{day}"),
        *("GET /v1/admin/risk", "GET /v1/admin/risk/{name}", "POST /v1/admin/risk/{name}/what-if"),
        *("GET /v1/risk/overview", "POST /v1/risk/shock", "GET /v1/risk/accounts.csv"),
    ),
    "margin, what-if, statements, all accounts by risk; beside its own weight, an order with `alternatives`",
)
KEY = Operation(
    "key",
    40,
    Payer.ACCOUNT,
    ("POST /v1/keys", "DELETE /v1/keys/{key_id}", "POST /v1/admin/keys", "DELETE /v1/admin/keys/{key_id}"),
    "a key that is made or revoked",
)
SIGN_IN = Operation("sign_in", 20, Payer.ACCOUNT, ("POST /v1/session",), "a browser that signs in")
SUBSCRIBE = Operation(
    "subscribe", 5, Payer.ACCOUNT, ("subscribe", "resync"), "a subscription, which begins with a snapshot; another one"
)
READ = Operation("read", 2, Payer.ACCOUNT, (), "any other signed read")
COMMAND = Operation("command", 4, Payer.ACCOUNT, (), "any other signed request")
MESSAGE = Operation(
    "message", 1, Payer.ACCOUNT, ("unsubscribe", "ping", "set", "logout"), "any other request on a socket"
)
LOOK = Operation(
    "look",
    1,
    Payer.ADDRESS,
    (
        *("GET /v1/time", "GET /v1/status", "GET /v1/regions", "GET /v1/insurance-fund", "GET /v1/limits/weights"),
        *("GET /v1/instruments/{symbol}", "GET /v1/trades", "GET /v1/book", "GET /v1/reservation-keys"),
        *("GET /v1/providers", "GET /v1/deliveries/summary", "GET /v1/ticker/{symbol}", "GET /v1/candles"),
        *("GET /v1/session", "DELETE /v1/session"),
    ),
    "an unsigned read, a page, a path that leads nowhere",
)
LIST = Operation(
    "list",
    5,
    Payer.ADDRESS,
    ("GET /v1/instruments", "GET /v1/curve", "GET /v1/openapi.json", "GET /v1/asyncapi.json"),
    "a page of tranches, a forward curve, a description of the doors",
)
ATTEMPT = Operation(
    "attempt", 1, Payer.ADDRESS, ("GET /v1/ws", "login"), "a connection, a login, a wrong signature, a missing role"
)

OPERATIONS = (
    *(PLACE, REPLACE, PLACE_MANY, QUOTE, BASKET, FRAME, CANCEL, CANCEL_AFTER, KILL_SWITCH),
    *(BATCH, ANALYSIS, KEY, SIGN_IN, SUBSCRIBE, READ, COMMAND, MESSAGE),
    *(LOOK, LIST, ATTEMPT),
)
_BY_REQUEST = {request: operation for operation in OPERATIONS for request in operation.requests}


def operation_of_route(method: str, path: str | None) -> Operation:
    """What a request over REST is; `path` is that of its route, or None where there is none."""
    method = "GET" if method == "HEAD" else method
    if path is None or not path.startswith("/v1/"):
        return LOOK
    return _BY_REQUEST.get(f"{method} {path}", READ if method == "GET" else COMMAND)


def operation_on_socket(op: str) -> Operation:
    """What a request on a socket is."""
    return _BY_REQUEST.get(op, MESSAGE)
