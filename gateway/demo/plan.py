"""What the demo lists: metros and routes with real prices, in hours and in quarters of an hour."""

from exchange.plan import MarketPlan, RegionPlan, SeriesPlan
from exchange.units import format_ticks
from exchange.venue.schema import Tier
from gateway.demo.calibration import DEFAULT_REGIONS, Calibration

PRICE_STEP_TICKS = 50
HOURS_AHEAD_S = 8 * 3_600
QUARTERS_AHEAD_S = 2 * 3_600
HOUR_GATE_LEAD_S = 15 * 60
QUARTER_GATE_LEAD_S = 5 * 60


def demo_plan(calibration: Calibration) -> MarketPlan:
    """Hours for every default region, and quarters of an hour for the metros among them, in all three tiers."""
    series = []
    for code in DEFAULT_REGIONS:
        for tier in Tier:
            series.append(_series(calibration, code, tier, "PT1H", HOUR_GATE_LEAD_S, HOURS_AHEAD_S))
            if "_" not in code:
                series.append(_series(calibration, code, tier, "PT15M", QUARTER_GATE_LEAD_S, QUARTERS_AHEAD_S))
    return MarketPlan(regions=[RegionPlan(code=code) for code in DEFAULT_REGIONS], series=series)


def _series(
    calibration: Calibration, code: str, tier: Tier, window: str, gate_lead_s: int, horizon_s: int
) -> SeriesPlan:
    reference_ticks = calibration.regions[code].price_ticks(tier.name.lower())
    return SeriesPlan(
        region=code,
        tier=tier.name.lower(),
        window=window,
        reference_price=format_ticks(round_to_step(reference_ticks)),
        gate_lead_s=gate_lead_s,
        horizon_s=horizon_s,
        price_step=format_ticks(PRICE_STEP_TICKS),
    )


def round_to_step(price_ticks: float) -> int:
    """The nearest price on the demo's tick, at least one."""
    return max(round(price_ticks / PRICE_STEP_TICKS), 1) * PRICE_STEP_TICKS
