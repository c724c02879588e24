"""Everything that stands, of all accounts, at one moment: copied by the sequencer in one go, worked on by who reads it.

What the list of accounts shows is in `census`. This is for what depends on each position and each open order: who would
fall if prices moved, and who holds what. Only rows that were ever in use are copied, bytes as they lie, into memory
that its reader got ahead. A market with more than `ROWS_MAX` of anything is not looked at as a whole: the sequencer
would stand still for too long.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from time import perf_counter_ns
from typing import NamedTuple

import numpy as np

from exchange.sequencer import Overloaded
from exchange.venue.machine import Venue
from matching.layout import ACCOUNT_MASK, HOLDER_ICEBERG
from risk.schema import SCENARIOS

ROWS_MAX = 1 << 20

Rooms = Mapping[str, np.ndarray]


class TooLarge(Overloaded):
    """The market has more positions or orders than are looked at as a whole."""


class Holdings(NamedTuple):
    """Columns of the positions that hold lots or stand for open orders, in no order that means anything."""

    instrument_slot: np.ndarray
    account_id: np.ndarray
    lots: np.ndarray
    buy_lots: np.ndarray  # in open orders
    sell_lots: np.ndarray
    class_slot: np.ndarray

    @property
    def worst_lots(self) -> np.ndarray:
        """The most lots that each position may come to have, either way."""
        return np.maximum(np.abs(self.lots + self.buy_lots), np.abs(self.lots - self.sell_lots))

    @property
    def short_lots(self) -> np.ndarray:
        """The most that each may come to be short of."""
        return np.maximum(self.sell_lots - self.lots, 0)

    def chosen(self, mask: np.ndarray) -> "Holdings":
        """Those of a mask."""
        return Holdings(*(column[mask] for column in self))


class OpenOrders(NamedTuple):
    """Columns of the orders that rest, in no order that means anything."""

    account_id: np.ndarray
    instrument_slot: np.ndarray
    is_sell: np.ndarray
    limit_ticks: np.ndarray
    lots: np.ndarray  # shown or not


@dataclass(frozen=True, eq=False)
class WholeBook:
    """The market after one command, as risk knows it: arrays of the venue, as far as they are in use."""

    sequence: int
    time_ns: int
    taken_ns: int
    pause_ns: int
    """How long the sequencer stood still for it."""
    fund_nano: int
    accounts: np.ndarray
    providers: np.ndarray
    positions: np.ndarray
    classes: np.ndarray
    losses: np.ndarray
    contracts: np.ndarray
    ramps: np.ndarray
    shocks: np.ndarray
    base_shocks: np.ndarray
    deliveries: np.ndarray
    regions: np.ndarray
    orders: np.ndarray
    icebergs: np.ndarray
    levels: np.ndarray
    slots_end: int
    """How many slots the venue has for instruments, a power of two."""

    def age_ms(self) -> int:
        """How long ago it was taken."""
        return (perf_counter_ns() - self.taken_ns) // 1_000_000

    def touched_rooms(self) -> dict[str, np.ndarray]:
        """Memory for the next one, with room for some rows more, which the system has given out."""
        return {name: _touched(array) for name, array in vars(self).items() if isinstance(array, np.ndarray)}

    @cached_property
    def holdings(self) -> Holdings:
        """All positions. Column by column: numpy would go through records field by field."""
        slots = np.flatnonzero(self.positions["account_id"])
        instrument_id, *columns = (
            self.positions[name][slots].astype(np.int64) for name in ("instrument_id", *Holdings._fields[1:])
        )
        return Holdings(instrument_id & (self.slots_end - 1), *columns)

    @cached_property
    def open_orders(self) -> OpenOrders:
        """All orders that rest."""
        slots = np.flatnonzero(self.orders["order_id"])
        holders, levels = self.orders["holder"][slots], self.orders["level"][slots]
        is_iceberg = holders & np.uint32(HOLDER_ICEBERG) != 0
        instrument_side = self.levels["instrument_side"][levels].astype(np.int64)
        return OpenOrders(
            account_id=(holders & np.uint32(ACCOUNT_MASK)).astype(np.int64),
            instrument_slot=(instrument_side >> 1) & (self.slots_end - 1),
            is_sell=(instrument_side & 1) != 0,
            limit_ticks=self.levels["price_ticks"][levels].astype(np.int64),
            lots=self.orders["leaves_lots"][slots] + np.where(is_iceberg, self.icebergs["reserve_lots"][slots], 0),
        )


def read_whole(venue: Venue, rooms: Rooms) -> WholeBook:
    """Copy the market, into `rooms` as far as there is enough. The venue must be at rest. Raises TooLarge."""
    begin_ns = perf_counter_ns()
    used = _rows_in_use(venue)
    if max(used[name] for name in ("positions", "classes", "orders", "levels")) > ROWS_MAX:
        raise TooLarge(f"more than {ROWS_MAX} positions or orders are not looked at as a whole")
    state = venue.state
    parts = vars(state) | vars(state.ledger) | vars(state.book) | vars(state.clearing)
    copies = {name: _copied_into(rooms.get(name), parts[name], rows) for name, rows in used.items()}
    taken_ns = perf_counter_ns()
    return WholeBook(
        sequence=venue.sequence,
        time_ns=venue.time_ns,
        taken_ns=taken_ns,
        pause_ns=taken_ns - begin_ns,
        fund_nano=int(state.ledger.totals[0]["fund_nano"]),
        slots_end=len(state.ledger.contracts),
        **copies,
    )


def _rows_in_use(venue: Venue) -> dict[str, int]:
    state = venue.state
    totals, counters, clock = state.ledger.totals[0], state.book.counters[0], state.clock[0]
    accounts, orders = int(totals["accounts_end"]), int(counters["fresh_order"])
    classes = int(totals["fresh_class"])
    instruments = min(int(clock["next_instrument_id"]), len(state.ledger.contracts))
    of_instruments = dict.fromkeys(("contracts", "ramps", "deliveries"), instruments)
    return of_instruments | {
        "accounts": accounts,
        "providers": accounts,
        "positions": int(totals["fresh_position"]),
        "classes": classes,
        "losses": classes * SCENARIOS,
        "shocks": instruments * SCENARIOS,
        "base_shocks": instruments * SCENARIOS,
        "regions": int(clock["region_count"]) + 1,
        "orders": orders,
        "icebergs": orders,
        "levels": int(counters["fresh_level"]),
    }


def _copied_into(room: np.ndarray | None, array: np.ndarray, rows: int) -> np.ndarray:
    copy = room[:rows] if room is not None and len(room) >= rows else np.empty(rows, array.dtype)
    np.copyto(copy.view(np.uint8), array[:rows].view(np.uint8))
    return copy


def _touched(array: np.ndarray) -> np.ndarray:
    room = np.empty(len(array) + len(array) // 8 + 16, array.dtype)
    room.view(np.uint8).fill(0)
    return room
