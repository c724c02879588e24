"""The prices that a tranche's own market offers, and those that do not count, each by name.

Three sources: what was traded, what is bid and asked, and the reference under which the window was listed. The mark so
far is no source: it only testifies when two sources contradict each other.
"""

import math
from collections import Counter
from dataclasses import dataclass
from enum import StrEnum

from exchange.parameters.inputs import Price, TradeInput, TrancheInput
from exchange.parameters.settings import ForwardSettings
from exchange.symbols import NANO_PER_S
from matching.schema import PRICE_TICKS_MAX, QUANTITY_LOTS_MAX


class Source(StrEnum):
    """Where a price comes from."""

    TRADES = "trades"
    BOOK = "book"
    REFERENCE = "reference"
    MARK = "mark"


class Reason(StrEnum):
    """Why a price does not count."""

    MISSING = "missing"
    NOT_A_PRICE = "not_a_price"  # NaN, infinite, below a tick or above the largest price
    FROM_THE_FUTURE = "from_the_future"
    STALE = "stale"
    WITHIN_A_GROUP = "within_a_group"
    FORCED = "forced"
    TOO_FEW_GROUPS = "too_few_groups"
    TOO_SMALL = "too_small"
    CROSSED = "crossed"
    TOO_WIDE = "too_wide"
    FAR_FROM_OTHERS = "far_from_others"
    FAR_FROM_NEIGHBOURS = "far_from_neighbours"


@dataclass(frozen=True, slots=True)
class Quote:
    """A price that one source vouches for."""

    source: Source
    price_ticks: float


@dataclass(frozen=True, slots=True)
class LeftOut:
    """What did not count, and why. `count` is more than 1 for single trades that fell to the same reason."""

    source: Source
    reason: Reason
    price_ticks: Price = None
    count: int = 1


def quotes_of(
    tranche: TrancheInput, settings: ForwardSettings, time_ns: int
) -> tuple[tuple[Quote, ...], tuple[LeftOut, ...]]:
    """What the sources say, and what of them was left out."""
    trades, left_out = eligible_trades(tranche, settings, time_ns)
    findings = [
        _traded(trades, settings),
        _mid(tranche, settings, time_ns),
        _price(Source.REFERENCE, tranche.reference_ticks),
    ]
    quotes = tuple(each for each in findings if isinstance(each, Quote))
    return quotes, left_out + tuple(each for each in findings if isinstance(each, LeftOut))


def mark_so_far(tranche: TrancheInput, settings: ForwardSettings) -> Quote | LeftOut:
    """The mark of the last update, unless it is missing, nonsense or too old."""
    if tranche.mark_age_ns > settings.mark_age_max_s * NANO_PER_S:
        return LeftOut(Source.MARK, Reason.STALE, tranche.mark_ticks)
    return _price(Source.MARK, tranche.mark_ticks)


def eligible_trades(
    tranche: TrancheInput, settings: ForwardSettings, time_ns: int
) -> tuple[list[TradeInput], tuple[LeftOut, ...]]:
    """The trades that may count, and how many may not, by reason."""
    faults = [(_fault(trade, settings, time_ns), trade) for trade in tranche.trades]
    counts = Counter(fault for fault, _ in faults if fault is not None)
    left_out = tuple(LeftOut(Source.TRADES, reason, count=count) for reason, count in counts.items())
    return [trade for fault, trade in faults if fault is None], left_out


def is_price(price_ticks: Price) -> bool:
    """Whether it is a number between one tick and the largest price."""
    return price_ticks is not None and 1 <= price_ticks <= PRICE_TICKS_MAX


