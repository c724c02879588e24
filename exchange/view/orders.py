"""Orders by id, by client id and by account, made of the rows in which they are kept."""

from operator import itemgetter

import numpy as np

from exchange.commands import client_key
from exchange.view.columns.reading import client_row, list_open_orders, order_row, order_rows
from exchange.view.columns.schema import NIL, ORDER, TEXT_BYTES
from exchange.view.columns.store import Store
from exchange.view.records import STATUSES, OrderView
from kernels.records import names_of, picked

ORDER_ID_END = 1 << 63

_AT = {name: at for at, name in enumerate(names_of(ORDER))}
_NAMES = ("order_id", "account_id", "instrument_id")
_TERMS = ("side", "price_ticks", "quantity_lots", "filled_lots", "leaves_lots")
_REST = ("reason", "time_in_force", "flags", "created_ns", "updated_ns", "sequence", "display_lots", "minimum_lots")
_names = itemgetter(*(_AT[name] for name in _NAMES))
_terms = itemgetter(*(_AT[name] for name in _TERMS))
_rest = itemgetter(*(_AT[name] for name in (*_REST, "label", "session_id")))
_INSTRUMENT, _STATUS, _TEXT = _AT["instrument"], _AT["status"], _AT["text_bytes"]


def find_order(store: Store, order_id: int) -> OrderView | None:
    """The newest order of an id, unless it was never taken or is long finished."""
    if not 0 < order_id < ORDER_ID_END:
        return None
    return _order_or_none(store, order_row(store.columns, np.uint64(order_id)))


def find_many(store: Store, order_ids: np.ndarray) -> np.ndarray:
    """ORDER records of the newest orders of ids that orders have had; those that are forgotten are all zeros."""
    rows = np.zeros(len(order_ids), np.int64)
    order_rows(store.columns, order_ids, rows)
    found = picked(store.columns.orders, rows)
    found[rows == NIL] = np.zeros((), ORDER)
    return found


def find_by_client(store: Store, account_id: int, client_id: str) -> OrderView | None:
    """The newest order of an account under a client id, refused ones included."""
    try:
        high, low = client_key(client_id)
    except ValueError:
        return None  # no order can have such a one
    if not client_id or not 0 <= account_id < len(store.columns.accounts):
        return None
    return _order_or_none(store, client_row(store.columns, account_id, np.uint64(high), np.uint64(low)))


def open_orders(store: Store, account_id: int) -> list[OrderView]:
    """The open orders of an account that there is, oldest first."""
    columns = store.columns
    rows = np.zeros(int(columns.accounts[account_id]["order_count"]), np.uint32)
    list_open_orders(columns, account_id, rows)
    return orders_of(store, rows)


def finished_orders(store: Store) -> list[OrderView]:
    """Those that ended lately, refusals included, the newest last."""
    counters, ring = store.counters, store.columns.finished
    numbers = np.arange(int(counters["finished_oldest"]), int(counters["finished_end"]))
    return orders_of(store, ring[numbers & len(ring) - 1])


def orders_of(store: Store, rows: np.ndarray) -> list[OrderView]:
    """The orders of some rows."""
    fields = store.columns.orders[rows].tolist()
    return [_order(store, row, each) for row, each in zip(rows.tolist(), fields, strict=True)]


def _order_or_none(store: Store, row: int) -> OrderView | None:
    return None if row == NIL else _order(store, row, store.columns.orders[row].item())


def _order(store: Store, row: int, fields: tuple[int, ...]) -> OrderView:
    client_id = text_of(store.columns.texts, row * TEXT_BYTES, fields[_TEXT])
    told = (*_names(fields), store.symbols[fields[_INSTRUMENT]], client_id, *_terms(fields), STATUSES[fields[_STATUS]])
    return OrderView(*told, *_rest(fields))


def text_of(texts: np.ndarray, start: int, length: int) -> str:
    """A client id."""
    return texts[start : start + length].tobytes().decode("ascii", errors="replace") if length else ""
