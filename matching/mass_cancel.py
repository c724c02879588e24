"""A mass cancel: every resting order that matches all that the command goes by leaves the book.

The walk is by instrument id, bids first, then price and time. It passes over instruments and sides that are empty or
that the command leaves out, and reads of an order no more than its record unless it goes by session or label.
"""

import numpy as np

from kernels.compile import inlined, outlined
from matching.events import write_entry_rejected, write_summary
from matching.groups import end_command, has_room
from matching.icebergs import total_leaves
from matching.layout import ACCOUNT_MASK
from matching.prices import next_level
from matching.resting import remove
from matching.rules import NO_REJECT, is_listed
from matching.schema import NIL, EventKind, MassFlag, OrderReason, OrderReject, Side

BY_ACCOUNT = int(MassFlag.BY_ACCOUNT)
BY_SESSION = int(MassFlag.BY_SESSION)
BY_LABEL = int(MassFlag.BY_LABEL)
BY_SIDE = int(MassFlag.BY_SIDE)
BY_INSTRUMENT = int(MassFlag.BY_INSTRUMENT)
MASS_FLAGS = BY_ACCOUNT | BY_SESSION | BY_LABEL | BY_SIDE | BY_INSTRUMENT
NOT_BEGUN = 0
BEGUN = 1
"""Stages of the cursor; its place is then the order to look at next, NIL behind the last."""
NONE = -1
"""In place of the slot of an instrument."""


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
def cancel_matching(book, command, events, count):
    """Carry a valid mass cancel on, to its outcome or until the buffer is full."""
    cursor = book.cursor[0]
    slot = np.int64(cursor["place"])
    if cursor["stage"] == NOT_BEGUN:
        cursor["stage"] = BEGUN
        slot = first_order(book, command)
    while slot != NIL:
        following = order_after(book, command, slot)
        if matches(book, command, slot):
            if not has_room(book, events, count):
                break
            cursor["order_count"] += np.uint64(1)
            cursor["lots"] += total_leaves(book, slot)
            count = remove(book, slot, OrderReason.MASS_CANCELLED, events, count)
        slot = following
    cursor["place"] = slot
    if slot != NIL or not has_room(book, events, count):
        return count
    return finish_mass_cancel(book, command, events, count)


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


@inlined
def matches(book, command, slot):
    """Whether an order, in an instrument and on a side that the command goes by, falls under it."""
    flags = np.int64(command["flags"])
    if flags & BY_ACCOUNT and np.int64(book.orders[slot]["holder"] & ACCOUNT_MASK) != np.int64(command["account_id"]):
        return False
    if flags & BY_SESSION and book.terms[slot]["session_id"] != command["session_id"]:
        return False
    return flags & BY_LABEL == 0 or book.terms[slot]["label"] == command["label"]


@inlined
def first_order(book, command):
    """The order at which the walk begins, or NIL."""
    instrument_slot = next_instrument(book, command, NONE)
    return head_of(book, first_level(book, command, instrument_slot, np.int64(Side.BUY)))


@inlined
def order_after(book, command, slot):
    """The order that the walk comes to after this one, or NIL."""
    order = book.orders[slot]
    level = np.int64(order["level"])
    if slot != np.int64(book.levels[level]["newest"]):
        return np.int64(order["next"])
    following = next_level(book, level)
    if following == NIL:
        book_side = np.int64(book.levels[level]["book_side"])
        following = first_level(book, command, book_side >> 1, (book_side & 1) + 1)
    return head_of(book, following)


@inlined
def head_of(book, level):
    """The oldest order of a level, or NIL for no level."""
    return np.int64(book.levels[level]["head"]) if level != NIL else np.int64(NIL)


@outlined
def first_level(book, command, instrument_slot, side):
    """The first level that the walk comes to from a side of an instrument on, or NIL."""
    while instrument_slot != NONE:
        while side <= Side.SELL:
            level = np.int64(book.sides[2 * instrument_slot + side]["best_level"])
            if level != NIL and goes_by_side(command, side):
                return level
            side += 1
        instrument_slot = next_instrument(book, command, instrument_slot)
        side = np.int64(Side.BUY)
    return np.int64(NIL)


@inlined
def goes_by_side(command, side):
    """Whether the command does not leave a side out."""
    return np.int64(command["flags"]) & BY_SIDE == 0 or np.int64(command["side"]) == side


@inlined
def next_instrument(book, command, instrument_slot):
    """The slot of the next instrument with orders that the command goes by, after the one in a slot or from the
    beginning for NONE, by instrument id; NONE behind the last."""
    if np.int64(command["flags"]) & BY_INSTRUMENT:
        named_slot = np.int64(command["instrument_id"]) & np.int64(len(book.instruments) - 1)
        is_next = instrument_slot == NONE and goes_by_instrument(book, command, named_slot)
        return named_slot if is_next else np.int64(NONE)
    return next_by_id(book, command, instrument_slot)


@outlined
def next_by_id(book, command, instrument_slot):
    """The same for a command that goes by no instrument.

    Ids that share a slot differ by a multiple of the number of slots, so slots are in the order of ids only within a
    turn: among ids that are equally far above their slots. Ids rise for ever, so that few turns are live at a time.
    """
    turn = np.int64(NONE)
    if instrument_slot != NONE:
        turn = turn_of(book, instrument_slot)
        for slot in range(instrument_slot + 1, len(book.instruments)):
            if goes_by_instrument(book, command, slot) and turn_of(book, slot) == turn:
                return np.int64(slot)
    return first_of_later_turn(book, command, turn)


@inlined
def first_of_later_turn(book, command, turn):
    """The slot of the first instrument of the first turn after one, or NONE."""
    found = np.int64(NONE)
    for slot in range(len(book.instruments)):
        is_later = goes_by_instrument(book, command, slot) and turn_of(book, slot) > turn
        if is_later and (found == NONE or turn_of(book, slot) < turn_of(book, found)):
            found = np.int64(slot)
    return found


@inlined
def turn_of(book, instrument_slot):
    """How far the id of the instrument in a slot is above it."""
    return np.int64(book.instruments[instrument_slot]["instrument_id"]) - instrument_slot


@inlined
def goes_by_instrument(book, command, instrument_slot):
    """Whether an instrument has orders, and a scope that the command does not leave out."""
    if book.sides[2 * instrument_slot]["root"] == NIL and book.sides[2 * instrument_slot + 1]["root"] == NIL:
        return False
    scope = book.instruments[instrument_slot]["scope"]
    return (scope ^ command["scope"]) & command["scope_mask"] == 0
