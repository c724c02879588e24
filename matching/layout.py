"""How the books lie in memory: the records of the arena, which nobody outside of matching sees.

What is touched together lies together, two records to a cache line or one; `schema` has what enters and leaves.
"""

from enum import IntEnum

from kernels.records import RECORD_BYTES, names_of, offset_of, record
from matching.schema import ORDER_COMMAND

ACCOUNT_MASK = 0xFFFFFF
"""The bits of a holder that are its account."""


class Progress(IntEnum):
    """Where the command at work stands."""

    IDLE = 0
    WORKING = 1
    PAUSED = 2
    """It waits for room to write its next events."""


BOOK_SIDE = record(
    ("root", "u4"),  # node of the price tree, or NIL for an empty side
    ("height", "u4"),  # of the root: 0 is a leaf of 64 prices
    ("best_key", "i4"),  # KEY_NONE when the side is empty
    ("best_level", "u4"),
    ("recent_leaf", "u4"),  # the leaf used last; most orders come near it
    ("recent_prefix", "i4"),
    ("level_count", "u4"),
    ("iceberg_count", "u4"),  # orders with something in reserve, or that once had: probes then look at each order
)


NODE = record(
    ("children", "u8"),  # bitmap of the occupied ones
    ("parent", "u4"),
    ("prefix", "i4"),  # the keys below this node, without their lower digits
)


LEVEL = record(
    ("head", "u4"),  # the oldest order; what it calls previous means nothing
    ("newest", "u4"),  # what it calls next means nothing
    ("quantity_lots", "i8"),
    ("order_count", "u4"),
    ("instrument_side", "u4"),  # 2 x instrument id + side, of which the low bits are the book side
    ("price_ticks", "i4"),
    ("leaf", "u4"),
)


ORDER = record(
    ("order_id", "u8"),
    ("leaves_lots", "i8"),
    ("next", "u4"),
    ("previous", "u4"),
    ("level", "u4"),
    ("holder", "u4"),  # account id in the low 24 bits, HOLDER_TIMED and HOLDER_ICEBERG above
)


HOLDER_TIMED = 1 << 31
"""Marks an order that has an entry in the timer heap, so that most cancels never read its terms."""


HOLDER_ICEBERG = 1 << 30
"""Marks an order whose `leaves_lots` is what it shows, with more in `icebergs`."""


ICEBERG = record(
    ("display_lots", "i8"),  # the size of a clip
    ("reserve_lots", "i8"),  # what is not shown
)


# The command that brought an order, kept while it rests, but for what is said of the fields here. It is rarely read.
ORDER_TERMS = record(
    ("kind", "u1"),
    ("continuations", "u1"),
    ("side", "u1"),
    ("time_in_force", "u1"),
    ("timer", "u4"),  # position in the timer heap, in place of the instrument
    ("account_id", "u4"),
    ("price_ticks", "i4"),
    ("quantity_lots", "i8"),  # the total; less what self-trade prevention took
    ("order_id", "u8"),
    ("client_id_high", "u8"),
    ("client_id_low", "u8"),
    ("expires_ns", "i8"),
    ("label", "u4"),
    ("session_id", "u2"),
    ("flags", "u1"),
    ("self_trade", "u1"),
)
assert [offset_of(ORDER_TERMS, name) for name in names_of(ORDER_TERMS) if name != "timer"] == [
    offset_of(ORDER_COMMAND, name) for name in names_of(ORDER_COMMAND) if name != "instrument_id"
], "terms are copied from a command as a whole"


TIMER = record(("due_ns", "i8"), ("order_id", "u8"), ("slot", "u4"), ("reserved", "u4"))


TAKER = record(
    ("leaves_lots", "i8"),
    ("slot", "u4"),  # of an order that rested before, and is being replaced
    ("reason", "u2"),  # an OrderReason other than NONE ends the order
    ("progress", "u1"),  # a Progress
    ("reserved", "u1"),
    ("display_lots", "i8"),  # of an iceberg; means nothing for others
    ("reached_slot", "u4"),  # of the other side: where self-trade prevention goes on in an auction
    ("reserved_2", "u4"),
)
"""What becomes of the order at work, beside the command that brought it or that it would be placed with now."""


CURSOR = record(
    ("entry", "u4"),  # of a group: the record at work, counted from the head
    ("stage", "u4"),
    ("place", "u4"),  # a slot, level or instrument at which a pass goes on
    ("price_ticks", "i4"),
    ("lots", "i8"),
    ("buy_lots", "i8"),  # of an uncrossing: what the buyer at work was allotted and has not traded yet
    ("sell_lots", "i8"),
    ("missing_lots", "i8"),  # of an uncrossing: what is still to trade
    ("imbalance_lots", "i8"),
    ("order_count", "u8"),
)
"""How far a command that touches many orders has come; all zero between commands."""


COUNTERS = record(
    ("time_ns", "i8"),
    ("sequence", "u8"),
    ("event_index", "i8"),
    ("resting_orders", "i8"),
    ("trades", "i8"),
    ("free_order", "u4"),
    ("fresh_order", "u4"),  # the first slot that was never used
    ("free_level", "u4"),
    ("fresh_level", "u4"),
    ("free_node", "u4"),
    ("fresh_node", "u4"),
    ("live_nodes", "i8"),
    ("timer_count", "i8"),
)

assert ORDER_TERMS.itemsize == RECORD_BYTES
for _dtype in (ORDER, LEVEL, BOOK_SIDE):
    assert _dtype.itemsize == 32
