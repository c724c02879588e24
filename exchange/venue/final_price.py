"""The final price of a tranche, which nobody can make alone.

It is fixed once, at gate closure, from the prints that the tranche has kept: trades between two persons, none of them
forced. Those of the auction at the gate speak first; if they say too little they say nothing, and others speak.

    of the auction, if three persons or more, with ten steps of quantity, follow it there ─▶ its price, near the mark
    else those from before, from three persons or more, with as much behind them ─▶ their median by lots, near the mark
    else                                                                         ─▶ the mark

No pair of persons stands for more than half of the weight, however much the two trade. A median moves only with half
of it, so what one pair prints moves the price no further than to what others print, or to the mark; where the two
halves meet between two prices, it is the one of all between them that is nearest to the mark. Persons who are three or
more can move it, but never further from the mark than half of the worst shock. So a position gains by it at most half
of what it is margined for beside the rest.

An auction gives all who trade the same price, also those who would have sold for less. So what counts are those alone
who take the price away from the mark, by limits of their own: buyers if it is above, sellers if it is below. Two who
collude trade as much as they like with each other, and others may trade with them; but without a third who pays as
much, or sells for as little, the auction does not speak.

The mark is what it falls back to, also where somebody has set another reference since and no parameters ever came: a
reference says what orders may pay. What accounts must have was reckoned around the mark, and a price that nobody
was asked margin for would be paid by those who win. Who wants another mark sets parameters.
"""

import numpy as np

from exchange.venue.prints import oldest_print, place_of
from kernels.compile import inlined, outlined
from matching.schema import Side

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
    mark_ticks = np.int64(state.ledger.contracts[slot]["mark_ticks"])
    oldest, auction = oldest_print(tranche), first_of_auction(state, tranche)
    first = max(oldest, auction)
    if first < tranche["prints"] and auction_speaks(state, slot, first, mark_ticks):
        return near_mark(state, slot, price_of(state, slot, first))
    if oldest < auction and speaks(state, slot, oldest, auction):
        low_ticks, high_ticks = median_ticks(state, slot, oldest, auction)
        return near_mark(state, slot, within(mark_ticks, low_ticks, high_ticks))
    return mark_ticks


@inlined
def first_of_auction(state, tranche):
    """The number of the first print of the auction that was uncrossed at the gate; without one, that of none."""
    gate = state.clearing.gate[0]
    return gate["first_print"] if gate["auction_id"] == tranche["instrument_id"] else tranche["prints"]


@inlined
def near_mark(state, slot, ticks):
    """The price nearest to another that is near enough to the mark, and that prices can be."""
    contract = state.ledger.contracts[slot]
    mark_ticks = np.int64(contract["mark_ticks"])
    reach_ticks = max(np.int64(contract["worst_shock_ticks"]) // 2, np.int64(1))
    ticks = within(ticks, mark_ticks - reach_ticks, mark_ticks + reach_ticks)
    return within(ticks, np.int64(1), np.int64(contract["price_max_ticks"]))


@inlined
def within(ticks, low_ticks, high_ticks):
    """The price nearest to another of those between two."""
    return min(max(ticks, low_ticks), high_ticks)


# Who speaks, and for how much. Prints are counted from the tranche's first, from one on and before another.


@outlined
def auction_speaks(state, slot, first, mark_ticks):
    """Whether enough persons, with enough behind them, take the price of an auction away from the mark.

    Of the prints that are kept, from its first on. No two of these persons count for more than all others of them.
    """
    side = np.int64(Side.BUY if price_of(state, slot, first) > mark_ticks else Side.SELL)
    most_lots, next_lots, all_lots = np.int64(0), np.int64(0), np.int64(0)
    for number in range(first, state.tranches[slot]["prints"]):
        all_lots += lots_of(state, slot, number)
        own_lots = lots_from(state, slot, first, number, side)
        if own_lots > most_lots:
            most_lots, next_lots = own_lots, most_lots
        elif own_lots > next_lots:
            next_lots = own_lots
    other_lots = all_lots - most_lots - next_lots
    return is_enough(state, slot, most_lots + next_lots, other_lots)


@inlined
def lots_from(state, slot, first, number, side):
    """What the person on a side of a print traded there from it on; none if an earlier print was the same person's."""
    own_lots = np.int64(0)
    person = party_of(state, slot, 2 * number + side)
    for other in range(first, state.tranches[slot]["prints"]):
        is_same = party_of(state, slot, 2 * other + side) == person
        if is_same and other < number:
            return np.int64(0)
        own_lots += lots_of(state, slot, other) if is_same else np.int64(0)
    return own_lots


@inlined
def speaks(state, slot, first, end):
    """Whether prints come from enough persons, with enough behind them. No pair counts for more than all others."""
    _, pair_lots, other_lots = heaviest_pair(state, slot, first, end)
    return is_enough(state, slot, pair_lots, other_lots) and count_parties(state, slot, first, end) >= PARTIES_MIN


@inlined
def is_enough(state, slot, two_lots, other_lots):
    """Whether the lots of two and of all others come to enough steps of quantity."""
    step_lots = np.int64(state.book.instruments[slot]["quantity_step_lots"])
    return min(two_lots, other_lots) + other_lots >= VOLUME_STEPS_MIN * step_lots


@outlined
def heaviest_pair(state, slot, first, end):
    """A print of the two persons who traded most, their lots, and those of all others."""
    found, most_lots, all_lots = first, np.int64(0), np.int64(0)
    for number in range(first, end):
        all_lots += lots_of(state, slot, number)
        pair_lots = np.int64(0)
        for other in range(first, end):
            if is_same_pair(state, slot, number, other):
                pair_lots += lots_of(state, slot, other)
        if pair_lots > most_lots:
            found, most_lots = np.int64(number), pair_lots
    return found, most_lots, all_lots - most_lots


@inlined
def count_parties(state, slot, first, end):
    """How many persons stand behind prints."""
    parties = np.int64(0)
    for each in range(2 * first, 2 * end):
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
    """The person on one of the sides of prints, two for each print; of one in an auction the buyer comes first."""
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
def median_ticks(state, slot, first, end):
    """The lowest and the highest price that have half of the weight on either side.

    Weights are lots times the lots of the heaviest pair; its own are times what it may stand for, which is no more
    than all others. So they are whole, and the shares exact.
    """
    pair, pair_lots, other_lots = heaviest_pair(state, slot, first, end)
    pair_weight = min(pair_lots, other_lots)
    all_weight = pair_lots * (pair_weight + other_lots)
    low_ticks, high_ticks = np.int64(0), np.int64(0)
    for number in range(first, end):
        price_ticks = price_of(state, slot, number)
        below, above = np.int64(0), np.int64(0)
        for other in range(first, end):
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


assert (Side.BUY, Side.SELL) == (0, 1), "of a print in an auction the buyer comes first"
