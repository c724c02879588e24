"""A mass quote: both sides of up to QUOTES_MAX instruments, for one account, all checked before any is touched.

A quote is an order like others, under an id that says whose it is and where, so that the next mass quote finds it
without being told. Per entry, first what rests and may not stay leaves, on both sides; then the new bid and ask come
one after the other like orders that had just arrived. What shrinks at its price keeps its place.
"""

import numpy as np

from kernels.compile import inlined, outlined
from matching.events import write_entry_rejected, write_resting_event, write_summary
from matching.groups import (
    check_entry_phase,
    count_entries,
    end_command,
    has_room,
    is_named_before,
    load_entry,
    start_entry,
    work_entry,
)
from matching.identifiers import find_slot
from matching.prices import NODES_PER_INSERT_MAX, key_of, key_of_level, next_level
from matching.resting import reduce, release, remove
from matching.rules import NO_REJECT, POST_ONLY, check_band, check_price, check_quantity, instrument_of, is_listed
from matching.schema import (
    NIL,
    QUOTE_ID_BIT,
    QUOTED_INSTRUMENTS,
    QUOTES_MAX,
    CommandKind,
    EventKind,
    OrderFlag,
    OrderReason,
    OrderReject,
    SelfTrade,
    Side,
    TimeInForce,
)
from matching.working import is_paused

QUOTE = int(OrderFlag.QUOTE)
NO_ENTRY = 0
"""Beside a refusal: the whole command is broken, not one of its entries, which are counted from 1."""

# The stages of an entry, in the cursor's `stage`: clearing both sides, then entering and working one after the other.
CLEAR = 0
ENTER_BID = 1
WORK_BID = 2
ENTER_ASK = 3
WORK_ASK = 4
DONE = 5
# What the cursor's `place` remembers of a side meanwhile, shifted by the side.
IS_NEW = 1
IS_MOVED = 4


@outlined
def check_mass_quote(book, batch, index):
    """(0, 0), or the first rule that a mass quote breaks and the entry that breaks it, NO_ENTRY for the whole."""
    head = batch.orders[index]
    entries = count_entries(batch, index, CommandKind.QUOTE)
    if np.int64(head["flags"]) & ~POST_ONLY or head["self_trade"] > SelfTrade.DECREMENT:
        return np.int64(OrderReject.INVALID_ORDER_TERMS), np.int64(NO_ENTRY)
    if entries == 0 or entries > QUOTES_MAX:
        return np.int64(OrderReject.INVALID_ORDER_TERMS), np.int64(NO_ENTRY)
    for entry in range(1, entries + 1):
        reject = check_quote(book, batch, index, entry)
        if reject != NO_REJECT:
            return reject, np.int64(entry)
    return check_room(book, batch, index, entries), np.int64(NO_ENTRY)


@inlined
def check_quote(book, batch, index, entry):
    """One entry against all rules but memory."""
    head = batch.orders[index]
    quote = batch.quotes[index + entry]
    if not is_listed(book, quote["instrument_id"]):
        return np.int64(OrderReject.UNKNOWN_INSTRUMENT)
    if is_named_before(batch, index, entry):
        return np.int64(OrderReject.DUPLICATE_INSTRUMENT)
    reject = check_entry_phase(instrument_of(book, quote["instrument_id"]), head["flags"] & POST_ONLY == 0)
    if reject == NO_REJECT:
        reject = check_quote_terms(book, quote)
    if reject == NO_REJECT:
        reject = check_quote_ids(book, head["account_id"], quote)
    if reject == NO_REJECT and head["flags"] & POST_ONLY:
        reject = check_quote_makes_only(book, head["account_id"], quote)
    return reject


@inlined
def check_quote_terms(book, quote):
    """Both sides of an entry by themselves, and against each other."""
    instrument = instrument_of(book, quote["instrument_id"])
    for side in range(2):
        price_ticks, lots = side_of_quote(quote, side)
        if lots < 0 or (lots == 0 and price_ticks != 0):
            return np.int64(OrderReject.INVALID_ORDER_TERMS)
    for side in range(2):
        price_ticks, lots = side_of_quote(quote, side)
        reject = check_quoted_side(instrument, side, price_ticks, lots)
        if reject != NO_REJECT:
            return reject
    if quote["bid_lots"] > 0 and quote["ask_lots"] > 0 and quote["bid_ticks"] >= quote["ask_ticks"]:
        return np.int64(OrderReject.QUOTE_CROSSED)
    return np.int64(NO_REJECT)


