"""What the demo lists: metros and routes with real prices, in hours, quarters of an hour, and a few minutes."""

from exchange.plan import DeliveryPlan, MarketPlan, RegionPlan, SeriesPlan
from exchange.units import format_ticks
from exchange.venue.schema import Tier
from gateway.demo.calibration import DEFAULT_REGIONS, Calibration

PRICE_STEP_TICKS = 50
HOURS_AHEAD_S = 8 * 3_600
QUARTERS_AHEAD_S = 2 * 3_600
HOUR_GATE_LEAD_S = 15 * 60
QUARTER_GATE_LEAD_S = 5 * 60

# Windows so short that a visitor sees them close, be delivered and settle.
DELIVERED_REGIONS = ("eu-fra", "us-iad")
DELIVERED_TIER = Tier.AF
DELIVERED_WINDOW = "PT3M"
DELIVERED_AHEAD_S = 10 * 60
DELIVERED_GATE_LEAD_S = 30
DELIVERED_TERMS = DeliveryPlan(
    slot_s=30,
    latency_max_us=20_000,
    loss_max_ppm=5_000,
    shortfall_fee_ppm=100_000,
    clearing_fee_ppm=10_000,
    burn_ppm=200_000,
    penalty_ppm=100_000,
    interruption_ppm=250_000,
    grace_s=10,
    dispute_s=30,
)


def demo_plan(calibration: Calibration) -> MarketPlan:
    """Hours for every default region and quarters of an hour for the metros, in all tiers; minutes in two metros."""
    series = []
    for code in DEFAULT_REGIONS:
        for tier in Tier:
            series.append(_series(calibration, code, tier, "PT1H", HOUR_GATE_LEAD_S, HOURS_AHEAD_S))
            if "_" not in code:
                series.append(_series(calibration, code, tier, "PT15M", QUARTER_GATE_LEAD_S, QUARTERS_AHEAD_S))
    series += [_delivered_series(calibration, code) for code in DELIVERED_REGIONS]
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


def _delivered_series(calibration: Calibration, code: str) -> SeriesPlan:
    terms = (DELIVERED_WINDOW, DELIVERED_GATE_LEAD_S, DELIVERED_AHEAD_S)
    listed = _series(calibration, code, DELIVERED_TIER, *terms)
    return listed.model_copy(update={"delivery": DELIVERED_TERMS})


def round_to_step(price_ticks: float) -> int:
    """The nearest price on the demo's tick, at least one."""
    return max(round(price_ticks / PRICE_STEP_TICKS), 1) * PRICE_STEP_TICKS
