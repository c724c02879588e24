"""The read model: a pure function of published batches. No clock, no I/O; the loop's thread alone touches it.

batch -> follow the commands and events of orders in compiled code, and the others in their place among them
      -> set the accounts' figures

What positions and orders require is worked out by the venue alone; what it left of each account's money comes with the
batch. Batches that are replayed bring none: whoever replays sets the figures of all accounts in the end.
"""

from collections import deque
from typing import Self
from weakref import ref

import numpy as np

from exchange.published import Published
from exchange.venue.figures import Figures
from exchange.view.batches import BatchReader
from exchange.view.candles import Candles
from exchange.view.columns.dumping import CopyMemory
from exchange.view.columns.figures import set_figures
from exchange.view.columns.follow import BEGIN, Commands, Events, follow
from exchange.view.columns.levels import forget_all_touched
from exchange.view.columns.reading import count_positions, list_positions
from exchange.view.columns.schema import Bounds
from exchange.view.columns.store import Store
from exchange.view.deliveries import Deliveries
from exchange.view.fills import Fills
from exchange.view.format_2 import is_of_format_2, load_format_2
from exchange.view.orders import find_by_client, find_many, find_order, finished_orders, open_orders
from exchange.view.records import (
    AccountView,
    Balances,
    CapacityView,
    Financing,
    OrderView,
    PositionView,
    RegionStrain,
    SeriesTerms,
    TradeView,
    TrancheView,
)
from exchange.view.storage import FrozenView, freeze_view, load_view
from exchange.view.trades import tape
from exchange.view.venue_flow import APPLY_VENUE_EVENT, BEGIN_COMMAND

ROWS_PER_RECORD_MAX = 3
"""A trade may begin so many candles, and nothing needs more rows of a pool."""


