"""What matching accepts: each check returns 0 or the number of the first rule broken, in the order of `OrderReject`."""

import numpy as np

from kernels.compile import inlined, outlined
from kernels.intrinsics import rarely
from matching.arena import KEY_NONE
from matching.identifiers import find_slot
from matching.prices import NODES_PER_INSERT_MAX, key_of
from matching.schema import (
    NIL,
    PRICE_TICKS_MAX,
    ChangeFlag,
    CommandKind,
    OrderFlag,
    OrderReject,
    Phase,
    SelfTrade,
    Side,
    TimeInForce,
)
from matching.sides import instrument_slot_of_level, side_of_level

MARKET = int(OrderFlag.MARKET)
POST_ONLY = int(OrderFlag.POST_ONLY)
POST_ONLY_SLIDE = int(OrderFlag.POST_ONLY_SLIDE)
ICEBERG = int(OrderFlag.ICEBERG)
MINIMUM = int(OrderFlag.MINIMUM)
REDUCE_ONLY = int(OrderFlag.REDUCE_ONLY)
ORDER_FLAGS = MARKET | POST_ONLY | POST_ONLY_SLIDE | ICEBERG | MINIMUM | REDUCE_ONLY
REQUEUE = int(ChangeFlag.REQUEUE)
NAMES_REMAINING = int(ChangeFlag.NAMES_REMAINING)
AUCTION_FLAGS = int(OrderFlag.ICEBERG)
CHANGE_FLAGS = REQUEUE | NAMES_REMAINING
NOT_GTC_OR_IOC = np.uint8(0xFF ^ TimeInForce.IOC)
NOT_ORDINARY_SELF_TRADE = np.uint8(0xFF ^ SelfTrade.CANCEL_BOTH)
assert TimeInForce.GTC == 0
assert TimeInForce.IOC & (TimeInForce.IOC - 1) == 0
assert set(range(SelfTrade.CANCEL_BOTH + 1)) < set(SelfTrade), "every bit pattern below is a mode"
NO_REJECT = 0
REJECTED = -1
"""In place of a price: `limit_after_post_only` found none that the order may take."""


@inlined
def check_place(book, batch, index):
    """A new order against all rules but post-only."""
    if is_plain(book, batch.orders[index]):
        return check_plain(book, batch.orders[index])
    return check_unusual(book, batch, index)


@inlined
def check_plain(book, command):
    """What a plain order may still run into."""
    if find_slot(book, command["order_id"]) != NIL:
        return np.int64(OrderReject.DUPLICATE_ORDER_ID)
    reject = check_capacity(book)
    if rarely(reject != NO_REJECT) and command["time_in_force"] == TimeInForce.GTC:
        return reject
    return np.int64(NO_REJECT)


@inlined
def is_plain(book, command):
    """Whether a limit order without flags and expiry breaks no rule by itself: two sums for what nearly all are.

    Each part of the first is 0, and none of the second is negative, unless there is something to look at.
    """
    instrument = instrument_of(book, command["instrument_id"])
    side = np.int64(command["side"])
    price_ticks = np.int64(command["price_ticks"])
    quantity_lots = command["quantity_lots"]
    unusual = (
        np.int64(instrument["instrument_id"] ^ command["instrument_id"])
        | (np.int64(instrument["phase"]) ^ Phase.OPEN)
        | (np.int64(instrument["price_step_ticks"]) ^ 1)
        | (instrument["quantity_step_lots"] ^ 1)
        | np.int64(instrument["has_limits"])
        | command["expires_ns"]
        | np.int64(command["flags"])
        | np.int64(command["side"] >> np.uint8(1))
        | np.int64(command["time_in_force"] & NOT_GTC_OR_IOC)
        | np.int64(command["self_trade"] & NOT_ORDINARY_SELF_TRADE)
        | np.int64((quantity_lots < 1) | (quantity_lots > instrument["quantity_max_lots"]))
    )
    # Masks in place of a branch that nobody can guess: all bits in the first for a buy, in the second for a sell.
    slack = ((side - 1) & (np.int64(instrument["band_high_ticks"]) - price_ticks)) | (
        -side & (price_ticks - np.int64(instrument["band_low_ticks"]))
    )
    # Prices are of 32 bits, so that no difference of two wraps; quantities are compared, because theirs could.
    too_much = slack | (price_ticks - 1) | (PRICE_TICKS_MAX - price_ticks)
    return unusual == 0 and too_much >= 0 and command["order_id"] != 0


