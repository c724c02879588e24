"""A mass cancel: every resting order that matches all that the command goes by leaves the book, in the order of ids.

    choose the ids of all orders that match ─▶ sort them ─▶ cancel one after the other, with pauses for room

The orders of an account lie scattered over all books, and to keep lists of them would cost every order that comes or
goes. So the choice is one pass over the pool of orders, in the order of memory: a million of them take milliseconds,
however deep the books. Where walking the books looks at far fewer orders, as when the command names an instrument, it
walks the books. Either way finds the same orders, and sorting makes them the same sequence.
"""

import numpy as np

from kernels.compile import inlined, outlined
from matching.events import write_entry_rejected, write_summary
from matching.groups import end_command, has_room
from matching.icebergs import total_leaves
from matching.identifiers import find_slot
from matching.layout import ACCOUNT_MASK
from matching.queues import first_order, next_order
from matching.resting import remove
from matching.rules import NO_REJECT, is_listed
from matching.schema import NIL, EventKind, MassFlag, OrderReject, Side
from matching.sides import instrument_id_of_level, instrument_slot_of_level, side_of_level

BY_ACCOUNT = int(MassFlag.BY_ACCOUNT)
BY_SESSION = int(MassFlag.BY_SESSION)
BY_LABEL = int(MassFlag.BY_LABEL)
BY_SIDE = int(MassFlag.BY_SIDE)
BY_INSTRUMENT = int(MassFlag.BY_INSTRUMENT)
MASS_FLAGS = BY_ACCOUNT | BY_SESSION | BY_LABEL | BY_SIDE | BY_INSTRUMENT
NOT_BEGUN = 0
BEGUN = 1
"""Stages of the cursor; its place is then the entry of the chosen ids to cancel next."""
UNKNOWN = -1
"""In place of a number of orders: the walk was given up."""
ORDERS_A_STEP = 16
"""So many orders of the pool are looked at in the time of one step along a queue."""


@outlined
def check_mass_cancel(book, command):
    """0, or the first rule that a mass cancel breaks."""
    flags = np.int64(command["flags"])
    if flags & BY_INSTRUMENT and not is_listed(book, command["instrument_id"]):
        return np.int64(OrderReject.UNKNOWN_INSTRUMENT)
    if flags & ~MASS_FLAGS or (flags & BY_SIDE and command["side"] > Side.SELL):
        return np.int64(OrderReject.INVALID_ORDER_TERMS)
    return np.int64(NO_REJECT)


@outlined
def write_mass_cancel_rejected(book, command, reject, events, count):
    """A mass cancel is refused."""
    account_id = np.int64(command["account_id"])
    instrument_id, side = named_by(command)
    return write_entry_rejected(book, reject, account_id, instrument_id, side, events, count)


@outlined
def cancel_matching(book, command, reason, events, count):
    """Carry a valid mass cancel for some reason on, to its outcome or until the buffer is full."""
    cursor = book.cursor[0]
    if cursor["stage"] == NOT_BEGUN:
        cursor["stage"] = BEGUN
        sort_ids(book, choose(book, command))
    place = np.int64(cursor["place"])
    while book.chosen[place] != 0 and has_room(book, events, count):
        count = cancel_chosen(book, place, reason, events, count)
        place += 1
    cursor["place"] = place
    if book.chosen[place] != 0 or not has_room(book, events, count):
        return count
    return finish_mass_cancel(book, command, events, count)


@inlined
def cancel_chosen(book, place, reason, events, count):
    """Cancel one of the chosen orders, and forget the choice."""
    cursor = book.cursor[0]
    slot = find_slot(book, book.chosen[place])
    book.chosen[place] = 0
    cursor["order_count"] += np.uint64(1)
    cursor["lots"] += total_leaves(book, slot)
    return remove(book, slot, reason, events, count)


@inlined
def finish_mass_cancel(book, command, events, count):
    """Say how much went."""
    cursor = book.cursor[0]
    account_id = np.int64(command["account_id"])
    instrument_id, side = named_by(command)
    order_count = np.int64(cursor["order_count"])
    quantity_lots = cursor["lots"]
    end_command(book)
    kind = EventKind.MASS_CANCELLED
    return write_summary(book, kind, account_id, instrument_id, side, order_count, quantity_lots, events, count)


@inlined
def named_by(command):
    """The instrument and the side that a mass cancel goes by, 0 for what it does not go by."""
    flags = np.int64(command["flags"])
    instrument_id = np.int64(command["instrument_id"]) if flags & BY_INSTRUMENT else np.int64(0)
    side = np.int64(command["side"]) if flags & BY_SIDE else np.int64(0)
    return instrument_id, side


