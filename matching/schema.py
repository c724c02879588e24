"""The records that matching reads and writes, and the limits that keep its integers safe.

The dtype is the schema: commands and events are fixed-width records of 64 bytes without padding, so that a
batch is one array, a journal row is its bytes, and a digest never reads uninitialised memory.

Command layouts share the places of what they have in common. An `ORDER_COMMAND` brings a new order, and heads a mass
quote or a basket; a `CHANGE_COMMAND` cancels or replaces one order, and names it by `order_id` or, when that is 0, by
the client id in its last 16 bytes; a `MASS_CANCEL_COMMAND` says which orders go. What needs more than 64 bytes is a
group: the head counts the records behind it in `continuations`. An `EXTRA` brings the further terms of one order, a
`QUOTE` both sides of one instrument, a `LEG` one leg of a basket; they come right behind the head.
"""

from enum import IntEnum, IntFlag
from typing import ClassVar

import numpy as np

from kernels.arrays import RecordViews
from kernels.records import RECORD_BYTES, record

INSTRUMENT_CAPACITY = 65_536
ORDER_CAPACITY = 4_000_000
NODE_CAPACITY = 1_000_000
ACCOUNT_ID_MAX = (1 << 24) - 1
INSTRUMENT_ID_MAX = (1 << 31) - 1

# Prices are keys of a tree of 64-ary nodes, five deep.
TREE_DIGIT_BITS = 6
TREE_DEPTH_MAX = 5
PRICE_TICKS_MAX = (1 << 30) - 1
assert PRICE_TICKS_MAX < 1 << (TREE_DIGIT_BITS * TREE_DEPTH_MAX)

QUOTES_MAX = 64
"""Instruments in one mass quote."""
LEGS_MAX = 16
"""Legs of one basket."""

QUANTITY_LOTS_MAX = 1 << 40
# A level's total must fit int64 even when every resting order of the venue is in it, each of the largest size.
assert ORDER_CAPACITY * QUANTITY_LOTS_MAX < 1 << 63

NIL = 0
"""Index 0 of every pool stays unused, so that a zeroed link points nowhere."""


class Side(IntEnum):
    """Which side of the book an order is on."""

    BUY = 0
    SELL = 1


class TimeInForce(IntEnum):
    """How long an order lives."""

    GTC = 0
    GTD = 1
    IOC = 2
    FOK = 3


class SelfTrade(IntEnum):
    """What happens when an order would trade with its own account or group; the taker's mode wins."""

    NONE = 0
    CANCEL_NEWEST = 1
    CANCEL_OLDEST = 2
    CANCEL_BOTH = 3
    DECREMENT = 4


class OrderFlag(IntFlag):
    """Flags of a new order."""

    MARKET = 1
    POST_ONLY = 2
    POST_ONLY_SLIDE = 4
    ICEBERG = 8
    """Shows `display_lots` at a time; each new clip goes to the back of the queue."""
    MINIMUM = 16
    """Trades at least `minimum_lots` on entry, or is killed."""
    REDUCE_ONLY = 32
    """Never grows a position: whoever calls matching says how many lots that leaves."""
    QUOTE = 64
    """Came by a mass quote; nobody may ask for it by itself."""


class ChangeFlag(IntFlag):
    """Flags of a replace. Without them `quantity_lots` names the order's total and a smaller one keeps priority."""

    REQUEUE = 1
    NAMES_REMAINING = 2


class MassFlag(IntFlag):
    """What a mass cancel goes by, beside the scope of instruments. Without BY_ACCOUNT it takes everybody's orders."""

    BY_ACCOUNT = 1
    BY_SESSION = 2
    BY_LABEL = 4
    BY_SIDE = 8
    BY_INSTRUMENT = 16


class Phase(IntEnum):
    """What an instrument's book accepts now."""

    CLOSED = 0
    OPEN = 1
    HALTED = 2
    AUCTION = 3
    """Orders collect without trading, until an uncrossing."""


class CommandKind(IntEnum):
    """The commands that matching executes; the venue numbers its own from 16."""

    PLACE = 1
    CANCEL = 2
    REPLACE = 3
    MASS_CANCEL = 4
    MASS_QUOTE = 5
    BASKET = 6
    EXTRA = 12
    """Further terms, behind a PLACE with the flags ICEBERG or MINIMUM."""
    QUOTE = 13
    """One instrument, behind a MASS_QUOTE."""
    LEG = 14
    """One leg, behind a BASKET."""


