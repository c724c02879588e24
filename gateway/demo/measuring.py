"""What the demo's meters read: throughput shaped by runs that were really measured, and by the demand of the hour.

A carrier keeps more ready than it owes. How much of that is there in a slot follows one of the measured runs, drawn
anew for each slot, and the hour: where demand is high, less is left for each. Meters agree on a slot, but for their own
noise, because what is drawn depends on nothing but allocation and slot.
"""

import random
from collections.abc import Mapping
from datetime import datetime
from typing import NamedTuple

from gateway.client import Measurement
from gateway.demo.calibration import Calibration, load_throughput_shares
from gateway.demo.plan import DELIVERED_REGIONS

DEMAND_WEIGHT = 0.15
"""How much of the load follows the demand of the hour, as with prices."""
HEADROOM = 1.5
"""How much more than it owes somebody keeps ready who is no carrier of the demo."""
METER_NOISE = 0.004
LOSS_PPM_MEAN = 40
US_PER_MS = 1_000


class Slot(NamedTuple):
    """A slot of an allocation in a region."""

    allocation_id: int
    number: int
    region: str
    lots: int
    start: datetime


class Line:
    """How lines in the demo's regions behave."""

    def __init__(self, calibration: Calibration, headroom: Mapping[str, float]) -> None:
        self._calibration = calibration
        self._headroom = headroom
        self._shares = {code: load_throughput_shares(code) for code in DELIVERED_REGIONS}

    def rate_mbps(self, slot: Slot, provider: str) -> float:
        """What there is for a slot, which may be more than what is owed."""
        share = random.Random(f"run {slot.allocation_id} {slot.number}").choice(self._shares[slot.region])
        load = 1 - DEMAND_WEIGHT + DEMAND_WEIGHT * self._calibration.demand_factor(slot.start)
        return slot.lots * self._headroom.get(provider, HEADROOM) * share / load

    def read(self, slot: Slot, provider: str, meter_id: int) -> Measurement:
        """What one meter says of it."""
        chance = random.Random(f"meter {meter_id} {slot.allocation_id} {slot.number}")
        rate_mbps = self.rate_mbps(slot, provider) * (1 + chance.gauss(0.0, METER_NOISE))
        rtt_us = self._calibration.regions[slot.region].rtt_ms * US_PER_MS * chance.uniform(1.0, 1.2)
        loss_ppm = int(chance.expovariate(1 / LOSS_PPM_MEAN))
        return Measurement(meter_id, slot.allocation_id, slot.number, int(rate_mbps), int(rtt_us), loss_ppm)
