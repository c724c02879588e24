"""Which field of an order is at fault, where the core says no more than that its terms do not go together.

The core decides, and has decided; what is named here is where to look. Only refusals are looked at, so a plain order
pays nothing for it.
"""

from collections.abc import Iterator

from exchange.venue.schema import Reject
from exchange.view import MarketView
from gateway.encoding.requests import OrderTerms
from gateway.errors import ApiError

RESTING = ("gtc", "gtd")


def name_fault(view: MarketView, order: OrderTerms, refused: ApiError) -> None:
    """Let a refusal of an order name the field that it is about, and what that field takes."""
    if refused.error is Reject.INVALID_ORDER_TERMS:
        name, told = next(_contradictions(order), (None, None))
        if name is not None:
            refused.param, refused.message = name, f"{name}: {told}"
    elif refused.error is Reject.QUANTITY_OFF_LOT and _is_off_lot(view, order):
        refused.param = "display_quantity"


def _contradictions(order: OrderTerms) -> Iterator[tuple[str, str]]:
    """Each field that does not go with the others, and what it goes with."""
    lifetime = order.time_in_force or ("ioc" if order.type == "market" else "gtc")
    is_resting = lifetime in RESTING
    if order.type == "market" and is_resting:
        yield "time_in_force", "a market order is ioc or fok"
    if order.post_only and not is_resting:
        yield "post_only", "only an order that may rest, gtc or gtd, can be post-only"
    if order.display_quantity is not None:
        if not is_resting:
            yield "display_quantity", "only an order that may rest, gtc or gtd, can show less than it has"
        if order.display_quantity > order.quantity:
            yield "display_quantity", "show no more than the quantity"
    if order.minimum_quantity is not None:
        if lifetime == "fok" or order.post_only:
            yield "minimum_quantity", "an order that is fok or post-only takes none"
        if order.minimum_quantity > order.quantity:
            yield "minimum_quantity", "ask for no more than the quantity"


def _is_off_lot(view: MarketView, order: OrderTerms) -> bool:
    """Whether it is what an iceberg shows that is no multiple of the quantity step."""
    step_lots = view.tranches[view.tranche_by_symbol[order.symbol]].quantity_step_lots
    return order.quantity % step_lots == 0 and (order.display_quantity or 0) % step_lots != 0
