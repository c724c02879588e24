"""The records in which the read model keeps what every order moves, and how much of it is kept."""

from typing import NamedTuple

from kernels.records import record

NIL = 0
"""Row 0 of every pool stays unused, so that a zeroed link points nowhere."""

OPEN, FILLED, CANCELLED, KILLED, REJECTED = range(5)
"""What an order's `status` is, as `records.STATUSES` names it."""

TEXT_BYTES = 36
"""Of a client id; no door lets a longer one in."""
MINUTE_S, FIVE_MINUTES_S, HOUR_S = 60, 300, 3_600
INTERVAL_COUNT = 3
NANO_PER_MINUTE = 60_000_000_000

IN_MARKET, IN_TRANCHE = 1, 2
"""Among whose trades one is kept."""

ORDERS, LEVELS, POSITIONS, TRADES, CANDLES = range(5)
"""The place of each pool's record."""


class Bounds(NamedTuple):
    """How much of what is over is kept."""

    finished_orders: int = 100_000
    trades: int = 100_000
    """Of the whole market; of which accounts read their fills."""
    tranche_trades: int = 500
    candles: int = 300
    """Of each tranche and interval."""
    tape: int = 1_000
    unread_events: int = 16_384
    """After so many, levels that changed are forgotten if no reader came; one that comes after each batch misses
    nothing."""
    ended_tranches: int = 500


ORDER = record(
    # What most events touch comes first, on one cache line.
    ("order_id", "u8"),
    ("sequence", "u8"),  # of the command that changed it last
    ("quantity_lots", "i8"),
    ("filled_lots", "i8"),
    ("leaves_lots", "i8"),
    ("updated_ns", "i8"),
    ("account_id", "u4"),
    ("instrument", "u4"),  # its row; NIL for a refused order of a tranche that there is not
    ("level", "u4"),  # where it rests
    ("price_ticks", "i4"),
    ("created_ns", "i8"),
    ("display_lots", "i8"),
    ("minimum_lots", "i8"),
    ("instrument_id", "u4"),
    ("previous", "u4"),  # among the open orders of the account, oldest first
    ("next", "u4"),
    ("label", "u4"),
    ("session_id", "u2"),
    ("reason", "u2"),
    ("side", "u1"),
    ("time_in_force", "u1"),
    ("flags", "u1"),
    ("status", "u1"),
    ("is_listed", "u1"),  # among the open orders of the account
    ("text_bytes", "u1"),  # of its client id; 0 without one
    ("reserved", "u2"),
    ("reserved_2", "u4"),
    ("reserved_3", "i8"),
)

CLIENT = record(("high", "u8"), ("low", "u8"))
"""An order's client id as its command has it; the text stands in an array of bytes."""

LEVEL = record(
    ("key", "u8"),
    ("quantity_lots", "i8"),
    ("price_ticks", "i4"),
    ("order_count", "i4"),  # without any the level is gone, and its row stays until nobody has to hear of it
    ("instrument", "u4"),
    ("previous", "u4"),  # in any order among the levels of its side
    ("next", "u4"),
    ("next_touched", "u4"),
    ("side", "u1"),
    ("is_touched", "u1"),
    ("reserved", "u2"),
    ("reserved_2", "u4"),
)

POSITION = record(
    ("key", "u8"),
    ("lots", "i8"),
    ("cost_nano", "i8"),
    ("account_id", "u4"),
    ("instrument", "u4"),
    ("previous", "u4"),  # among those of the account, in the order in which they were opened
    ("next", "u4"),
)

TRADE = record(
    ("sequence", "u8"),
    ("order_id", "u8"),  # of the taker, or of the buyer in an auction
    ("counter_order_id", "u8"),
    ("number", "i8"),  # of all trades, from 1
    ("previous", "i8"),  # the number of the account's trade before
    ("counter_previous", "i8"),
    ("quantity_lots", "i8"),
    ("time_ns", "i8"),
    ("index", "u4"),
    ("instrument", "u4"),
    ("account_id", "u4"),
    ("counter_account_id", "u4"),
    ("price_ticks", "i4"),
    ("next", "u4"),  # the tranche's next trade
    ("side", "u1"),
    ("is_auction", "u1"),
    ("kept", "u1"),
    ("text_bytes", "u1"),  # of the client ids of both orders
    ("counter_text_bytes", "u1"),
    ("reserved", "u1"),
    ("reserved_2", "u2"),
)

CANDLE = record(
    ("start_s", "i8"),
    ("lots", "i8"),
    ("notional_low", "u8"),  # the sum of ticks x lots, which may be more than 64 bits
    ("notional_high", "u8"),
    ("open_ticks", "i4"),
    ("high_ticks", "i4"),
    ("low_ticks", "i4"),
    ("close_ticks", "i4"),
    ("trades", "u4"),
    ("next", "u4"),  # the later one
)

INSTRUMENT = record(
    ("traded_lots", "i8"),
    ("indicative_lots", "i8"),
    ("imbalance_lots", "i8"),
    ("tick_value_nano", "i8"),
    ("references", "i8"),  # orders and trades that name it
    ("book_sequence", "u8"),
    ("instrument_id", "u4"),
    ("next", "u4"),  # whose id falls on the same place
    ("last_trade_ticks", "i4"),
    ("indicative_ticks", "i4"),
    ("maker_fee_ppm", "i4"),
    ("taker_fee_ppm", "i4"),
    ("touched", "u4"),  # the first level of which somebody has to hear
    ("oldest_trade", "u4"),
    ("newest_trade", "u4"),
    ("trade_count", "u4"),
    ("is_collecting", "u1"),  # in an auction
    ("is_changed", "u1"),
    ("is_dropped", "u1"),
    ("reserved", "u1"),
    ("reserved_2", "u4"),
)

SIDE = record(
    ("first", "u4"),
    ("count", "u4"),
    ("moves", "u4"),  # how often a level appeared or went
    ("reserved", "u4"),
)
"""The levels of one side of one book."""

CHAIN = record(("oldest", "u4"), ("newest", "u4"), ("count", "u4"), ("reserved", "u4"))
"""The candles of one tranche and interval."""

ACCOUNT = record(
    ("cash_nano", "i8"),
    ("unsettled_nano", "i8"),
    ("margin_nano", "i8"),
    ("gross_nano", "i8"),
    ("fees_nano", "i8"),
    ("last_trade", "i8"),  # the number of its newest trade
    ("forgotten_sequence", "u8"),  # the name of the newest that is forgotten
    ("add_on_nano", "i8"),
    ("forgotten_index", "u4"),
    ("standing", "u4"),
    ("first_order", "u4"),
    ("last_order", "u4"),
    ("order_count", "u4"),
    ("first_position", "u4"),
    ("last_position", "u4"),
    ("is_open", "u4"),
)

POOL = record(("fresh", "i8"), ("free", "i8"), ("live", "i8"))
"""Rows from `fresh` on were never used; `free` is the first of those that are used no more."""

COUNTERS = record(
    ("sequence", "u8"),  # of the command at work
    ("commands", "i8"),
    ("trades", "i8"),
    ("resting_orders", "i8"),
    ("finished_oldest", "i8"),  # numbers in the ring
    ("finished_end", "i8"),
    ("trades_oldest", "i8"),  # the number of the oldest trade of the market that is kept
    ("trades_end", "i8"),
    ("changed", "i8"),  # how many instruments are in the list of those that changed
    ("finished_kept", "i8"),
    ("trades_kept", "i8"),
    ("tranche_trades_kept", "i8"),
    ("candles_kept", "i8"),
)
