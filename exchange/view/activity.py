"""What accounts sent and traded, counted from journaled batches: it makes no difference through which door it came."""

from collections import Counter
from dataclasses import replace

import numpy as np

from exchange.kinds import TRADE_KINDS
from exchange.published import Published
from exchange.venue.closing import FORCED_ID_BIT
from exchange.venue.schema import Command
from exchange.view.columns.activity import (
    ACTIVITY,
    CANCELS,
    ORDERS,
    REPLACES,
    Counts,
    count_commands,
    count_trades,
)
from exchange.view.columns.follow import Commands, Events
from exchange.view.market import MarketView
from exchange.view.records import FORCED_ID_MASK

_COUNTED_AS = {
    Command.PLACE: ORDERS,
    Command.LEG: ORDERS,
    Command.QUOTE: ORDERS,
    Command.REPLACE: REPLACES,
    Command.CANCEL: CANCELS,
    Command.MASS_CANCEL: CANCELS,
}
"""Commands of one account's orders, and records behind the head of a group that bring an order each."""
_HEADS = {*_COUNTED_AS, Command.BASKET, Command.MASS_QUOTE} - {Command.LEG, Command.QUOTE}
_FORCED_MASK, _FORCED = np.uint64(FORCED_ID_MASK), np.uint64(FORCED_ID_BIT)
_KINDS = 256
ROOM_MIN = 1_024
"""Events."""

Sums = tuple[int, int, int, int]
"""Orders, replaces, cancels and fills."""


class ActivityCounts:
    """Counts of each account since the last `take`."""

    def __init__(self, view: MarketView) -> None:
        self._view = view
        counted_as, is_head = np.zeros(_KINDS, np.uint8), np.zeros(_KINDS, np.uint8)
        for kind, what in _COUNTED_AS.items():
            counted_as[kind] = what
        is_head[list(_HEADS)] = 1
        accounts = np.zeros(len(view.store.columns.accounts), ACTIVITY)
        self._counts = Counts(accounts, counted_as, is_head, *_room_for(ROOM_MIN))

    def note(self, batch: Published) -> dict[int, int]:
        """Count a batch that the view has followed: how many orders of each account traded for the first time."""
        columns = self._view.store.columns
        if len(self._counts.accounts) < len(columns.accounts):
            self._make_room_for_accounts(len(columns.accounts))
        count_commands(self._counts, Commands(batch.commands))
        if TRADE_KINDS.isdisjoint(batch.event_kinds):
            return {}
        self._make_room_for(len(batch.events))
        found = count_trades(columns, self._counts, Events(batch.events), _FORCED_MASK, _FORCED)
        return Counter(self._counts.first_traders[:found].tolist())

    def of_account(self, account_id: int) -> Sums:
        """The counts of an account, so far."""
        accounts = self._counts.accounts
        return accounts[account_id].item() if account_id < len(accounts) else (0, 0, 0, 0)

    def take(self) -> dict[int, Sums]:
        """The counts of all accounts that did anything; they begin anew."""
        accounts = self._counts.accounts
        active = np.flatnonzero(accounts.view(np.int64).reshape(len(accounts), -1).any(axis=1))
        taken = dict(zip(active.tolist(), accounts[active].tolist(), strict=True))
        accounts[active] = np.zeros((), ACTIVITY)
        return taken

    def _make_room_for_accounts(self, accounts: int) -> None:
        grown = np.zeros(accounts, ACTIVITY)
        grown[: len(self._counts.accounts)] = self._counts.accounts
        self._counts = replace(self._counts, accounts=grown)

    def _make_room_for(self, events: int) -> None:
        if len(self._counts.traded) < 2 * events:
            first_traders, traded = _room_for(2 * events)
            self._counts = replace(self._counts, first_traders=first_traders, traded=traded)


def _room_for(events: int) -> tuple[np.ndarray, np.ndarray]:
    """Two orders each."""
    return np.zeros(2 * events, np.uint32), np.zeros(2 * events, np.uint32)
