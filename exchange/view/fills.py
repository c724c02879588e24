"""Who traded what with whom, for as long as it is kept: each account can read its own fills again from any point on.

Trades are kept for the whole market, a bounded number of them, the oldest forgotten first. What was forgotten of each
account is remembered by name, so that whoever asks from before that is told so instead of missing fills in silence.
"""

from __future__ import annotations

from bisect import bisect_right
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import islice
from typing import Any, NamedTuple

from exchange.view.fees import auction_fee_nano, maker_fee_nano, taker_fee_nano
from exchange.view.records import TradeView

TRADES_REMEMBERED = 100_000
TradeName = tuple[int, int]
"""Sequence and index of a trade's event: its permanent name, in the order in which trades happened."""
THE_FIRST: TradeName = (0, 0)
INDEX_END = 1 << 32
"""Behind every trade of a command."""


class FillView(NamedTuple):
    """One trade from the side of one of its orders."""

    trade: TradeView
    side: int
    order_id: int
    client_id: str
    liquidity: str  # taker, maker or auction
    fee_nano: int


class Execution(NamedTuple):
    """One trade with both of its orders, and the rates at which they paid."""

    trade: TradeView
    side: int  # of order_id: the taker's, the buyer's in an auction
    order_id: int
    counter_order_id: int
    account_id: int
    counter_account_id: int
    client_id: str
    counter_client_id: str
    tick_value_nano: int
    maker_fee_ppm: int
    taker_fee_ppm: int

    def name(self) -> TradeName:
        """Of the trade."""
        return self.trade.sequence, self.trade.index

    def fills_of(self, account_id: int) -> Iterator[FillView]:
        """The trade as an account sees it: twice, if it traded with itself."""
        trade = self.trade
        is_auction = trade.taker_side is None
        if account_id == self.account_id:
            name, fee_nano = ("auction", auction_fee_nano) if is_auction else ("taker", taker_fee_nano)
            paid_nano = fee_nano(self, trade.price_ticks, trade.quantity_lots)
            yield FillView(trade, self.side, self.order_id, self.client_id, name, paid_nano)
        if account_id == self.counter_account_id:
            name, fee_nano = ("auction", auction_fee_nano) if is_auction else ("maker", maker_fee_nano)
            paid_nano = fee_nano(self, trade.price_ticks, trade.quantity_lots)
            yield FillView(trade, 1 - self.side, self.counter_order_id, self.counter_client_id, name, paid_nano)


@dataclass(slots=True)
class Fills:
    """The trades that are remembered, the newest last, and those of each account among them."""

    remembered: deque[Execution] = field(default_factory=deque)
    of_accounts: dict[int, deque[Execution]] = field(default_factory=dict)
    forgotten: dict[int, TradeName] = field(default_factory=dict)
    """By account: the latest of its trades that is not remembered any more."""
    begins_after: TradeName = THE_FIRST
    """Up to here no trade was ever remembered."""

    def add(self, execution: Execution) -> None:
        """Remember a trade, and forget the oldest when there are too many."""
        self.remembered.append(execution)
        self._enter(execution)
        if len(self.remembered) > TRADES_REMEMBERED:
            self._forget(self.remembered.popleft())

    def of_account(self, account_id: int, after: TradeName = THE_FIRST) -> Iterator[FillView]:
        """What an account traded after the trade of a name, oldest first; from the first that is remembered on."""
        own = self.of_accounts.get(account_id)
        if own is not None:
            first = bisect_right(own, after, key=Execution.name)
            for execution in islice(own, first, None):
                yield from execution.fills_of(account_id)

    def reaches_back_to(self, account_id: int, name: TradeName) -> bool:
        """Whether every trade of an account after the one of a name is remembered."""
        return name >= max(self.forgotten.get(account_id, THE_FIRST), self.begins_after)

    def dump(self) -> dict[str, Any]:
        """All of it as plain values, in an order that equal ones share. What it holds never changes."""
        return {
            "executions": list(self.remembered),
            "forgotten": [(account_id, *name) for account_id, name in self.forgotten.items()],
            "begins_after": self.begins_after,
        }

    def load(self, dumped: dict[str, Any] | None, sequence: int) -> None:
        """Fill empty ones; a dump of before there were any begins at its own sequence."""
        if dumped is None:
            self.begins_after = sequence, INDEX_END
            return
        for trade, *terms in dumped["executions"]:
            execution = Execution(TradeView(*trade), *terms)
            self.remembered.append(execution)
            self._enter(execution)
        self.forgotten.update((account_id, (at, index)) for account_id, at, index in dumped["forgotten"])
        at, index = dumped["begins_after"]
        self.begins_after = at, index

    def _enter(self, execution: Execution) -> None:
        own = self.of_accounts
        account_id, counter_id = execution.account_id, execution.counter_account_id
        if account_id not in own:
            own[account_id] = deque()
        own[account_id].append(execution)
        if counter_id != account_id:
            if counter_id not in own:
                own[counter_id] = deque()
            own[counter_id].append(execution)

    def _forget(self, execution: Execution) -> None:
        for account_id in {execution.account_id, execution.counter_account_id}:
            own = self.of_accounts[account_id]
            own.popleft()
            if not own:
                del self.of_accounts[account_id]
            self.forgotten[account_id] = execution.name()