@inlined
def check_quoted_side(instrument, side, price_ticks, lots):
    """Price and quantity of a side that has lots."""
    if lots == 0:
        return np.int64(NO_REJECT)
    reject = check_price(instrument, price_ticks)
    if reject == NO_REJECT:
        reject = check_quantity(instrument, lots)
    if reject == NO_REJECT:
        reject = check_band(instrument, side, price_ticks)
    return reject


@inlined
def check_quote_ids(book, account_id, quote):
    """Whatever rests under the id of a quote is that quote."""
    for side in range(2):
        slot = quote_slot(book, account_id, quote["instrument_id"], side)
        # Only a mass quote sets the flag, and under an id that no other account, live instrument or side has.
        if slot != NIL and book.terms[slot]["flags"] & QUOTE == 0:
            return np.int64(OrderReject.DUPLICATE_ORDER_ID)
    return np.int64(NO_REJECT)


@inlined
def check_quote_makes_only(book, account_id, quote):
    """Neither side would trade with what rests on the other side, where the account's own quote stands aside."""
    for side in range(2):
        price_ticks, lots = side_of_quote(quote, side)
        if lots > 0 and would_take(book, account_id, quote["instrument_id"], side, price_ticks):
            return np.int64(OrderReject.POST_ONLY_WOULD_TRADE)
    return np.int64(NO_REJECT)


@inlined
def would_take(book, account_id, instrument_id, side, price_ticks):
    """Whether a price reaches the best of the other side, but for the account's own quote."""
    opposite = np.int64(1 - side)
    instrument_slot = np.int64(instrument_id) & np.int64(len(book.instruments) - 1)
    level = np.int64(book.sides[2 * instrument_slot + opposite]["best_level"])
    own = quote_slot(book, account_id, instrument_id, opposite)
    if own != NIL and np.int64(book.orders[own]["level"]) == level and book.levels[level]["order_count"] == 1:
        level = next_level(book, level)
    return level != NIL and key_of_level(book.levels[level]) <= key_of(opposite, price_ticks)


@inlined
def check_room(book, batch, index, entries):
    """Room for all sides that do not rest yet, and for prices far from all others."""
    account_id = batch.orders[index]["account_id"]
    additions = np.int64(0)
    for entry in range(1, entries + 1):
        quote = batch.quotes[index + entry]
        for side in range(2):
            _, lots = side_of_quote(quote, side)
            if lots > 0 and quote_slot(book, account_id, quote["instrument_id"], side) == NIL:
                additions += 1
    if book.counters[0]["resting_orders"] + additions > len(book.orders) - 1:
        return np.int64(OrderReject.TOO_MANY_ORDERS)
    if book.counters[0]["live_nodes"] + 2 * NODES_PER_INSERT_MAX * entries > len(book.nodes) - 1:
        return np.int64(OrderReject.TOO_MANY_PRICE_LEVELS)
    return np.int64(NO_REJECT)


@outlined
def write_mass_quote_rejected(book, batch, index, reject, entry, events, count):
    """A mass quote is refused, for the sake of an entry or as a whole. An entry has no side and no price of its own."""
    instrument_id = np.int64(batch.quotes[index + entry]["instrument_id"]) if entry != NO_ENTRY else np.int64(0)
    account_id = np.int64(batch.orders[index]["account_id"])
    return write_entry_rejected(book, reject, account_id, instrument_id, np.int64(0), events, count)


@outlined
def quote_all(book, batch, index, events, count):
    """Carry a valid mass quote on, to its outcome or until the buffer is full."""
    cursor = book.cursor[0]
    entries = count_entries(batch, index, CommandKind.QUOTE)
    cursor["entry"] = max(np.int64(cursor["entry"]), 1)
    while cursor["entry"] <= entries:
        if not has_room(book, events, count):
            return count
        count = run_stage(book, batch.orders[index], batch.quotes[index + np.int64(cursor["entry"])], events, count)
    if not has_room(book, events, count):
        return count
    return finish_mass_quote(book, batch, index, entries, events, count)


@inlined
def run_stage(book, head, quote, events, count):
    """Carry one entry on by a stage, or by as much of it as finds room."""
    cursor = book.cursor[0]
    stage = np.int64(cursor["stage"])
    if stage == CLEAR:
        cursor["stage"] = ENTER_BID
        return clear(book, head, quote, events, count)
    if stage == DONE:
        cursor["stage"] = CLEAR
        cursor["place"] = 0
        cursor["entry"] += np.uint32(1)
        return count
    if stage in (ENTER_BID, ENTER_ASK):
        side = np.int64(stage == ENTER_ASK)
        if not np.int64(cursor["place"]) & (IS_NEW | IS_MOVED) << side:
            cursor["stage"] = stage + 2
            return count
        enter(book, head, quote, side)
        cursor["stage"] = stage + 1
    count = work_entry(book, events, count)
    if not is_paused(book):
        cursor["stage"] += np.uint32(1)
    return count


