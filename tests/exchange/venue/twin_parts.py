"""What the venue's twin keeps: accounts, orders, positions, calendars and tranches as plain objects."""

from dataclasses import dataclass, field

from exchange.venue.lifecycle import AUCTION_STATES, LifeState, Trigger
from tests.exchange.venue.told import Told
from tests.exchange.venue.twin_final_price import Print

NANO_PER_S = 1_000_000_000


@dataclass
class Account:
    group: int
    cash_nano: int = 0
    fees_nano: int = 0
    standing: int = 0
    review_ns: int = 0
    add_on_nano: int = 0
    """What risk staff add to its requirement."""


@dataclass(frozen=True)
class Terms:
    """What an order says beside its price and quantity, for as long as it rests."""

    flags: int = 0
    display_lots: int = 0
    expires_ns: int = 0
    label: int = 0
    session_id: int = 0


@dataclass
class Order:
    account_id: int
    instrument_id: int
    side: int
    price_ticks: int
    leaves_lots: int
    visible_lots: int
    terms: Terms


@dataclass
class Position:
    lots: int = 0
    cost_nano: int = 0


@dataclass(frozen=True)
class Risk:
    """Parameters of a tranche."""

    mark_ticks: int
    shocks_ticks: tuple[int, ...]
    spread_ticks: int
    concentration_ticks: int
    concentration_lots: int


@dataclass
class Series:
    next_start_ns: int
    duration_ns: int
    gate_lead_ns: int
    horizon_ns: int
    opening_auction_ns: int
    closing_auction_ns: int
    quantity_step_lots: int
    fees_ppm: tuple[int, int] = (0, 0)
    """Of a maker and of a taker."""

    @property
    def due_ns(self) -> int:
        return max(self.next_start_ns - self.horizon_ns, 0)


@dataclass
class Uncrossing:
    """An auction as it should end, and what has left the book to trade in it."""

    price_ticks: int
    volume_lots: int
    imbalance_lots: int
    traded_lots: int = 0
    allotted: dict[int, int] = field(default_factory=dict)
    """Lots by order id that are still to trade."""
    limits: dict[int, int] = field(default_factory=dict)
    """The limit of each order that takes part."""


@dataclass
class Tranche:
    series_id: int
    scope: tuple[int, int]  # region, tier
    start_ns: int
    end_ns: int
    gate_ns: int
    opening_auction_ns: int
    closing_auction_ns: int
    tick_value_nano: int
    price_step_ticks: int
    quantity_step_lots: int
    reference_ticks: int
    band_ticks: tuple[int, int]
    price_max_ticks: int
    risk: Risk
    fees_ppm: tuple[int, int]
    state: LifeState = LifeState.LISTED
    since_ns: int = 0
    auction_end_ns: int = 0
    indicative_due_ns: int = 0
    indicative: tuple[int, int] = (0, 0)
    uncrossing: Uncrossing | None = None
    was_uncrossed: bool = False
    prints: list[Print] = field(default_factory=list)
    prints_before: int = 0
    """How many there were before the last uncrossing."""
    final_ticks: int = 0
    """0 before the gate."""
    traded_lots: int = 0
    was_held: bool = False
    positions: dict[int, Position] = field(default_factory=dict)

    @property
    def worst_fee_ppm(self) -> int:
        return max(*self.fees_ppm, 0)

    @property
    def last_call_ns(self) -> int:
        return self.gate_ns - self.closing_auction_ns

    @property
    def is_in_auction(self) -> bool:
        return self.state in AUCTION_STATES

    @property
    def skips_its_auction(self) -> bool:
        """Whether it trades, though it would come back from a halt through an auction."""
        return self.state == LifeState.OPEN and self.opening_auction_ns > 0

    @property
    def deadline_ns(self) -> int:
        """When it is looked at next."""
        waits_for = {
            LifeState.GATE_CLOSED: self.start_ns,
            LifeState.DELIVERING: self.end_ns,
            LifeState.OPEN: self.last_call_ns,
            LifeState.AUCTION: min(self.auction_end_ns, self.last_call_ns),
        }
        return waits_for.get(self.state, self.gate_ns)

    @property
    def due_trigger(self) -> Trigger:
        """What moves it on by itself."""
        if self.state == LifeState.AUCTION and self.auction_end_ns < self.last_call_ns:
            return Trigger.UNCROSS
        if self.state in (LifeState.AUCTION, LifeState.OPEN) and self.closing_auction_ns:
            return Trigger.CLOSING_CALL
        if self.state == LifeState.GATE_CLOSED:
            return Trigger.START
        if self.state == LifeState.DELIVERING:
            return Trigger.END_HELD if self.was_held else Trigger.END_UNHELD
        return Trigger.GATE

    def trigger_after_halt(self, time_ns: int) -> Trigger:
        if self.closing_auction_ns and time_ns >= self.last_call_ns:
            return Trigger.CLOSING_CALL
        return Trigger.CALL if self.opening_auction_ns else Trigger.RESUME

    def prolong_auction(self, until_ns: int) -> None:
        """While the market is halted an opening auction goes on until its tranche is called for the last time."""
        while self.state == LifeState.AUCTION and self.auction_end_ns < min(self.last_call_ns, until_ns + 1):
            self.auction_end_ns += self.opening_auction_ns


@dataclass
class Remembered:
    """What is kept of a command under its client id."""

    time_ns: int
    content: bytes
    outcome: Told