class EventKind(IntEnum):
    """What happened to an order. Never renumber.

    `quantity_lots` is always what this event moved and `leaves_lots` what is left of `order_id` after it. Every command
    ends with exactly one outcome event; TRADE, PREVENTED, WITHDRAWN and other orders' CANCELLED come before it. The
    orders of a mass quote or a basket have outcomes of their own before that of the command.
    """

    RESTED = 1
    """Outcome of a place: `quantity_lots` joined the book at `price_ticks`; what `leaves_lots` has more is reserve."""
    FILLED = 2
    """Outcome of a place or replace: nothing is left, all of it traded. `quantity_lots` is 0."""
    KILLED = 3
    """Outcome: `quantity_lots` of an incoming order were given up before they rested; `reason` says why."""
    CANCELLED = 4
    """`quantity_lots` left the book for good; `reason` says why. The outcome of a cancel when it names that order."""
    REPLACED = 5
    """Outcome of a replace that lost its priority: `quantity_lots` joined the book at `price_ticks`."""
    REDUCED = 6
    """Outcome of a replace that kept its priority: `quantity_lots` left the book, perhaps 0. With the reason
    REDUCE_ONLY the venue took them, because the position had become smaller."""
    REJECTED = 7
    """Outcome: nothing changed; `reason` is the first rule broken."""
    TRADE = 8
    """`order_id` took `quantity_lots` from `counter_order_id` at `price_ticks`, the resting order's price."""
    PREVENTED = 9
    """Self-trade prevention took `quantity_lots` off both orders instead of a trade."""
    WITHDRAWN = 10
    """`quantity_lots` left the book for a moment, to lose their priority in a replace."""
    REFRESHED = 11
    """The next clip of an iceberg: `quantity_lots` of its reserve joined the back of the queue at `price_ticks`."""
    RESERVE_REMOVED = 12
    """`quantity_lots` of an iceberg's reserve went, before what is in the book follows with the same reason."""
    TRIMMED = 13
    """`quantity_lots` of an incoming reduce-only order were given up, because the position is smaller."""
    ALLOTTED = 14
    """`quantity_lots` left the book at the order's own `price_ticks`, to trade in an auction."""
    AUCTION_TRADE = 15
    """The buyer `order_id` and the seller `counter_order_id` traded allotted lots at the auction's price."""
    UNCROSSED = 16
    """An auction ended: `quantity_lots` traded at `price_ticks`, both 0 if nothing did. `leaves_lots` is what more
    there was to buy at that price, negative for more to sell."""
    INDICATIVE = 17
    """What an uncrossing would give now, in the same fields."""
    MASS_CANCELLED = 18
    """Outcome of a mass cancel, a SUMMARY_EVENT: `order_count` orders with `quantity_lots` went."""
    MASS_QUOTED = 19
    """Outcome of a mass quote, a SUMMARY_EVENT: `order_count` of its quotes rest, with `quantity_lots`."""
    BASKET_FILLED = 20
    """Outcome of a basket, a SUMMARY_EVENT: all `order_count` legs were filled, `quantity_lots` in all."""
    BASKET_KILLED = 21
    """Outcome of a basket: nothing happened, because the leg `order_id` could not be filled."""


# The sign with which an event changes the quantity of a level of the book, and whether that level is on the side of
# `order_id` or on the other one. An event that is not named here leaves the levels alone.
LEVEL_EFFECT = {
    EventKind.RESTED: (+1, "own"),
    EventKind.REPLACED: (+1, "own"),
    EventKind.CANCELLED: (-1, "own"),
    EventKind.REDUCED: (-1, "own"),
    EventKind.WITHDRAWN: (-1, "own"),
    EventKind.TRADE: (-1, "other"),
    EventKind.PREVENTED: (-1, "other"),
    EventKind.REFRESHED: (+1, "own"),
    EventKind.ALLOTTED: (-1, "own"),
}


class OrderReject(IntEnum):
    """Why matching refuses a command: the first rule broken is the answer. Never renumber.

    In order of precedence, but for what came later, which says its place.
    """

    UNKNOWN_INSTRUMENT = 101
    INSTRUMENT_CLOSED = 102
    INSTRUMENT_HALTED = 103
    INVALID_ORDER_TERMS = 104
    PRICE_OUT_OF_RANGE = 105
    PRICE_OFF_TICK = 106
    QUANTITY_OUT_OF_RANGE = 107
    QUANTITY_OFF_LOT = 108
    PRICE_OUTSIDE_BAND = 109
    ALREADY_EXPIRED = 110
    UNKNOWN_ORDER = 111
    DUPLICATE_ORDER_ID = 112
    TOO_MANY_ORDERS = 113
    TOO_MANY_PRICE_LEVELS = 114
    POST_ONLY_WOULD_TRADE = 115
    NOT_IN_AUCTION = 116
    """An auction takes limit orders that may rest; asked after INVALID_ORDER_TERMS."""
    REDUCE_ONLY_WITHOUT_POSITION = 117
    """There is nothing to reduce; asked before POST_ONLY_WOULD_TRADE."""
    DUPLICATE_INSTRUMENT = 118
    """A group names an instrument twice; asked after UNKNOWN_INSTRUMENT."""
    QUOTE_CROSSED = 119
    """The bid of a quote reaches its own ask; asked after PRICE_OUTSIDE_BAND."""


