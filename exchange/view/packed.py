"""Orders as records: how snapshots hold them, and how orders that nobody has touched since a restart stay in memory.

A record takes a tenth of the memory of an object and no time to load, so a market of a million resting orders is back
at once. `PackedOrders` finds a record by the order's id, by its client id or by its account, and gives each out once,
as an object that lives on elsewhere.
"""

from collections.abc import Iterable, Iterator
from dataclasses import fields
from operator import attrgetter
from typing import NamedTuple
from zlib import crc32

import numpy as np

from exchange.view.records import CANCELLED, FILLED, KILLED, OPEN, REJECTED, OrderView

STATUSES = (OPEN, FILLED, CANCELLED, KILLED, REJECTED)

_NAMES = tuple(field.name for field in fields(OrderView))
_NUMBERS = tuple(name for name in _NAMES if name not in ("symbol", "client_id", "status"))
_NARROW = {
    "order_id": "u8",
    "sequence": "u8",
    "account_id": "u4",
    "instrument_id": "u4",
    "price_ticks": "i4",
    "reason": "u2",
    "side": "u1",
    "time_in_force": "u1",
    "flags": "u1",
}
PACKED_ORDER = np.dtype(
    [(name, _NARROW.get(name, "i8")) for name in _NUMBERS]
    + [("symbol", "u4"), ("status", "u1"), ("client_id_end", "u8"), ("client_id_hash", "u4")]
)
"""Numbers as they are; `symbol` and `status` as places in lists; where the client id ends in a text of all of them."""

_numbers = attrgetter(*_NUMBERS)
_LOW = np.uint64((1 << 32) - 1)
_HIGH = np.uint64(32)


class Packed(NamedTuple):
    """Orders as records, and what their numbers stand for."""

    rows: np.ndarray  # PACKED_ORDER
    text: bytes  # all client ids, one behind the other
    symbols: list[str]

    def order(self, place: int) -> OrderView:
        """One record as the order that it was packed from."""
        row = dict(zip(PACKED_ORDER.names or (), self.rows[place].item(), strict=True))
        texts = {
            "symbol": self.symbols[row["symbol"]],
            "client_id": self.client_id(place).decode(),
            "status": STATUSES[row["status"]],
        }
        return OrderView(**{name: texts[name] if name in texts else row[name] for name in _NAMES})

    def client_id(self, place: int) -> bytes:
        """The client id of one record."""
        start = int(self.rows[place - 1]["client_id_end"]) if place else 0
        return self.text[start : int(self.rows[place]["client_id_end"])]

    def arranged(self, places: np.ndarray) -> "Packed":
        """The records at some places, in the order of the places."""
        ends = self.rows["client_id_end"].astype(np.int64)
        starts = np.concatenate([[0], ends[:-1]])[places]
        lengths = ends[places] - starts
        new_ends = np.cumsum(lengths)
        letters = np.repeat(starts - new_ends + lengths, lengths) + np.arange(lengths.sum())
        rows = self.rows[places]
        rows["client_id_end"] = new_ends
        return Packed(rows, np.frombuffer(self.text, np.uint8)[letters].tobytes(), self.symbols)

    def with_symbols(self, symbols: list[str]) -> "Packed":
        """The same with another list of symbols, which holds those of all records."""
        at = {symbol: place for place, symbol in enumerate(symbols)}
        places = np.array([at.get(symbol, 0) for symbol in self.symbols] or [0], np.uint32)
        rows = self.rows.copy()
        rows["symbol"] = places[rows["symbol"]]
        return Packed(rows, self.text, symbols)

    def symbols_used(self) -> set[str]:
        """The symbols that records name."""
        return {self.symbols[place] for place in np.unique(self.rows["symbol"]).tolist()}


def pack_orders(orders: Iterable[OrderView]) -> Packed:
    """Orders as records, in their order."""
    symbols: dict[str, int] = {}
    rows: list[tuple[int, ...]] = []
    text = bytearray()
    for order in orders:
        client_id = order.client_id.encode()
        text += client_id
        symbol = symbols.setdefault(order.symbol, len(symbols))
        rows.append((*_numbers(order), symbol, STATUSES.index(order.status), len(text), crc32(client_id)))
    return Packed(np.array(rows, PACKED_ORDER), bytes(text), list(symbols))


def join_packed(parts: list[Packed]) -> Packed:
    """Several packs as one, with the symbols in the order of the alphabet."""
    symbols = sorted(set[str]().union(*(part.symbols_used() for part in parts)))
    rows = np.concatenate([np.empty(0, PACKED_ORDER), *(part.with_symbols(symbols).rows for part in parts)])
    first = end = 0
    for part in parts:
        rows["client_id_end"][first : first + len(part.rows)] += np.uint64(end)
        first, end = first + len(part.rows), end + len(part.text)
    return Packed(rows, b"".join(part.text for part in parts), symbols)


def oldest_first(packed: Packed) -> Packed:
    """The same records by time and id. An order's id tells its age among those of one moment."""
    rows = packed.rows
    places = np.lexsort((rows["order_id"], rows["created_ns"]))
    return packed if (places[1:] > places[:-1]).all() else packed.arranged(places)


class PackedOrders:
    """Open orders, oldest first, of which each is given out once."""

    def __init__(self, packed: Packed) -> None:
        rows = packed.rows
        self.packed = packed
        self.taken = np.zeros(len(rows), np.bool_)
        places = np.arange(len(rows), dtype=np.uint64)
        self._ids = np.ascontiguousarray(rows["order_id"])
        self._by_id = None if (self._ids[1:] > self._ids[:-1]).all() else np.argsort(self._ids)
        # A key above a place sorts into the order of keys, and of places where keys are equal.
        self._by_account = np.sort(rows["account_id"].astype(np.uint64) << _HIGH | places)
        self._by_client = np.sort(rows["client_id_hash"].astype(np.uint64) << _HIGH | places)

    def take_by_id(self, order_id: int) -> OrderView | None:
        """The order of an id, if it is still here."""
        at = int(np.searchsorted(self._ids, np.uint64(order_id), sorter=self._by_id))
        if at == len(self._ids):
            return None
        place = at if self._by_id is None else int(self._by_id[at])
        return self._take(place) if self._ids[place] == order_id else None

    def take_by_client(self, account_id: int, client_id: str) -> OrderView | None:
        """The order of an account under a client id, if it is still here."""
        wanted = client_id.encode()
        for place in _places(self._by_client, crc32(wanted)):
            if self.packed.rows[place]["account_id"] == account_id and self.packed.client_id(place) == wanted:
                return self._take(place)
        return None

    def take_account(self, account_id: int) -> Iterator[OrderView]:
        """All of an account's that are still here, oldest first."""
        orders = (self._take(place) for place in _places(self._by_account, account_id))
        return (order for order in orders if order is not None)

    def _take(self, place: int) -> OrderView | None:
        if self.taken[place]:
            return None
        self.taken[place] = True
        return self.packed.order(place)


def _places(keyed: np.ndarray, key: int) -> list[int]:
    """The places under a key."""
    first = np.searchsorted(keyed, np.uint64(key << 32), "left")
    end = np.searchsorted(keyed, np.uint64(key << 32) | _LOW, "right")
    return (keyed[first:end] & _LOW).tolist()
