"""The call auction: orders collect without trading, until an uncrossing trades what it can at one price.

Nobody needs to try every price. Both sides are walked from their best levels, as if they traded with each other as far
as they cross: that gives the volume, and the last levels that were needed, which bound the prices of that volume. In
between, what there is to buy falls with the price and what there is to sell rises, so the smallest imbalance is where
the two meet: between the next levels of both sides, or at one of the two when no price lies between them.
"""

import numpy as np

from kernels.compile import inlined, kernel, outlined
from matching.events import (
    EVENTS_PER_STEP_MAX,
    write_auction,
    write_auction_trade,
    write_resting_event,
)
from matching.icebergs import reduce_reserve, total_leaves
from matching.layout import Progress
from matching.prices import next_level
from matching.queues import best_order, is_newest, leave_head, shorten
from matching.resting import forget
from matching.schema import NIL, EventKind, OrderReason, Side
from matching.sides import book_side_of
from matching.working import is_paused


@inlined
def uncross(book, instrument_id, reference_ticks, events, count):
    """Trade what the two sides have in common, at the price nearest to the reference among the best.

    The caller has seen that the buffer has room for one step. `is_paused` says whether this must be called again.
    """
    instrument_slot = np.int64(instrument_id) & np.int64(len(book.instruments) - 1)
    if not is_paused(book):
        fix_price(book, instrument_slot, reference_ticks)
    while count + EVENTS_PER_STEP_MAX <= len(events.orders):
        if book.cursor[0]["missing_lots"] == 0:
            return end_uncrossing(book, instrument_id, events, count)
        count = uncross_step(book, instrument_slot, events, count)
    book.taker[0]["progress"] = Progress.PAUSED
    return count


@outlined
def write_indicative(book, instrument_id, reference_ticks, events, count):
    """Say what an uncrossing would give now."""
    instrument_slot = np.int64(instrument_id) & np.int64(len(book.instruments) - 1)
    price_ticks, volume_lots, imbalance_lots = indicative(book, instrument_slot, reference_ticks)
    return write_auction(
        book, events, count, EventKind.INDICATIVE, instrument_id, price_ticks, volume_lots, imbalance_lots
    )


@inlined
def fix_price(book, instrument_slot, reference_ticks):
    """Begin an uncrossing."""
    price_ticks, volume_lots, imbalance_lots = indicative(book, instrument_slot, reference_ticks)
    cursor = book.cursor[0]
    cursor["price_ticks"] = price_ticks
    cursor["lots"] = volume_lots
    cursor["missing_lots"] = volume_lots
    cursor["imbalance_lots"] = imbalance_lots


@inlined
def end_uncrossing(book, instrument_id, events, count):
    """Say what traded, and leave the cursor as it was found."""
    cursor = book.cursor[0]
    count = write_auction(
        book,
        events,
        count,
        EventKind.UNCROSSED,
        instrument_id,
        cursor["price_ticks"],
        cursor["lots"],
        cursor["imbalance_lots"],
    )
    cursor["price_ticks"] = 0
    cursor["lots"] = 0
    cursor["imbalance_lots"] = 0
    book.taker[0]["progress"] = Progress.IDLE
    return count


@outlined
def uncross_step(book, instrument_slot, events, count):
    """Allot the next buyer its part, or else the next seller, or else let the two at work trade.

    Whoever is at work is the head of the best level, and stays there until its part is traded.
    """
    cursor = book.cursor[0]
    buyer = best_order(book, book.sides[2 * instrument_slot])
    seller = best_order(book, book.sides[2 * instrument_slot + 1])
    if cursor["buy_lots"] == 0:
        cursor["buy_lots"] = min(total_leaves(book, buyer), cursor["missing_lots"])
        return allot(book, buyer, cursor["buy_lots"], events, count)
    if cursor["sell_lots"] == 0:
        cursor["sell_lots"] = min(total_leaves(book, seller), cursor["missing_lots"])
        return allot(book, seller, cursor["sell_lots"], events, count)
    return trade_allotted(book, buyer, seller, events, count)


@inlined
def allot(book, slot, quantity_lots, events, count):
    """Take lots that will trade off an order, an iceberg's reserve first."""
    hidden_lots = min(quantity_lots, total_leaves(book, slot) - book.orders[slot]["leaves_lots"])
    count = reduce_reserve(book, slot, hidden_lots, OrderReason.NONE, events, count)
    shown_lots = quantity_lots - hidden_lots
    if shown_lots == 0:
        return count
    shorten(book, slot, shown_lots)
    leaves_lots = total_leaves(book, slot)
    return write_resting_event(book, events, count, EventKind.ALLOTTED, OrderReason.NONE, slot, shown_lots, leaves_lots)


@inlined
def trade_allotted(book, buyer, seller, events, count):
    """Let two orders trade what both were allotted, and let go who has nothing left."""
    cursor = book.cursor[0]
    quantity_lots = min(cursor["buy_lots"], cursor["sell_lots"])
    cursor["buy_lots"] -= quantity_lots
    cursor["sell_lots"] -= quantity_lots
    cursor["missing_lots"] -= quantity_lots
    book.counters[0]["trades"] += 1
    count = write_auction_trade(book, events, count, buyer, seller, cursor["price_ticks"], quantity_lots)
    if cursor["buy_lots"] == 0:
        let_go(book, buyer)
    if cursor["sell_lots"] == 0:
        let_go(book, seller)
    return count


@inlined
def let_go(book, slot):
    """An order that has traded its part leaves the book if nothing else is left of it."""
    if book.orders[slot]["leaves_lots"] == 0:
        leave_head(book, slot)
        forget(book, slot)