class OrderReason(IntEnum):
    """Why lots were killed or cancelled. Never renumber."""

    NONE = 0
    REQUESTED = 1
    IMMEDIATE_REMAINDER = 2
    NOT_FILLABLE = 3
    SELF_TRADE = 4
    EXPIRED = 5
    REPLACED_BELOW_FILLED = 6
    GATE_CLOSED = 7
    ACCOUNT_CANCELLED = 8
    MASS_CANCELLED = 9
    REDUCE_ONLY = 10
    MARGIN_CALL = 11
    """Its account has too little for an order that could grow a position, or loses all that it has."""
    KILL_SWITCH = 14
    MARKET_MAKER_PROTECTION = 15
    NOT_COVERED = 16
    """A provider was made to give lots up, and has no capacity for what it offered of them."""
    CANCEL_AFTER = 17
    """Its owner gave no sign of life for as long as it had said."""


ORDER_COMMAND = record(
    ("kind", "u1"),
    ("continuations", "u1"),  # records of the same group that follow this one
    ("side", "u1"),
    ("time_in_force", "u1"),
    ("instrument_id", "u4"),
    ("account_id", "u4"),
    ("price_ticks", "i4"),
    ("quantity_lots", "i8"),
    ("order_id", "u8"),
    ("client_id_high", "u8"),
    ("client_id_low", "u8"),
    ("expires_ns", "i8"),
    ("label", "u4"),
    ("session_id", "u2"),
    ("flags", "u1"),
    ("self_trade", "u1"),
)

EXTRA = record(
    ("kind", "u1"),
    ("continuations", "u1"),
    ("reserved", "u2"),
    ("reserved_2", "u4"),
    ("display_lots", "i8"),  # ICEBERG: what is shown at a time, else 0
    ("minimum_lots", "i8"),  # MINIMUM: what must trade on entry, else 0
    *((f"reserved_{n}", "i8") for n in range(3, 8)),
)

QUOTE = record(
    ("kind", "u1"),
    ("continuations", "u1"),
    ("reserved", "u2"),
    ("instrument_id", "u4"),
    ("bid_ticks", "i4"),  # 0 for a side without lots
    ("ask_ticks", "i4"),
    ("bid_lots", "i8"),  # what shall rest or trade from now on; 0 takes the bid away
    ("ask_lots", "i8"),
    *((f"reserved_{n}", "i8") for n in range(2, 6)),
)

LEG = record(
    ("kind", "u1"),
    ("continuations", "u1"),
    ("side", "u1"),
    ("flags", "u1"),  # REDUCE_ONLY or none
    ("instrument_id", "u4"),
    ("reserved", "u4"),
    ("price_ticks", "i4"),
    ("quantity_lots", "i8"),
    ("order_id", "u8"),
    *((f"reserved_{n}", "i8") for n in range(2, 6)),
)

MASS_CANCEL_COMMAND = record(
    ("kind", "u1"),
    ("continuations", "u1"),
    ("side", "u1"),
    ("flags", "u1"),  # MassFlag
    ("instrument_id", "u4"),
    ("account_id", "u4"),
    ("label", "u4"),
    ("scope", "u4"),  # of the instruments, as far as scope_mask has bits
    ("scope_mask", "u4"),
    ("reserved", "u8"),
    ("client_id_high", "u8"),
    ("client_id_low", "u8"),
    ("session_id", "u2"),
    ("reserved_2", "u2"),
    ("reserved_3", "u4"),
    ("reserved_4", "i8"),
)

CHANGE_COMMAND = record(
    ("kind", "u1"),
    ("continuations", "u1"),
    ("flags", "u1"),
    ("reserved", "u1"),
    ("instrument_id", "u4"),
    ("account_id", "u4"),
    ("price_ticks", "i4"),
    ("quantity_lots", "i8"),
    ("order_id", "u8"),
    ("client_id_high", "u8"),
    ("client_id_low", "u8"),
    ("target_high", "u8"),
    ("target_low", "u8"),
)

