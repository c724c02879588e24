"""The read model: a pure function of published batches. No clock, no I/O; the loop's thread alone touches it.

batch -> BatchReader -> begin what each command enters -> apply its events, one by one -> set the accounts' figures

What positions and orders require is worked out by the venue alone; what it left of each account's money comes with the
batch. Batches that are replayed bring none: whoever replays sets the figures of all accounts in the end.
"""

from collections import deque
from dataclasses import dataclass, field, fields
from typing import Self

import numpy as np

from exchange.published import Published
from exchange.venue.schema import Event
from exchange.view.batches import KIND, SEQUENCE, BatchReader, OrderEvent
from exchange.view.candles import Candles
from exchange.view.deliveries import Deliveries
from exchange.view.fills import Fills
from exchange.view.order_flow import APPLY_ORDER_EVENT, begin_order, reject_order
from exchange.view.orders import OrderIndex
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
from exchange.view.venue_flow import APPLY_VENUE_EVENT, BEGIN_COMMAND
from risk.schema import Standing

TAPE_KEPT = 1_000
UNREAD_EVENTS_MAX = 16_384
"""After so many events, levels that changed are forgotten if no reader came; one that comes after each batch misses
nothing."""
_REJECTED = int(Event.REJECTED)
SOUND, NOTED = int(Standing.SOUND), int(Standing.NOTED)
"""Who was only noted has not been looked at: nothing is told of it."""
_ENTERS_NOTHING = frozenset(map(int, (Event.REPEATED, Event.BASKET_KILLED)))


