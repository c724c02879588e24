"""Limits of risk staff on the way of an order: asked of accounts and instruments that have some, and of no others.

A new order passes them after the rules of the book and before margin; so does one that is replaced, unless it shrinks
where it stands. A group passes them as a whole, while its orders stand in the ledger for a moment. Of an account with
limits it is counted how many orders rest, by the events that bring and take them; of others nobody counts.
"""

import numpy as np

from exchange.venue.schema import Event
from exchange.venue.state import slot_of
from kernels.compile import inlined, outlined
from kernels.intrinsics import rarely
from matching.icebergs import total_leaves
from matching.identifiers import find_slot
from matching.layout import ACCOUNT_MASK
from matching.mass_quote import quote_slot, side_of_quote
from matching.rules import NO_REJECT
from matching.schema import NIL, Side, TimeInForce
from risk.limits import check_open_orders, check_reach, check_size, lots_in_region
from risk.margin import worst_of
from risk.positions import find_position
from risk.protection import is_frozen_in, note_fill
from risk.schema import RiskReject

DUE = 1
"""The stage of protection, in the clock, in a command that made it go off and is not over."""


@inlined
def is_blocked(ledger, account_id):
    """Whether the kill switch was pulled for an account."""
    return ledger.accounts[account_id]["is_blocked"] != 0


@inlined
def may_rest(order):
    """Whether a new order may come to rest."""
    return order["time_in_force"] == TimeInForce.GTC or order["time_in_force"] == TimeInForce.GTD


@inlined
def has_limits(state, slot, account_id):
    """Whether orders of an account in an instrument have limits to pass."""
    account = state.ledger.accounts[account_id]
    return (account["has_limits"] | account["is_protected"] | state.book.instruments[slot]["has_limits"]) != 0


@outlined
def check_limits(state, slot, account_id, side, limit_ticks, lots, resting_lots, comes_to_rest):
    """0, or the limit that an account breaks with an order, which takes the place of so many resting lots on its side.

    `comes_to_rest` says that it may be one open order more.
    """
    if not has_limits(state, slot, account_id):
        return np.int64(NO_REJECT)
    ledger = state.ledger
    region_id = ledger.contracts[slot]["region_id"]
    if is_frozen_in(ledger, account_id, region_id, state.clock[0]["time_ns"]):
        return np.int64(RiskReject.MARKET_MAKER_PROTECTED)
    reject = check_size(ledger, slot, account_id, limit_ticks, lots)
    if reject != NO_REJECT:
        return reject
    held_lots, buy_lots, sell_lots = lots_of(ledger, account_id, ledger.contracts[slot]["instrument_id"])
    more_lots = lots - resting_lots
    buy_after = buy_lots + (more_lots if side == Side.BUY else np.int64(0))
    sell_after = sell_lots + (np.int64(0) if side == Side.BUY else more_lots)
    region_lots = lots_in_region(ledger, account_id, region_id)
    region_lots += worst_of(held_lots, buy_after, sell_after) - worst_of(held_lots, buy_lots, sell_lots)
    reject = check_reach(ledger, slot, account_id, held_lots, buy_lots, sell_lots, buy_after, sell_after, region_lots)
    if reject == NO_REJECT and comes_to_rest:
        reject = check_open_orders(ledger, account_id, np.int64(1))
    return reject


@inlined
def lots_of(ledger, account_id, instrument_id):
    """What an account holds in an instrument, and what it has open to buy and to sell."""
    position = find_position(ledger, account_id, instrument_id)
    if position == NIL:
        return np.int64(0), np.int64(0), np.int64(0)
    row = ledger.positions[position]
    return row["lots"], row["buy_lots"], row["sell_lots"]


# Groups, whose orders stand in the ledger when they are asked about.


@outlined
def check_limits_of_quotes(state, batch, account_id, first, end):
    """0, or the limit that an account breaks with all its new quotes, in the place of those that rest."""
    more = np.int64(0)
    for entry in range(first, end):
        quote = batch.quotes[entry]
        slot = slot_of(state, quote["instrument_id"])
        if has_limits(state, slot, account_id):
            reject = check_limits_of_quote(state, slot, account_id, quote)
            if reject != NO_REJECT:
                return reject
        for side in range(2):
            _, lots = side_of_quote(quote, side)
            rests = quote_slot(state.book, account_id, quote["instrument_id"], side) != NIL
            more += np.int64(lots > 0) - np.int64(rests)
    return check_open_orders(state.ledger, account_id, more)


@inlined
def check_limits_of_quote(state, slot, account_id, quote):
    """The same for both sides of one entry, but for the number of orders."""
    ledger = state.ledger
    region_id = ledger.contracts[slot]["region_id"]
    brings = quote["bid_lots"] > 0 or quote["ask_lots"] > 0
    if brings and is_frozen_in(ledger, account_id, region_id, state.clock[0]["time_ns"]):
        return np.int64(RiskReject.MARKET_MAKER_PROTECTED)
    for side in range(2):
        price_ticks, lots = side_of_quote(quote, side)
        resting_ticks, resting_lots = resting_quote(state, account_id, quote["instrument_id"], side)
        if lots > 0 and (price_ticks != resting_ticks or lots > resting_lots):
            reject = check_size(ledger, slot, account_id, price_ticks, lots)
            if reject != NO_REJECT:
                return reject
    held_lots, buy_after, sell_after = lots_of(ledger, account_id, quote["instrument_id"])
    _, resting_bid_lots = resting_quote(state, account_id, quote["instrument_id"], 0)
    _, resting_ask_lots = resting_quote(state, account_id, quote["instrument_id"], 1)
    buy_before = buy_after - quote["bid_lots"] + resting_bid_lots
    sell_before = sell_after - quote["ask_lots"] + resting_ask_lots
    region_lots = lots_in_region(ledger, account_id, region_id)
    return check_reach(ledger, slot, account_id, held_lots, buy_before, sell_before, buy_after, sell_after, region_lots)