# The choice.


@outlined
def choose(book, command):
    """Note the ids of all orders that match; return how many there are."""
    counters = book.counters[0]
    steps_max = np.int64(counters["fresh_order"]) // ORDERS_A_STEP
    slots = np.int64(len(book.instruments))
    count = np.int64(UNKNOWN)
    if np.int64(command["flags"]) & BY_INSTRUMENT:
        named_slot = np.int64(command["instrument_id"]) & (slots - 1)
        count = choose_in_books(book, command, named_slot, named_slot + 1, steps_max)
    elif slots + np.int64(counters["resting_orders"]) < steps_max:
        count = choose_in_books(book, command, np.int64(0), slots, steps_max)
    return count if count != UNKNOWN else choose_in_pool(book, command)


@outlined
def choose_in_pool(book, command):
    """Choose in one pass over all orders that there ever were at a time."""
    count = np.int64(0)
    for slot in range(1, np.int64(book.counters[0]["fresh_order"])):
        if goes_by_account(book, command, slot) and rests(book, slot) and matches(book, command, slot):
            book.chosen[count] = book.orders[slot]["order_id"]
            count += 1
    return count


@outlined
def choose_in_books(book, command, first_slot, end_slot, steps_max):
    """Choose by walking the queues of some instruments; UNKNOWN, with nothing chosen, if that takes too many steps."""
    count = np.int64(0)
    for book_side in range(2 * first_slot, 2 * end_slot):
        slot = first_order(book, book_side)
        while slot != NIL:
            if steps_max == 0:
                forget_chosen(book, count)
                return np.int64(UNKNOWN)
            steps_max -= 1
            if goes_by_account(book, command, slot) and matches(book, command, slot):
                book.chosen[count] = book.orders[slot]["order_id"]
                count += 1
            slot = next_order(book, slot)
    return count


@inlined
def forget_chosen(book, count):
    """Leave no id behind."""
    for place in range(count):
        book.chosen[place] = 0


@inlined
def rests(book, slot):
    """Whether there is an order in a slot of the pool; of a free one only the id is cleared."""
    return book.orders[slot]["order_id"] != 0


@inlined
def goes_by_account(book, command, slot):
    """Whether the command does not leave out the account of an order. It is asked first, and of the most orders."""
    account_id = np.int64(book.orders[slot]["holder"] & ACCOUNT_MASK)
    return np.int64(command["flags"]) & BY_ACCOUNT == 0 or account_id == np.int64(command["account_id"])


@inlined
def matches(book, command, slot):
    """Whether an order falls under all else that the command goes by."""
    flags = np.int64(command["flags"])
    if flags & BY_SESSION and book.terms[slot]["session_id"] != command["session_id"]:
        return False
    if flags & BY_LABEL and book.terms[slot]["label"] != command["label"]:
        return False
    level = book.levels[book.orders[slot]["level"]]
    if flags & BY_SIDE and side_of_level(level) != np.int64(command["side"]):
        return False
    if flags & BY_INSTRUMENT and instrument_id_of_level(level) != command["instrument_id"]:
        return False
    instrument = book.instruments[instrument_slot_of_level(book, level)]
    return (instrument["scope"] ^ command["scope"]) & command["scope_mask"] == 0


# The sorting.


@outlined
def sort_ids(book, count):
    """Put the chosen ids in ascending order, by a heap. Mostly they are: slots are taken in the order of arrival."""
    if are_ascending(book, count):
        return
    for top in range(count // 2 - 1, -1, -1):
        sift_down(book, np.int64(top), count)
    for end in range(count - 1, 0, -1):
        largest = book.chosen[0]
        book.chosen[0] = book.chosen[end]
        book.chosen[end] = largest
        sift_down(book, np.int64(0), np.int64(end))


@inlined
def are_ascending(book, count):
    """Whether there is nothing to sort."""
    place = np.int64(1)
    while place < count and book.chosen[place - 1] < book.chosen[place]:
        place += 1
    return place >= count


@outlined
def sift_down(book, top, count):
    """Let the id at the top of a heap of so many sink to its place, the larger ones above it."""
    order_id = book.chosen[top]
    at = top
    below = 2 * at + 1
    while below < count:
        if below + 1 < count and book.chosen[below + 1] > book.chosen[below]:
            below += 1
        if book.chosen[below] <= order_id:
            break
        book.chosen[at] = book.chosen[below]
        at = below
        below = 2 * at + 1
    book.chosen[at] = order_id
