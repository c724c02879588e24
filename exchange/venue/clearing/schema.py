"""The records of clearing: terms of delivery, providers, allocations. Money is int64 in nano-USD.

A tranche whose terms name no slot is settled in cash at its gate and never delivered.
"""

from enum import IntEnum

from kernels.records import names_of, record

ALLOCATION_CAPACITY = 1 << 18
SLOT_S_MIN = 10
SLOTS_MAX = 1_440
"""A day in minutes."""
MULTIPLIER_PPM_MAX = 2_000_000
"""The bond of a provider of whom nothing good is known yet, in millionths of what a failure costs: twice as much."""
MULTIPLIER_PPM_MIN = 1_000_000
"""No reputation makes a bond smaller than what a failure costs."""


class ClearingReject(IntEnum):
    """Why clearing refuses a command. Never renumber.

    Numbers begin at 351, because the doors have those above 400.
    CAPACITY_EXCEEDED is asked of the orders of providers, right before limits.
    """

    NOT_A_PROVIDER = 351
    CAPACITY_EXCEEDED = 352
    """More would be sold than can be delivered; or more was sold before there was any capacity."""
    CAPACITY_SOLD = 353
    CAPACITY_OUT_OF_RANGE = 354
    STAKE_TOO_SMALL = 355
    STAKE_BOUND = 356
    TERMS_OUT_OF_RANGE = 357
    """Delivery could not be measured by these terms, or they cost more than anybody may be asked for."""
    UNKNOWN_ALLOCATION = 358
    """There is none of this id any more, or it is none of the account's business."""
    NOT_A_REPORTER = 359
    REPORTER_NOT_INDEPENDENT = 360
    """It is buyer or provider, or in a group with one of them."""
    SLOT_OUT_OF_RANGE = 361
    SLOT_NOT_OVER = 362
    REPORT_OUT_OF_RANGE = 363
    ILLEGAL_ALLOCATION_CHANGE = 364
    DISPUTE_WINDOW_OVER = 365
    CORRECTION_OUT_OF_RANGE = 366
    TOO_MANY_REPORTS = 368
    TOO_MANY_CAPACITIES = 369


TERMS = record(
    ("slot_s", "u4"),  # delivery is measured over slots of so many seconds; 0: settled in cash, never delivered
    ("latency_max_us", "u4"),  # a slot counts only if the median is no higher; 0 for any
    ("loss_max_ppm", "u4"),
    ("shortfall_fee_ppm", "u4"),  # of the final price, for what is missing; it goes to the insurance fund
    ("clearing_fee_ppm", "u4"),  # of what a provider is paid; it goes to the exchange
    ("burn_ppm", "u4"),  # of the clearing fee: this part goes to nobody
    ("penalty_ppm", "u4"),  # of the price at which who is not funded or not covered is cashed out
    ("interruption_ppm", "u4"),  # of the final price: what an interrupted buyer gets beside its money back
    ("grace_s", "u4"),  # reports of a slot are taken for so long after its end
    ("dispute_s", "u4"),  # corrections are made for so long after the last slot
)
"""How tranches of a series are delivered. A tranche keeps those that held when it was listed."""

TERM_NAMES = names_of(TERMS)

DELIVERY = record(
    *((name, "u4") for name in TERM_NAMES),
    ("replacement_ticks", "i4"),  # published at the gate: what a missing lot costs elsewhere, at least the final price
    ("final_ticks", "i4"),
    ("first_allocation", "u4"),  # the pool's slots of the tranche's allocations, chained in the order of ids
    ("last_allocation", "u4"),
    ("next_slot", "u4"),  # the first that is not settled for all of its allocations
    ("stage", "u4"),  # of gate closure
)
"""The same of a tranche, and how far its delivery is."""

PROVIDER = record(
    ("stake_nano", "i8"),
    ("bond_base_nano", "i8"),  # what failing would cost, over what it may come to have sold before the gate
    ("bond_margin_nano", "i8"),  # of its requirement: the same times its multiplier
    ("bond_held_nano", "i8"),  # of its allocations
    ("good", "i8"),  # evidence, with forgetting
    ("bad", "i8"),
    ("multiplier_ppm", "u4"),  # of its bonds; 0 before it is a provider
    ("reserved", "u4"),
)
"""What clearing knows of an account that sells capacity of its own, at the account's id."""

ALLOCATION = record(
    ("allocation_id", "u8"),
    ("instrument_id", "u4"),
    ("buyer_id", "u4"),
    ("provider_id", "u4"),
    ("next", "u4"),  # the tranche's next allocation
    ("lots", "i8"),
    ("escrow_nano", "i8"),  # of the buyer, as far as it is still held
    ("bond_nano", "i8"),  # of the provider, as far as it is still held
    ("delivered", "i8"),  # lots x slots that counted
    ("measured_slots", "u4"),  # slots whose outcome is more than that nobody measured
    ("flags", "u4"),
    ("state", "u4"),  # an AllocationState
    ("interrupted_slots", "u4"),
)
"""A buyer, a provider, so many lots of a tranche: what was bought becomes what is owed. It stands at its id modulo the
capacity of the pool."""

GATE = record(
    ("rows", "i8"),  # positions with lots, as they were settled
    ("place", "i8"),  # the row to be looked at next; in assignment the buyer's, in the order of time
    ("other_place", "i8"),  # in assignment: the seller's
    ("funded_lots", "i8"),  # bought, and paid into escrow
    ("unfunded_lots", "i8"),
    ("covered_lots", "i8"),  # sold, and bonded
    ("uncovered_lots", "i8"),
    ("cut_lots", "i8"),  # of funded buyers, or of covered sellers, who go without
    ("unit_nano", "i8"),  # what those are owed for each lot
    ("auction_id", "u4"),  # the instrument whose auction is, or was last, uncrossed at its gate
    ("joining", "u4"),  # how far those have come who join that auction by force
    ("first_print", "i8"),  # how many prints the tranche had before the uncrossing
)
"""The gate closure at work."""

GATE_ROW = record(
    ("account_id", "u4"),
    ("order", "u4"),  # the row that comes in this place, once rows are sorted
    ("key", "u8"),  # what they are sorted by
    ("since", "u8"),  # the sequence at which the position last became net long or short
    ("lots", "i8"),  # negative for a seller
    ("backed_lots", "i8"),  # of those, paid for or bonded, and not cashed out
    ("weight", "i8"),  # by which something is shared out,
    ("share", "i8"),  # and what of it falls to this row
)
"""A position at the gate closure at work; before an uncrossing whoever joins it, with the lots of its order, which are
negative to sell."""