@outlined
def check_unusual(book, batch, index):
    """A new order of any kind: the first rule broken, if any."""
    command = batch.orders[index]
    if not is_listed(book, command["instrument_id"]):
        return np.int64(OrderReject.UNKNOWN_INSTRUMENT)
    instrument = instrument_of(book, command["instrument_id"])
    reject = check_phase(instrument)
    if reject == NO_REJECT and not (terms_are_valid(command) and further_terms_are_valid(batch, index)):
        return np.int64(OrderReject.INVALID_ORDER_TERMS)
    if reject == NO_REJECT and instrument["phase"] == Phase.AUCTION and not may_collect(command):
        return np.int64(OrderReject.NOT_IN_AUCTION)
    if reject == NO_REJECT and command["flags"] & MARKET == 0:
        reject = check_price(instrument, command["price_ticks"])
    if reject == NO_REJECT:
        reject = check_quantity(instrument, command["quantity_lots"])
    if reject == NO_REJECT and command["flags"] & ICEBERG:
        reject = check_quantity(instrument, batch.extras[index + 1]["display_lots"])
    if reject == NO_REJECT and command["flags"] & MARKET == 0:
        reject = check_band(instrument, command["side"], command["price_ticks"])
    if reject == NO_REJECT:
        reject = check_identity(book, command)
    if reject == NO_REJECT and command["time_in_force"] <= TimeInForce.GTD:
        reject = check_capacity(book)
    if reject == NO_REJECT:
        reject = check_reducible(book, command["flags"])
    return reject


@inlined
def check_replace(book, command, slot):
    """A change of a resting order of this very account (or NIL), against all rules but post-only and memory."""
    if slot == NIL:
        return np.int64(OrderReject.UNKNOWN_ORDER)
    level = book.levels[book.orders[slot]["level"]]
    instrument = book.instruments[instrument_slot_of_level(book, level)]
    reject = check_phase(instrument)
    if reject == NO_REJECT and np.int64(command["flags"]) & ~CHANGE_FLAGS:
        return np.int64(OrderReject.INVALID_ORDER_TERMS)
    if reject == NO_REJECT:
        reject = check_price(instrument, command["price_ticks"])
    if reject == NO_REJECT:
        reject = check_quantity(instrument, command["quantity_lots"])
    if reject == NO_REJECT:
        reject = check_band(instrument, side_of_level(level), command["price_ticks"])
    return reject


@inlined
def instrument_of(book, instrument_id):
    """The record of an instrument id, or of another one that shares its slot."""
    return book.instruments[np.int64(instrument_id) & np.int64(len(book.instruments) - 1)]


@inlined
def is_listed(book, instrument_id):
    """Whether the id names the instrument that now holds its slot."""
    instrument = instrument_of(book, instrument_id)
    return instrument["instrument_id"] == instrument_id and instrument["price_step_ticks"] > 0


@inlined
def check_phase(instrument):
    """Only a book that is open or collects for an auction takes orders."""
    if instrument["phase"] == Phase.OPEN or instrument["phase"] == Phase.AUCTION:
        return np.int64(NO_REJECT)
    if instrument["phase"] == Phase.HALTED:
        return np.int64(OrderReject.INSTRUMENT_HALTED)
    return np.int64(OrderReject.INSTRUMENT_CLOSED)


@inlined
def terms_are_valid(command):
    """Whether the choices of an order are known and go together."""
    flags = np.int64(command["flags"])
    time_in_force = command["time_in_force"]
    rests = time_in_force <= TimeInForce.GTD
    if command["order_id"] == 0 or command["side"] > Side.SELL or flags & ~ORDER_FLAGS:
        return False
    if time_in_force > TimeInForce.FOK or command["self_trade"] > SelfTrade.DECREMENT:
        return False
    if flags & MARKET and (rests or command["price_ticks"] != 0):
        return False
    if flags & (POST_ONLY | POST_ONLY_SLIDE) and not rests:
        return False
    if flags & POST_ONLY and flags & POST_ONLY_SLIDE:
        return False
    if time_in_force == TimeInForce.GTD:
        return command["expires_ns"] > 0
    return command["expires_ns"] == 0


@inlined
def further_terms_are_valid(batch, index):
    """Whether an order that asks for more than its own record holds has it right behind, and in bounds."""
    command = batch.orders[index]
    if np.int64(command["flags"]) & (ICEBERG | MINIMUM) == 0:
        return True
    if command["continuations"] == 0 or batch.extras[index + 1]["kind"] != CommandKind.EXTRA:
        return False
    extra = batch.extras[index + 1]
    return display_is_valid(command, extra["display_lots"]) and minimum_is_valid(command, extra["minimum_lots"])


@inlined
def display_is_valid(command, display_lots):
    """Whether an order shows a part of itself and may rest, or shows all."""
    if np.int64(command["flags"]) & ICEBERG == 0:
        return display_lots == 0
    return command["time_in_force"] <= TimeInForce.GTD and 1 <= display_lots <= command["quantity_lots"]


@inlined
def minimum_is_valid(command, minimum_lots):
    """Whether an order must find a part of itself and may trade at once, or need not find any."""
    flags = np.int64(command["flags"])
    if flags & MINIMUM == 0:
        return minimum_lots == 0
    if flags & (POST_ONLY | POST_ONLY_SLIDE) or command["time_in_force"] == TimeInForce.FOK:
        return False
    return 1 <= minimum_lots <= command["quantity_lots"]


