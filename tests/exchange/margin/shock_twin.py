"""What a move of forwards does, worked out anew for one account after the other, in plain integers."""

from typing import NamedTuple

import numpy as np

from exchange.margin.portfolio import Portfolio
from exchange.margin.requirement import Requirement
from exchange.margin.terms import Terms, failure_nano
from exchange.venue.clearing.ramp import RAMP_STEPS
from exchange.venue.machine import Venue
from risk.schema import PPM, SCENARIOS


class After(NamedTuple):
    equity_nano: int
    margin_nano: int


def shocked(venue: Venue, portfolio: Portfolio, moves_ppm: dict[int, int]) -> After:
    """The account under moved marks: every position and every order is taken in anew."""
    held = Requirement(portfolio.reading.multiplier_ppm, portfolio.reading.money.add_on_nano)
    is_provider = portfolio.reading.multiplier_ppm != 0
    terms = {each: moved(venue, known, moves_ppm, is_provider) for each, known in portfolio.terms.items()}
    for instrument_id, position in portfolio.positions.items():
        held.move_position(terms[instrument_id], position.lots, position.cost_nano)
    for order in portfolio.orders:
        held.move_order(terms[order.instrument_id], order.side, order.limit_ticks, order.lots)
    return After(portfolio.cash_nano + held.unsettled_nano, held.margin_nano)


def moved(venue: Venue, terms: Terms, moves_ppm: dict[int, int], is_provider: bool) -> Terms:
    """A tranche at another mark."""
    move_ppm = moves_ppm.get(terms.region_id, 0)
    if move_ppm == 0:
        return terms
    slot = terms.instrument_id & (len(venue.state.tranches) - 1)
    mark_ticks = min(max(terms.mark_ticks * (PPM + move_ppm) // PPM, 1), terms.price_max_ticks)
    shocks_ticks = strained(venue, slot, terms.region_id, mark_ticks)
    contract, delivery = venue.state.ledger.contracts[slot].copy(), venue.state.clearing.deliveries[slot]
    contract["mark_ticks"], contract["worst_shock_ticks"] = mark_ticks, max(map(abs, shocks_ticks))
    lacking_long, lacking_short = lacking(contract, delivery)
    step = int(contract["ramp_step"])
    return terms._replace(
        mark_ticks=mark_ticks,
        shocks_ticks=shocks_ticks,
        long_ramp_ticks=-(-lacking_long * step // RAMP_STEPS),
        short_ramp_ticks=0 if is_provider else -(-lacking_short * step // RAMP_STEPS),
        failure_nano=failure_nano(contract, delivery),
    )


def strained(venue: Venue, slot: int, region_id: int, mark_ticks: int) -> tuple[int, ...]:
    """Shocks at ease, and what strain makes of each."""
    region = venue.state.regions[region_id]
    used_ppm, low_ppm, high_ppm = (int(region[name]) for name in ("utilisation_ppm", "low_ppm", "high_ppm"))
    bases = venue.state.ledger.base_shocks[slot * SCENARIOS : (slot + 1) * SCENARIOS].tolist()
    if high_ppm == 0 or used_ppm <= low_ppm:
        return tuple(bases)
    part, whole = min(used_ppm, high_ppm) - low_ppm, high_ppm - low_ppm
    return tuple(base + sign_of(base) * (max(mark_ticks - abs(base), 0) * part // whole) for base in bases)


def sign_of(number: int) -> int:
    return (number > 0) - (number < 0)


def lacking(contract: np.void, delivery: np.void) -> tuple[int, int]:
    """What shocks and charges lack of the full price, and of buying in."""
    mark_ticks, worst_ticks = int(contract["mark_ticks"]), int(contract["worst_shock_ticks"])
    required_ticks = worst_ticks + int(contract["spread_ticks"]) + int(contract["concentration_ticks"])
    replacement_ticks = min(mark_ticks + worst_ticks, int(contract["price_max_ticks"]))
    buy_in_ticks = -(-replacement_ticks * (PPM + int(delivery["penalty_ppm"])) // PPM)
    return max(mark_ticks - required_ticks, 0), max(buy_in_ticks - mark_ticks - required_ticks, 0)