def trimmed_mean_ticks(trades: list[TradeInput], settings: ForwardSettings) -> float:
    """The mean price by lots and age, after a fraction of all weight is cut off at each end of the prices.

    A trade weighs its lots, halved for every half-life by which it is older than the newest. One that lies across a cut
    counts in part.
    """
    ordered = sorted(trades, key=lambda trade: trade.price_ticks)
    newest_ns = max(trade.time_ns for trade in trades)
    half_life_ns = settings.trade_half_life_s * NANO_PER_S
    weights = [trade.quantity_lots * 0.5 ** ((newest_ns - trade.time_ns) / half_life_ns) for trade in ordered]
    total = math.fsum(weights)
    low, high = settings.trade_trim_fraction * total, (1 - settings.trade_trim_fraction) * total
    passed, kept, kept_value = 0.0, 0.0, 0.0
    for trade, weight in zip(ordered, weights, strict=True):
        inside = max(0.0, min(passed + weight, high) - max(passed, low))
        passed += weight
        kept += inside
        kept_value += inside * trade.price_ticks
    return kept_value / kept


def _fault(trade: TradeInput, settings: ForwardSettings, time_ns: int) -> Reason | None:
    if not is_price(trade.price_ticks) or not 1 <= trade.quantity_lots <= QUANTITY_LOTS_MAX:
        return Reason.NOT_A_PRICE
    if trade.time_ns > time_ns:
        return Reason.FROM_THE_FUTURE
    if time_ns - trade.time_ns > settings.trade_age_max_s * NANO_PER_S:
        return Reason.STALE
    if trade.buyer_group == trade.seller_group:
        return Reason.WITHIN_A_GROUP
    return Reason.FORCED if trade.was_forced else None


def _traded(trades: list[TradeInput], settings: ForwardSettings) -> Quote | LeftOut:
    if not trades:
        return LeftOut(Source.TRADES, Reason.MISSING)
    if len({group for trade in trades for group in _pair(trade)}) < settings.trade_groups_min:
        return LeftOut(Source.TRADES, Reason.TOO_FEW_GROUPS)
    lots_by_pair: Counter[frozenset[int]] = Counter()
    for trade in trades:
        lots_by_pair[_pair(trade)] += trade.quantity_lots
    if lots_by_pair.total() - max(lots_by_pair.values()) < settings.trade_lots_min:
        return LeftOut(Source.TRADES, Reason.TOO_SMALL)
    return Quote(Source.TRADES, trimmed_mean_ticks(trades, settings))


def _pair(trade: TradeInput) -> frozenset[int]:
    return frozenset((trade.buyer_group, trade.seller_group))


def _mid(tranche: TrancheInput, settings: ForwardSettings, time_ns: int) -> Quote | LeftOut:
    bid_ticks, ask_ticks = tranche.best_bid_ticks, tranche.best_ask_ticks
    if bid_ticks is None or ask_ticks is None:
        return LeftOut(Source.BOOK, Reason.MISSING)
    if not is_price(bid_ticks) or not is_price(ask_ticks):
        return LeftOut(Source.BOOK, Reason.NOT_A_PRICE)
    mid_ticks = (bid_ticks + ask_ticks) / 2
    reason = _fault_of_book(tranche, (ask_ticks - bid_ticks) / mid_ticks, settings, time_ns)
    return Quote(Source.BOOK, mid_ticks) if reason is None else LeftOut(Source.BOOK, reason, mid_ticks)


def _fault_of_book(
    tranche: TrancheInput, spread_fraction: float, settings: ForwardSettings, time_ns: int
) -> Reason | None:
    if tranche.book_ns > time_ns:
        return Reason.FROM_THE_FUTURE
    if time_ns - tranche.book_ns > settings.book_age_max_s * NANO_PER_S:
        return Reason.STALE
    if spread_fraction <= 0:
        return Reason.CROSSED
    if not all(lots >= settings.book_lots_min for lots in (tranche.best_bid_lots, tranche.best_ask_lots)):
        return Reason.TOO_SMALL
    return Reason.TOO_WIDE if spread_fraction > settings.book_spread_fraction_max else None


def _price(source: Source, price_ticks: Price) -> Quote | LeftOut:
    if price_ticks is None:
        return LeftOut(source, Reason.MISSING)
    if not is_price(price_ticks):
        return LeftOut(source, Reason.NOT_A_PRICE, price_ticks)
    return Quote(source, float(price_ticks))