@inlined
def may_collect(command):
    """Whether an order may wait for an auction: it has a limit, may rest, and asks nothing of its arrival."""
    return command["time_in_force"] <= TimeInForce.GTD and np.int64(command["flags"]) & ~AUCTION_FLAGS == 0


@inlined
def check_price(instrument, price_ticks):
    """A price within the tree's keys and on the instrument's tick."""
    step = instrument["price_step_ticks"]
    if price_ticks < 1 or price_ticks > PRICE_TICKS_MAX:
        return np.int64(OrderReject.PRICE_OUT_OF_RANGE)
    if step != 1 and price_ticks % step != 0:
        return np.int64(OrderReject.PRICE_OFF_TICK)
    return np.int64(NO_REJECT)


@inlined
def check_quantity(instrument, quantity_lots):
    """A quantity within the instrument's limit and in whole lots."""
    step = instrument["quantity_step_lots"]
    if quantity_lots < 1 or quantity_lots > instrument["quantity_max_lots"]:
        return np.int64(OrderReject.QUANTITY_OUT_OF_RANGE)
    if step != 1 and quantity_lots % step != 0:
        return np.int64(OrderReject.QUANTITY_OFF_LOT)
    return np.int64(NO_REJECT)


@inlined
def check_band(instrument, side, price_ticks):
    """The band bounds what an order may pay, never what it may hope for."""
    if side == Side.BUY and price_ticks > instrument["band_high_ticks"]:
        return np.int64(OrderReject.PRICE_OUTSIDE_BAND)
    if side == Side.SELL and price_ticks < instrument["band_low_ticks"]:
        return np.int64(OrderReject.PRICE_OUTSIDE_BAND)
    return np.int64(NO_REJECT)


@inlined
def check_identity(book, command):
    """An order that is not over before it begins, under an id that is free."""
    if command["time_in_force"] == TimeInForce.GTD and command["expires_ns"] <= book.counters[0]["time_ns"]:
        return np.int64(OrderReject.ALREADY_EXPIRED)
    if find_slot(book, command["order_id"]) != NIL:
        return np.int64(OrderReject.DUPLICATE_ORDER_ID)
    return np.int64(NO_REJECT)


@inlined
def check_capacity(book):
    """Room for one more resting order, seen before it trades, so that no rest is lost for lack of memory."""
    if book.counters[0]["resting_orders"] >= len(book.orders) - 1:
        return np.int64(OrderReject.TOO_MANY_ORDERS)
    return check_nodes(book)


@inlined
def check_reducible(book, flags):
    """Something that an order which only reduces may take."""
    if np.int64(flags) & REDUCE_ONLY and book.reducible[0] <= 0:
        return np.int64(OrderReject.REDUCE_ONLY_WITHOUT_POSITION)
    return np.int64(NO_REJECT)


@inlined
def check_nodes(book):
    """Room in the price tree for a key far from all others."""
    if book.counters[0]["live_nodes"] + NODES_PER_INSERT_MAX > len(book.nodes) - 1:
        return np.int64(OrderReject.TOO_MANY_PRICE_LEVELS)
    return np.int64(NO_REJECT)


@inlined
def limit_of(instrument, command):
    """The price that an order may pay at worst: a market order takes the edge of the band."""
    if command["flags"] & MARKET == 0:
        return np.int64(command["price_ticks"])
    return np.int64(instrument["band_high_ticks"] if command["side"] == Side.BUY else instrument["band_low_ticks"])


@inlined
def crosses(book, instrument_slot, side, price_ticks):
    """Whether an order at this limit would trade with the best of the other side."""
    opposite = 1 - side
    return book.sides[2 * instrument_slot + opposite]["best_key"] <= key_of(opposite, price_ticks)


@inlined
def limit_after_post_only(book, instrument_slot, side, price_ticks, flags):
    """The limit of an order that must not take: as it is, one step away from the other side, or REJECTED."""
    if not flags & (POST_ONLY | POST_ONLY_SLIDE) or not crosses(book, instrument_slot, side, price_ticks):
        return price_ticks
    if book.instruments[instrument_slot]["phase"] == Phase.AUCTION:
        return price_ticks
    if flags & POST_ONLY:
        return np.int64(REJECTED)
    opposite = book.sides[2 * instrument_slot + 1 - side]
    assert opposite["best_key"] != KEY_NONE, "nothing to slide away from"
    step = np.int64(book.instruments[instrument_slot]["price_step_ticks"])
    best_ticks = np.int64(book.levels[opposite["best_level"]]["price_ticks"])
    slid_ticks = best_ticks - step if side == Side.BUY else best_ticks + step
    return slid_ticks if 1 <= slid_ticks <= PRICE_TICKS_MAX else np.int64(REJECTED)
