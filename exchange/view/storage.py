"""The read model as bytes, for snapshots, which load into an equal view: a JSON document, then orders and levels
as records.

The view is frozen between two batches, in the loop's thread; what takes long is done with what was frozen, in any.

The document names the columns of its rows, so that a later version can read them by name (`exchange.forward`).
"""

from __future__ import annotations

from collections import deque
from dataclasses import MISSING, Field, fields
from operator import attrgetter
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import orjson

from exchange.venue.lifecycle import LifeState
from exchange.venue.schema import Tier
from exchange.view.books import BookView
from exchange.view.candles import CandleRow
from exchange.view.fills import Execution
from exchange.view.packed import PACKED_ORDER, Packed, PackedOrders, join_packed, oldest_first, pack_orders
from exchange.view.packed_levels import PACKED_LEVEL, FrozenSide, freeze_levels, load_levels, pack_levels
from exchange.view.records import (
    REJECTED,
    TRADES_KEPT,
    AccountView,
    CapacityView,
    Financing,
    OrderView,
    PositionView,
    RegionRule,
    RegionStrain,
    SeriesTerms,
    TradeView,
    TrancheView,
)

if TYPE_CHECKING:
    from exchange.view.market import MarketView

VIEW_FORMAT = 2
"""Raise it when the document or the records behind it change: a dump of another format, or with other columns, is
refused, and recovery replays the journal."""

LENGTH_BYTES = 8
"""Of the document's length, in front of it."""
PACKED_AT_ONCE = 1_000
"""Finished orders; other threads get their turn in between."""

COUNTERS = ("sequence", "time_ns", "commands", "trades", "resting_orders", "market_halted", "fund_nano")
_TRANCHE = tuple(each.name for each in fields(TrancheView) if each.name not in ("book", "trades"))
_OF_ACCOUNTS = ("orders", "positions", "rules", "allocations")
_ACCOUNT = tuple(each.name for each in fields(AccountView) if each.name not in _OF_ACCOUNTS)
_POSITION = ("instrument_id", "lots", "cost_nano")
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
    "position": dict.fromkeys(_POSITION, 0),
    "trade": dict.fromkeys(TradeView._fields, 0),
    "execution": dict.fromkeys(Execution._fields, 0),
    "candle": dict.fromkeys(CandleRow._fields, 0),
    "series": dict.fromkeys(SeriesTerms._fields, 0),
    "strain": dict.fromkeys(RegionStrain._fields, 0),
    "financing": dict.fromkeys(Financing._fields, 0),
    "rule": dict.fromkeys(("account_id", *RegionRule._fields), 0),
    "capacity": dict.fromkeys(CapacityView._fields, 0) | {"endpoint": ""},
}
"""The columns of each kind of row, in order, each with what it is in a row that is older than the column."""
COLUMN_NAMES = {name: list(columns) for name, columns in COLUMNS.items()}

_tranche_row = attrgetter(*_TRANCHE)
_account_row = attrgetter(*_ACCOUNT)
_position_row = attrgetter(*_POSITION)


class FrozenView(NamedTuple):
    """A view between two batches: finished orders never change, and all else is a copy."""

    document: dict[str, Any]
    packed: Packed
    taken: np.ndarray  # which of the packed orders are packed no more
    open_orders: Packed  # all others
    finished_orders: list[OrderView]
    levels: list[FrozenSide]

    def dump(self) -> bytes | memoryview:
        """All that readers can ask for, as bytes, which are the same for equal views."""
        chunks = range(0, len(self.finished_orders), PACKED_AT_ONCE)
        finished = [pack_orders(self.finished_orders[first : first + PACKED_AT_ONCE]) for first in chunks]
        untouched = self.packed.arranged(np.flatnonzero(~self.taken)) if self.taken.any() else self.packed
        packs = [oldest_first(join_packed([untouched, self.open_orders])), join_packed(finished)]
        levels = pack_levels(self.levels)
        orders = [{"count": len(pack.rows), "text_bytes": len(pack.text), "symbols": pack.symbols} for pack in packs]
        tranches = [[row, sequence, list(map(tuple, trades))] for row, sequence, trades in self.document["tranches"]]
        added = {"tranches": tranches, "orders": orders, "level_count": len(levels)}
        head = orjson.dumps(self.document | added, default=tuple)  # named tuples become rows
        parts = [np.frombuffer(len(head).to_bytes(LENGTH_BYTES, "little") + head, np.uint8)]
        for pack in packs:
            parts += [pack.rows.view(np.uint8), np.frombuffer(pack.text, np.uint8)]
        parts.append(levels.view(np.uint8))
        return np.concatenate(parts).data


def freeze_view(view: MarketView) -> FrozenView:
    """A view as it stands."""
    document = {
        "format": VIEW_FORMAT,
        "columns": COLUMN_NAMES,
        "counters": {name: getattr(view, name) for name in COUNTERS},
        "regions": list(view.regions.items()),
        "strains": [(region_id, *strain) for region_id, strain in view.strains.items()],
        "financing": tuple(view.financing),
        "series": [(series_id, *terms) for series_id, terms in view.series.items()],
        "accounts": [_dump_account(account) for account in view.accounts.values()],
        "rules": [(each.account_id, *rule) for each in view.accounts.values() for rule in each.rules.values()],
        "capacities": list(map(tuple, view.capacities.values())),
        "tranches": [_dump_tranche(tranche) for tranche in view.tranches.values()],
        "ended_tranches": list(view.ended_tranches),
        "tape": list(view.tape),
        "fills": view.fills.dump(),
        "candles": view.candles.dump(),
        "deliveries": view.deliveries.dump(),
    }
    orders = view.orders
    packed, taken = orders.packed.packed, orders.packed.taken.copy()
    levels = freeze_levels(view.tranches.values())
    return FrozenView(document, packed, taken, pack_orders(orders.unpacked_open()), list(orders.finished), levels)


