"""What may be asked about clearing."""

from gateway.encoding.fields import PAGE_ROWS_MAX, PageLimit, Sequence
from gateway.encoding.requests import ReadQuery, SeriesRequest, ShortText, SmallNumber


class DeliveryTermsRequest(SeriesRequest):
    """How a series is delivered, or all series of a region and tier; a slot of 0 seconds settles them in cash."""

    slot_s: SmallNumber
    latency_max_us: SmallNumber = 0
    loss_max_ppm: SmallNumber = 0
    shortfall_fee_ppm: SmallNumber = 0
    clearing_fee_ppm: SmallNumber = 0
    burn_ppm: SmallNumber = 0
    penalty_ppm: SmallNumber = 0
    interruption_ppm: SmallNumber = 0
    grace_s: SmallNumber = 0
    dispute_s: SmallNumber = 0


class AllocationsQuery(ReadQuery):
    """Which allocations."""

    symbol: ShortText | None = None
    limit: PageLimit = PAGE_ROWS_MAX
    cursor: Sequence = 0
