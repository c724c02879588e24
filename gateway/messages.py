"""The messages of the channels but for books, built from the read model and a batch. Nothing here knows who listens."""

import time
from collections import defaultdict
from collections.abc import Collection, Iterable

import numpy as np

from exchange.published import Published
from exchange.units import format_nano
from exchange.venue.lifecycle import AUCTION_STATES, LifeState
from exchange.view import MarketView, TradeView, TrancheView
from exchange.view.batches import OrderEvent
from exchange.view.fees import auction_fee_nano, maker_fee_nano, taker_fee_nano
from gateway.account_events import account_events
from gateway.fields import time_text
from gateway.rows import (
    SIDE_NAMES,
    Row,
    account_row,
    instrument_row,
    order_row,
    stamp,
    trade_row,
)
from gateway.topics import EVERYTHING, Topic
from matching.schema import EventKind

RECENT_TRADES = 100
_TRADABLE_STATES = AUCTION_STATES | {LifeState.OPEN, LifeState.HALTED}
_TRADE_KINDS = (EventKind.TRADE, EventKind.AUCTION_TRADE)
_PAIR_KINDS = frozenset({*_TRADE_KINDS, EventKind.PREVENTED})
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
_ORDER_KINDS = np.array([kind for kind in EventKind if kind not in _ABOUT_NO_ORDER], np.uint8)


def snapshot(view: MarketView, topic: Topic) -> Row:
    """What a new subscriber starts from; the updates after it continue it."""
    return _message(topic.channel, "snapshot", view) | _CONTENTS[topic.channel](view, topic.subject)


def trades_updates(view: MarketView, batch: Published) -> dict[int, Row]:
    """The trades of a batch for each tranche that traded, and all of them under EVERYTHING; empty without trades."""
    events = batch.events[np.isin(batch.events["kind"], _TRADE_KINDS)]
    rows: defaultdict[int, list[Row]] = defaultdict(list)
    for event in map(OrderEvent._make, events.tolist()):
        row = trade_row(_trade(view, event, batch.time_ns))
        rows[EVERYTHING].append(row)
        rows[event.instrument_id].append(row)
    return {
        subject: _message("trades", "update", view) | {"symbol": _symbol(view, subject), "trades": trades}
        for subject, trades in rows.items()
    }


def orders_updates(view: MarketView, batch: Published, account_ids: Collection[int]) -> dict[int, Row]:
    """What a batch did to the orders of these accounts: each order as it is now, and each fill."""
    orders: defaultdict[int, dict[int, None]] = defaultdict(dict)
    fills: defaultdict[int, list[Row]] = defaultdict(list)
    for event in _order_events(batch, account_ids):
        orders[event.account_id][event.order_id] = None
        if event.kind in _PAIR_KINDS:
            orders[event.counter_account_id][event.counter_order_id] = None
        if event.kind in _TRADE_KINDS:
            trade = _trade(view, event, batch.time_ns)
            taker, maker = ("taker", "maker") if event.kind == EventKind.TRADE else ("auction", "auction")
            fills[event.account_id].append(_fill_row(view, trade, event.order_id, taker))
            fills[event.counter_account_id].append(_fill_row(view, trade, event.counter_order_id, maker))
    return {
        account_id: _message("orders", "update", view)
        | {"orders": _order_rows(view, orders[account_id]), "fills": fills[account_id]}
        for account_id in account_ids
        if account_id in orders
    }


def account_updates(view: MarketView, batch: Published, account_ids: Collection[int]) -> dict[int, Row]:
    """What a batch did to these accounts beside their orders, and each account as it is now."""
    return {
        account_id: _message("account", "update", view) | account_row(view, account_id) | {"events": rows}
        for account_id, rows in account_events(view, batch, account_ids).items()
    }


def ticker_update(view: MarketView, tranches: Iterable[TrancheView]) -> Row:
    """The rows of tranches that changed."""
    return _message("ticker", "update", view) | {"tickers": [instrument_row(tranche) for tranche in tranches]}


def heartbeat(view: MarketView) -> Row:
    """A sign of life with the last sequence, so that silence can be told from loss; on the wall clock's time."""
    return {"channel": "heartbeat", "sequence": view.sequence, "time": time_text(time.time_ns())}


def shutdown_notice() -> Row:
    """The last message of a gateway that closes."""
    return {"channel": "notice", "type": "shutdown"}


def _message(channel: str, kind: str, view: MarketView) -> Row:
    return {"channel": channel, "type": kind} | stamp(view)


def _trades_content(view: MarketView, instrument_id: int) -> Row:
    trades = view.tape if instrument_id == EVERYTHING else view.tranches[instrument_id].trades
    rows = [trade_row(trade) for trade in list(trades)[-RECENT_TRADES:]]
    return {"symbol": _symbol(view, instrument_id), "trades": rows}


def _symbol(view: MarketView, instrument_id: int) -> str | None:
    return None if instrument_id == EVERYTHING else view.tranches[instrument_id].symbol


def _ticker_content(view: MarketView, _: int) -> Row:
    tradable = (tranche for tranche in view.tranches.values() if tranche.state in _TRADABLE_STATES)
    return {"tickers": [instrument_row(tranche) for tranche in tradable]}


def _orders_content(view: MarketView, account_id: int) -> Row:
    return {"orders": [order_row(order) for order in view.open_orders(account_id)], "fills": []}


def _account_content(view: MarketView, account_id: int) -> Row:
    return account_row(view, account_id) | {"events": []}


_CONTENTS = {
    "trades": _trades_content,
    "ticker": _ticker_content,
    "orders": _orders_content,
    "account": _account_content,
}


def _order_events(batch: Published, account_ids: Collection[int]) -> Iterable[OrderEvent]:
    """The events of matching that touch these accounts, picked out before any becomes a Python value."""
    events = batch.events
    wanted = np.fromiter(account_ids, np.uint32, len(account_ids))
    is_own = np.isin(events["account_id"], wanted) | np.isin(events["counter_account_id"], wanted)
    return map(OrderEvent._make, events[is_own & np.isin(events["kind"], _ORDER_KINDS)].tolist())


def _order_rows(view: MarketView, order_ids: Iterable[int]) -> list[Row]:
    orders = (view.order(order_id) for order_id in order_ids)
    return [order_row(order) for order in orders if order is not None]


def _trade(view: MarketView, event: OrderEvent, time_ns: int) -> TradeView:
    return TradeView(
        event.sequence,
        event.index,
        event.instrument_id,
        view.tranches[event.instrument_id].symbol,
        event.price_ticks,
        event.quantity_lots,
        event.side if event.kind == EventKind.TRADE else None,
        time_ns,
    )


def _fill_row(view: MarketView, trade: TradeView, order_id: int, liquidity: str) -> Row:
    """A trade from the side of one of its orders. A fill in a batch is newer than what the read model forgets."""
    order = view.order(order_id)
    assert order is not None, "an order of this batch"
    fee_nano = _FEES[liquidity](view.tranches[trade.instrument_id], trade.price_ticks, trade.quantity_lots)
    row = trade_row(trade)
    del row["taker_side"]
    return row | {
        "side": SIDE_NAMES[order.side],
        "order_id": order.order_id,
        "client_id": order.client_id or None,
        "liquidity": liquidity,
        "fee": format_nano(fee_nano),
    }
