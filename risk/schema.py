"""The records of accounts, positions and contracts. Money is int64 in nano-USD; bounds keep every sum from wrapping.

The bounds: a price that risk meets (limit, mark, final price, shock, charge) is at most the contract's highest,
`price_max_ticks`. The gross of an account is the sum over its contracts of (|lots| + open buys + open sells) at that
price, and never above GROSS_NANO_MAX. A loss in a scenario is then at most three times the gross (a limit away from the
mark, the shock, and fees of less than the price), the charges for spread and concentration together at most once, with
a ramp before the gate shock and charges of a lot still at most twice, gains
and losses not yet settled at most twice; with AMOUNT_NANO_MAX of cash, and half as much that risk staff add, every sum
stays below 2^63.
"""

from enum import IntEnum

from kernels.records import record

AMOUNT_NANO_MAX = 1 << 60
"""The largest balance or deposit of one account: 1.15 billion USD."""
GROSS_NANO_MAX = 1 << 60
ADD_ON_NANO_MAX = 1 << 59
"""The most that risk staff add to what an account must have."""
TOTAL_NANO_MAX = 1 << 62
"""The largest sum of all balances. Twice as much still fits int64."""
ACCOUNT_CAPACITY = 1 << 20
POSITION_CAPACITY = 1 << 23
RULE_CAPACITY = 1 << 16
CONTRACT_CAPACITY = 65_536
NOTED = 16
"""More commands than look-ahead is ever ahead, a power of two."""
RECENT = 2_048
"""Of how many accounts the position that they used last is known, a power of two."""
SCENARIOS = 16
"""Scenario 0 is that nothing moves. What the others are is said by the shocks that enter."""
PPM = 1_000_000
FEE_PPM_MAX = 20_000
"""Two per cent of what is traded."""
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
    ACCOUNT_BLOCKED = 212
    """The kill switch was pulled for the account. Limits, from here on, are asked right before INSUFFICIENT_MARGIN."""
    POSITION_LIMIT_ACCOUNT = 213
    POSITION_LIMIT_REGION = 214
    POSITION_LIMIT_INSTRUMENT = 215
    ORDER_SIZE_LIMIT = 216
    ORDER_NOTIONAL_LIMIT = 217
    OPEN_ORDER_LIMIT = 218
    MARKET_MAKER_PROTECTED = 219
    LIMITS_OUT_OF_RANGE = 220
    TOO_MANY_RULES = 221
    PROTECTION_OUT_OF_RANGE = 222
    NOT_PROTECTED = 223


