"""Reduce-only orders: what may they take, and when must they give way?

While reduce-only orders rest on a side, all that their account has resting there is never more than the position that
it would close. So none of them can grow a position, in whatever order the others fill, and matching need not know
positions. A new reduce-only order is cut to what is left; before any other order of the account joins that side, the
reduce-only ones that stand last are cut to make room.
"""

import numpy as np

from kernels.compile import inlined, outlined
from matching.events import EVENTS_PER_STEP_MAX
from matching.icebergs import total_leaves
from matching.layout import ACCOUNT_MASK
from matching.queues import first_order, next_order
from matching.resting import trim_resting
from matching.schema import NIL, OrderFlag, Side
from risk.positions import find_position

REDUCE_ONLY = int(OrderFlag.REDUCE_ONLY)


@inlined
def allow_reducing(state, entry, account_id, instrument_slot, side, without_slot):
    """Tell matching what a reduce-only order may take, and remember that one may come to rest on this side."""
    lots = reducible_lots(state, account_id, instrument_slot, side)
    if lots > 0:
        resting_lots, _ = scan_side(state, account_id, instrument_slot, side, without_slot)
        lots = max(lots - resting_lots, np.int64(0))
        position = state.ledger.positions[position_slot(state, account_id, instrument_slot)]
        position["reduce_only_sides"] |= np.uint32(1) << np.uint32(side)
        state.ledger.accounts[account_id]["uses_reduce_only"] = 1
    state.book.reducible[entry] = lots


@outlined
def make_room(state, account_id, instrument_slot, side, lots, without_slot, events, count):
    """Cut reduce-only orders so that so many lots more can stand or trade on a side.

    `is_paused` in the clock says that the buffer was full before it was done. An order of the account that is being
    replaced is left out as `without_slot`.
    """
    slot = position_slot(state, account_id, instrument_slot)
    bit = np.uint32(1) << np.uint32(side)
    if slot == NIL or state.ledger.positions[slot]["reduce_only_sides"] & bit == 0:
        return count
    room_lots = reducible_lots(state, account_id, instrument_slot, side) - lots
    while True:
        resting_lots, last = scan_side(state, account_id, instrument_slot, side, without_slot)
        if last == NIL:
            state.ledger.positions[slot]["reduce_only_sides"] &= ~bit
            return count
        if resting_lots <= room_lots:
            return count
        if count + EVENTS_PER_STEP_MAX > len(events.orders):
            state.clock[0]["is_paused"] = 1
            return count
        count = trim_resting(state.book, last, resting_lots - room_lots, events, count)


@inlined
def position_slot(state, account_id, instrument_slot):
    """The slot of an account's position in the tranche that holds an instrument slot, or NIL."""
    return find_position(state.ledger, account_id, state.tranches[instrument_slot]["instrument_id"])


@inlined
def reducible_lots(state, account_id, instrument_slot, side):
    """How many lots an order on this side would take off the account's position."""
    slot = position_slot(state, account_id, instrument_slot)
    if slot == NIL:
        return np.int64(0)
    lots = state.ledger.positions[slot]["lots"]
    return max(lots if side == Side.SELL else -lots, np.int64(0))


@outlined
def scan_side(state, account_id, instrument_slot, side, without_slot):
    """The lots that an account has resting on a side, and its reduce-only order that stands last, or NIL."""
    book = state.book
    resting_lots = np.int64(0)
    last = np.int64(NIL)
    slot = first_order(book, 2 * instrument_slot + side)
    while slot != NIL:
        if np.int64(book.orders[slot]["holder"] & ACCOUNT_MASK) == account_id and slot != without_slot:
            resting_lots += total_leaves(book, slot)
            if book.terms[slot]["flags"] & REDUCE_ONLY:
                last = slot
        slot = next_order(book, slot)
    return resting_lots, last
