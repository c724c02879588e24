"""Tranches, trades and whole regions for these tests. What a test does not care about is in good order."""

from typing import Any

from exchange.parameters.inputs import TradeInput, TrancheInput

NOW_NS = 1_800_000_000_000_000_000
HOUR_S = 3_600
NS = 1_000_000_000
PRICE = 40_000
TIER_FACTORS = (1.6, 1.0, 0.4)


def trade(price_ticks: float = PRICE, lots: int = 10, groups: tuple[int, int] = (1, 2), **changes: Any) -> TradeInput:
    values: dict[str, Any] = {"time_ns": NOW_NS} | changes
    return TradeInput(price_ticks, lots, buyer_group=groups[0], seller_group=groups[1], **values)


def three_trades(price_ticks: float = PRICE) -> tuple[TradeInput, ...]:
    """Enough, from groups enough."""
    return tuple(trade(price_ticks, groups=groups) for groups in ((1, 2), (2, 3), (3, 1)))


def tranche(number: int = 0, tier: int = 1, region: str = "eu-fra", **changes: Any) -> TrancheInput:
    """The `number`th hourly window from now, without a market."""
    start_ns = NOW_NS + (number + 1) * HOUR_S * NS
    values: dict[str, Any] = {
        "instrument_id": 100 * tier + number,
        "region": region,
        "tier": tier,
        "start_ns": start_ns,
        "gate_ns": start_ns - 900 * NS,
        "duration_s": HOUR_S,
        "reference_ticks": PRICE,
        "book_ns": NOW_NS,
    }
    return TrancheInput(**(values | changes))


def quoted(number: int = 0, mid_ticks: float = PRICE, tier: int = 1, **changes: Any) -> TrancheInput:
    """A window with a good book around a price, which is also its reference."""
    book = {"best_bid_ticks": mid_ticks * 0.99, "best_bid_lots": 20, "best_ask_ticks": mid_ticks * 1.01}
    return tranche(number, tier, **({"reference_ticks": mid_ticks, "best_ask_lots": 20} | book | changes))


def region(windows: int = 4, **changes: Any) -> list[TrancheInput]:
    """All three tiers, every window with a good book."""
    return [quoted(n, PRICE * TIER_FACTORS[tier], tier, **changes) for tier in range(3) for n in range(windows)]