def load_view(view: MarketView, payload: bytes | memoryview) -> None:
    """Fill an empty view. Raises ValueError for what is not a dump of this format."""
    try:
        document, records = split_dump(payload)
        if document["columns"] != COLUMN_NAMES:
            raise ValueError("its rows have other columns")
        load_document(view, document)
        load_records(view, document, records)
    except (ValueError, LookupError, TypeError) as error:
        raise ValueError(f"this is no dump of a market view that this version reads: {error!r}") from error


def split_dump(payload: bytes | memoryview) -> tuple[dict[str, Any], np.ndarray]:
    """The document of a dump and the bytes behind it. Raises ValueError, LookupError or TypeError for no dump."""
    end = LENGTH_BYTES + int.from_bytes(payload[:LENGTH_BYTES], "little")
    document = orjson.loads(payload[LENGTH_BYTES:end])
    if document["format"] != VIEW_FORMAT:
        raise ValueError(f"format {document['format']} is not {VIEW_FORMAT}")
    return document, np.frombuffer(payload, np.uint8)[end:]


def load_records(view: MarketView, document: dict[str, Any], records: np.ndarray) -> None:
    """Fill a view that has all but orders and levels with the bytes behind its document."""
    levels_at = len(records) - document["level_count"] * PACKED_LEVEL.itemsize
    load_orders(view, *_load_packs(document["orders"], records[:levels_at]))
    levels = records[levels_at:].view(PACKED_LEVEL)
    load_levels(levels, {tranche.instrument_id: tranche.book for tranche in view.tranches.values()})


def load_document(view: MarketView, document: dict[str, Any]) -> None:
    """Fill an empty view with all but orders and levels."""
    for name in COUNTERS:
        setattr(view, name, document["counters"][name])
    view.regions.update(document["regions"])
    view.strains.update((region_id, RegionStrain(*strain)) for region_id, *strain in document["strains"])
    view.financing = Financing(*document["financing"])
    view.series.update((series_id, SeriesTerms(*terms)) for series_id, *terms in document["series"])
    for row in document["tranches"]:
        tranche = _load_tranche(*row)
        view.tranches[tranche.instrument_id] = tranche
        view.tranche_by_symbol[tranche.symbol] = tranche.instrument_id
    _load_accounts(view, document["accounts"])
    for account_id, *rule in document["rules"]:
        view.accounts[account_id].rules[rule[0]] = RegionRule(*rule)
    view.capacities.update((row[0], CapacityView(*row)) for row in document["capacities"])
    view.ended_tranches.extend(document["ended_tranches"])
    view.tape.extend(TradeView(*row) for row in document["tape"])
    view.fills.load(document.get("fills"), view.sequence)
    view.candles.load(document.get("candles", []))
    view.deliveries.load(document["deliveries"])


def _dump_account(account: AccountView) -> list[Any]:
    return [_account_row(account), [_position_row(position) for position in account.positions.values()]]


def _load_accounts(view: MarketView, rows: list[Any]) -> None:
    for account_row, position_rows in rows:
        account = AccountView(*account_row)
        for instrument_id, lots, cost_nano in position_rows:
            account.positions[instrument_id] = PositionView(view.tranches[instrument_id], lots, cost_nano)
        view.accounts[account.account_id] = account
        view.account_by_name[account.name] = account.account_id


def _dump_tranche(tranche: TrancheView) -> list[Any]:
    return [_tranche_row(tranche), tranche.book.sequence, list(tranche.trades)]


def _load_tranche(row: list[Any], book_sequence: int, trades: list) -> TrancheView:
    row[_TIER] = Tier(row[_TIER])
    row[_STATE] = LifeState(row[_STATE])
    tranche = TrancheView(*row)
    tranche.book = BookView(sequence=book_sequence)
    tranche.trades = deque((TradeView(*trade) for trade in trades), maxlen=TRADES_KEPT)
    return tranche


def _load_packs(heads: list[dict[str, Any]], records: np.ndarray) -> list[Packed]:
    """The packs behind the document, with memory of their own."""
    packs = []
    at = 0
    for head in heads:
        end = at + head["count"] * PACKED_ORDER.itemsize
        text_end = end + head["text_bytes"]
        packs.append(
            Packed(records[at:end].copy().view(PACKED_ORDER), records[end:text_end].tobytes(), head["symbols"])
        )
        at = text_end
    if at != len(records):
        raise ValueError("there are other bytes behind the document than it says")
    return packs


def load_orders(view: MarketView, open_orders: Packed, finished: Packed) -> None:
    """Fill a view without orders."""
    for place in range(len(finished.rows)):
        order = finished.order(place)
        if order.status == REJECTED:
            view.orders.add_rejected(order)
        else:
            view.orders.add(order)
            view.orders.finish(order)
    view.orders.packed = PackedOrders(open_orders)
