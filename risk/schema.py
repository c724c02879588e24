"""The records of accounts and positions. Money is int64 in nano-USD; a bound on every sum keeps it from wrapping."""

from enum import IntEnum

from kernels.records import record

AMOUNT_NANO_MAX = 1 << 60
"""The largest balance, deposit or notional of one account: 1.15 billion USD."""
TOTAL_NANO_MAX = 1 << 62
"""The largest sum of all balances. Twice as much still fits int64."""
ACCOUNT_CAPACITY = 1 << 20
POSITION_CAPACITY = 1 << 23


class RiskReject(IntEnum):
    """Why risk refuses a command, in order of precedence. Never renumber."""

    NOTIONAL_OUT_OF_RANGE = 201
    INSUFFICIENT_FUNDS = 202
    TOO_MANY_POSITIONS = 203
    AMOUNT_OUT_OF_RANGE = 204


ACCOUNT = record(
    ("cash_nano", "i8"),
    ("order_hold_nano", "i8"),  # what the resting orders could cost
    ("position_hold_nano", "i8"),  # what the positions could cost
    ("is_open", "u2"),
    ("uses_reduce_only", "u2"),  # 1 once any position may have reduce-only orders: others never pay for the question
    ("position_count", "u4"),
)

POSITION = record(
    ("account_id", "u4"),
    ("instrument_id", "u4"),
    ("lots", "i8"),  # negative for a seller
    ("cost_nano", "i8"),  # the exact signed sum of price x lots
    ("hold_nano", "i8"),
    ("next", "u4"),  # the position of the same instrument that was opened next, or the next free slot
    ("reduce_only_sides", "u4"),  # a bit for each side on which the account may have reduce-only orders
)

LEDGER = record(
    ("deposits_nano", "i8"),
    ("withdrawals_nano", "i8"),
    ("free_position", "u4"),
    ("fresh_position", "u4"),
    ("live_positions", "i8"),
    ("accounts_end", "u8"),  # above the id of every account that is open
)
