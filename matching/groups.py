"""What commands that touch many orders have in common: how their entries are read, checked and worked.

Such a command goes from step to step, each of at most EVENTS_PER_STEP_MAX events. `book.cursor` holds how far it has
come; when the buffer has no room for the next step, it pauses there, and runs on in the next call.
"""

import numpy as np

from kernels.compile import inlined, outlined
from kernels.intrinsics import copy_record
from matching.events import EVENTS_PER_STEP_MAX
from matching.layout import Progress
from matching.meeting import work
from matching.rules import NO_REJECT
from matching.schema import NIL, OrderReject, Phase
from matching.working import start


@inlined
def count_entries(batch, index, kind):
    """How many records of a kind come right behind the head at an index."""
    continuations = np.int64(batch.orders[index]["continuations"])
    entries = np.int64(0)
    while entries < continuations and batch.orders[index + 1 + entries]["kind"] == kind:
        entries += 1
    return entries


@outlined
def is_named_before(batch, index, entry):
    """Whether an entry, counted from the head at an index, names an instrument that an earlier entry names."""
    # Every layout has the instrument in the same place.
    instrument_id = batch.orders[index + entry]["instrument_id"]
    earlier = entry - 1
    while earlier > 0 and batch.orders[index + earlier]["instrument_id"] != instrument_id:
        earlier -= 1
    return earlier > 0


@inlined
def check_entry_phase(instrument, may_collect):
    """Whether the book of an entry takes it now; an auction takes what may collect there."""
    phase = instrument["phase"]
    if phase == Phase.OPEN or (phase == Phase.AUCTION and may_collect):
        return np.int64(NO_REJECT)
    if phase == Phase.AUCTION:
        return np.int64(OrderReject.NOT_IN_AUCTION)
    if phase == Phase.HALTED:
        return np.int64(OrderReject.INSTRUMENT_HALTED)
    return np.int64(OrderReject.INSTRUMENT_CLOSED)


@inlined
def has_room(book, events, count):
    """Whether the next step of the command finds room; if not, the command pauses."""
    is_enough = count + EVENTS_PER_STEP_MAX <= len(events.orders)
    book.taker[0]["progress"] = Progress.WORKING if is_enough else Progress.PAUSED
    return is_enough


@inlined
def load_entry(book, head, kind, time_in_force, flags):
    """Begin the order of an entry with what it has from the head. The caller adds what the entry says."""
    working = book.working[0]
    copy_record(head, working)
    working["kind"] = kind
    working["continuations"] = 0
    working["time_in_force"] = time_in_force
    working["expires_ns"] = 0
    working["flags"] = flags


@inlined
def start_entry(book, order_id, instrument_id, side, price_ticks, quantity_lots):
    """Put the order of an entry to work."""
    working = book.working[0]
    working["order_id"] = order_id
    working["instrument_id"] = instrument_id
    working["side"] = side
    working["price_ticks"] = price_ticks
    working["quantity_lots"] = quantity_lots
    start(book, NIL, quantity_lots)


@outlined
def work_entry(book, events, count):
    """Carry the order of an entry on, to its own outcome or until the buffer is full."""
    return work(book, events, count)


@inlined
def end_command(book):
    """The command has its outcome; the cursor is left as it was found."""
    book.taker[0]["progress"] = Progress.IDLE
    cursor = book.cursor[0]
    cursor["entry"] = 0
    cursor["stage"] = 0
    cursor["place"] = 0
    cursor["lots"] = 0
    cursor["order_count"] = 0
