"""What batches do to the orders of accounts: which orders changed, and each fill."""

from collections import defaultdict
from collections.abc import Collection, Iterable
from dataclasses import dataclass, field

import numpy as np

from exchange.kinds import TRADE_KINDS, Kinds
from exchange.published import Published
from exchange.view import FillView, MarketView, TradeView
from exchange.view.batches import OrderEvent
from exchange.view.fees import auction_fee_nano, maker_fee_nano, taker_fee_nano
from gateway.encoding.rows import Row, fill_row, order_row
from gateway.feeds.messages import message, trade_of
from kernels.records import picked
from matching.schema import EventKind

_PAIR_KINDS = frozenset({*TRADE_KINDS, EventKind.PREVENTED})
_ABOUT_NO_ORDER = frozenset(
    {
        EventKind.REJECTED,
        EventKind.UNCROSSED,
        EventKind.INDICATIVE,
        EventKind.MASS_CANCELLED,
        EventKind.MASS_QUOTED,
        EventKind.BASKET_FILLED,
        EventKind.BASKET_KILLED,
    }
)
_FEES = {"taker": taker_fee_nano, "maker": maker_fee_nano, "auction": auction_fee_nano}
_ORDER_KINDS = Kinds(kind for kind in EventKind if kind not in _ABOUT_NO_ORDER)


@dataclass(slots=True)
class Happened:
    """What a batch did to the orders of one account."""

    orders: dict[int, int] = field(default_factory=dict)
    """Id of each order that changed -> sequence of the last change."""
    fills: list[Row] = field(default_factory=list)


def happened(view: MarketView, batch: Published, account_ids: Collection[int]) -> dict[int, Happened]:
    """What a batch did to the orders of these accounts; accounts to which it did nothing are left out."""
    found: defaultdict[int, Happened] = defaultdict(Happened)
    for event in _order_events(batch, account_ids):
        found[event.account_id].orders[event.order_id] = event.sequence
        if event.kind in _PAIR_KINDS:
            found[event.counter_account_id].orders[event.counter_order_id] = event.sequence
        if event.kind in TRADE_KINDS:
            trade = trade_of(view, event, batch.time_ns)
            taker, maker = ("taker", "maker") if event.kind == EventKind.TRADE else ("auction", "auction")
            sides = (
                (event.account_id, event.order_id, taker),
                (event.counter_account_id, event.counter_order_id, maker),
            )
            for account_id, order_id, liquidity in sides:
                if account_id in account_ids:
                    found[account_id].fills.append(_fill_row(view, trade, order_id, liquidity))
    return {account_id: found[account_id] for account_id in account_ids if account_id in found}


def orders_updates(view: MarketView, batch: Published, account_ids: Collection[int]) -> dict[int, Row]:
    """The messages that tell these accounts what a batch did to their orders."""
    found = happened(view, batch, account_ids)
    return {account_id: orders_update(view, each) for account_id, each in found.items()}


def orders_update(view: MarketView, what: Happened) -> Row:
    """Each order as it is now, and each fill."""
    return message("orders", "update", view) | {"orders": order_rows(view, what.orders), "fills": what.fills}


def fills_update(view: MarketView, what: Happened) -> Row:
    """The fills alone."""
    return message("fills", "update", view) | {"fills": what.fills}


def order_rows(view: MarketView, order_ids: Iterable[int]) -> list[Row]:
    """Orders as they are now."""
    orders = (view.order(order_id) for order_id in order_ids)
    return [order_row(order) for order in orders if order is not None]


def _order_events(batch: Published, account_ids: Collection[int]) -> Iterable[OrderEvent]:
    """The events of matching that touch these accounts, picked out before any becomes a Python value."""
    events = order_events(batch)
    return map(OrderEvent._make, picked(events, is_named(events, account_ids)).tolist()) if len(events) else ()


def order_events(batch: Published) -> np.ndarray:
    """The events of a batch that tell of orders."""
    if batch.event_kinds <= _ORDER_KINDS:
        return batch.events
    return picked(batch.events, _ORDER_KINDS.among(batch.events["kind"]))


def is_named(events: np.ndarray, account_ids: Collection[int]) -> np.ndarray:
    """Which events name one of these accounts; those that are not about orders may have other numbers there."""
    wanted = np.fromiter(account_ids, np.uint32, len(account_ids))
    return np.isin(events["account_id"], wanted) | np.isin(events["counter_account_id"], wanted)


def _fill_row(view: MarketView, trade: TradeView, order_id: int, liquidity: str) -> Row:
    """A trade from the side of one of its orders. A fill in a batch is newer than what the read model forgets."""
    order = view.order(order_id)
    assert order is not None, "an order of this batch"
    fee_nano = _FEES[liquidity](view.tranches[trade.instrument_id], trade.price_ticks, trade.quantity_lots)
    return fill_row(FillView(trade, order.side, order.order_id, order.client_id, liquidity, fee_nano))
