"""Who traded what with whom, for as long as it is kept: each account can read its own fills again from any point on.

Trades are kept for the whole market, a bounded number of them, the oldest forgotten first. What was forgotten of each
account is remembered by name, so that whoever asks from before that is told so instead of missing fills in silence.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np

from exchange.view.columns.reading import count_trades_after, list_trades_after
from exchange.view.columns.schema import TEXT_BYTES, TRADE
from exchange.view.columns.store import Store
from exchange.view.fees import auction_fee_nano, maker_fee_nano, taker_fee_nano
from exchange.view.orders import text_of
from exchange.view.records import TradeView
from exchange.view.trades import trade_of
from kernels.records import names_of

TradeName = tuple[int, int]
"""Sequence and index of a trade's event: its permanent name, in the order in which trades happened."""
THE_FIRST: TradeName = (0, 0)
INDEX_END = 1 << 32
"""Behind every trade of a command."""
NAME_END: TradeName = (1 << 62, 0)


class FillView(NamedTuple):
    """One trade from the side of one of its orders."""

    trade: TradeView
    side: int
    order_id: int
    client_id: str
    liquidity: str  # taker, maker or auction
    fee_nano: int


class Rates(NamedTuple):
    """What a trade in a tranche costs."""

    tick_value_nano: int
    maker_fee_ppm: int
    taker_fee_ppm: int


class Fills:
    """The trades that are remembered, of each account."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self.begins_after: TradeName = THE_FIRST
        """Up to here no trade was ever remembered."""

    def __len__(self) -> int:
        """How many trades are remembered."""
        return int(self._store.counters["trades_end"] - self._store.counters["trades_oldest"])

    def of_account(self, account_id: int, after: TradeName = THE_FIRST) -> Iterator[FillView]:
        """What an account traded after the trade of a name, oldest first; from the first that is remembered on."""
        columns = self._store.columns
        if not 0 < account_id < len(columns.accounts):
            return
        sequence, index = min(after, NAME_END)
        rows = np.zeros(count_trades_after(columns, account_id, np.uint64(sequence), index), np.uint32)
        list_trades_after(columns, account_id, rows)
        for row in rows.tolist():
            yield from self._fills_of(account_id, row)

    def reaches_back_to(self, account_id: int, name: TradeName) -> bool:
        """Whether every trade of an account after the one of a name is remembered."""
        return name >= max(self.forgotten(account_id), self.begins_after)

    def forgotten(self, account_id: int) -> TradeName:
        """The latest trade of an account that is not remembered any more."""
        account = self._store.columns.accounts[account_id]
        return int(account["forgotten_sequence"]), int(account["forgotten_index"])

    def _fills_of(self, account_id: int, row: int) -> Iterator[FillView]:
        """A trade as an account sees it: twice, if it traded with itself."""
        columns = self._store.columns
        fields = dict(zip(names_of(TRADE), columns.trades[row].item(), strict=True))
        instrument = columns.instruments[fields["instrument"]]
        rates = Rates(*(int(instrument[name]) for name in Rates._fields))
        trade = trade_of(self._store, tuple(fields.values()), int(instrument["instrument_id"]))
        price = (rates, trade.price_ticks, trade.quantity_lots)
        text_at, is_auction = 2 * TEXT_BYTES * row, fields["is_auction"]
        if account_id == fields["account_id"]:
            client_id = text_of(columns.trade_texts, text_at, fields["text_bytes"])
            name, fee_nano = ("auction", auction_fee_nano) if is_auction else ("taker", taker_fee_nano)
            yield FillView(trade, fields["side"], fields["order_id"], client_id, name, fee_nano(*price))
        if account_id == fields["counter_account_id"]:
            client_id = text_of(columns.trade_texts, text_at + TEXT_BYTES, fields["counter_text_bytes"])
            name, fee_nano = ("auction", auction_fee_nano) if is_auction else ("maker", maker_fee_nano)
            yield FillView(trade, 1 - fields["side"], fields["counter_order_id"], client_id, name, fee_nano(*price))
