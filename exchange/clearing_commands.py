"""Building the commands of clearing: terms of delivery, capacity, reports."""

import numpy as np

from exchange.packing import pack_group, packer_of
from exchange.venue.schema import TERMS_COMMAND, Command

_TERMS = packer_of(TERMS_COMMAND)


def set_delivery_terms(
    series_id: int,
    slot_s: int,
    *,
    latency_max_us: int = 0,
    loss_max_ppm: int = 0,
    shortfall_fee_ppm: int = 0,
    clearing_fee_ppm: int = 0,
    burn_ppm: int = 0,
    penalty_ppm: int = 0,
    interruption_ppm: int = 0,
    grace_s: int = 0,
    dispute_s: int = 0,
) -> np.ndarray:
    """How windows of a series that are listed from now on are delivered; `slot_s` of 0 settles them in cash."""
    terms = (
        *(slot_s, latency_max_us, loss_max_ppm, shortfall_fee_ppm, clearing_fee_ppm),
        *(burn_ppm, penalty_ppm, interruption_ppm, grace_s, dispute_s),
    )
    return pack_group(lambda _: _TERMS.pack(Command.SET_DELIVERY_TERMS, 0, 0, series_id, *terms, 0, 0))
