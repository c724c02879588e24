"""What may come in, as models: strict types, no unknown fields, and the first thing wrong as a named error."""

from collections.abc import Mapping
from enum import StrEnum
from typing import Annotated, Any, Literal, TypeVar

from pydantic import BaseModel, ConfigDict, Field, ValidationError
from pydantic_core import ErrorDetails

from gateway.errors import ApiError, DoorError, error_named
from gateway.fields import (
    PAGE_ROWS_MAX,
    AccountName,
    AmountNano,
    ChargeTicks,
    ClientId,
    Depth,
    LotsFromNone,
    LotsLimit,
    NanoLimit,
    OrderId,
    PageLimit,
    PostOnly,
    PriceTicks,
    QuantityLots,
    Sequence,
    ShockTicks,
    UtcTimeNs,
)
from risk.schema import SCENARIOS

TEXT_LENGTH_MAX = 64
SIGNATURE_LENGTH_MAX = 128
GROUP_MAX = (1 << 32) - 1
LABEL_MAX = (1 << 32) - 1
SERIES_MAX = (1 << 32) - 1
PPM_END = 1 << 31
"""What a record holds; which rates may be, the core says."""
REGIONS_AT_ONCE_MAX = 256

ModelT = TypeVar("ModelT", bound=BaseModel)
ShortText = Annotated[str, Field(min_length=1, max_length=TEXT_LENGTH_MAX)]
StateName = Literal[
    "listed",
    "auction",
    "open",
    "closing_auction",
    "halted",
    "gate_closed",
    "delivering",
    "settling",
    "settled",
    "expired",
]
SharePpm = Annotated[int, Field(ge=0, lt=PPM_END)]
SmallNumber = Annotated[int, Field(ge=0, lt=1 << 32)]
PartsPerMillion = Annotated[int, Field(ge=-PPM_END, lt=PPM_END)]
RequestId = Annotated[int, Field(ge=0, lt=1 << 53)] | ShortText


class Role(StrEnum):
    """What a key may do."""

    TRADER = "trader"
    PROVIDER = "provider"
    REPORTER = "reporter"
    """Reports what was delivered, and nothing else."""
    ADMIN = "admin"
    MARKET_MAKER = "market_maker"
    """A larger budget of requests, and nothing else."""


class _Model(BaseModel):
    model_config = ConfigDict(strict=True, extra="forbid", frozen=True)


class PlaceRequest(_Model):
    """A new order."""

    symbol: ShortText
    side: Literal["buy", "sell"]
    type: Literal["limit", "market"] = "limit"
    price: PriceTicks | None = None
    quantity: QuantityLots
    time_in_force: Literal["gtc", "gtd", "ioc", "fok"] | None = None
    expires_time: UtcTimeNs | None = None
    post_only: PostOnly = False
    reduce_only: bool = False
    display_quantity: QuantityLots | None = None
    minimum_quantity: QuantityLots | None = None
    label: Annotated[int, Field(ge=0, le=LABEL_MAX)] = 0
    self_trade: Literal["none", "cancel_newest", "cancel_oldest", "cancel_both", "decrement"] = "cancel_newest"
    client_id: ClientId | None = None


class Target(_Model):
    """An order under one of its two names."""

    order_id: OrderId | None = None
    client_id: ClientId | None = None


class CancelTerms(_Model):
    """What a cancel may say besides which order it means."""

    retry_id: ClientId | None = None


class ReplaceTerms(_Model):
    """What an order is replaced by."""

    price: PriceTicks
    quantity: QuantityLots
    quantity_is: Literal["total", "remaining"] = "total"
    requeue: bool = False
    retry_id: ClientId | None = None


class CancelRequest(CancelTerms, Target):
    """A cancel on a socket."""


class ReplaceRequest(ReplaceTerms, Target):
    """A replace on a socket."""


class RequestHead(_Model):
    """What every request on a socket begins with."""

    id: RequestId
    op: ShortText


class LoginRequest(_Model):
    """The signature that names the account of a connection."""

    key: ShortText
    timestamp: ShortText
    nonce: ShortText
    signature: Annotated[str, Field(min_length=1, max_length=SIGNATURE_LENGTH_MAX)]


class ChannelRequest(_Model):
    """What to subscribe to, or no longer."""

    channel: ShortText
    symbol: ShortText | None = None


class PingRequest(_Model):
    """Nothing but a sign of life."""


class AccountRequest(_Model):
    """A new account."""

    name: AccountName
    group: Annotated[int, Field(ge=0, le=GROUP_MAX)] = 0


class MoneyRequest(_Model):
    """Money in or out of an account, or from it to the insurance fund."""

    account: ShortText
    amount: AmountNano
    client_id: ClientId | None = None


class HaltRequest(_Model):
    """What to halt or resume: one tranche, or the whole market with null."""

    symbol: ShortText | None


class RiskParametersRequest(_Model):
    """What a lot of a tranche requires: its mark, what a long lot gains in each scenario, and charges for every lot."""

    symbol: ShortText
    mark: PriceTicks
    shocks: Annotated[list[ShockTicks], Field(min_length=SCENARIOS - 1, max_length=SCENARIOS)]
    spread: ChargeTicks = 0
    concentration: ChargeTicks = 0
    concentration_lots: LotsFromNone = 0
    until: UtcTimeNs | None = None


