"""What readers see: accounts, tranches, orders, trades. Plain values in ticks, lots and nano-USD, without behaviour.

`side`, `time_in_force` and `flags` are the numbers of `matching.schema`; `reason` is an `exchange.venue.schema.Reject`
for a rejected order and a `Reason` for any other.
"""

from collections import deque
from dataclasses import dataclass, field
from typing import NamedTuple

from exchange.venue.lifecycle import LifeState
from exchange.venue.schema import Tier
from exchange.view.books import BookView

TRADES_KEPT = 500

OPEN = "open"
FILLED = "filled"
CANCELLED = "cancelled"
KILLED = "killed"
REJECTED = "rejected"


@dataclass(slots=True)
class OrderView:
    """One order from its first event to its end, and for some time after it."""

    order_id: int
    account_id: int
    instrument_id: int
    symbol: str
    client_id: str
    side: int
    price_ticks: int  # the limit, after a slide; 0 for a market order until it ends
    quantity_lots: int  # the total, less what self-trade prevention took
    filled_lots: int
    leaves_lots: int
    status: str
    reason: int
    time_in_force: int
    flags: int
    created_ns: int
    updated_ns: int
    sequence: int  # of the command that changed it last
    display_lots: int = 0  # what an iceberg shows at a time; 0 for any other order
    minimum_lots: int = 0
    label: int = 0
    session_id: int = 0


class TradeView(NamedTuple):
    """One trade, as the tape tells it."""

    sequence: int
    index: int  # type: ignore[assignment]  # a field, not the method of tuples
    instrument_id: int
    symbol: str
    price_ticks: int
    quantity_lots: int
    taker_side: int | None  # None for a trade of an auction, where nobody takes
    time_ns: int

    @property
    def trade_id(self) -> str:
        """The trade's name for people: sequence and index of its event."""
        return f"{self.sequence}-{self.index}"


@dataclass(slots=True)
class PositionView:
    """What an account holds of one tranche; a flat position may still have a cost, which gate closure settles."""

    instrument_id: int
    lots: int = 0
    cost_nano: int = 0

    @property
    def hold_nano(self) -> int:
        """What the position could lose: its cost when long or flat, what it was sold for when short."""
        return abs(self.cost_nano) if self.lots < 0 else max(self.cost_nano, 0)


class Balances(NamedTuple):
    """An account's money in nano-USD; what nothing holds is available."""

    cash_nano: int
    order_hold_nano: int
    position_hold_nano: int
    available_nano: int


@dataclass(slots=True)
class AccountView:
    """One account with its resting orders, by id, and its positions, by instrument."""

    account_id: int
    name: str
    group: int
    cash_nano: int = 0
    order_hold_nano: int = 0
    orders: dict[int, OrderView] = field(default_factory=dict)
    positions: dict[int, PositionView] = field(default_factory=dict)


class SeriesTerms(NamedTuple):
    """A rolling calendar: which windows it lists, and what their listing event does not say of them."""

    quantity_step_lots: int
    quantity_max_lots: int
    region_id: int
    tier: int
    duration_s: int


@dataclass(slots=True)
class TrancheView:
    """One window with its book and its latest trades, the newest last."""

    instrument_id: int
    symbol: str
    region: str
    tier: Tier
    start_ns: int
    end_ns: int
    gate_ns: int
    duration_s: int
    tick_value_nano: int  # of one tick of one lot
    price_step_ticks: int
    quantity_step_lots: int
    quantity_max_lots: int
    reference_ticks: int
    band_low_ticks: int
    band_high_ticks: int
    state: LifeState = LifeState.LISTED
    last_trade_ticks: int = 0  # 0 before the first trade
    traded_lots: int = 0
    final_ticks: int = 0  # 0 before gate closure
    indicative_ticks: int = 0  # what an auction would trade at now; 0 when nothing would, and outside of auctions
    indicative_lots: int = 0
    imbalance_lots: int = 0  # what more there is to buy at that price; negative for more to sell
    book: BookView = field(default_factory=BookView)
    trades: deque[TradeView] = field(default_factory=lambda: deque(maxlen=TRADES_KEPT))
