"""What many orders say at once, from plain Python values to the fields that travel."""

from collections.abc import Iterable, Mapping
from typing import Any, Literal, NamedTuple, TypedDict

from gateway.client.terms import PlaceTerms, Price, Side, decimal_text, new_id, place_fields


class NewOrder(NamedTuple):
    """One order of a batch: limit with a price, market without; `terms` is what else it says."""

    symbol: str
    side: Side
    quantity: int
    price: Price | None = None
    terms: PlaceTerms = PlaceTerms()


class Quote(NamedTuple):
    """What an account wants to have in a tranche from now on; a side without a price goes."""

    symbol: str
    bid_price: Price | None = None
    bid_quantity: int | None = None
    ask_price: Price | None = None
    ask_quantity: int | None = None


class Leg(NamedTuple):
    """One leg of a basket: filled whole at its price or better."""

    symbol: str
    side: Side
    quantity: int
    price: Price
    reduce_only: bool = False


class CancelScope(TypedDict, total=False):
    """Which orders go: those that match all that is said."""

    symbol: str
    region: str
    tier: Literal["ef", "af", "be"]
    side: Side
    label: int
    session: int
    retry_id: str


class TogetherTerms(TypedDict, total=False):
    """What all orders of a mass quote or a basket share."""

    client_id: str
    label: int
    session: int
    self_trade: Literal["none", "cancel_newest", "cancel_oldest", "cancel_both", "decrement"]


class QuoteTerms(TogetherTerms, total=False):
    """The same of quotes, which may be refused where they would take."""

    post_only: bool


def batch_fields(orders: Iterable[NewOrder]) -> dict[str, Any]:
    """Many orders, each with a client id of its own."""
    return {"orders": [place_fields(each.symbol, each.side, each.quantity, each.price, each.terms) for each in orders]}


def cancels_fields(order_ids: Iterable[int], client_ids: Iterable[str]) -> dict[str, Any]:
    """Many cancels, each with a retry id of its own."""
    targets: list[dict[str, Any]] = [{"order_id": order_id} for order_id in order_ids]
    targets += [{"client_id": client_id} for client_id in client_ids]
    return {"orders": [target | {"retry_id": new_id()} for target in targets]}


def scope_fields(scope: CancelScope) -> dict[str, Any]:
    """A mass cancel. It gets a retry id if it has none."""
    return {"retry_id": new_id(), **scope}


def quote_fields(quotes: Iterable[Quote], terms: QuoteTerms) -> dict[str, Any]:
    """A mass quote. It gets a client id if it has none."""
    return {"client_id": new_id(), **terms, "quotes": [_given(each._asdict()) for each in quotes]}


def basket_fields(legs: Iterable[Leg], terms: TogetherTerms) -> dict[str, Any]:
    """A basket. It gets a client id if it has none."""
    return {"client_id": new_id(), **terms, "legs": [_given(each._asdict()) for each in legs]}


def _given(fields: Mapping[str, Any]) -> dict[str, Any]:
    """What is given, with numbers written out."""
    return {
        name: value if isinstance(value, bool) or name in ("symbol", "side") else decimal_text(value)
        for name, value in fields.items()
        if value is not None
    }