ACCOUNT = record(
    ("cash_nano", "i8"),
    ("unsettled_nano", "i8"),  # over all positions: lots at the mark, less their cost
    ("margin_nano", "i8"),  # the initial requirement, the add-on included
    ("gross_nano", "i8"),
    ("fees_nano", "i8"),  # paid so far, less rebates
    ("is_open", "u2"),
    ("uses_reduce_only", "u1"),  # 1 once any position may have reduce-only orders: others never pay for the question
    ("is_provider", "u1"),  # 1 once it sells capacity of its own
    ("position_count", "u4"),  # of positions that hold, or held, lots
    ("first_position", "u4"),  # the last of them to be opened
    ("standing", "u1"),  # a Standing: how near to liquidation
    ("is_blocked", "u1"),  # 1 after the kill switch: cancels alone
    ("has_limits", "u1"),  # 1 when risk staff set limits for it
    ("is_protected", "u1"),  # 1 with market-maker protection
    ("add_on_nano", "i8"),  # what risk staff add to the initial requirement; nobody is closed out for it
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

RECENT_POSITION = record(("account_id", "u4"), ("instrument_id", "u4"), ("slot", "u4"), ("class_slot", "u4"))
"""The position that an account used last, of those that share its place; only its class if it was freed."""

SINCE = record(("sequence", "u8"))
"""When a position last became net long or short: the sequence of the command that did it."""

CLASS = record(
    ("account_id", "u4"),
    ("region_id", "u4"),
    ("margin_nano", "i8"),  # the worst loss of all scenarios
    ("worst_lots", "i8"),  # over its positions: the most lots that each may come to have, either way
    ("position_count", "u4"),
    ("next_free", "u4"),
)
"""An account in one margin class. Its loss in each scenario stands in `losses`."""

CONTRACT = record(
    ("instrument_id", "u4"),
    ("region_id", "u2"),  # the margin class: there is no credit between regions
    ("ramp_step", "u2"),  # of the margin ramp; 0 while lots require nothing for it
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

RAMP = record(("long_ticks", "i4"), ("short_ticks", "i4"))
"""What a lot that is bought, or sold and not covered, requires of a contract beside all else, as its gate comes near.
"""

ACCOUNT_LIMITS = record(
    ("position_lots", "i8"),  # in each instrument, open orders of a side included
    ("order_lots", "i8"),
    ("order_nano", "i8"),  # lots at the limit
    ("open_orders_step_nano", "i8"),  # one open order more for so much equity; 0 for none
    ("open_orders_base", "u4"),
    ("open_orders_max", "u4"),
    ("open_orders", "i8"),  # how many there are; kept for accounts with limits alone
    ("first_rule", "u4"),
    ("reserved", "u4"),
)
"""What risk staff allow an account at most. 0 is no limit, of whatever kind."""

CONTRACT_LIMITS = record(("position_lots", "i8"), ("order_lots", "i8"), ("order_nano", "i8"))
"""The same for everybody in one instrument."""

RULE = record(
    ("account_id", "u4"),
    ("region_id", "u4"),
    ("position_lots", "i8"),  # over all positions of the region: the most that each may come to have, added up
    ("interval_ms", "u4"),  # of market-maker protection, 0 without it
    ("frozen_ms", "u4"),  # how long no order is taken once it went off; 0 until it is reset
    ("quantity_lots", "i8"),  # it goes off when so much was traded within the interval,
    ("net_lots", "i8"),  # when bought and sold lots differ by so much,
    ("notional_nano", "i8"),  # or when trades came to so much; 0 for what does not count
    ("until_ns", "i8"),  # the end of the interval at work; 0 without one
    ("traded_lots", "i8"),  # since it began
    ("traded_net_lots", "i8"),
    ("traded_nano", "i8"),
    ("frozen_until_ns", "i8"),
    ("next", "u4"),  # the account's next rule, or the next free slot
    ("next_due", "u4"),  # protection that went off after this one in the same command
)
"""What holds for an account in one region."""

LEDGER = record(
    ("deposits_nano", "i8"),
    ("withdrawals_nano", "i8"),
    ("fees_nano", "i8"),  # what the exchange has earned
    ("fund_nano", "i8"),  # the insurance fund
    ("escrow_nano", "i8"),  # of buyers, until what they bought is delivered
    ("bonds_nano", "i8"),  # of providers, until they delivered
    ("stakes_nano", "i8"),  # of providers, for as long as they are
    ("burned_nano", "i8"),  # gone for good
    ("free_position", "u4"),
    ("fresh_position", "u4"),
    ("free_class", "u4"),
    ("fresh_class", "u4"),
    ("live_positions", "i8"),
    ("live_classes", "i8"),
    ("accounts_end", "u8"),  # above the id of every account that is open
    ("free_rule", "u4"),
    ("fresh_rule", "u4"),
    ("first_due", "u4"),  # rules whose protection went off, until the command is over
    ("last_due", "u4"),
)

WATERFALL = record(
    ("shortfall_nano", "i8"),  # what losers of a settlement cannot pay
    ("gains_nano", "i8"),  # what its winners are owed
    ("haircut_nano", "i8"),  # what of the shortfall the fund did not pay: the winners go without
    ("threshold", "i8"),  # a gain whose remainder is larger goes without one nano-USD more
    ("ties", "i8"),  # so do so many, the first, of those whose remainder is this
)
"""How the settlement at work is shared out."""
