"""What the risk desk may ask for."""

from typing import Annotated

from pydantic import BaseModel, Field

from exchange.margin.shock import MOVE_PPM_MAX
from gateway.encoding.fields import PageLimit
from gateway.encoding.requests import REGIONS_AT_ONCE_MAX, NoQuery, ReadQuery, ShortText


class _Model(BaseModel):
    model_config = NoQuery.model_config


class RegionMove(_Model):
    """By what share the marks of a region move."""

    region: ShortText
    move_ppm: Annotated[int, Field(ge=-MOVE_PPM_MAX, le=MOVE_PPM_MAX)]


class ShockRequest(_Model):
    """Which regions move, and how many of the accounts that would not be sound to tell of."""

    moves: Annotated[list[RegionMove], Field(min_length=1, max_length=REGIONS_AT_ONCE_MAX)]
    limit: Annotated[int, Field(ge=0, le=1_000)] = 100


class EventsQuery(ReadQuery):
    """Whose events, and how many of the latest."""

    account: ShortText | None = None
    limit: PageLimit = 100


class AccountOrdersQuery(ReadQuery):
    """Whose open orders, and how many of the oldest."""

    account: ShortText
    limit: PageLimit = 100
