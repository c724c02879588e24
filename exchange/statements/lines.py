"""What a statement is made of. Plain values in ticks, lots and nano-USD."""

from enum import Enum, StrEnum
from typing import NamedTuple

NO_SLOT = -1
NO_ALLOCATION = 0


class Kind(StrEnum):
    """What moved cash or a position, or is the cause of what does."""

    DEPOSIT = "deposit"
    WITHDRAWAL = "withdrawal"
    ENDOWMENT = "fund_endowment"
    STAKE = "stake"
    TRADE = "trade"
    DELEVERAGING = "deleveraging"
    FUND = "fund"
    INTEREST = "interest"
    SETTLEMENT = "settlement"
    SHORTFALL = "settlement_shortfall"
    ESCROW = "escrow"
    BOND = "bond"
    CASH_OUT = "cash_out"
    PENALTY = "penalty"
    ALLOCATION = "allocation"
    INTERRUPTION = "interruption"
    SLOT = "slot"
    CLEARING_FEE = "clearing_fee"
    BOND_RELEASE = "bond_release"
    REPLACEMENT = "replacement"
    COMPENSATION = "compensation"
    SHORTFALL_FEE = "shortfall_fee"
    CORRECTION = "correction"


class Entry(NamedTuple):
    """What one event did to an account, or a part of it."""

    kind: Kind
    instrument_id: int = 0
    symbol: str = ""
    counterparty: str = ""  # of what was allocated; trades are anonymous
    allocation_id: int = NO_ALLOCATION
    slot: int = NO_SLOT
    side: str = ""
    lots: int = 0  # what `kind` is about, never below zero but for a correction
    price_ticks: int = 0
    rate_ppm: int = 0  # of a fee, negative for a rebate; of interest, a year
    amount_nano: int = 0  # what the account's cash grew by
    moved_lots: int = 0  # what its position grew by
    moved_cost_nano: int = 0  # and the cost of that position
    detail: str = ""


class Line(NamedTuple):
    """An entry with its place: (sequence, index) names the event, the part tells entries of one event apart."""

    sequence: int
    index: int  # type: ignore[assignment]  # a field, not the method of tuples
    part: int
    time_ns: int
    entry: Entry
    cash_nano: int  # afterwards

    @property
    def place(self) -> tuple[int, int, int]:
        """By which lines are ordered."""
        return self.sequence, self.index, self.part


class Holding(NamedTuple):
    """A position at one end of the day."""

    instrument_id: int
    symbol: str
    lots: int  # negative for a seller
    cost_nano: int


class Statement(NamedTuple):
    """The day of an account. `closing` is what the venue has; faults tell where the lines come to something else."""

    account_id: int
    account: str
    start_ns: int
    end_ns: int
    first_sequence: int  # of the day; one more than the last where nothing happened
    last_sequence: int
    is_final: bool  # the day is over: nothing will be added
    opening_nano: int
    closing_nano: int
    opening: tuple[Holding, ...]
    closing: tuple[Holding, ...]
    lines: tuple[Line, ...]
    faults: tuple[str, ...]

    @property
    def moved_nano(self) -> int:
        """The sum of all amounts."""
        return sum(line.entry.amount_nano for line in self.lines)


class Refusal(Enum):
    """Why there is no statement."""

    UNKNOWN_ACCOUNT = "no account of this name was open by the end of the day"
    TOO_LONG = "the day has more lines than a statement can have"
    TRIMMED = "the rows that the day takes are not kept any more, or no snapshot from before it is"
    NOT_KEPT = "the day began under rules that this version cannot decide by again"
    BUSY = "another statement is being worked out"
    STOPPED = "the exchange is stopping"
