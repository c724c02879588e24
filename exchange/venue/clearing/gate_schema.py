"""The records of gate closure: terms of delivery come in, what became of bought and sold lots goes out.

They share the places of what they have in common with the other records of the venue (`exchange.venue.schema`).
"""

from enum import IntEnum

from exchange.venue.clearing.schema import TERM_NAMES
from kernels.records import record

DAY_S = 86_400
LATENCY_US_MAX = 60_000_000
"""A packet that takes a minute is lost."""
SHORTFALL_FEE_PPM_MAX = 1_000_000
"""What is missing costs its price once more, beside what it costs elsewhere. The bond holds both, twice over at worst,
so that the largest position at the highest price still has a bond below 2^62 nano-USD."""
CLEARING_FEE_PPM_MAX = 100_000
"""Who delivers keeps nine tenths."""
PENALTY_PPM_MAX = 500_000
"""Half the price: enough to make nobody sell what is not there, and no more than a bad day costs anyhow."""
INTERRUPTION_PPM_MAX = 1_000_000
"""Who is interrupted gets its money back, and at most as much again."""


class GateStage(IntEnum):
    """How far the gate closure of a tranche that is delivered has come. Never renumber."""

    NOT_BEGUN = 0
    SETTLING = 1
    """Positions become cash at the final price, and pay escrow or a bond from it."""
    PENALISING = 2
    """Who is not funded or not covered is cashed out."""
    CUTTING = 3
    """Who goes without because of them is cashed out too, and paid for it."""
    ASSIGNING = 4
    REFUNDING = 5
    """No allocation is left in the pool: escrow and bonds of the rest go back."""
    DONE = 6


class Cause(IntEnum):
    """Why lots were cashed out. Never renumber."""

    UNFUNDED = 1
    """The buyer could not pay for them."""
    UNCOVERED = 2
    """The seller has no capacity for them, or could not pay their bond."""
    WENT_WITHOUT = 3
    """The other side had lots that were not funded, or not covered."""
    NO_ROOM = 4
    """The exchange holds as many allocations as it can."""


TERMS_COMMAND = record(
    ("kind", "u1"),
    ("continuations", "u1"),
    ("reserved", "u2"),
    ("series_id", "u4"),
    *((name, "u4") for name in TERM_NAMES),
    ("reserved_2", "i8"),
    ("reserved_3", "i8"),
)

TERMS_EVENT = record(
    ("kind", "u1"),
    ("reserved", "u1"),
    ("reason", "u2"),
    ("series_id", "u4"),
    ("sequence", "u8"),
    *((name, "u4") for name in TERM_NAMES[:7]),
    ("index", "u4"),
    *((name, "u4") for name in TERM_NAMES[7:]),
    ("reserved_2", "u4"),
)

GATE_EVENT = record(
    ("kind", "u1"),
    ("cause", "u1"),  # CASHED_OUT: a Cause
    ("reason", "u2"),
    ("instrument_id", "u4"),
    ("sequence", "u8"),
    ("amount_nano", "i8"),  # what moved on the cash balance
    ("cash_nano", "i8"),  # the balance afterwards
    ("account_id", "u4"),
    ("reserved", "u4"),
    ("price_ticks", "i4"),  # the final price
    ("index", "u4"),
    ("lots", "i8"),  # paid for, or cashed out; negative for a seller's
    ("penalty_nano", "i8"),  # CASHED_OUT: what of the amount was paid for that by others, or to others when negative
)
"""ESCROWED: a buyer paid for lots, or a seller put the bond for them. CASHED_OUT: lots are gone, and what was held for
them is back."""

ALLOCATED_EVENT = record(
    ("kind", "u1"),
    ("reserved", "u1"),
    ("reason", "u2"),
    ("instrument_id", "u4"),
    ("sequence", "u8"),
    ("allocation_id", "u8"),
    ("lots", "i8"),
    ("account_id", "u4"),  # the buyer
    ("provider_id", "u4"),
    ("price_ticks", "i4"),  # the final price
    ("index", "u4"),
    ("escrow_nano", "i8"),
    ("bond_nano", "i8"),
)