ORDER_EVENT = record(
    ("kind", "u1"),
    ("side", "u1"),  # of order_id
    ("reason", "u2"),
    ("instrument_id", "u4"),
    ("sequence", "u8"),  # of the command
    ("order_id", "u8"),
    ("counter_order_id", "u8"),  # TRADE, PREVENTED: the maker
    ("account_id", "u4"),
    ("counter_account_id", "u4"),
    ("price_ticks", "i4"),
    ("index", "u4"),  # position among the events of its command: (sequence, index) names an event for ever
    ("quantity_lots", "i8"),
    ("leaves_lots", "i8"),
)

SUMMARY_EVENT = record(
    ("kind", "u1"),
    ("side", "u1"),
    ("reason", "u2"),
    ("instrument_id", "u4"),
    ("sequence", "u8"),
    ("order_id", "u8"),
    ("order_count", "u8"),  # in the place of counter_order_id
    ("account_id", "u4"),
    ("counter_account_id", "u4"),
    ("price_ticks", "i4"),
    ("index", "u4"),
    ("quantity_lots", "i8"),
    ("leaves_lots", "i8"),
)
"""An ORDER_EVENT that tells of many orders at once."""

INSTRUMENT = record(
    ("instrument_id", "u4"),
    ("phase", "u4"),
    ("price_step_ticks", "i4"),
    ("band_low_ticks", "i4"),
    ("band_high_ticks", "i4"),
    ("scope", "u4"),  # what a mass cancel may go by; its meaning is the caller's
    ("quantity_step_lots", "i8"),
    ("quantity_max_lots", "i8"),
    ("has_limits", "u4"),  # 1 when its orders have more to pass than what stands here; whoever calls matching asks
    ("reserved_2", "u4"),
    ("reserved_3", "i8"),
    ("reserved_4", "i8"),
)


RESTING = record(
    ("order_id", "u8"),
    ("leaves_lots", "i8"),
    ("quantity_lots", "i8"),  # the total
    ("expires_ns", "i8"),  # 0 for an order without expiry
    ("client_id_high", "u8"),
    ("client_id_low", "u8"),
    ("instrument_id", "u4"),
    ("account_id", "u4"),
    ("price_ticks", "i4"),
    ("label", "u4"),
    ("session_id", "u2"),
    ("side", "u1"),
    ("time_in_force", "u1"),
    ("flags", "u1"),
    ("self_trade", "u1"),
    ("reserved", "u2"),
    ("visible_lots", "i8"),  # what of leaves_lots is shown: all, but for an iceberg
    ("display_lots", "i8"),  # 0 for an order that is no iceberg
)
"""A resting order as digests, snapshots and readers see it: no slot, no link."""


for _dtype in (
    *(ORDER_COMMAND, CHANGE_COMMAND, MASS_CANCEL_COMMAND, EXTRA, QUOTE, LEG),
    *(ORDER_EVENT, SUMMARY_EVENT, INSTRUMENT),
):
    assert _dtype.itemsize == RECORD_BYTES


class Commands(RecordViews):
    """One array of commands in every layout that matching reads."""

    layouts: ClassVar = {
        "orders": ORDER_COMMAND,
        "changes": CHANGE_COMMAND,
        "extras": EXTRA,
        "quotes": QUOTE,
        "legs": LEG,
        "mass_cancels": MASS_CANCEL_COMMAND,
    }


class EventBuffer(RecordViews):
    """Room for what a call of a kernel says."""

    layouts: ClassVar = {"orders": ORDER_EVENT}


def view_commands(commands: np.ndarray) -> Commands:
    """Every layout of a contiguous array of 64-byte records."""
    return Commands(commands)


QUOTE_ID_BIT = 1 << 52
"""Above every id that a sequence gives, and within the integers that JSON keeps exact."""
QUOTED_INSTRUMENTS = 1 << 27
"""Instrument ids repeat in quote ids after so many: far more than can live at a time."""
assert ACCOUNT_ID_MAX << 28 < QUOTE_ID_BIT
assert QUOTED_INSTRUMENTS > INSTRUMENT_CAPACITY


def quote_order_id(account_id: int, instrument_id: int, side: int) -> int:
    """The id under which an account's quote of an instrument rests."""
    return QUOTE_ID_BIT | account_id << 28 | (instrument_id % QUOTED_INSTRUMENTS) << 1 | side