@inlined
def clear(book, head, quote, events, count):
    """Shorten the sides of an entry that keep their place, take all else out that rests, and note what must be
    worked."""
    for side in range(2):
        price_ticks, lots = side_of_quote(quote, side)
        slot = quote_slot(book, head["account_id"], quote["instrument_id"], side)
        if slot == NIL:
            note(book, side, IS_NEW if lots > 0 else 0)
        elif lots == 0:
            count = remove(book, slot, OrderReason.REQUESTED, events, count)
        elif keeps_place(book, slot, price_ticks, lots):
            count = keep(book, head, slot, lots, events, count)
        else:
            note(book, side, IS_MOVED)
            count = withdraw(book, slot, events, count)
    return count


@inlined
def note(book, side, what):
    """Remember something of a side for the stages to come."""
    book.cursor[0]["place"] |= np.uint32(what << side)


@inlined
def keeps_place(book, slot, price_ticks, lots):
    """Whether a quote that rests is only to shrink, if that."""
    order = book.orders[slot]
    return book.levels[order["level"]]["price_ticks"] == price_ticks and order["leaves_lots"] >= lots


@inlined
def keep(book, head, slot, lots, events, count):
    """Shorten a quote in its place, and let it go by the command's labels from now on."""
    terms = book.terms[slot]
    terms["client_id_high"] = head["client_id_high"]
    terms["client_id_low"] = head["client_id_low"]
    terms["label"] = head["label"]
    terms["session_id"] = head["session_id"]
    terms["flags"] = head["flags"] | QUOTE
    terms["self_trade"] = head["self_trade"]
    surplus_lots = book.orders[slot]["leaves_lots"] - lots
    return reduce(book, slot, surplus_lots, OrderReason.REQUESTED, events, count) if surplus_lots > 0 else count


@inlined
def withdraw(book, slot, events, count):
    """Take a quote out of the book that comes again."""
    leaves_lots = book.orders[slot]["leaves_lots"]
    count = write_resting_event(book, events, count, EventKind.WITHDRAWN, OrderReason.REQUESTED, slot, leaves_lots, 0)
    release(book, slot)
    return count


@inlined
def enter(book, head, quote, side):
    """Put one side of an entry to work."""
    is_moved = np.int64(book.cursor[0]["place"]) & IS_MOVED << side
    kind = CommandKind.REPLACE if is_moved else CommandKind.PLACE
    price_ticks, lots = side_of_quote(quote, side)
    order_id = id_of_quote(head["account_id"], quote["instrument_id"], side)
    load_entry(book, head, kind, TimeInForce.GTC, head["flags"] | QUOTE)
    start_entry(book, order_id, quote["instrument_id"], side, price_ticks, lots)


@outlined
def finish_mass_quote(book, batch, index, entries, events, count):
    """Say how many of the sides that were named rest now, and with how much."""
    account_id = batch.orders[index]["account_id"]
    order_count = np.int64(0)
    quantity_lots = np.int64(0)
    for entry in range(1, entries + 1):
        quote = batch.quotes[index + entry]
        for side in range(2):
            slot = quote_slot(book, account_id, quote["instrument_id"], side)
            if slot != NIL:
                order_count += 1
                quantity_lots += book.orders[slot]["leaves_lots"]
    end_command(book)
    none = np.int64(0)
    kind = EventKind.MASS_QUOTED
    return write_summary(book, kind, np.int64(account_id), none, none, order_count, quantity_lots, events, count)


@inlined
def side_of_quote(quote, side):
    """Price and lots of one side of an entry."""
    if side == Side.BUY:
        return np.int64(quote["bid_ticks"]), quote["bid_lots"]
    return np.int64(quote["ask_ticks"]), quote["ask_lots"]


@inlined
def quote_slot(book, account_id, instrument_id, side):
    """The slot of what rests under the id of an account's quote, or NIL."""
    return find_slot(book, id_of_quote(account_id, instrument_id, side))


@inlined
def id_of_quote(account_id, instrument_id, side):
    """`schema.quote_order_id` in compiled code."""
    account_bits = np.uint64(account_id) << np.uint64(28)
    instrument_bits = np.uint64(instrument_id & np.uint32(QUOTED_INSTRUMENTS - 1)) << np.uint64(1)
    return np.uint64(QUOTE_ID_BIT) | account_bits | instrument_bits | np.uint64(side)
