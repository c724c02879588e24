"""What the venue's twin keeps: accounts, orders, positions, calendars and tranches as plain objects."""

from dataclasses import dataclass, field

from exchange.venue.lifecycle import LifeState
from tests.exchange.venue.told import Told


@dataclass
class Account:
    group: int
    cash_nano: int = 0


@dataclass
class Order:
    account_id: int
    instrument_id: int
    side: int
    price_ticks: int
    leaves_lots: int


@dataclass
class Position:
    lots: int = 0
    cost_nano: int = 0

    @property
    def hold_nano(self) -> int:
        return abs(self.cost_nano) if self.lots < 0 else max(self.cost_nano, 0)


@dataclass
class Series:
    next_start_ns: int
    duration_ns: int
    gate_lead_ns: int
    horizon_ns: int

    @property
    def due_ns(self) -> int:
        return max(self.next_start_ns - self.horizon_ns, 0)


@dataclass
class Tranche:
    series_id: int
    start_ns: int
    end_ns: int
    gate_ns: int
    tick_value_nano: int
    reference_ticks: int
    band_ticks: tuple[int, int]
    state: LifeState = LifeState.LISTED
    last_trade_ticks: int = 0
    traded_lots: int = 0
    was_held: bool = False
    positions: dict[int, Position] = field(default_factory=dict)

    @property
    def final_ticks(self) -> int:
        return self.last_trade_ticks or self.reference_ticks

    @property
    def deadline_ns(self) -> int:
        waits_for = {LifeState.GATE_CLOSED: self.start_ns, LifeState.DELIVERING: self.end_ns}
        return waits_for.get(self.state, self.gate_ns)


@dataclass
class Remembered:
    """What is kept of a command under its client id."""

    time_ns: int
    content: bytes
    outcome: Told
