"""What providers may ask for: stakes, capacity, offers."""

from typing import Annotated, Any, Literal, get_args

from pydantic import BaseModel, BeforeValidator, Field

from exchange.venue.clearing.capacity_schema import RING_SLOTS, SLOTS_PER_DAY
from exchange.venue.schema import CLIENT_ID_LENGTH_MAX, TEXT_BYTES_MAX, TEXT_RECORDS_MAX, WINDOW_S_MAX
from gateway.encoding.fields import AmountNano, ClientId, PriceTicks, QuantityLots, UtcTimeNs, query_integer, refusal
from gateway.encoding.requests import NoQuery, ReadQuery, ShortText
from gateway.errors import DoorError
from matching.schema import QUOTES_MAX

OFFERS_MAX = 256
OFFERS_AT_ONCE_MAX = QUOTES_MAX
"""So many are taken together or not at all."""
ROW_DIGITS = len(str(OFFERS_MAX - 1))
OFFER_ID_LENGTH_MAX = CLIENT_ID_LENGTH_MAX - 1 - ROW_DIGITS
"""The client id of a row is that of the call, a dot, and the number of the row."""
ENDPOINT_LENGTH_MAX = TEXT_RECORDS_MAX * TEXT_BYTES_MAX
Weekday = Literal["mon", "tue", "wed", "thu", "fri", "sat", "sun"]
WEEKDAYS: tuple[Weekday, ...] = get_args(Weekday)


def _offer_id(value: Any) -> Any:
    if isinstance(value, str) and len(value) > OFFER_ID_LENGTH_MAX:
        message = f"the client id of offers has up to {OFFER_ID_LENGTH_MAX} characters"
        raise refusal(DoorError.MALFORMED_CLIENT_ID, message)
    return value


def _endpoint(value: Any) -> Any:
    if isinstance(value, str) and not (value.isascii() and value.isprintable() and len(value) <= ENDPOINT_LENGTH_MAX):
        raise refusal(DoorError.INVALID_VALUE, f"send up to {ENDPOINT_LENGTH_MAX} printable ASCII characters")
    return value


OfferId = Annotated[ClientId, BeforeValidator(_offer_id)]
Endpoint = Annotated[str, BeforeValidator(_endpoint)]
SecondOfDay = Annotated[int, Field(ge=0, le=WINDOW_S_MAX)]
TierName = Literal["ef", "af", "be"]


class _Model(BaseModel):
    model_config = NoQuery.model_config


class StakeRequest(_Model):
    """Cash that becomes stake, or comes back."""

    amount: AmountNano
    client_id: ClientId | None = None


class DailySpan(_Model):
    """From when on, for how long, on which days of the week, in UTC."""

    from_s: SecondOfDay
    length_s: Annotated[int, Field(ge=1, le=WINDOW_S_MAX)]
    weekdays: Annotated[list[Weekday], Field(min_length=1)] = list(WEEKDAYS)


class CapacityRequest(_Model):
    """What a provider can deliver, and where."""

    region: ShortText
    tier: TierName
    quantity: QuantityLots
    start: UtcTimeNs
    end: UtcTimeNs
    daily: DailySpan | None = None
    endpoint: Endpoint = ""
    client_id: ClientId | None = None


class WithdrawTerms(_Model):
    """What the withdrawal of a capacity may say besides which."""

    retry_id: ClientId | None = None


class CapacityQuery(ReadQuery):
    """With a region: its slots from a time on, so many."""

    region: ShortText | None = None
    start: UtcTimeNs = 0
    slots: Annotated[int, query_integer(1, RING_SLOTS)] = SLOTS_PER_DAY


class Offer(_Model):
    """One window: by its symbol, or by what the symbol says."""

    symbol: ShortText | None = None
    region: ShortText | None = None
    tier: TierName | None = None
    start: UtcTimeNs | None = None
    duration: ShortText | None = None
    price: PriceTicks
    quantity: QuantityLots


class OffersRequest(_Model):
    """Asks for a whole schedule of windows."""

    mode: Literal["all_or_nothing", "best_effort"]
    client_id: OfferId | None = None
    post_only: bool = False
    offers: Annotated[list[Offer], Field(min_length=1, max_length=OFFERS_MAX)]