@kernel
def indicative(book, instrument_slot, reference_ticks):
    """What an uncrossing would give: its price, its volume, and how much more there is to buy (or, below 0, to sell).

    The largest volume decides, then the smallest imbalance, then the distance to the reference; of two prices equally
    near, the higher one if there is more to buy at both, else the lower one. All are 0 when the sides do not cross.
    """
    bid = np.int64(book.sides[2 * instrument_slot]["best_level"])
    ask = np.int64(book.sides[2 * instrument_slot + 1]["best_level"])
    if bid == NIL or ask == NIL or price_of(book, bid) < price_of(book, ask):
        return np.int64(0), np.int64(0), np.int64(0)
    highest_ticks, lowest_ticks, bid, ask, volume_lots, imbalance_lots = meet_levels(book, bid, ask)
    step = np.int64(book.instruments[instrument_slot]["price_step_ticks"])
    low_ticks = price_above(book, bid, step, lowest_ticks)
    high_ticks = price_below(book, ask, step, highest_ticks)
    reference_ticks = np.int64(reference_ticks)
    if low_ticks <= high_ticks:
        price_ticks = nearest(low_ticks, high_ticks, step, reference_ticks, imbalance_lots)
    else:
        price_ticks, imbalance_lots = choose_side(book, bid, ask, step, lowest_ticks, highest_ticks, reference_ticks)
    return price_ticks, volume_lots, imbalance_lots


@inlined
def meet_levels(book, bid, ask):
    """Let levels trade as far as they cross, without touching them.

    Returns the prices of the last bids and asks that were needed, the level behind each (or NIL), the volume, and what
    the last bids have more than is needed, less the same of the asks.
    """
    volume_lots = np.int64(0)
    bid_lots = full_lots(book, bid)
    ask_lots = full_lots(book, ask)
    while True:
        lots = min(bid_lots, ask_lots)
        volume_lots += lots
        bid_lots -= lots
        ask_lots -= lots
        next_bid = next_level(book, bid) if bid_lots == 0 else bid
        next_ask = next_level(book, ask) if ask_lots == 0 else ask
        if next_bid == NIL or next_ask == NIL or price_of(book, next_bid) < price_of(book, next_ask):
            break
        if bid_lots == 0:
            bid = next_bid
            bid_lots = full_lots(book, bid)
        if ask_lots == 0:
            ask = next_ask
            ask_lots = full_lots(book, ask)
    behind_bid = next_level(book, bid)
    behind_ask = next_level(book, ask)
    return price_of(book, bid), price_of(book, ask), behind_bid, behind_ask, volume_lots, bid_lots - ask_lots


@inlined
def choose_side(book, bid, ask, step, lowest_ticks, highest_ticks, reference_ticks):
    """A price from the bid level on down, where more is to buy, or from the ask level one step above it on up.

    Returns the price and the imbalance. At a price that is further from these levels than the next one, it is larger.
    """
    buy_lots = full_lots(book, bid)
    sell_lots = full_lots(book, ask)
    bottom_ticks = price_above(book, next_level(book, bid), step, lowest_ticks)
    top_ticks = price_below(book, next_level(book, ask), step, highest_ticks)
    lower_ticks = nearest(bottom_ticks, price_of(book, bid), step, reference_ticks, buy_lots)
    upper_ticks = nearest(price_of(book, ask), top_ticks, step, reference_ticks, -sell_lots)
    is_nearer = abs(lower_ticks - reference_ticks) <= abs(upper_ticks - reference_ticks)
    if buy_lots < sell_lots or (buy_lots == sell_lots and is_nearer):
        return lower_ticks, buy_lots
    return upper_ticks, -sell_lots


@inlined
def price_of(book, level):
    """The price of a level."""
    return np.int64(book.levels[level]["price_ticks"])


@inlined
def price_above(book, level, step, lowest_ticks):
    """The first price above a level (or NIL), but not below the lowest that is asked for."""
    return max(price_of(book, level) + step, lowest_ticks) if level != NIL else lowest_ticks


@inlined
def price_below(book, level, step, highest_ticks):
    """The first price below a level (or NIL), but not above the highest that is asked for."""
    return min(price_of(book, level) - step, highest_ticks) if level != NIL else highest_ticks


@inlined
def nearest(low_ticks, high_ticks, step, reference_ticks, imbalance_lots):
    """The price on the step from low to high that is nearest to the reference."""
    if reference_ticks <= low_ticks:
        return low_ticks
    if reference_ticks >= high_ticks:
        return high_ticks
    past_ticks = (reference_ticks - low_ticks) % step
    price_ticks = reference_ticks - past_ticks
    if 2 * past_ticks > step or (2 * past_ticks == step and imbalance_lots > 0):
        price_ticks += step
    return price_ticks


@inlined
def full_lots(book, level):
    """All lots at a price, shown or not."""
    quantity_lots = np.int64(book.levels[level]["quantity_lots"])
    if book.sides[book_side_of(book, book.levels[level]["instrument_side"])]["iceberg_count"] > 0:
        quantity_lots += reserve_at(book, level)
    return quantity_lots


@outlined
def reserve_at(book, level):
    """What the icebergs at a price do not show."""
    reserve_lots = np.int64(0)
    slot = np.int64(book.levels[level]["head"])
    while True:
        reserve_lots += total_leaves(book, slot) - book.orders[slot]["leaves_lots"]
        if is_newest(book, slot):
            return reserve_lots
        slot = np.int64(book.orders[slot]["next"])


assert (Side.BUY, Side.SELL) == (0, 1), "a book side is 2 x instrument slot + side"
