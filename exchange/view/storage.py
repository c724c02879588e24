"""The read model as bytes, for snapshots: one JSON document of rows, which loads into an equal view.

The document names the columns of its rows, so that a later version can read them by name (`exchange.forward`).
"""

from __future__ import annotations

from collections import deque
from dataclasses import MISSING, Field, fields
from operator import attrgetter
from typing import TYPE_CHECKING, Any

import orjson

from exchange.venue.lifecycle import LifeState
from exchange.venue.schema import Tier
from exchange.view.books import BookView
from exchange.view.records import (
    REJECTED,
    TRADES_KEPT,
    AccountView,
    OrderView,
    PositionView,
    SeriesTerms,
    TradeView,
    TrancheView,
)
from matching.schema import Side

if TYPE_CHECKING:
    from exchange.view.market import MarketView

VIEW_FORMAT = 2
"""Raise it when the rows below change: a dump of another format is refused, and recovery replays the journal."""

_COUNTERS = ("sequence", "time_ns", "commands", "trades", "resting_orders", "market_halted")
_ORDER = tuple(each.name for each in fields(OrderView))
_TRANCHE = tuple(each.name for each in fields(TrancheView) if each.name not in ("book", "trades"))
_ACCOUNT = tuple(each.name for each in fields(AccountView) if each.name not in ("orders", "positions"))
_POSITION = tuple(each.name for each in fields(PositionView))
_TIER = _TRANCHE.index("tier")
_STATE = _TRANCHE.index("state")


def _blank(each: Field) -> Any:
    """What a column is in a row that was written before there was such a column."""
    if each.default is not MISSING:
        return each.default
    return "" if each.type in (str, "str") else 0


COLUMNS: dict[str, dict[str, Any]] = {
    "order": {each.name: _blank(each) for each in fields(OrderView)},
    "tranche": {each.name: _blank(each) for each in fields(TrancheView) if each.name in _TRANCHE},
    "account": {each.name: _blank(each) for each in fields(AccountView) if each.name in _ACCOUNT},
    "position": {each.name: _blank(each) for each in fields(PositionView)},
    "trade": dict.fromkeys(TradeView._fields, 0),
    "series": dict.fromkeys(SeriesTerms._fields, 0),
}
"""The columns of each kind of row, in order, each with what it is in a row that is older than the column."""
COLUMN_NAMES = {name: list(columns) for name, columns in COLUMNS.items()}

_order_row = attrgetter(*_ORDER)
_tranche_row = attrgetter(*_TRANCHE)
_account_row = attrgetter(*_ACCOUNT)
_position_row = attrgetter(*_POSITION)


def dump_view(view: MarketView) -> bytes:
    """All that readers can ask for."""
    document = {
        "format": VIEW_FORMAT,
        "columns": COLUMN_NAMES,
        "counters": {name: getattr(view, name) for name in _COUNTERS},
        "regions": list(view.regions.items()),
        "series": [(series_id, *terms) for series_id, terms in view.series.items()],
        "accounts": [_dump_account(account) for account in view.accounts.values()],
        "tranches": [_dump_tranche(tranche) for tranche in view.tranches.values()],
        "ended_tranches": list(view.ended_tranches),
        "open_orders": [_order_row(order) for order in view.orders.open_orders()],
        "finished_orders": [_order_row(order) for order in view.orders.finished],
        "tape": list(view.tape),
    }
    return orjson.dumps(document, default=tuple)  # named tuples become rows


def load_view(view: MarketView, payload: bytes | memoryview) -> None:
    """Fill an empty view. Raises ValueError for what is not a dump of this format."""
    try:
        document = orjson.loads(payload)
        if document["format"] != VIEW_FORMAT:
            raise ValueError(f"format {document['format']} is not {VIEW_FORMAT}")
        if document["columns"] != COLUMN_NAMES:
            raise ValueError("its rows have other columns")
        _load_document(view, document)
    except (ValueError, LookupError, TypeError) as error:
        raise ValueError(f"this is no dump of a market view that this version reads: {error!r}") from error


def _load_document(view: MarketView, document: dict[str, Any]) -> None:
    for name in _COUNTERS:
        setattr(view, name, document["counters"][name])
    view.regions.update(document["regions"])
    view.series.update((series_id, SeriesTerms(*terms)) for series_id, *terms in document["series"])
    _load_accounts(view, document["accounts"])
    for row in document["tranches"]:
        tranche = _load_tranche(*row)
        view.tranches[tranche.instrument_id] = tranche
        view.tranche_by_symbol[tranche.symbol] = tranche.instrument_id
    view.ended_tranches.extend(document["ended_tranches"])
    _load_orders(view, document["finished_orders"], document["open_orders"])
    view.tape.extend(TradeView(*row) for row in document["tape"])


def _dump_account(account: AccountView) -> list[Any]:
    return [_account_row(account), [_position_row(position) for position in account.positions.values()]]


def _load_accounts(view: MarketView, rows: list[Any]) -> None:
    for account_row, position_rows in rows:
        account = AccountView(*account_row)
        positions = [PositionView(*row) for row in position_rows]
        account.positions.update((position.instrument_id, position) for position in positions)
        view.accounts[account.account_id] = account
        view.account_by_name[account.name] = account.account_id


def _dump_tranche(tranche: TrancheView) -> list[Any]:
    book = tranche.book
    return [_tranche_row(tranche), book.sequence, book.levels(Side.BUY), book.levels(Side.SELL), list(tranche.trades)]


def _load_tranche(row: list[Any], book_sequence: int, bids: list, asks: list, trades: list) -> TrancheView:
    row[_TIER] = Tier(row[_TIER])
    row[_STATE] = LifeState(row[_STATE])
    tranche = TrancheView(*row)
    tranche.book = BookView(sequence=book_sequence)
    tranche.book.restore(Side.BUY, bids)
    tranche.book.restore(Side.SELL, asks)
    tranche.trades = deque((TradeView(*trade) for trade in trades), maxlen=TRADES_KEPT)
    return tranche


def _load_orders(view: MarketView, finished_rows: list[Any], open_rows: list[Any]) -> None:
    """Finished orders first: where a client id was used again, the newest order is the one that it names."""
    for row in finished_rows:
        order = OrderView(*row)
        if order.status == REJECTED:
            view.orders.add_rejected(order)
        else:
            view.orders.add(order)
            view.orders.finish(order)
    for row in open_rows:
        order = OrderView(*row)
        view.orders.add(order)
        view.accounts[order.account_id].orders[order.order_id] = order
