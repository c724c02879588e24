"""The rule of the final price in plain Python: fractions, sorted lists, every price tried."""

from collections import Counter
from collections.abc import Sequence
from fractions import Fraction
from typing import NamedTuple

KEPT = 8
LOTS_MAX = 1 << 28
"""What one print speaks for at most."""


class Print(NamedTuple):
    """A trade between two persons: the number of a group, or, negative, that of an account without one.

    Of one in an auction the buyer comes first.
    """

    price_ticks: int
    lots: int
    parties: tuple[int, int]

    @property
    def pair(self) -> frozenset[int]:
        return frozenset(self.parties)


class Bounds(NamedTuple):
    """What is known of a contract at its gate."""

    mark_ticks: int
    worst_shock_ticks: int
    price_max_ticks: int
    step_lots: int = 1


def party(account_id: int, group: int) -> int:
    return group or -account_id


def final_price(prints: Sequence[Print], bounds: Bounds, in_auction: int = 0) -> int:
    """What the auction at the gate says, the last so many prints; else what was printed before; else the mark."""
    kept = list(prints[-KEPT:])
    before = kept[: max(len(kept) - in_auction, 0)]
    auction = kept[len(before) :]
    if auction and is_followed(auction, bounds):
        return near_mark(auction[0].price_ticks, bounds)
    parties = {each for a_print in before for each in a_print.parties}
    if len(parties) >= 3 and sum(weights_of(before)) >= 10 * bounds.step_lots:
        return near_mark(median(before, bounds), bounds)
    return bounds.mark_ticks


def is_followed(auction: Sequence[Print], bounds: Bounds) -> bool:
    """Whether three persons or more take the price away from the mark, the first two for no more than all others."""
    side = 0 if auction[0].price_ticks > bounds.mark_ticks else 1
    lots: Counter[int] = Counter()
    for each in auction:
        lots[each.parties[side]] += min(each.lots, LOTS_MAX)
    two_lots = sum(most for _, most in lots.most_common(2))
    others = lots.total() - two_lots
    return others + min(others, two_lots) >= 10 * bounds.step_lots


def median(kept: Sequence[Print], bounds: Bounds) -> int:
    """The median by weight; of several the one that is nearest to the mark."""
    weights = weights_of(kept)
    half = Fraction(sum(weights), 2)
    prices = [each.price_ticks for each in kept]
    medians = [
        price
        for price in sorted(set(prices))
        if sum(weight for weight, each in zip(weights, prices, strict=True) if each <= price) >= half
        if sum(weight for weight, each in zip(weights, prices, strict=True) if each >= price) >= half
    ]
    return sorted([medians[0], bounds.mark_ticks, medians[-1]])[1]


def near_mark(ticks: int, bounds: Bounds) -> int:
    """What is nearest to a price within half of the worst shock around the mark."""
    reach_ticks = max(bounds.worst_shock_ticks // 2, 1)
    low_ticks = max(bounds.mark_ticks - reach_ticks, 1)
    high_ticks = min(bounds.mark_ticks + reach_ticks, bounds.price_max_ticks)
    return min(max(ticks, low_ticks), high_ticks)


def weights_of(kept: Sequence[Print]) -> list[Fraction]:
    """The lots of each print, but those of a pair that has more than half of all are cut to what the others have."""
    lots = [min(each.lots, LOTS_MAX) for each in kept]
    by_pair: Counter[frozenset[int]] = Counter()
    for each, its_lots in zip(kept, lots, strict=True):
        by_pair[each.pair] += its_lots
    shares = {pair: Fraction(min(own, sum(lots) - own), own) for pair, own in by_pair.items()}
    return [its_lots * shares[each.pair] for each, its_lots in zip(kept, lots, strict=True)]
