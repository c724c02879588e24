"""The records of accounts, positions and contracts. Money is int64 in nano-USD; bounds keep every sum from wrapping.

The bounds: a price that risk meets (limit, mark, final price, shock, charge) is at most the contract's highest,
`price_max_ticks`. The gross of an account is the sum over its contracts of (|lots| + open buys + open sells) at that
price, and never above GROSS_NANO_MAX. A loss in a scenario is then at most three times the gross (a limit away from the
mark, the shock, and fees of less than the price), the charges for spread and concentration together at most once, gains
and losses not yet settled at most twice; with AMOUNT_NANO_MAX of cash every sum stays below 2^63.
"""

from enum import IntEnum

from kernels.records import record

AMOUNT_NANO_MAX = 1 << 60
"""The largest balance or deposit of one account: 1.15 billion USD."""
GROSS_NANO_MAX = 1 << 60
TOTAL_NANO_MAX = 1 << 62
"""The largest sum of all balances. Twice as much still fits int64."""
ACCOUNT_CAPACITY = 1 << 20
POSITION_CAPACITY = 1 << 23
CONTRACT_CAPACITY = 65_536
SCENARIOS = 16
"""Scenario 0 is that nothing moves. What the others are is said by the shocks that enter."""
PPM = 1_000_000
FEE_PPM_MAX = 20_000
"""Two per cent of what is traded."""
MAINTENANCE_PPM = 600_000
"""Of the initial requirement; below it positions are closed."""
UTILISATION_PPM_MAX = 10 * PPM
"""Telemetry may tell of more than can be delivered, but not of more than ten times as much."""
RATE_PPM_MAX = 10 * PPM
"""A thousand per cent a year is the most that borrowed cash may cost."""
PRICE_HEADROOM = 32
"""A contract's prices may rise to so many times the reference that it was listed with."""
MAINTENANCE_PPM = 600_000
"""Of the initial requirement; below it positions are closed."""
LIQUIDATION_FEE_PPM = 10_000
"""What the insurance fund gets of a forced trade at most, and only of what is better than the bankruptcy price."""
LIQUIDATION_PARTS = 5
"""A forced order closes one part in so many of a position,"""
LIQUIDATION_LOTS_MIN = 20
"""but no fewer lots, if there are so many."""


class Standing(IntEnum):
    """How near an account is to losing its positions. Never renumber."""

    SOUND = 0
    """Its equity covers the initial requirement."""
    NOTED = 1
    """It did not when somebody looked last; what that means is found out before the command ends."""
    CALLED = 2
    """It does not, but covers maintenance: only what closes positions is open to it."""
    CLOSING = 3
    """It covers not even that: the venue closes its positions."""


class RiskReject(IntEnum):
    """Why risk refuses a command. Never renumber.

    In order of precedence, but for what came later, which says its place.
    """

    NOTIONAL_OUT_OF_RANGE = 201
    INSUFFICIENT_FUNDS = 202
    """A withdrawal beyond what is free."""
    TOO_MANY_POSITIONS = 203
    AMOUNT_OUT_OF_RANGE = 204
    INSUFFICIENT_MARGIN = 205
    """An order whose fills the account's collateral would not cover; asked last."""
    PRICE_ABOVE_MAXIMUM = 206
    """A limit above what risk can reckon with; asked first."""
    PARAMETERS_OUT_OF_RANGE = 207
    FEES_OUT_OF_RANGE = 208
    ACCOUNT_IN_LIQUIDATION = 209
    """An order of an account whose positions the venue is closing."""
    STRAIN_OUT_OF_RANGE = 226
    FINANCING_OUT_OF_RANGE = 227


ACCOUNT = record(
    ("cash_nano", "i8"),
    ("unsettled_nano", "i8"),  # over all positions: lots at the mark, less their cost
    ("margin_nano", "i8"),  # the initial requirement
    ("gross_nano", "i8"),
    ("fees_nano", "i8"),  # paid so far, less rebates
    ("is_open", "u2"),
    ("uses_reduce_only", "u2"),  # 1 once any position may have reduce-only orders: others never pay for the question
    ("position_count", "u4"),  # of positions that hold, or held, lots
    ("first_position", "u4"),  # the last of them to be opened
    ("standing", "u1"),  # a Standing: how near to liquidation
    ("is_blocked", "u1"),
    ("has_limits", "u1"),
    ("is_protected", "u1"),
    ("review_ns", "i8"),  # when a standing that is not SOUND is looked at again
)

POSITION = record(
    ("account_id", "u4"),
    ("instrument_id", "u4"),
    ("lots", "i8"),  # negative for a seller
    ("cost_nano", "i8"),  # the exact signed sum of price x lots
    ("buy_lots", "i8"),  # in open orders
    ("sell_lots", "i8"),
    ("class_slot", "u4"),  # the account in the margin class of the instrument
    ("next", "u4"),  # the position of the same instrument that was opened next, or the next free slot
    ("older", "u4"),  # the account's position that was opened before
    ("newer", "u4"),
    ("reduce_only_sides", "u4"),  # a bit for each side on which the account may have reduce-only orders
    ("is_chained", "u4"),  # 1 once it held lots: until its instrument is settled, it then stays
)

CLASS = record(
    ("account_id", "u4"),
    ("region_id", "u4"),
    ("margin_nano", "i8"),  # the worst loss of all scenarios
    ("position_count", "u4"),
    ("next_free", "u4"),
)
"""An account in one margin class. Its loss in each scenario stands in `losses`."""

CONTRACT = record(
    ("instrument_id", "u4"),
    ("region_id", "u4"),  # the margin class: there is no credit between regions
    ("mark_ticks", "i4"),
    ("price_max_ticks", "i4"),
    ("tick_value_nano", "i8"),  # nano-USD of one tick of one lot
    ("lots_max", "i8"),  # so many lots at the highest price are all that an account may have
    ("worst_shock_ticks", "i4"),  # the largest of all shocks, either way
    ("spread_ticks", "i4"),  # charged for every lot, whatever else offsets it
    ("concentration_ticks", "i4"),  # charged beside it for lots beyond concentration_lots
    ("maker_fee_ppm", "i2"),
    ("taker_fee_ppm", "i2"),
    ("concentration_lots", "i8"),
    ("gross_nano", "i8"),  # one lot at the highest price
)
"""What risk knows of an instrument. What a long lot gains in each scenario stands in `shocks`, in ticks; what it would
gain if the region were at ease, in `base_shocks`."""

LEDGER = record(
    ("deposits_nano", "i8"),
    ("withdrawals_nano", "i8"),
    ("fees_nano", "i8"),  # what the exchange has earned
    ("fund_nano", "i8"),  # the insurance fund
    ("free_position", "u4"),
    ("fresh_position", "u4"),
    ("free_class", "u4"),
    ("fresh_class", "u4"),
    ("live_positions", "i8"),
    ("live_classes", "i8"),
    ("accounts_end", "u8"),  # above the id of every account that is open
)

WATERFALL = record(
    ("shortfall_nano", "i8"),  # what losers of a settlement cannot pay
    ("gains_nano", "i8"),  # what its winners are owed
    ("haircut_nano", "i8"),  # what of the shortfall the fund did not pay: the winners go without
    ("threshold", "i8"),  # a gain whose remainder is larger goes without one nano-USD more
    ("ties", "i8"),  # so do so many, the first, of those whose remainder is this
)
"""How the settlement at work is shared out."""
