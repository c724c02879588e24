"""What a demo bot thinks that a window is worth: the list price, the hour's demand, and a region's wandering mood."""

import random
from datetime import datetime

from gateway.demo.calibration import Calibration

DEMAND_WEIGHT = 0.15
"""How much of a window's price follows the demand of its hour: the curve is one address's and far too steep for a
market.
"""
MOOD_STEP = 0.0015
MOOD_PULL = 0.02


class Mood:
    """A region's deviation from its list price, as a mean-reverting walk of fractions of the price."""

    def __init__(self, chance: random.Random) -> None:
        self._chance = chance
        self.deviation = chance.gauss(0.0, 0.008)

    def step(self) -> None:
        """A little time passes."""
        self.deviation += self._chance.gauss(0.0, MOOD_STEP) - MOOD_PULL * self.deviation


def fair_price_usd(calibration: Calibration, reference_price_usd: float, start: datetime, mood: Mood) -> float:
    """USD per Mbps-hour for a window that starts then."""
    demand = 1 - DEMAND_WEIGHT + DEMAND_WEIGHT * calibration.demand_factor(start)
    return reference_price_usd * demand * (1 + mood.deviation)
