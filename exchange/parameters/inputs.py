"""What is known of each tranche at a moment. Prices may be missing or nonsense: to tell is the work of what follows."""

from dataclasses import dataclass
from typing import NamedTuple

from exchange.symbols import NANO_PER_S

Price = float | None
"""In ticks of 0.000001 USD per Mbps-hour. A whole number, as a rule, but a source may deliver anything."""


class Series(NamedTuple):
    """The windows of one region and tier."""

    region: str
    tier: int


class Calendar(NamedTuple):
    """The windows of one region, tier and length: each follows the one before."""

    region: str
    tier: int
    duration_s: int


class Window(NamedTuple):
    """A time at which a region delivers, at whatever tier."""

    region: str
    start_ns: int
    duration_s: int


@dataclass(frozen=True, slots=True)
class TradeInput:
    """One trade, with the groups that stand behind both sides. An account without a group is a group of its own."""

    price_ticks: float
    quantity_lots: int
    time_ns: int
    buyer_group: int
    seller_group: int
    was_forced: bool = False
    """By liquidation, or by a closing auction that whoever must close joins by force."""


@dataclass(frozen=True, slots=True)
class TrancheInput:
    """One tranche: its terms, its book, its latest trades, and its mark so far."""

    instrument_id: int
    region: str
    tier: int
    """0 ef, 1 af, 2 be: a `Tier`."""
    start_ns: int
    gate_ns: int
    duration_s: int
    reference_ticks: Price
    best_bid_ticks: Price = None
    best_bid_lots: int = 0
    best_ask_ticks: Price = None
    best_ask_lots: int = 0
    book_ns: int = 0
    """When the book was last known to be so, which for a live view is now."""
    trades: tuple[TradeInput, ...] = ()
    mark_ticks: Price = None
    mark_age_ns: int = 0

    @property
    def series(self) -> Series:
        """Region and tier."""
        return Series(self.region, self.tier)

    @property
    def calendar(self) -> Calendar:
        """Region, tier and length."""
        return Calendar(self.region, self.tier, self.duration_s)

    @property
    def window(self) -> Window:
        """What tranches of other tiers may share."""
        return Window(self.region, self.start_ns, self.duration_s)

    @property
    def middle_ns(self) -> int:
        """The middle of the window."""
        return self.start_ns + self.duration_s * NANO_PER_S // 2
