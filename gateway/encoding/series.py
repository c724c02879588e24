"""Which series a request means."""

from exchange.venue.schema import Reject, Tier
from exchange.view import MarketView
from gateway.errors import ApiError, DoorError


def series_ids_of(view: MarketView, series: int | None, region: str | None, tier: str | None) -> list[int]:
    """One series by its number, or all of a region and tier. Raises ApiError."""
    if series is not None and region is None and tier is None:
        return [series]
    if series is not None or region is None or tier is None:
        raise ApiError(DoorError.MISSING_FIELD, "series: name it, or a region and a tier, and not both", "series")
    if region not in view.regions.values():
        raise ApiError(Reject.UNKNOWN_REGION)
    wanted = region, Tier[tier.upper()]
    found = [each for each, terms in view.series.items() if (view.regions[terms.region_id], terms.tier) == wanted]
    if not found:
        raise ApiError(Reject.UNKNOWN_SERIES)
    return found
