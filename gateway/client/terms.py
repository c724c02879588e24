"""What orders say, from plain Python values to the fields that travel."""

from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any, Literal, NamedTuple, TypedDict
from uuid import uuid4

Side = Literal["buy", "sell"]
Price = Decimal | str
TICK = Decimal("0.000001")
"""In USD per Mbps-hour: what prices in ticks count."""


class Thought(NamedTuple):
    """A position or an order of a what-if. A position without a price costs what it is worth at the mark."""

    symbol: str
    side: Side
    quantity: int
    price: Price | None = None


class PlaceTerms(TypedDict, total=False):
    """What an order may say besides symbol, side, quantity and price."""

    time_in_force: Literal["gtc", "gtd", "ioc", "fok"]
    post_only: Literal[False, "reject", "slide"]
    reduce_only: bool
    display_quantity: int
    minimum_quantity: int
    label: int
    session: int
    self_trade: Literal["none", "cancel_newest", "cancel_oldest", "cancel_both", "decrement"]
    expires_time: datetime
    client_id: str
    alternatives: bool


class ReplaceTerms(TypedDict, total=False):
    """What a replace may say besides price and quantity."""

    quantity_is: Literal["total", "remaining"]
    requeue: bool
    retry_id: str


class ScopeTerms(TypedDict, total=False):
    """Which tranches a scope has; it takes a region or a tier, or both."""

    region: str
    tier: Literal["ef", "af", "be"]
    duration: str
    windows: int


class LimitTerms(TypedDict, total=False):
    """What may be limited of positions and orders, in lots and USD."""

    position: int
    order_quantity: int
    order_notional: Price | int


class AccountLimitTerms(LimitTerms, total=False):
    """What may be limited of an account beside that: open orders, to a base, and one more for each step of equity."""

    open_orders_base: int
    open_orders_max: int
    open_orders_step: Price | int


class ProtectionTerms(TypedDict, total=False):
    """When market-maker protection goes off, and for how long."""

    interval_ms: int
    frozen_ms: int
    quantity: int
    net_quantity: int
    notional: Price | int


class DeliveryFields(TypedDict, total=False):
    """How windows are delivered."""

    slot_s: int
    latency_max_us: int
    loss_max_ppm: int
    shortfall_fee_ppm: int
    clearing_fee_ppm: int
    burn_ppm: int
    penalty_ppm: int
    interruption_ppm: int
    grace_s: int
    dispute_s: int


_COUNTS = frozenset({"open_orders_base", "open_orders_max", "interval_ms", "frozen_ms"})


def limit_fields(terms: Mapping[str, Any]) -> dict[str, Any]:
    """Limits as they travel: lots and money as text, counts and durations as integers."""
    return {name: value if name in _COUNTS else decimal_text(value) for name, value in terms.items()}


def place_fields(symbol: str, side: Side, quantity: int, price: Price | None, terms: PlaceTerms) -> dict[str, Any]:
    """A new order: a limit order with a price, a market order without. It gets a client id if it has none."""
    fields: dict[str, Any] = {"symbol": symbol, "side": side, "quantity": str(quantity), "client_id": new_id(), **terms}
    if "expires_time" in terms:
        fields["expires_time"] = time_text(terms["expires_time"])
    for name in ("display_quantity", "minimum_quantity"):
        if name in fields:
            fields[name] = str(fields[name])
    if price is None:
        return fields | {"type": "market"}
    return fields | {"price": decimal_text(price)}


def replace_fields(price: Price, quantity: int, terms: ReplaceTerms) -> dict[str, Any]:
    """What an order is replaced by. It gets a retry id if it has none."""
    return {"price": decimal_text(price), "quantity": str(quantity), "retry_id": new_id(), **terms}


def what_if_fields(orders: Iterable[Thought], positions: Iterable[Thought], replaces: bool) -> dict[str, Any]:
    """Positions and orders that are not there. One without a price does not name it."""
    return {
        "mode": "replace" if replaces else "add",
        "positions": [_thought_fields(each) for each in positions],
        "orders": [_thought_fields(each) for each in orders],
    }


def _thought_fields(thought: Thought) -> dict[str, Any]:
    fields = {"symbol": thought.symbol, "side": thought.side, "quantity": str(thought.quantity)}
    return fields if thought.price is None else fields | {"price": decimal_text(thought.price)}


def target_fields(order_id: int | None, client_id: str | None) -> dict[str, Any]:
    """An order by one of its two names. Raises ValueError for none or both."""
    if (order_id is None) == (client_id is None):
        raise ValueError("name the order by order_id or by client_id")
    return {"order_id": order_id} if order_id is not None else {"client_id": client_id}


def time_text(time: datetime) -> str:
    """A UTC time as it travels."""
    return time.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def decimal_text(value: Price | int) -> str:
    """A number written out, never with an exponent."""
    return f"{Decimal(value):f}"


def new_id() -> str:
    """An id that nobody has used."""
    return uuid4().hex
