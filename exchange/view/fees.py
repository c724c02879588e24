"""What a trade cost each of its sides, from the tranche's rates, which never change once it is listed."""

from exchange.units import fee_nano
from exchange.view.records import TrancheView


def taker_fee_nano(tranche: TrancheView, price_ticks: int, lots: int) -> int:
    """What the incoming order paid."""
    return fee_nano(price_ticks, lots, tranche.tick_value_nano, tranche.taker_fee_ppm)


def maker_fee_nano(tranche: TrancheView, price_ticks: int, lots: int) -> int:
    """What the resting order paid, or got when negative."""
    return fee_nano(price_ticks, lots, tranche.tick_value_nano, tranche.maker_fee_ppm)


def auction_fee_nano(tranche: TrancheView, price_ticks: int, lots: int) -> int:
    """What either side of an auction's trade paid: both waited, and neither is paid by the other."""
    return fee_nano(price_ticks, lots, tranche.tick_value_nano, max(tranche.maker_fee_ppm, 0))