class MarketView:
    """Everything that readers ask for, as of the last batch.

    What it keeps of accounts, tranches and deliveries is live: read it, never change it. Orders, trades and positions
    are values.
    """

    def __init__(self, bounds: Bounds = Bounds()) -> None:  # noqa: B008 - a tuple of integers
        self.store = Store(bounds)
        self.store.columns.begun_outside[list(BEGIN_COMMAND)] = 1
        self.store.columns.applied_outside[list(APPLY_VENUE_EVENT)] = 1
        self.sequence = 0
        """Of the last record applied."""
        self.time_ns = 0
        """Venue time of the last batch."""
        self.market_halted = False
        self.fund_nano = 0
        """What is in the insurance fund."""
        self.regions: dict[int, str] = {}
        self.strains: dict[int, RegionStrain] = {}
        """By region; those of which nothing was told are not there."""
        self.financing = Financing()
        self.series: dict[int, SeriesTerms] = {}
        self.accounts: dict[int, AccountView] = {}
        self.account_by_name: dict[str, int] = {}
        self.tranches: dict[int, TrancheView] = {}
        self.tranche_by_symbol: dict[str, int] = {}
        self.symbol_changes = 0
        """How often any symbol began or ceased to name a tranche."""
        self.tranche_by_row: dict[int, TrancheView] = {}
        self.ended_tranches: deque[int] = deque()
        """Tranches at the end of their life, oldest first: the next to be dropped."""
        self.deliveries = Deliveries()
        self.fills = Fills(self.store)
        """What each account traded."""
        self.candles = Candles(self.store)
        self.capacities: dict[int, CapacityView] = {}
        """Of all providers, by id; one that is over may still be there."""
        self.endpoint_at_work = ""
        """Of the capacity whose registration is being applied."""
        self.correction_reason = ""
        """Why the correction at work is made."""
        self._copy_memory = CopyMemory()
        self._frozen: ref[FrozenView] | None = None
        """Who has that memory now, or had it last."""
        self._unread_events = 0
        """Since the last `take_changed`, or since unread changes were forgotten."""

    @property
    def commands(self) -> int:
        """Commands so far, ticks and refusals included, a group counted once."""
        return int(self.store.counters["commands"])

    @property
    def trades(self) -> int:
        """How many there were so far."""
        return int(self.store.counters["trades"])

    @property
    def resting_orders(self) -> int:
        """How many orders are in the books."""
        return int(self.store.counters["resting_orders"])

    @property
    def tape(self) -> list[TradeView]:
        """The latest trades of all tranches, the newest last."""
        return tape(self.store)

    def apply(self, batch: Published) -> None:
        """Take in the batch that follows the last one."""
        self._forget_unread(len(batch.events))
        self.time_ns = batch.time_ns
        if len(batch.events):
            self.store.make_room(ROWS_PER_RECORD_MAX * (len(batch.commands) + len(batch.events)))
            self._follow(batch)
        if batch.figures is not None:
            self.set_figures(batch.figures)
        self.sequence = batch.first_sequence + len(batch.commands) - 1

    def set_figures(self, figures: np.ndarray) -> None:
        """Take over the money and standing of accounts from FIGURES records."""
        if len(figures):
            set_figures(self.store.columns, Figures(figures))

    def show_tranche(self, tranche: TrancheView) -> None:
        """Let a tranche be found by its names."""
        self.tranches[tranche.instrument_id] = tranche
        self.tranche_by_symbol[tranche.symbol] = tranche.instrument_id
        self.symbol_changes += 1
        self.tranche_by_row[tranche.moving.row] = tranche

    def take_changed(self) -> list[TrancheView]:
        """The tranches that changed since the last call, each once; their books hold the changes by level."""
        self._unread_events = 0
        return [self.tranche_by_row[row] for row in self.store.take_changed()]

    def order(self, order_id: int) -> OrderView | None:
        """An order by its id, unless it was never taken or is long finished."""
        return find_order(self.store, order_id)

    def orders_by_id(self, order_ids: np.ndarray) -> np.ndarray:
        """ORDER records of many orders, as they are kept; zeros for those that are long finished."""
        return find_many(self.store, order_ids)

    def order_by_client_id(self, account_id: int, client_id: str) -> OrderView | None:
        """The newest order of an account under a client id, refused ones included."""
        return find_by_client(self.store, account_id, client_id)

    def open_orders(self, account_id: int) -> list[OrderView]:
        """An account's resting orders, oldest first; none for an unknown account."""
        return open_orders(self.store, account_id) if account_id in self.accounts else []

    def finished_orders(self) -> list[OrderView]:
        """The orders of all accounts that ended lately, refused ones included, the newest last."""
        return finished_orders(self.store)

    def positions(self, account_id: int) -> list[PositionView]:
        """What an account holds, in the order in which it was opened; nothing for an unknown account."""
        if account_id not in self.accounts:
            return []
        columns = self.store.columns
        rows = np.zeros(count_positions(columns, account_id), np.uint32)
        list_positions(columns, account_id, rows)
        held = columns.positions[rows]
        tranches = map(self.tranche_by_row.__getitem__, held["instrument"].tolist())
        return list(map(PositionView, tranches, held["lots"].tolist(), held["cost_nano"].tolist()))

    def balances(self, account_id: int) -> Balances:
        """An account's money. Raises KeyError for an unknown account."""
        account = self.accounts[account_id]
        cash_nano, margin_nano = account.cash_nano, account.margin_nano
        equity_nano = cash_nano + account.unsettled_nano
        free_nano = equity_nano - margin_nano
        withdrawable_nano = max(min(free_nano, cash_nano), 0)
        figures = cash_nano, equity_nano, margin_nano, free_nano, withdrawable_nano
        return Balances(*figures, account.fees_nano, account.add_on_nano)

    def __eq__(self, other: object) -> bool:
        """Whether readers see the same."""
        if not isinstance(other, MarketView):
            return NotImplemented
        return self.dump() == other.dump()

    __hash__ = None  # type: ignore[assignment]  # it changes with every batch

    def make_room(self, rows: int) -> None:
        """Let there be room, and memory given out, for so many orders more, or trades, or whatever has rows.

        A frozen copy of as many has memory as well. Where there are more already, the first one has to wait for it, and
        not the opening of the market.
        """
        self.store.make_room(rows)
        self.store.give_out(rows)
        self._copy_memory.reserve(self.store.columns, rows)

    def freeze(self) -> FrozenView:
        """All of it as it stands, for a snapshot; what readers have not yet taken is left out."""
        is_free = self._frozen is None or self._frozen() is None
        frozen = freeze_view(self, self._copy_memory if is_free else CopyMemory())
        if is_free:
            self._frozen = ref(frozen)
        return frozen

    def dump(self) -> bytes | memoryview:
        """All of it as bytes."""
        return self.freeze().dump()

    @classmethod
    def load(cls, payload: bytes | memoryview, bounds: Bounds = Bounds()) -> Self:  # noqa: B008 - as above
        """The view that `dump` wrote. Raises ValueError for anything else."""
        view = cls(bounds)
        try:
            (load_format_2 if is_of_format_2(payload) else load_view)(view, payload)
        except (ValueError, LookupError, TypeError) as error:
            raise ValueError(f"this is no dump of a market view that this version reads: {error!r}") from error
        return view

    def _follow(self, batch: Published) -> None:
        """What is rare is begun and applied here, at its place among the others."""
        reader: BatchReader | None = None
        commands, events = Commands(np.ascontiguousarray(batch.commands)), Events(np.ascontiguousarray(batch.events))
        self.store.counters["sequence"] = 0
        terms = batch.first_sequence, batch.time_ns
        at, wanted = follow(self.store.columns, commands, events, *terms, 0)
        while at < len(batch.events):
            reader = reader or BatchReader(batch)
            if wanted == BEGIN:
                sequence = int(batch.events[at]["sequence"])
                BEGIN_COMMAND[reader.kind(sequence)](self, reader, sequence)
            else:
                layout, apply_venue_event = APPLY_VENUE_EVENT[int(batch.events[at]["kind"])]
                apply_venue_event(self, reader.event(at, layout))
                at += 1
            at, wanted = follow(self.store.columns, commands, events, *terms, at)

    def _forget_unread(self, more_events: int) -> None:
        if self._unread_events > self.store.bounds.unread_events:
            self._unread_events = 0
            forget_all_touched(self.store.columns)
        self._unread_events += more_events
