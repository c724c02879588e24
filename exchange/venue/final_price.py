"""The final price of a tranche, which nobody can make alone.

It is fixed once, at gate closure, from the prints that the tranche has kept: trades between two persons, none of them
forced. Those of the auction at the gate speak first, and only if they say too little, all that are kept.

    of the auction, from three persons or more, with ten steps of quantity ─▶ its price, near the mark
    else all that are kept, if they are from as many, with as much         ─▶ their median by lots, near the mark
    else                                                                   ─▶ the mark

No pair of persons stands for more than half of the weight, however much the two trade. A median moves only with half
of it, so what one pair prints moves the price no further than to what others print, or to the mark; where the two
halves meet between two prices, it is the one of all between them that is nearest to the mark. Persons who are three or
more can move it, but never further from the mark than half of the worst shock. So a position gains by it at most half
of what it is margined for beside the rest.

An auction has one price for all, so its median is that. Two who collude cannot make it speak: without a third person's
trades it does not count, and what the third traded counts for as much as theirs.

The mark is what it falls back to, also where somebody has set another reference since and no parameters ever came: a
reference says what orders may pay. What accounts must have was reckoned around the mark, and a price that nobody
was asked margin for would be paid by those who win. Who wants another mark sets parameters.
"""

import numpy as np

from exchange.venue.prints import oldest_print, place_of
from kernels.compile import inlined, outlined

PARTIES_MIN = 3
VOLUME_STEPS_MIN = 10
"""More than the prints that are kept: trades of a single step may push others out, but never speak."""
WEIGHT_LOTS_MAX = 1 << 28
"""A print speaks for no more lots than these, so that products of two sums of lots stay within int64."""
GROUP_BIT = 1 << 32
"""Tells a group from an account of the same number."""


@outlined
def find_final_ticks(state, slot):
    """The price at which the positions of a tranche are to be settled, as things stand."""
    tranche = state.tranches[slot]
    oldest = oldest_print(tranche)
    first = max(first_of_auction(state, tranche), oldest)
    if speaks(state, slot, first):
        return median_near_mark(state, slot, first)
    if speaks(state, slot, oldest):
        return median_near_mark(state, slot, oldest)
    return np.int64(state.ledger.contracts[slot]["mark_ticks"])


@inlined
def first_of_auction(state, tranche):
    """The number of the first print of the auction that was uncrossed at the gate; without one, that of none."""
    gate = state.clearing.gate[0]
    return gate["first_print"] if gate["auction_id"] == tranche["instrument_id"] else tranche["prints"]


@inlined
def speaks(state, slot, first):
    """Whether the prints from one on come from enough persons, with enough behind them."""
    _, pair_lots, other_lots = heaviest_pair(state, slot, first)
    counted_lots = min(pair_lots, other_lots) + other_lots
    step_lots = np.int64(state.book.instruments[slot]["quantity_step_lots"])
    return counted_lots >= VOLUME_STEPS_MIN * step_lots and count_parties(state, slot, first) >= PARTIES_MIN


@outlined
def median_near_mark(state, slot, first):
    """The median of the prints from one on, or the price nearest to it that is near enough to the mark."""
    contract = state.ledger.contracts[slot]
    mark_ticks = np.int64(contract["mark_ticks"])
    low_ticks, high_ticks = median_ticks(state, slot, first)
    reach_ticks = max(np.int64(contract["worst_shock_ticks"]) // 2, np.int64(1))
    final_ticks = within(mark_ticks, low_ticks, high_ticks)
    final_ticks = within(final_ticks, mark_ticks - reach_ticks, mark_ticks + reach_ticks)
    return within(final_ticks, np.int64(1), np.int64(contract["price_max_ticks"]))


@inlined
def within(ticks, low_ticks, high_ticks):
    """The price nearest to another of those between two."""
    return min(max(ticks, low_ticks), high_ticks)


# Who speaks, and for how much.


@outlined
def heaviest_pair(state, slot, first):
    """Of the prints from one on: one of the two persons who traded most, their lots, and those of all others."""
    found, most_lots, all_lots = first, np.int64(0), np.int64(0)
    for number in range(first, state.tranches[slot]["prints"]):
        all_lots += lots_of(state, slot, number)
        pair_lots = np.int64(0)
        for other in range(first, state.tranches[slot]["prints"]):
            if is_same_pair(state, slot, number, other):
                pair_lots += lots_of(state, slot, other)
        if pair_lots > most_lots:
            found, most_lots = np.int64(number), pair_lots
    return found, most_lots, all_lots - most_lots


@inlined
def count_parties(state, slot, first):
    """How many persons stand behind the prints from one on."""
    parties = np.int64(0)
    for each in range(2 * first, 2 * state.tranches[slot]["prints"]):
        earlier = 2 * first
        while party_of(state, slot, earlier) != party_of(state, slot, each):
            earlier += 1
        parties += earlier == each
    return parties


@inlined
def is_same_pair(state, slot, number, other):
    """Whether the same two persons made two prints, whoever of them bought."""
    first, second = party_of(state, slot, 2 * number), party_of(state, slot, 2 * number + 1)
    third, fourth = party_of(state, slot, 2 * other), party_of(state, slot, 2 * other + 1)
    return ((first == third) & (second == fourth)) | ((first == fourth) & (second == third))


@inlined
def party_of(state, slot, each):
    """The person on one of the sides of prints, two for each print."""
    kept = state.prints[place_of(slot, each // 2)]
    account_id = np.int64(kept["account_id"] if each % 2 == 0 else kept["counter_account_id"])
    group = np.int64(state.book.groups[account_id])
    return account_id if group == 0 else GROUP_BIT + group


@inlined
def lots_of(state, slot, number):
    """What a print speaks for."""
    return min(state.prints[place_of(slot, number)]["lots"], np.int64(WEIGHT_LOTS_MAX))


# The median.


@outlined
def median_ticks(state, slot, first):
    """The lowest and the highest price of the prints from one on that have half of the weight on either side.

    Weights are lots times the lots of the heaviest pair; its own are times what it may stand for, which is no more
    than all others. So they are whole, and the shares exact.
    """
    pair, pair_lots, other_lots = heaviest_pair(state, slot, first)
    pair_weight = min(pair_lots, other_lots)
    all_weight = pair_lots * (pair_weight + other_lots)
    low_ticks, high_ticks = np.int64(0), np.int64(0)
    for number in range(first, state.tranches[slot]["prints"]):
        price_ticks = price_of(state, slot, number)
        below, above = np.int64(0), np.int64(0)
        for other in range(first, state.tranches[slot]["prints"]):
            factor = pair_weight if is_same_pair(state, slot, pair, other) else pair_lots
            weight = lots_of(state, slot, other) * factor
            below += weight if price_of(state, slot, other) <= price_ticks else np.int64(0)
            above += weight if price_of(state, slot, other) >= price_ticks else np.int64(0)
        if below >= all_weight - below and (low_ticks == 0 or price_ticks < low_ticks):
            low_ticks = price_ticks
        if above >= all_weight - above:
            high_ticks = max(high_ticks, price_ticks)
    return low_ticks, high_ticks


@inlined
def price_of(state, slot, number):
    """The price of a print."""
    return np.int64(state.prints[place_of(slot, number)]["price_ticks"])