class SeriesRequest(_Model):
    """A series by its number, or all series of a region and tier."""

    series: Annotated[int, Field(ge=0, le=SERIES_MAX)] | None = None
    region: ShortText | None = None
    tier: Literal["ef", "af", "be"] | None = None


class FeesRequest(SeriesRequest):
    """What trades cost in a series, or in all series of a region and tier, from the next listing on."""

    maker_ppm: PartsPerMillion
    taker_ppm: PartsPerMillion


class RegionUtilisation(_Model):
    """How much of what a region can deliver is used."""

    region: ShortText
    utilisation_ppm: SharePpm


class UtilisationRequest(_Model):
    """What telemetry tells of many regions at once."""

    regions: Annotated[list[RegionUtilisation], Field(min_length=1, max_length=REGIONS_AT_ONCE_MAX)]


class StrainRequest(_Model):
    """Between which caps on its utilisation a region is strained."""

    region: ShortText
    low_ppm: SharePpm
    high_ppm: SharePpm


class FinancingRequest(_Model):
    """What negative cash costs a year."""

    base_ppm: SharePpm
    slope_1_ppm: SharePpm
    slope_2_ppm: SharePpm
    optimum_ppm: SharePpm


class KillSwitchRequest(_Model):
    """Whose orders go: those of one account, or everybody's with null."""

    account: ShortText | None


class InstrumentLimitsRequest(_Model):
    """What each account may have at most in a tranche."""

    symbol: ShortText
    position: LotsLimit = 0
    order_quantity: LotsLimit = 0
    order_notional: NanoLimit = 0


class AccountLimitsRequest(_Model):
    """What an account may have at most, in each tranche, in an order, and of open orders."""

    account: ShortText
    position: LotsLimit = 0
    order_quantity: LotsLimit = 0
    order_notional: NanoLimit = 0
    open_orders_base: SmallNumber = 0
    open_orders_max: SmallNumber = 0
    open_orders_step: NanoLimit = 0


class RegionLimitRequest(_Model):
    """How many lots an account may come to have in a region."""

    account: ShortText
    region: ShortText
    position: LotsLimit


class ProtectionRequest(_Model):
    """When a market maker's orders in a region go, and for how long; an interval of 0 takes protection away."""

    account: ShortText
    region: ShortText
    interval_ms: SmallNumber
    frozen_ms: SmallNumber = 0
    quantity: LotsLimit = 0
    net_quantity: LotsLimit = 0
    notional: NanoLimit = 0


class OwnResetRequest(_Model):
    """In which region a market maker wants orders to be taken again."""

    region: ShortText


class ResetRequest(OwnResetRequest):
    """The same for any account."""

    account: ShortText


class NoQuery(_Model):
    """A request without a query."""


class ReadQuery(_Model):
    """What every read may ask for: to be at least as new as an answer that the client has seen."""

    min_seq: Sequence = 0


class InstrumentsQuery(ReadQuery):
    """Which tranches."""

    state: StateName | None = None
    region: ShortText | None = None
    tier: Literal["ef", "af", "be"] | None = None
    limit: PageLimit = PAGE_ROWS_MAX
    cursor: Sequence = 0


class BookQuery(ReadQuery):
    """Whose book, and how many levels of it."""

    symbol: ShortText
    depth: Depth = 20


class TradesQuery(ReadQuery):
    """Whose trades, and before which."""

    symbol: ShortText | None = None
    limit: PageLimit = 100
    before: ShortText | None = None


class OrdersQuery(ReadQuery):
    """Which of the open orders."""

    symbol: ShortText | None = None
    limit: PageLimit = PAGE_ROWS_MAX
    cursor: Sequence = 0


def parse(model: type[ModelT], fields: Mapping[str, Any]) -> ModelT:
    """A request from its fields. Raises ApiError for the first thing that is wrong with it."""
    try:
        return model.model_validate(fields)
    except ValidationError as failure:
        details = failure.errors(include_url=False)[0]
    raise _named(details)


# What pydantic calls a mistake, and how it is told; our own types have named theirs already.
_TOLD_AS = {
    "missing": (DoorError.MISSING_FIELD, "this field is needed"),
    "extra_forbidden": (DoorError.UNKNOWN_FIELD, "this request has no such field; check its spelling"),
    "string_type": (DoorError.WRONG_TYPE, "this field must be a string"),
    "int_type": (DoorError.WRONG_TYPE, "this field must be an integer"),
    "bool_type": (DoorError.WRONG_TYPE, "this field must be true or false"),
    "list_type": (DoorError.WRONG_TYPE, "this field must be a list"),
}


def _named(details: ErrorDetails) -> ApiError:
    kind, message = details["type"], details["msg"]
    param = _place(details["loc"])[:TEXT_LENGTH_MAX] or None
    if kind in _TOLD_AS:
        door_error, message = _TOLD_AS[kind]
        return ApiError(door_error, f"{param}: {message}", param)
    return ApiError(error_named(kind) or DoorError.INVALID_VALUE, f"{param}: {message}", param)


def _place(loc: tuple[int | str, ...]) -> str:
    """The name of a field, and of one in an object of a list: `orders[3].price`."""
    names = list(map(str, loc))
    return f"{names[0]}[{names[1]}].{names[2]}" if len(names) > 2 else "".join(names[:1])