@inlined
def resting_quote(state, account_id, instrument_id, side):
    """The price and lots of the quote that now rests on a side; 0 lots if none does."""
    resting = quote_slot(state.book, account_id, instrument_id, side)
    if resting == NIL:
        return np.int64(0), np.int64(0)
    price_ticks = np.int64(state.book.levels[state.book.orders[resting]["level"]]["price_ticks"])
    return price_ticks, total_leaves(state.book, resting)


@outlined
def check_limits_of_legs(state, batch, account_id, first, end):
    """0, or the limit that an account breaks with all legs together. None of them comes to rest."""
    ledger = state.ledger
    for entry in range(first, end):
        leg = batch.legs[entry]
        slot = slot_of(state, leg["instrument_id"])
        if not has_limits(state, slot, account_id):
            continue
        region_id = ledger.contracts[slot]["region_id"]
        if is_frozen_in(ledger, account_id, region_id, state.clock[0]["time_ns"]):
            return np.int64(RiskReject.MARKET_MAKER_PROTECTED)
        reject = check_size(ledger, slot, account_id, np.int64(leg["price_ticks"]), leg["quantity_lots"])
        if reject != NO_REJECT:
            return reject
        held_lots, buy_after, sell_after = lots_of(ledger, account_id, leg["instrument_id"])
        buy_before = buy_after - (leg["quantity_lots"] if leg["side"] == Side.BUY else np.int64(0))
        sell_before = sell_after - (np.int64(0) if leg["side"] == Side.BUY else leg["quantity_lots"])
        region_lots = lots_in_region(ledger, account_id, region_id)
        reject = check_reach(
            ledger, slot, account_id, held_lots, buy_before, sell_before, buy_after, sell_after, region_lots
        )
        if reject != NO_REJECT:
            return reject
    return np.int64(NO_REJECT)


# What events of matching mean for open orders and for protection.


@inlined
def counts_orders(ledger, account_id):
    """Whether it is counted how many orders of an account rest."""
    return ledger.accounts[account_id]["has_limits"] != 0


@inlined
def is_maker_watched(ledger, account_id):
    """Whether it means more than lots and money when somebody takes from an account's resting orders."""
    return (ledger.accounts[account_id]["has_limits"] | ledger.accounts[account_id]["is_protected"]) != 0


@inlined
def count_order(state, account_id, more):
    """So many orders of an account more rest, or fewer."""
    state.ledger.limits[account_id]["open_orders"] += more


@outlined
def count_departure(state, event):
    """An order left the book by an event that names it, unless it only lost a part."""
    kind = event["kind"]
    is_last_allotment = kind == Event.ALLOTTED and event["leaves_lots"] == 0
    if kind == Event.CANCELLED or kind == Event.WITHDRAWN or is_last_allotment:
        count_order(state, event["account_id"], np.int64(-1))


@outlined
def count_maker(state, events, at, end):
    """The resting order of a match is gone, unless it is in the book, or was there again at once with its next clip."""
    event = events.orders[at]
    comes_again = at + 1 < end and events.orders[at + 1]["kind"] == Event.REFRESHED
    comes_again = comes_again and events.orders[at + 1]["order_id"] == event["counter_order_id"]
    if not comes_again and find_slot(state.book, event["counter_order_id"]) == NIL:
        count_order(state, event["counter_account_id"], np.int64(-1))


@outlined
def note_maker(state, events, at, end):
    """Somebody took from a resting order of an account that is watched."""
    event = events.orders[at]
    account_id = np.int64(event["counter_account_id"])
    if counts_orders(state.ledger, account_id):
        count_maker(state, events, at, end)
    if account_id != event["account_id"]:
        note_protected(state, event, account_id, np.int64(event["side"] ^ np.uint8(1)))


@outlined
def note_auction_trade(state, event, slot):
    """Both sides of a trade in an auction rested."""
    buyer_id, seller_id = np.int64(event["account_id"]), np.int64(event["counter_account_id"])
    if buyer_id != seller_id:
        note_protected(state, event, buyer_id, np.int64(Side.BUY))
        note_protected(state, event, seller_id, np.int64(Side.SELL))


@inlined
def note_protected(state, event, account_id, side):
    """Count a trade of an account's resting order on a side, if it is protected."""
    if rarely(state.ledger.accounts[account_id]["is_protected"] == 0):
        return
    slot = slot_of(state, event["instrument_id"])
    lots, price_ticks = event["quantity_lots"], event["price_ticks"]
    if note_fill(state.ledger, slot, account_id, side, lots, price_ticks, state.clock[0]["time_ns"]):
        state.clock[0]["protection"] = DUE


@outlined
def count_resting(book, account_id):
    """How many orders of an account rest, by a pass over all orders."""
    count = np.int64(0)
    for slot in range(1, np.int64(book.counters[0]["fresh_order"])):
        if book.orders[slot]["order_id"] != 0 and np.int64(book.orders[slot]["holder"] & ACCOUNT_MASK) == account_id:
            count += 1
    return count
