"""Accounts that have too little: what is looked at, told and done, step by step, as it falls due.

    noted ─▶ review: its standing ─▶ orders: what may not stay is cancelled ─▶ closing: positions are closed
               ▲                                                                  │
               └────────────────── a second later, until it is sound ─────────────┘

Whoever is found short after a re-marking, a settlement or a deleveraging is noted, and falls due at once. The three
kinds of steps come in this order at the same instant, so that one pass over all orders does for everybody who is
called, and whoever is sound without what could grow a position is not closed. A late tick looks at an account once, not
once for each second that nobody could do anything.
"""

import numpy as np

from exchange.venue.absorbing import absorb_all
from exchange.venue.agenda import CLOSING_DUE, ORDERS_DUE, add_entry, drop_first
from exchange.venue.closing import IDLE, close_step, first_in_queue
from exchange.venue.notes import REVIEW_INTERVAL_NS, change_standing, look_again
from exchange.venue.schema import Reason
from exchange.venue.state import slot_of
from kernels.compile import inlined, outlined
from matching.groups import end_command
from matching.identifiers import find_slot
from matching.layout import ACCOUNT_MASK
from matching.mass_cancel import BEGUN, NOT_BEGUN, rests, sort_ids
from matching.resting import remove
from matching.schema import NIL, Side
from matching.sides import instrument_slot_of_level, side_of_level
from risk.liquidation import due_standing
from risk.margin import closes_only
from risk.positions import find_position, gross_nano
from risk.schema import Standing


@outlined
def review(state, account_id, events, count):
    """Call an account that is short, or find it sound again; what a call means to its orders and positions is next."""
    drop_first(state)
    standing = np.int64(state.ledger.accounts[account_id]["standing"])
    is_new = standing == Standing.NOTED
    if due_standing(state.ledger, account_id) == Standing.SOUND:
        return change_standing(state, account_id, np.int64(Standing.SOUND), events, count)
    if is_new:
        count = change_standing(state, account_id, np.int64(Standing.CALLED), events, count)
    time_ns = state.clock[0]["time_ns"]
    needs_pass = is_new or has_growing_orders(state, account_id)
    if needs_pass and state.clock[0]["are_orders_due"] == 0:
        state.clock[0]["are_orders_due"] = 1
        add_entry(state, time_ns, ORDERS_DUE, np.int64(0))
    add_entry(state, time_ns, CLOSING_DUE, account_id)
    return count


@inlined
def has_growing_orders(state, account_id):
    """Whether an account that was called before has orders again that could grow a position.

    Positions that hold nothing are not among the account's: it has orders there if the gross of all is not that of
    those that are.
    """
    positions, account = state.ledger.positions, state.ledger.accounts[account_id]
    elsewhere_nano = np.int64(account["gross_nano"])
    at = np.int64(account["first_position"])
    while at != NIL:
        position = positions[at]
        if position["buy_lots"] > 0 and not closes_only(position, np.int64(Side.BUY)):
            return True
        if position["sell_lots"] > 0 and not closes_only(position, np.int64(Side.SELL)):
            return True
        elsewhere_nano -= gross_nano(state.ledger.contracts[slot_of(state, position["instrument_id"])], position)
        at = np.int64(position["older"])
    return elsewhere_nano != 0


@outlined
def cancel_orders(state, events, count):
    """Cancel one order that may not stay; all of them are chosen before the first goes."""
    book = state.book
    cursor = book.cursor[0]
    if cursor["stage"] == NOT_BEGUN:
        cursor["stage"] = BEGUN
        sort_ids(book, choose_orders(state))
    place = np.int64(cursor["place"])
    if book.chosen[place] == 0:
        end_command(book)
        state.clock[0]["are_orders_due"] = 0
        drop_first(state)
        return count
    slot = find_slot(book, book.chosen[place])
    book.chosen[place] = 0
    cursor["place"] = place + 1
    first = count
    count = remove(book, slot, Reason.MARGIN_CALL, events, count)
    absorb_all(state, events, first, count)
    return count


@outlined
def choose_orders(state):
    """Note the ids of all orders that a call sends away, in one pass; return how many there are.

    Who is being closed may have had means again for a while, and used them; what closes its positions goes with them.
    """
    book = state.book
    count = np.int64(0)
    for slot in range(1, np.int64(book.counters[0]["fresh_order"])):
        account_id = np.int64(book.orders[slot]["holder"] & ACCOUNT_MASK)
        standing = np.int64(state.ledger.accounts[account_id]["standing"])
        if standing >= Standing.CALLED and rests(book, slot) and not may_stay(state, account_id, slot):
            book.chosen[count] = book.orders[slot]["order_id"]
            count += 1
    return count


@inlined
def may_stay(state, account_id, slot):
    """Whether an order closes a position, together with all others on its side."""
    level = state.book.levels[state.book.orders[slot]["level"]]
    instrument_id = state.tranches[instrument_slot_of_level(state.book, level)]["instrument_id"]
    position = state.ledger.positions[find_position(state.ledger, account_id, instrument_id)]
    return closes_only(position, side_of_level(level))


@outlined
def close(state, account_id, events, count):
    """Close something of an account that does not cover maintenance, until it is due again later."""
    if state.forced[0]["stage"] != IDLE:
        return close_step(state, account_id, events, count)
    standing = due_standing(state.ledger, account_id)
    if standing != state.ledger.accounts[account_id]["standing"]:
        count = change_standing(state, account_id, standing, events, count)
    if standing == Standing.SOUND:
        drop_first(state)
    elif standing == Standing.CALLED:
        look_again(state, account_id, np.int64(REVIEW_INTERVAL_NS))
    else:
        count = close_or_cancel(state, account_id, events, count)
    return count


@inlined
def close_or_cancel(state, account_id, events, count):
    """Orders that a call left go before positions do, or both would close the same lots; a halt stops only trades."""
    slot = first_own_order(state, account_id)
    if slot == NIL and state.clock[0]["is_halted"]:
        look_again(state, account_id, np.int64(REVIEW_INTERVAL_NS))
        return count
    if slot == NIL:
        return close_step(state, account_id, events, count)
    first = count
    count = remove(state.book, slot, Reason.MARGIN_CALL, events, count)
    absorb_all(state, events, first, count)
    return count


@outlined
def first_own_order(state, account_id):
    """The order that stands first of those of an account in the first tranche where it has any, or NIL.

    It has orders only where it has a position, and only to close it.
    """
    found = np.int64(NIL)
    at = np.int64(state.ledger.accounts[account_id]["first_position"])
    while at != NIL:
        position = state.ledger.positions[at]
        has_orders = position["buy_lots"] + position["sell_lots"] > 0
        if has_orders and (found == NIL or position["instrument_id"] < state.ledger.positions[found]["instrument_id"]):
            found = at
        at = np.int64(position["older"])
    if found == NIL:
        return found
    position = state.ledger.positions[found]
    side = np.int64(Side.BUY) if position["buy_lots"] > 0 else np.int64(Side.SELL)
    return first_in_queue(state, account_id, slot_of(state, position["instrument_id"]), side)
