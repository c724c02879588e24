"""The forward curve: one price for each window, from its own market where that has one, else from what is near.

    own sources -> those that agree with each other -> those that agree with the windows around
    -> a weighted mean, or what fills the gap

A window whose own market offers neither trades nor a book takes the price from its neighbours, from the neighbouring
tier, from its reference, from its last mark, in this order. Whether enough sources stood behind a price is told beside
it: while they do not, nobody should be liquidated at it.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from statistics import median

from exchange.parameters.filling import Fill, TierPair, fill_gaps, log_spreads
from exchange.parameters.inputs import Calendar, TrancheInput
from exchange.parameters.settings import ForwardSettings
from exchange.parameters.sources import LeftOut, Quote, Reason, Source, mark_so_far, quotes_of

NEIGHBOURS_ASKED = 2
"""On each side. One of four, or of three at an end, cannot move their median far."""


@dataclass(frozen=True, slots=True)
class Forward:
    """The price of one window and its reasons."""

    instrument_id: int
    price_ticks: float | None
    """None if nothing at all is known."""
    used: tuple[Quote, ...]
    """The sources that stood behind the window, even if the price was filled in because they are too weak."""
    left_out: tuple[LeftOut, ...]
    filled_from: Fill
    quorum_met: bool


@dataclass(frozen=True, slots=True)
class ForwardCurves:
    """The forwards in the order of the inputs, and the tier spreads as of now or as last known."""

    forwards: tuple[Forward, ...]
    tier_log_spreads: Mapping[TierPair, float]


def forward_curves(
    inputs: Sequence[TrancheInput],
    last_log_spreads: Mapping[TierPair, float],
    settings: ForwardSettings,
    time_ns: int,
) -> ForwardCurves:
    """A forward for every tranche. `last_log_spreads` are those of the update before."""
    opinions = {tranche.instrument_id: _opinion(tranche, settings, time_ns) for tranche in inputs}
    _leave_out_far_from_neighbours(inputs, opinions, settings)
    own_ticks = {
        tranche.instrument_id: price
        for tranche in inputs
        if (price := _market_ticks(opinions[tranche.instrument_id], settings)) is not None
    }
    spreads = {**last_log_spreads, **log_spreads(inputs, own_ticks)}
    filled = fill_gaps(inputs, own_ticks, spreads, settings)
    forwards = tuple(_forward(tranche, opinions[tranche.instrument_id], filled, settings) for tranche in inputs)
    return ForwardCurves(forwards, spreads)


def weighted_mean_ticks(quotes: Sequence[Quote], settings: ForwardSettings) -> float:
    """The mean of what the sources say, by their weights."""
    weights = [_weight(quote.source, settings) for quote in quotes]
    return math.fsum(w * quote.price_ticks for w, quote in zip(weights, quotes, strict=True)) / math.fsum(weights)


def bounded_mark_ticks(goal_ticks: int, mark_so_far_ticks: int, settings: ForwardSettings) -> int:
    """As near to the goal as one step from the last mark can come: a fraction of that mark, or a tick."""
    step_ticks = max(1, math.floor(mark_so_far_ticks * settings.mark_step_fraction))
    return min(max(goal_ticks, mark_so_far_ticks - step_ticks), mark_so_far_ticks + step_ticks)


@dataclass(slots=True)
class _Opinion:
    """What still counts for one window while the sources are gone through."""

    quotes: tuple[Quote, ...]
    left_out: list[LeftOut] = field(default_factory=list)

    def leave_out_far(self, centre_ticks: float, distance_max: float, reason: Reason) -> None:
        far = [q for q in self.quotes if abs(math.log(q.price_ticks / centre_ticks)) > distance_max]
        self.left_out += [LeftOut(quote.source, reason, quote.price_ticks) for quote in far]
        self.quotes = tuple(quote for quote in self.quotes if quote not in far)


def _opinion(tranche: TrancheInput, settings: ForwardSettings, time_ns: int) -> _Opinion:
    quotes, left_out = quotes_of(tranche, settings, time_ns)
    opinion = _Opinion(quotes, list(left_out))
    mark = mark_so_far(tranche, settings)
    testified = [quote.price_ticks for quote in quotes]
    if isinstance(mark, Quote):
        testified.append(mark.price_ticks)
    elif mark.reason is not Reason.MISSING:
        opinion.left_out.append(mark)
    if testified:
        centre_ticks = math.exp(median(map(math.log, testified)))
        opinion.leave_out_far(centre_ticks, settings.distance_max, Reason.FAR_FROM_OTHERS)
    return opinion


def _leave_out_far_from_neighbours(
    inputs: Sequence[TrancheInput], opinions: dict[int, _Opinion], settings: ForwardSettings
) -> None:
    """All windows are asked before any price is left out, so that the order in which they come decides nothing."""
    prices = {id_: _market_ticks(opinion, settings) for id_, opinion in opinions.items()}
    priced: dict[Calendar, list[TrancheInput]] = {}
    for tranche in sorted(inputs, key=lambda tranche: tranche.start_ns):
        if prices[tranche.instrument_id] is not None:
            priced.setdefault(tranche.calendar, []).append(tranche)
    for tranches in priced.values():
        logs = [math.log(prices[tranche.instrument_id] or 1) for tranche in tranches]
        for place, tranche in enumerate(tranches):
            around = logs[max(0, place - NEIGHBOURS_ASKED) : place] + logs[place + 1 : place + 1 + NEIGHBOURS_ASKED]
            if len(around) > NEIGHBOURS_ASKED:
                opinions[tranche.instrument_id].leave_out_far(
                    math.exp(median(around)), settings.neighbour_distance_max, Reason.FAR_FROM_NEIGHBOURS
                )


def _market_ticks(opinion: _Opinion, settings: ForwardSettings) -> float | None:
    """The window's price if its market has one: a reference alone is none."""
    if all(quote.source is Source.REFERENCE for quote in opinion.quotes):
        return None
    return weighted_mean_ticks(opinion.quotes, settings)


def _forward(
    tranche: TrancheInput, opinion: _Opinion, filled: Mapping[int, tuple[float, Fill]], settings: ForwardSettings
) -> Forward:
    id_ = tranche.instrument_id
    price_ticks, filled_from = filled.get(id_, (None, Fill.NOTHING))
    quorum_met = filled_from is Fill.OWN and len(opinion.quotes) >= settings.quorum_sources
    return Forward(id_, price_ticks, opinion.quotes, tuple(opinion.left_out), filled_from, quorum_met)


def _weight(source: Source, settings: ForwardSettings) -> float:
    return {
        Source.TRADES: settings.trade_weight,
        Source.BOOK: settings.book_weight,
        Source.REFERENCE: settings.reference_weight,
    }[source]
