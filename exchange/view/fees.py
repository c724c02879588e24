"""What a trade cost each of its sides, from the tranche's rates, which never change once it is listed."""

from typing import Protocol

from exchange.units import fee_nano


class Rates(Protocol):
    """Whatever knows the rates of a tranche: itself, or a trade in it."""

    @property
    def tick_value_nano(self) -> int:
        """Of one tick of one lot."""

    @property
    def maker_fee_ppm(self) -> int:
        """Negative for a rebate."""

    @property
    def taker_fee_ppm(self) -> int:
        """Of the incoming order."""


def taker_fee_nano(rates: Rates, price_ticks: int, lots: int) -> int:
    """What the incoming order paid."""
    return fee_nano(price_ticks, lots, rates.tick_value_nano, rates.taker_fee_ppm)


def maker_fee_nano(rates: Rates, price_ticks: int, lots: int) -> int:
    """What the resting order paid, or got when negative."""
    return fee_nano(price_ticks, lots, rates.tick_value_nano, rates.maker_fee_ppm)


def auction_fee_nano(rates: Rates, price_ticks: int, lots: int) -> int:
    """What either side of an auction's trade paid: both waited, and neither is paid by the other."""
    return fee_nano(price_ticks, lots, rates.tick_value_nano, max(rates.maker_fee_ppm, 0))
