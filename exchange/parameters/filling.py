"""What a window without a market of its own is worth: its neighbours in time, the neighbouring tier, its reference."""

import math
from collections.abc import Mapping, Sequence
from enum import StrEnum
from statistics import median
from typing import NamedTuple

from exchange.parameters.inputs import Calendar, TrancheInput
from exchange.parameters.settings import ForwardSettings
from exchange.parameters.sources import is_price
from exchange.symbols import NANO_PER_S


class Fill(StrEnum):
    """What a forward was taken from."""

    OWN = "own"
    NEIGHBOURS = "neighbours"
    TIER = "tier"
    REFERENCE = "reference"
    MARK = "mark"
    NOTHING = "nothing"


class TierPair(NamedTuple):
    """A tier of a region and the one below it."""

    region: str
    upper_tier: int


def fill_gaps(
    inputs: Sequence[TrancheInput],
    own_ticks: Mapping[int, float],
    tier_log_spreads: Mapping[TierPair, float],
    settings: ForwardSettings,
) -> dict[int, tuple[float, Fill]]:
    """A price for every tranche that has any, and what it was taken from."""
    known = {id_: (price, Fill.OWN) for id_, price in own_ticks.items()}
    known |= _from_neighbours(inputs, own_ticks, settings)
    known |= _from_tiers(inputs, known, tier_log_spreads)
    for tranche in inputs:
        for price_ticks, fill in ((tranche.reference_ticks, Fill.REFERENCE), (tranche.mark_ticks, Fill.MARK)):
            if is_price(price_ticks) and price_ticks is not None:
                known.setdefault(tranche.instrument_id, (float(price_ticks), fill))
    return known


def log_spreads(inputs: Sequence[TrancheInput], own_ticks: Mapping[int, float]) -> dict[TierPair, float]:
    """The log of upper over lower price, the median of all windows in which both tiers have a market."""
    prices = {
        (tranche.window, tranche.tier): own_ticks[tranche.instrument_id]
        for tranche in inputs
        if tranche.instrument_id in own_ticks
    }
    found: dict[TierPair, list[float]] = {}
    for (window, tier), price_ticks in prices.items():
        lower_ticks = prices.get((window, tier + 1))
        if lower_ticks is not None:
            found.setdefault(TierPair(window.region, tier), []).append(math.log(price_ticks / lower_ticks))
    return {pair: median(logs) for pair, logs in found.items()}


def _from_neighbours(
    inputs: Sequence[TrancheInput], own_ticks: Mapping[int, float], settings: ForwardSettings
) -> dict[int, tuple[float, Fill]]:
    calendars: dict[Calendar, list[TrancheInput]] = {}
    for tranche in sorted(inputs, key=lambda tranche: tranche.start_ns):
        calendars.setdefault(tranche.calendar, []).append(tranche)
    filled = {}
    for calendar, tranches in calendars.items():
        reach_ns = settings.neighbour_windows_max * calendar.duration_s * NANO_PER_S
        befores = _nearest(tranches, own_ticks)
        afters = _nearest(tranches[::-1], own_ticks)[::-1]
        for tranche, before, after in zip(tranches, befores, afters, strict=True):
            near = [each for each in (before, after) if each and abs(each.start_ns - tranche.start_ns) <= reach_ns]
            if tranche.instrument_id not in own_ticks and near:
                filled[tranche.instrument_id] = (_interpolated_ticks(tranche, near, own_ticks), Fill.NEIGHBOURS)
    return filled


def _nearest(tranches: Sequence[TrancheInput], own_ticks: Mapping[int, float]) -> list[TrancheInput | None]:
    """For each tranche the last one with a market that came no later in the sequence."""
    nearest, found = None, []
    for tranche in tranches:
        if tranche.instrument_id in own_ticks:
            nearest = tranche
        found.append(nearest)
    return found


def _interpolated_ticks(tranche: TrancheInput, near: list[TrancheInput], own_ticks: Mapping[int, float]) -> float:
    """On a straight line in the log of price between both neighbours, or level with the only one."""
    first, last = near[0], near[-1]
    log_first, log_last = (math.log(own_ticks[each.instrument_id]) for each in (first, last))
    if first is last:
        return own_ticks[first.instrument_id]
    share = (tranche.start_ns - first.start_ns) / (last.start_ns - first.start_ns)
    return math.exp(log_first + share * (log_last - log_first))


def _from_tiers(
    inputs: Sequence[TrancheInput],
    known: Mapping[int, tuple[float, Fill]],
    tier_log_spreads: Mapping[TierPair, float],
) -> dict[int, tuple[float, Fill]]:
    """From the tier above, else from the one below; a price that was itself taken from a tier goes no further."""
    prices = {(t.window, t.tier): known[t.instrument_id][0] for t in inputs if t.instrument_id in known}
    filled: dict[int, tuple[float, Fill]] = {}
    for tranche in inputs:
        above = (tranche.tier - 1, TierPair(tranche.region, tranche.tier - 1), -1)
        below = (tranche.tier + 1, TierPair(tranche.region, tranche.tier), +1)
        for tier, pair, sign in (above, below):
            price_ticks = prices.get((tranche.window, tier))
            if tranche.instrument_id not in known and price_ticks is not None and pair in tier_log_spreads:
                spread_on_ticks = price_ticks * math.exp(sign * tier_log_spreads[pair])
                filled.setdefault(tranche.instrument_id, (spread_on_ticks, Fill.TIER))
    return filled