@dataclass(slots=True, eq=False)
class MarketView:
    """Everything that readers ask for, as of the last batch. What it returns is live: read it, never change it."""

    sequence: int = 0
    """Of the last record applied."""
    time_ns: int = 0
    """Venue time of the last batch."""
    commands: int = 0
    """Commands so far, ticks and refusals included, a group counted once."""
    trades: int = 0
    resting_orders: int = 0
    market_halted: bool = False
    fund_nano: int = 0
    """What is in the insurance fund."""
    regions: dict[int, str] = field(default_factory=dict)
    strains: dict[int, RegionStrain] = field(default_factory=dict)
    """By region; those of which nothing was told are not there."""
    financing: Financing = field(default_factory=Financing)
    series: dict[int, SeriesTerms] = field(default_factory=dict)
    accounts: dict[int, AccountView] = field(default_factory=dict)
    account_by_name: dict[str, int] = field(default_factory=dict)
    tranches: dict[int, TrancheView] = field(default_factory=dict)
    tranche_by_symbol: dict[str, int] = field(default_factory=dict)
    ended_tranches: deque[int] = field(default_factory=deque)
    """Tranches at the end of their life, oldest first: the next to be dropped."""
    deliveries: Deliveries = field(default_factory=Deliveries)
    orders: OrderIndex = field(default_factory=OrderIndex)
    tape: deque[TradeView] = field(default_factory=lambda: deque(maxlen=TAPE_KEPT))
    """The latest trades of all tranches, the newest last."""
    fills: Fills = field(default_factory=Fills)
    """What each account traded."""
    candles: Candles = field(default_factory=Candles)
    capacities: dict[int, CapacityView] = field(default_factory=dict)
    """Of all providers, by id; one that is over may still be there."""
    endpoint_at_work: str = field(default="", compare=False)
    """Of the capacity whose registration is being applied."""
    changed: dict[int, TrancheView] = field(default_factory=dict, compare=False)
    """Tranches whose book, state, reference or trades changed since the last `take_changed`."""
    correction_reason: str = field(default="", compare=False)
    """Why the correction at work is made."""
    _unread_events: int = field(default=0, compare=False)
    """Since then, or since unread changes were forgotten."""

    def apply(self, batch: Published) -> None:
        """Take in the batch that follows the last one."""
        self._forget_unread(len(batch.events))
        reader = BatchReader(batch)
        self.time_ns = batch.time_ns
        sequence = 0
        for position, event in enumerate(reader.events()):
            if event[SEQUENCE] != sequence:
                sequence = event[SEQUENCE]
                self.commands += 1
                self._begin_command(reader, event)
            kind = event[KIND]
            if kind in APPLY_ORDER_EVENT:
                APPLY_ORDER_EVENT[kind](self, event)
            elif kind in APPLY_VENUE_EVENT:
                layout, apply_venue_event = APPLY_VENUE_EVENT[kind]
                apply_venue_event(self, reader.event(position, layout))
        if batch.figures is not None:
            self.set_figures(batch.figures)
        self.sequence = batch.first_sequence + len(batch.commands) - 1

    def set_figures(self, figures: np.ndarray) -> None:
        """Take over the money and standing of accounts from FIGURES records."""
        for account_id, standing, cash_nano, unsettled_nano, margin_nano, gross_nano, fees_nano in figures.tolist():
            account = self.accounts.get(account_id)
            if account is None:
                continue  # a refused command may name an account that is not open
            account.cash_nano = cash_nano
            account.unsettled_nano = unsettled_nano
            account.margin_nano = margin_nano
            account.gross_nano = gross_nano
            account.fees_nano = fees_nano
            account.standing = SOUND if standing == NOTED else standing

    def take_changed(self) -> list[TrancheView]:
        """The tranches that changed since the last call, each once; their books hold the changes by level."""
        changed, self.changed = self.changed, {}
        self._unread_events = 0
        return list(changed.values())

    def order(self, order_id: int) -> OrderView | None:
        """An order by its id, unless it was never taken or is long finished."""
        return self.orders.find(order_id, self.accounts)

    def order_by_client_id(self, account_id: int, client_id: str) -> OrderView | None:
        """The newest order of an account under a client id, refused ones included."""
        return self.orders.find_by_client(account_id, client_id, self.accounts)

    def open_orders(self, account_id: int) -> list[OrderView]:
        """An account's resting orders, oldest first; none for an unknown account."""
        account = self.accounts.get(account_id)
        if account is None:
            return []
        self.orders.unpack_account(account, self.accounts)
        return list(account.orders.values())

    def positions(self, account_id: int) -> list[PositionView]:
        """What an account holds, in the order in which it was opened; nothing for an unknown account."""
        account = self.accounts.get(account_id)
        return list(account.positions.values()) if account else []

    def balances(self, account_id: int) -> Balances:
        """An account's money. Raises KeyError for an unknown account."""
        account = self.accounts[account_id]
        equity_nano = account.cash_nano + account.unsettled_nano
        free_nano = equity_nano - account.margin_nano
        return Balances(
            account.cash_nano,
            equity_nano,
            account.margin_nano,
            free_nano,
            max(min(free_nano, account.cash_nano), 0),
            account.fees_nano,
        )

    def __eq__(self, other: object) -> bool:
        """Whether readers see the same. It brings all packed orders in, of both."""
        if not isinstance(other, MarketView):
            return NotImplemented
        for view in (self, other):
            view.orders.unpack_all(view.accounts)
        return all(getattr(self, each.name) == getattr(other, each.name) for each in fields(self) if each.compare)

    def freeze(self) -> FrozenView:
        """All of it as it stands, for a snapshot; what readers have not yet taken is left out."""
        return freeze_view(self)

    def dump(self) -> bytes | memoryview:
        """All of it as bytes."""
        return self.freeze().dump()

    @classmethod
    def load(cls, payload: bytes | memoryview) -> Self:
        """The view that `dump` wrote. Raises ValueError for anything else."""
        view = cls()
        load_view(view, payload)
        return view

    def _begin_command(self, reader: BatchReader, first_event: tuple) -> None:
        begin = BEGIN_COMMAND.get(reader.kind(first_event[SEQUENCE]))
        if begin is None or first_event[KIND] in _ENTERS_NOTHING:
            return
        if first_event[KIND] != _REJECTED:
            begin(self, reader, first_event[SEQUENCE])
        elif begin is begin_order:
            reject_order(self, reader, OrderEvent._make(first_event))

    def _forget_unread(self, more_events: int) -> None:
        if self._unread_events > UNREAD_EVENTS_MAX:
            self._unread_events = 0
            for tranche in self.changed.values():
                tranche.book.forget_unread()
        self._unread_events += more_events
