"""What else there is when an order does not come to what it was sent for: less of it, or another window.

For lack of margin: the largest quantity that would be taken at that price. For lack of orders on the other side: the
nearest windows of the region that have some. Only whoever asks for it is told, and what is looked at is bounded.
"""

import asyncio
from collections.abc import Callable, Iterator

from exchange.margin.largest import largest_lots
from exchange.margin.what_if import Entry
from exchange.service import ExchangeStopped, Overloaded
from exchange.symbols import NANO_PER_S, Symbol
from exchange.units import format_ticks
from exchange.venue.lifecycle import LifeState
from exchange.venue.schema import Reason, Reject, Tier
from exchange.view import MarketView, TrancheView
from gateway.encoding.requests import PlaceRequest
from gateway.encoding.rows import Row, reason_name
from gateway.errors import ApiError
from gateway.gateway import Gateway
from matching.schema import Side

SHORT_OF_MARGIN = frozenset({Reject.INSUFFICIENT_MARGIN, Reject.NOTIONAL_OUT_OF_RANGE})
SHORT_OF_ORDERS = frozenset(
    reason_name(reason, is_rejected=False) for reason in (Reason.IMMEDIATE_REMAINDER, Reason.NOT_FILLABLE)
)
WINDOWS_AROUND = 24
"""So many windows of the same length are looked at before, and so many after."""
WINDOWS_TOLD = 5


async def with_alternatives(gateway: Gateway, account_id: int, order: PlaceRequest, tell: Callable[[], Row]) -> Row:
    """What became of an order, and what else there is if it asks for that. Raises ApiError, which tells the same."""
    view = gateway.exchange.view
    try:
        row = tell()
    except ApiError as refused:
        if order.alternatives and refused.error in SHORT_OF_MARGIN:
            refused.alternatives = await _smaller(gateway, account_id, order)
        raise
    if order.alternatives and row["status"] == "killed" and row["reason"] in SHORT_OF_ORDERS:
        row["alternatives"] = _alternatives(view, None, list(_windows(view, order)))
    return row


async def _smaller(gateway: Gateway, account_id: int, order: PlaceRequest) -> Row | None:
    """The largest quantity that would pass now; None where nobody can be asked any more."""
    view = gateway.exchange.view
    instrument_id = view.tranche_by_symbol.get(order.symbol)
    if instrument_id is None:
        return None
    tranche, side = view.tranches[instrument_id], Side[order.side.upper()]
    edge_ticks = tranche.band_high_ticks if side == Side.BUY else tranche.band_low_ticks
    entry = Entry(instrument_id, side, order.price or edge_ticks, order.quantity)
    try:
        portfolio = await gateway.risk.portfolio(account_id, {instrument_id})
    except (Overloaded, ExchangeStopped):
        return None
    lots = await asyncio.to_thread(largest_lots, portfolio, entry)
    is_enough = lots >= (order.minimum_quantity or 1)
    return _alternatives(view, lots if is_enough else 0, [])


def _alternatives(view: MarketView, largest: int | None, windows: list[Row]) -> Row:
    return {
        "largest_quantity": None if largest is None else str(largest),
        "windows": windows,
        "sequence": view.sequence,
    }


def _windows(view: MarketView, order: PlaceRequest) -> Iterator[Row]:
    """The nearest windows that have orders on the other side, a window of the own tier before others at its time."""
    own_id = view.tranche_by_symbol.get(order.symbol)
    if own_id is None:
        return
    found = 0
    for tranche in _around(view, view.tranches[own_id]):
        book = tranche.book
        price_ticks = book.best_ask_ticks if order.side == "buy" else book.best_bid_ticks
        if tranche.state == LifeState.OPEN and price_ticks is not None:
            lots = (book.asks if order.side == "buy" else book.bids)[price_ticks]
            yield {"symbol": tranche.symbol, "price": format_ticks(price_ticks), "quantity": str(lots)}
            found += 1
        if found == WINDOWS_TOLD:
            return


def _around(view: MarketView, own: TrancheView) -> Iterator[TrancheView]:
    """Tranches of the same region and length, the nearest in time first; of an equal distance the later one."""
    tiers = sorted(Tier, key=lambda tier: (abs(tier - own.tier), tier))
    for distance in range(WINDOWS_AROUND + 1):
        for shift in (distance, -distance) if distance else (0,):
            start_ns = own.start_ns + shift * own.duration_s * NANO_PER_S
            symbols = (str(Symbol(own.region, tier, start_ns, own.duration_s)) for tier in tiers)
            named = (view.tranche_by_symbol.get(symbol) for symbol in symbols)
            yield from (view.tranches[each] for each in named if each is not None and each != own.instrument_id)
