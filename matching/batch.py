"""Many commands in one call: what bench, recorded days and tests drive, around the `execute` that serves."""

import numpy as np

from kernels.compile import kernel, outlined
from kernels.intrinsics import rarely
from matching.auction import uncross
from matching.events import EVENTS_PER_STEP_MAX
from matching.execute import execute
from matching.many import execute_many
from matching.meeting import work
from matching.prefetch import look_ahead
from matching.resting import cancel_next, expire_next
from matching.schema import CommandKind
from matching.timers import due_slot
from matching.working import is_paused


@kernel
def execute_batch(book, batch, first, events):
    """Run commands from the head at `first` on; return how many records are done in all, and the number of events.

    Fewer done than given means that the buffer is full: empty it and call again. Every group in the batch is whole.
    """
    count = np.int64(0)
    index = np.int64(first)
    if is_paused(book):
        count = resume(book, batch, index, events, count)
        if is_paused(book):
            return index, count
        index += 1 + np.int64(batch.orders[np.uint32(index)]["continuations"])
    while index < len(batch.orders):
        if rarely(count + EVENTS_PER_STEP_MAX > len(events.orders)):
            return index, count
        look_ahead(book, batch, index)
        if rarely(batch.orders[np.uint32(index)]["kind"] > CommandKind.REPLACE):
            count = execute_many(book, batch, index, events, count)
        else:
            count = execute(book, batch, index, events, count)
        if rarely(is_paused(book)):
            return index, count
        index += 1 + np.int64(batch.orders[np.uint32(index)]["continuations"])
    return index, count


@outlined
def resume(book, batch, index, events, count):
    """Go on with the command at an index, which was paused."""
    if batch.orders[index]["kind"] <= CommandKind.REPLACE:
        return work(book, events, count)
    return execute_many(book, batch, index, events, count)


@kernel
def expire_batch(book, events):
    """Cancel orders that are due until none is left or the buffer is full; return the number of events."""
    count = np.int64(0)
    while count + EVENTS_PER_STEP_MAX <= len(events.orders) and due_slot(book) != 0:
        count = expire_next(book, events, count)
    return count


@kernel
def cancel_batch(book, instrument_id, reason, events):
    """Cancel orders of an instrument until none is left or the buffer is full; return the number of events."""
    count = np.int64(0)
    while count + EVENTS_PER_STEP_MAX <= len(events.orders):
        before = count
        count = cancel_next(book, instrument_id, reason, events, count)
        if count == before:
            break
    return count


@kernel
def uncross_batch(book, instrument_id, reference_ticks, events):
    """Uncross an instrument; return the number of events. `is_paused` tells if the buffer was full before the end."""
    return uncross(book, instrument_id, reference_ticks, events, np.int64(0))
