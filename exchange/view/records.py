"""What readers see: accounts, tranches, orders, trades. Plain values in ticks, lots and nano-USD, without behaviour.

`side`, `time_in_force` and `flags` are the numbers of `matching.schema`; `reason` is an `exchange.venue.schema.Reject`
for a rejected order and a `Reason` for any other.
"""

from dataclasses import dataclass, field
from typing import NamedTuple, Protocol

from exchange.venue.closing import FORCED_ID_BIT
from exchange.venue.lifecycle import LifeState
from exchange.venue.schema import Tier
from exchange.view.books import BookView
from exchange.view.columns.schema import Bounds
from matching.schema import QUOTE_ID_BIT
from risk.schema import MAINTENANCE_PPM, PPM

TRADES_KEPT = Bounds().tranche_trades
"""By each tranche."""

OPEN = "open"
FILLED = "filled"
CANCELLED = "cancelled"
KILLED = "killed"
REJECTED = "rejected"
STATUSES = (OPEN, FILLED, CANCELLED, KILLED, REJECTED)
"""At the numbers that the arrays have for them."""


def maintenance_of(margin_nano: int) -> int:
    """Below which equity positions are closed, rounded up: of what they and open orders require, without an add-on."""
    return -(-margin_nano * MAINTENANCE_PPM // PPM)


FORCED_ID_MASK = QUOTE_ID_BIT | FORCED_ID_BIT
"""Of an order that the venue sent these bits are FORCED_ID_BIT alone."""


def is_forced(order_id: int) -> bool:
    """Whether an id is that of an order which the venue sent, and not of one of its owner's orders or quotes."""
    return order_id & FORCED_ID_MASK == FORCED_ID_BIT


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

    @property
    def is_forced(self) -> bool:
        """Whether the venue sent it, to close a position of an account that has too little."""
        return is_forced(self.order_id)


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


class SeriesTerms(NamedTuple):
    """A rolling calendar: which windows it lists, and what their listing event does not say of them."""

    quantity_step_lots: int
    quantity_max_lots: int
    region_id: int
    tier: int
    duration_s: int
    maker_fee_ppm: int = 0  # of windows that are listed from now on, like all that follows
    taker_fee_ppm: int = 0
    slot_s: int = 0  # delivery is measured over slots of so many seconds; 0: settled in cash at the gate
    latency_max_us: int = 0
    loss_max_ppm: int = 0
    shortfall_fee_ppm: int = 0
    clearing_fee_ppm: int = 0
    burn_ppm: int = 0
    penalty_ppm: int = 0
    interruption_ppm: int = 0
    grace_s: int = 0
    dispute_s: int = 0


class RegionStrain(NamedTuple):
    """How a region is used, and how far that makes leverage dearer, in parts of a million."""

    utilisation_ppm: int = 0  # of what it can deliver, as telemetry told it last
    low_ppm: int = 0  # shocks grow from here ...
    high_ppm: int = 0  # ... to here, where they are the whole mark; both 0 for never

    @property
    def strain_ppm(self) -> int:
        """How far shocks are on their way from what they are at ease to the whole mark."""
        if self.high_ppm == 0 or self.utilisation_ppm <= self.low_ppm:
            return 0
        return min((self.utilisation_ppm - self.low_ppm) * PPM // (self.high_ppm - self.low_ppm), PPM)


class Financing(NamedTuple):
    """What cash costs that accounts do not have, a year, in parts of a million."""

    base_ppm: int = 0
    slope_1_ppm: int = 0
    slope_2_ppm: int = 0
    optimum_ppm: int = 0  # 0 when it costs nothing
    rate_ppm: int = 0  # in force
    utilisation_ppm: int = 0  # of the cash above zero, as the rate was found


class Moving(Protocol):
    """What orders move of a tranche."""

    @property
    def row(self) -> int:
        """Where it stands."""

    @property
    def book(self) -> BookView:
        """By price."""

    @property
    def trades(self) -> list[TradeView]:
        """The latest, the newest last."""

    def number(self, name: str) -> int:
        """One column."""


@dataclass(slots=True)
class TrancheView:
    """One window. What orders move stands elsewhere, and is as it is when it is asked for."""

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
    final_ticks: int = 0  # 0 before gate closure
    mark_ticks: int = 0  # what positions are valued at
    spread_ticks: int = 0  # what each lot requires whatever offsets it
    maker_fee_ppm: int = 0  # negative for a rebate
    taker_fee_ppm: int = 0
    position_lots_limit: int = 0  # of each account; 0 for none, like the next two
    order_lots_limit: int = 0
    order_nano_limit: int = 0
    slot_s: int = 0  # delivery is measured over slots of so many seconds; 0: settled in cash at the gate
    latency_max_us: int = 0
    loss_max_ppm: int = 0
    shortfall_fee_ppm: int = 0
    clearing_fee_ppm: int = 0
    burn_ppm: int = 0
    penalty_ppm: int = 0
    interruption_ppm: int = 0
    grace_s: int = 0
    dispute_s: int = 0
    ramp_step: int = 0  # of the margin ramp before the gate
    replacement_ticks: int = 0  # 0 before gate closure, and where nothing is delivered
    moving: Moving = field(kw_only=True, repr=False, compare=False)

    @property
    def book(self) -> BookView:
        """By price."""
        return self.moving.book

    @property
    def trades(self) -> list[TradeView]:
        """The latest, the newest last."""
        return self.moving.trades

    @property
    def last_trade_ticks(self) -> int:
        """Before the first trade 0."""
        return self.moving.number("last_trade_ticks")

    @property
    def traded_lots(self) -> int:
        """So far."""
        return self.moving.number("traded_lots")

    @property
    def indicative_ticks(self) -> int:
        """What an auction would trade at now; 0 when nothing would, and outside of auctions."""
        return self.moving.number("indicative_ticks")

    @property
    def indicative_lots(self) -> int:
        """How much it would trade."""
        return self.moving.number("indicative_lots")

    @property
    def imbalance_lots(self) -> int:
        """What more there is to buy at that price; negative for more to sell."""
        return self.moving.number("imbalance_lots")


@dataclass(slots=True)
class PositionView:
    """What an account holds of one tranche; a flat position may still have a cost, which gate closure settles."""

    tranche: TrancheView = field(repr=False, compare=False)
    lots: int = 0  # negative for a seller
    cost_nano: int = 0  # the signed sum of price x lots

    @property
    def instrument_id(self) -> int:
        """Of the tranche."""
        return self.tranche.instrument_id

    @property
    def mark_ticks(self) -> int:
        """What the position is valued at."""
        return self.tranche.mark_ticks

    @property
    def unsettled_nano(self) -> int:
        """What the position would bring at the mark beyond its cost; negative for a loss."""
        return self.lots * self.mark_ticks * self.tranche.tick_value_nano - self.cost_nano


class RegionRule(NamedTuple):
    """What risk staff set for an account in a region. 0 is no limit everywhere."""

    region_id: int
    position_lots: int = 0  # over all positions of the region, the most that each may come to have, added up
    interval_ms: int = 0  # of market-maker protection; 0 without it
    frozen_ms: int = 0  # 0 until it is reset
    quantity_lots: int = 0
    net_lots: int = 0
    notional_nano: int = 0
    frozen_until_ns: int = 0  # no new orders before; 0 since it was set or reset last


class Balances(NamedTuple):
    """An account's money in nano-USD."""

    cash_nano: int
    equity_nano: int  # cash, and what positions would bring at the marks beyond their cost
    margin_nano: int  # what positions and open orders require, and what risk staff add
    free_nano: int  # equity that nothing requires; negative when there is less than there must be
    withdrawable_nano: int  # free cash: gains that are not settled stay
    fees_nano: int  # paid so far, less rebates
    add_on_nano: int  # what risk staff add to the requirement

    @property
    def maintenance_nano(self) -> int:
        """What equity must cover, or the venue closes positions."""
        return maintenance_of(self.margin_nano - self.add_on_nano)


class CapacityView(NamedTuple):
    """What a provider can deliver, from one instant to another; with a daily span on the weekdays of a mask alone."""

    capacity_id: int
    account_id: int
    region_id: int
    tier: int
    lots: int
    first_ns: int
    end_ns: int
    daily_from_s: int
    daily_length_s: int
    weekdays: int  # a bit for each day, Monday first
    endpoint: str


class Figures(Protocol):
    """An account's money as the venue told it."""

    def number(self, name: str) -> int:
        """One column."""


@dataclass(slots=True)
class AccountView:
    """One account. Its money stands elsewhere, and is as it is when it is asked for."""

    account_id: int
    name: str
    group: int
    is_blocked: bool = False  # by the kill switch
    position_lots_limit: int = 0  # in each instrument; 0 for none, like all that follows
    order_lots_limit: int = 0
    order_nano_limit: int = 0
    open_orders_base: int = 0
    open_orders_max: int = 0
    open_orders_step_nano: int = 0
    stake_nano: int = 0  # of a provider
    rules: dict[int, RegionRule] = field(default_factory=dict)  # by region
    figures: Figures = field(kw_only=True)

    @property
    def cash_nano(self) -> int:
        """What it has."""
        return self.figures.number("cash_nano")

    @property
    def unsettled_nano(self) -> int:
        """What its positions would bring at the marks beyond their cost."""
        return self.figures.number("unsettled_nano")

    @property
    def margin_nano(self) -> int:
        """The initial requirement, the add-on included."""
        return self.figures.number("margin_nano")

    @property
    def gross_nano(self) -> int:
        """What its lots, held and open, would be worth at the highest prices."""
        return self.figures.number("gross_nano")

    @property
    def fees_nano(self) -> int:
        """Paid so far, less rebates."""
        return self.figures.number("fees_nano")

    @property
    def add_on_nano(self) -> int:
        """What risk staff add to the requirement."""
        return self.figures.number("add_on_nano")

    @property
    def standing(self) -> int:
        """A risk Standing. Who was only noted has not been looked at: nothing is told of it."""
        return self.figures.number("standing")
