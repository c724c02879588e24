"""Reading dumps of the format before: rows of JSON by the names of their columns, orders and levels as records behind.

Recovery needs them for stores whose rules began with one, and for the snapshots that the program before left.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from exchange.commands import client_key
from exchange.venue.lifecycle import AUCTION_STATES
from exchange.view.columns.dumping import Sections
from exchange.view.columns.schema import (
    ACCOUNT,
    CANDLE,
    CHAIN,
    CLIENT,
    FIVE_MINUTES_S,
    HOUR_S,
    IN_MARKET,
    IN_TRANCHE,
    INSTRUMENT,
    LEVEL,
    MINUTE_S,
    OPEN,
    ORDER,
    POSITION,
    TEXT_BYTES,
    TRADE,
)
from exchange.view.fills import INDEX_END
from exchange.view.moving import FIGURE_NAMES
from exchange.view.storage import COLUMNS, OWN_COUNTERS, STORE_COUNTERS, fill_view, split_dump
from kernels.records import names_of

if TYPE_CHECKING:
    from exchange.view.market import MarketView

FORMAT = 2
Row = dict[str, Any]
INTERVALS_S = (MINUTE_S, FIVE_MINUTES_S, HOUR_S)

LEVEL_OF_FORMAT_2 = np.dtype(
    [("instrument_id", "u4"), ("side", "u4"), ("price_ticks", "i8"), ("quantity_lots", "i8"), ("order_count", "i8")]
)
_NARROW = {
    **dict.fromkeys(("order_id", "sequence"), "u8"),
    **dict.fromkeys(("account_id", "instrument_id"), "u4"),
    **dict.fromkeys(("side", "time_in_force", "flags"), "u1"),
    "price_ticks": "i4",
    "reason": "u2",
}


class Orders(NamedTuple):
    """Orders as records, and what their numbers stand for."""

    rows: np.ndarray
    """With `symbol`, a place in the list, `status`, and `client_id_end`, where the client id ends in the text."""
    text: bytes
    symbols: list[str]

    def client_ids(self) -> list[bytes]:
        """Of each order."""
        ends = self.rows["client_id_end"].tolist()
        return [self.text[start:end] for start, end in zip([0, *ends][: len(ends)], ends, strict=True)]


class Dump(NamedTuple):
    """A dump in its parts. Rows of the document are by their names."""

    document: Row
    columns: dict[str, list[str]]
    orders: list[Orders]
    """The open ones, then the finished ones, both oldest first."""
    levels: np.ndarray

    def rows(self, name: str, values: Iterable[list[Any]]) -> Iterator[Row]:
        """Rows of one kind."""
        return (dict(zip(self.columns[name], row, strict=False)) for row in values)


def is_of_format_2(payload: bytes | memoryview) -> bool:
    """Whether a dump was written by the program before. Raises ValueError for no dump."""
    return bool(split_dump(payload)[0].get("format") == FORMAT)


def load_format_2(view: MarketView, payload: bytes | memoryview) -> None:
    """Fill an empty view. Raises ValueError, LookupError or TypeError for no such dump."""
    document, records = split_dump(payload)
    layout = order_layout(document["columns"]["order"])
    orders, at = [], 0
    for head in document["orders"]:
        end = at + head["count"] * layout.itemsize
        text_end = end + head["text_bytes"]
        orders.append(Orders(records[at:end].copy().view(layout), records[end:text_end].tobytes(), head["symbols"]))
        at = text_end
    levels = records[at:].copy().view(LEVEL_OF_FORMAT_2)
    if len(levels) != document["level_count"]:
        raise ValueError("there are other bytes behind the document than it says")
    fill_from(view, Dump(document, document["columns"], orders, levels))


def order_layout(columns: list[str]) -> np.dtype:
    """How orders of some columns lie as records."""
    names = [name for name in columns if name not in ("symbol", "client_id", "status")]
    return np.dtype(
        [(name, _NARROW.get(name, "i8")) for name in names]
        + [("symbol", "u4"), ("status", "u1"), ("client_id_end", "u8"), ("client_id_hash", "u4")]
    )


def fill_from(view: MarketView, dump: Dump) -> None:
    """Fill an empty view with what an older program wrote."""
    tranches = list(dump.rows("tranche", (row for row, *_ in dump.document["tranches"])))
    kept = _kept_trades(dump)
    symbols = {row["instrument_id"]: row["symbol"] for row in tranches}
    for instrument_id, symbol in _symbols_told(dump, kept):
        symbols.setdefault(instrument_id, symbol)
    places = {instrument_id: at for at, instrument_id in enumerate(sorted(symbols), 1)}
    accounts = list(dump.rows("account", (row for row, _ in dump.document["accounts"])))
    sections = {
        "account_ids": np.array([row["account_id"] for row in accounts], np.uint32),
        "accounts": _accounts(dump, accounts),
        "instruments": _instruments(dump, places, tranches, kept),
        **_orders(dump, places),
        "levels": _levels(dump.levels, places),
        "positions": _positions(dump, accounts, places),
        **_trades(dump, places, kept),
        **_candles(dump, places),
    }
    document = _document(dump, tranches, accounts) | {"symbols": [symbols[each] for each in sorted(symbols)]}
    fill_view(view, document, sections)


def _document(dump: Dump, tranches: list[Row], accounts: list[Row]) -> Row:
    """The same in the columns of this version; what is new is blank."""
    document = dump.document
    fills = document.get("fills")
    return {
        "counters": dict.fromkeys((*OWN_COUNTERS, *STORE_COUNTERS), 0) | document["counters"],
        "regions": document["regions"],
        "strains": [[row[0], *_today(dump, "strain", row[1:])] for row in document.get("strains", [])],
        "financing": _today(dump, "financing", document.get("financing", [])),
        "series": [[row[0], *_today(dump, "series", row[1:])] for row in document["series"]],
        "accounts": [_in_order("account", row) for row in accounts],
        "rules": [_today(dump, "rule", row) for row in document.get("rules", [])],
        "capacities": [_today(dump, "capacity", row) for row in document.get("capacities", [])],
        "tranches": [_in_order("tranche", row) for row in tranches],
        "ended_tranches": document["ended_tranches"],
        "fills_begin_after": (document["counters"]["sequence"], INDEX_END) if fills is None else fills["begins_after"],
        "deliveries": document.get("deliveries", {}),
    }


def _today(dump: Dump, name: str, values: list[Any]) -> list[Any]:
    return _in_order(name, dict(zip(dump.columns.get(name, []), values, strict=False)))


def _in_order(name: str, row: Row) -> list[Any]:
    return [row.get(column, blank) for column, blank in COLUMNS[name].items()]


def _kept_trades(dump: Dump) -> dict[tuple[int, int], Row]:
    """Every trade that is kept anywhere, by its name, in the order of names. `kept` says where."""
    fills = dump.document.get("fills") or {"executions": []}
    kept: dict[tuple[int, int], Row] = {}
    for execution in dump.rows("execution", fills["executions"]) if fills["executions"] else ():
        (trade,) = dump.rows("trade", [execution["trade"]])
        kept[trade["sequence"], trade["index"]] = trade | execution | {"kept": IN_MARKET}
    for trade in dump.rows("trade", dump.document["tape"]):
        kept.setdefault((trade["sequence"], trade["index"]), trade | {"kept": IN_MARKET})
    for *_, trades in dump.document["tranches"]:
        for trade in dump.rows("trade", trades):
            row = kept.setdefault((trade["sequence"], trade["index"]), trade | {"kept": 0})
            row["kept"] |= IN_TRANCHE
    return dict(sorted(kept.items()))


def _symbols_told(dump: Dump, kept: dict[tuple[int, int], Row]) -> Iterator[tuple[int, str]]:
    """Of tranches that are not shown any more, by their orders and trades."""
    yield from ((trade["instrument_id"], trade["symbol"]) for trade in kept.values())
    for orders in dump.orders:
        for instrument_id, symbol in set(orders.rows[["instrument_id", "symbol"]].tolist()):
            if orders.symbols[symbol]:
                yield instrument_id, orders.symbols[symbol]


def _accounts(dump: Dump, accounts: list[Row]) -> np.ndarray:
    rows = np.zeros(len(accounts), ACCOUNT)
    rows["is_open"] = 1
    for name in FIGURE_NAMES:
        rows[name] = [row.get(name, 0) for row in accounts]
    at = {row["account_id"]: place for place, row in enumerate(accounts)}
    for account_id, sequence, index in (dump.document.get("fills") or {"forgotten": []})["forgotten"]:
        rows[at[account_id]]["forgotten_sequence"], rows[at[account_id]]["forgotten_index"] = sequence, index
    return rows


def _instruments(
    dump: Dump, places: dict[int, int], tranches: list[Row], kept: dict[tuple[int, int], Row]
) -> np.ndarray:
    rows = np.zeros(len(places), INSTRUMENT)
    rows["instrument_id"] = list(places)
    rows["is_dropped"] = 1
    names = names_of(INSTRUMENT)
    for trade in kept.values():
        row = rows[places[trade["instrument_id"]] - 1]
        for name in ("tick_value_nano", "maker_fee_ppm", "taker_fee_ppm"):
            row[name] = trade.get(name, row[name])
    for tranche, (_, book_sequence, _) in zip(tranches, dump.document["tranches"], strict=True):
        row = rows[places[tranche["instrument_id"]] - 1]
        for name in set(tranche) & set(names):
            row[name] = tranche[name]
        row["book_sequence"], row["is_dropped"] = book_sequence, 0
        row["is_collecting"] = tranche["state"] in AUCTION_STATES
    return rows


def _orders(dump: Dump, places: dict[int, int]) -> Sections:
    parts, texts, clients = [], [], []
    for orders in dump.orders:
        rows = np.zeros(len(orders.rows), ORDER)
        for name in set(names_of(ORDER)) & set(orders.rows.dtype.names or ()):
            rows[name] = orders.rows[name]
        client_ids = orders.client_ids()
        is_known = np.array([bool(symbol) for symbol in orders.symbols] or [False])[orders.rows["symbol"]]
        placed = [places.get(instrument_id, 0) for instrument_id in rows["instrument_id"].tolist()]
        rows["instrument"] = np.where(is_known, placed, 0)
        rows["text_bytes"] = [len(each[:TEXT_BYTES]) for each in client_ids]
        # By account, where they are open.
        by_account = np.argsort(np.where(rows["status"] == OPEN, rows["account_id"], 0), kind="stable")
        parts.append(rows[by_account])
        named = [client_ids[place] for place in by_account.tolist() if client_ids[place]]
        texts += [each[:TEXT_BYTES] for each in named]
        clients += [client_key(each.decode("ascii")) for each in named]
    return {
        "orders": np.concatenate(parts),
        "clients": np.array(clients, CLIENT),
        "texts": np.frombuffer(b"".join(texts), np.uint8),
    }


def _levels(levels: np.ndarray, places: dict[int, int]) -> np.ndarray:
    rows = np.zeros(len(levels), LEVEL)
    rows["instrument"] = [places[instrument_id] for instrument_id in levels["instrument_id"].tolist()]
    for name in ("side", "price_ticks", "quantity_lots", "order_count"):
        rows[name] = levels[name]
    return rows


def _positions(dump: Dump, accounts: list[Row], places: dict[int, int]) -> np.ndarray:
    rows = []
    for account, (_, positions) in zip(accounts, dump.document["accounts"], strict=True):
        for position in dump.rows("position", positions):
            place = places[position["instrument_id"]]
            rows.append((0, position["lots"], position["cost_nano"], account["account_id"], place, 0, 0))
    return np.array(rows, POSITION)


def _trades(dump: Dump, places: dict[int, int], kept: dict[tuple[int, int], Row]) -> Sections:
    """Numbered so that the last one has the number of all trades so far."""
    rows = np.zeros(len(kept), TRADE)
    texts = []
    named = set(names_of(TRADE))
    for row, trade in zip(rows, kept.values(), strict=True):
        client_ids = [trade.get(name, "").encode() for name in ("client_id", "counter_client_id")]
        texts += client_ids
        for name in named & set(trade):
            row[name] = trade[name]
        row["instrument"] = places[trade["instrument_id"]]
        row["is_auction"] = trade["taker_side"] is None
        row["side"] = trade.get("side", trade["taker_side"] or 0)
        row["text_bytes"], row["counter_text_bytes"] = map(len, client_ids)
    rows["number"] = dump.document["counters"]["trades"] - np.arange(len(kept))[::-1]
    return {"trades": rows, "trade_texts": np.frombuffer(b"".join(texts), np.uint8)}


def _candles(dump: Dump, places: dict[int, int]) -> Sections:
    """The longer ones were kept without the latest minute."""
    kept: dict[tuple[int, int], list[Row]] = {}
    for row in dump.rows("candle", dump.document.get("candles", [])):
        kept.setdefault((places[row["instrument_id"]], INTERVALS_S.index(row["interval_s"])), []).append(row)
    chains, rows = np.zeros(len(INTERVALS_S) * len(places), CHAIN), []
    for place in places.values():
        latest = kept.get((place, 0), [])[-1:]
        for interval, interval_s in enumerate(INTERVALS_S):
            candles = kept.get((place, interval), [])
            for minute in latest if interval else ():
                candles = _with_minute(candles, minute, interval_s)
            chains[len(INTERVALS_S) * (place - 1) + interval]["count"] = len(candles)
            rows += candles
    stored = np.zeros(len(rows), CANDLE)
    for to, row in zip(stored, rows, strict=True):
        for name in set(row) & set(names_of(CANDLE)):
            to[name] = row[name]
        to["notional_high"], to["notional_low"] = divmod(row["notional"], 1 << 64)
    return {"chains": chains, "candles": stored}


def _with_minute(candles: list[Row], minute: Row, interval_s: int) -> list[Row]:
    """Let a minute be the last part of the longer candle in which it lies."""
    start_s = minute["start_s"] - minute["start_s"] % interval_s
    if not candles or candles[-1]["start_s"] != start_s:
        return [*candles, minute | {"start_s": start_s}]
    last = candles[-1]
    sums = {name: last[name] + minute[name] for name in ("lots", "notional", "trades")}
    high_ticks, low_ticks = (max(last["high_ticks"], minute["high_ticks"]), min(last["low_ticks"], minute["low_ticks"]))
    ends = {"high_ticks": high_ticks, "low_ticks": low_ticks, "close_ticks": minute["close_ticks"]}
    return [*candles[:-1], last | sums | ends]
