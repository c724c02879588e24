"""What the twin keeps of accounts, tranches and trades."""

from __future__ import annotations

from bisect import bisect_right
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import islice
from typing import NamedTuple

from exchange.view.columns.schema import Bounds
from exchange.view.fees import auction_fee_nano, maker_fee_nano, taker_fee_nano
from exchange.view.fills import THE_FIRST, FillView, TradeName
from exchange.view.records import OrderView, TradeView


@dataclass(slots=True)
class TwinSide:
    """One side's levels."""

    lots: dict[int, int] = field(default_factory=dict)
    orders: dict[int, int] = field(default_factory=dict)
    touched: set[int] = field(default_factory=set)

    def change(self, price_ticks: int, lots: int, orders: int) -> None:
        """Add lots and orders to a level, or take them off when negative. A level without orders is gone."""
        count_before = self.orders.get(price_ticks, 0)
        count = count_before + orders
        if not count:
            del self.lots[price_ticks], self.orders[price_ticks]
        elif count_before:
            self.lots[price_ticks] += lots
            self.orders[price_ticks] = count
        else:
            self.lots[price_ticks] = lots
            self.orders[price_ticks] = count
        self.touched.add(price_ticks)


@dataclass(slots=True)
class TwinPosition:
    """What an account holds of a tranche."""

    tranche: TwinTranche
    lots: int = 0
    cost_nano: int = 0


@dataclass(slots=True)
class TwinAccount:
    """Its open orders, by id, and its positions, by instrument."""

    account_id: int
    orders: dict[int, OrderView] = field(default_factory=dict)
    positions: dict[int, TwinPosition] = field(default_factory=dict)


@dataclass(slots=True)
class TwinTranche:
    """What moves of it, and what its trades cost."""

    instrument_id: int
    symbol: str
    tick_value_nano: int
    maker_fee_ppm: int
    taker_fee_ppm: int
    trades: deque[TradeView]
    is_collecting: bool = False
    last_trade_ticks: int = 0
    traded_lots: int = 0
    indicative_ticks: int = 0
    indicative_lots: int = 0
    imbalance_lots: int = 0
    book_sequence: int = 0
    sides: tuple[TwinSide, TwinSide] = field(default_factory=lambda: (TwinSide(), TwinSide()))


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
class TwinFills:
    """The trades that are remembered, the newest last, and those of each account among them."""

    bounds: Bounds
    remembered: deque[Execution] = field(default_factory=deque)
    of_accounts: dict[int, deque[Execution]] = field(default_factory=dict)
    forgotten: dict[int, TradeName] = field(default_factory=dict)

    def add(self, execution: Execution) -> None:
        """Remember a trade, and forget the oldest when there are too many."""
        self.remembered.append(execution)
        self._enter(execution)
        if len(self.remembered) > self.bounds.trades:
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
        return name >= self.forgotten.get(account_id, THE_FIRST)

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
