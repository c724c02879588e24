"""What may come in, as models: strict types, no unknown fields, and the first thing wrong as a named error."""

from collections.abc import Mapping
from enum import StrEnum
from typing import Annotated, Any, Literal, TypeVar

from pydantic import BaseModel, ConfigDict, Field, ValidationError
from pydantic_core import ErrorDetails

from gateway.encoding.fields import (
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
    query_integer,
)
from gateway.errors import ApiError, DoorError, error_named
from risk.schema import SCENARIOS

TEXT_LENGTH_MAX = 64
SIGNATURE_LENGTH_MAX = 128
GROUP_MAX = (1 << 32) - 1
LABEL_MAX = (1 << 32) - 1
SESSION_MAX = (1 << 16) - 1
SERIES_MAX = (1 << 32) - 1
PPM_END = 1 << 31
"""What a record holds; which rates may be, the core says."""
REGIONS_AT_ONCE_MAX = 256
SCOPE_WINDOWS_MAX = 1_024

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
SelfTradeName = Literal["none", "cancel_newest", "cancel_oldest", "cancel_both", "decrement"]
Label = Annotated[int, Field(ge=0, le=LABEL_MAX)]
OrderSession = Annotated[int, Field(ge=0, le=SESSION_MAX)]
SharePpm = Annotated[int, Field(ge=0, lt=PPM_END)]
SmallNumber = Annotated[int, Field(ge=0, lt=1 << 32)]
PartsPerMillion = Annotated[int, Field(ge=-PPM_END, lt=PPM_END)]
SessionNumber = Annotated[int, Field(ge=1, lt=1 << 16)]
PLAIN_REQUEST_ID_END = 1 << 53
RequestId = Annotated[int, Field(ge=0, lt=PLAIN_REQUEST_ID_END)] | ShortText


class Role(StrEnum):
    """What a key may do."""

    TRADER = "trader"
    PROVIDER = "provider"
    REPORTER = "reporter"
    """Reports what was delivered, and nothing else."""
    ADMIN = "admin"
    RISK = "risk"
    """Watches over accounts and does what ends risk: margin, limits, the kill switch, halts."""
    MARKET_MAKER = "market_maker"
    """Sends mass quotes, and has a larger budget of requests, beside what the key's other roles let it do."""


RISK_STAFF = (Role.RISK, Role.ADMIN)
"""Whose keys may look at all accounts and do what ends risk."""


class _Model(BaseModel):
    model_config = ConfigDict(strict=True, extra="forbid", frozen=True)


class OrderTerms(_Model):
    """A new order, alone or one of many."""

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
    label: Label = 0
    session: OrderSession = 0
    self_trade: SelfTradeName = "cancel_newest"
    client_id: ClientId | None = None


class PlaceRequest(OrderTerms):
    """A new order, and what to tell if it is refused."""

    alternatives: bool = False


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
    cancel_on_disconnect: Literal["connection", "account"] | None = None
    session: SessionNumber | None = None


class SetRequest(_Model):
    """What shall go with a connection from now on: its own orders, all of the account, or nothing with null."""

    cancel_on_disconnect: Literal["connection", "account"] | None
    session: SessionNumber | None = None


class LogoutRequest(_Model):
    """Nothing goes with the connection."""


class ScopeRequest(_Model):
    """Which tranches: those of a region, a tier, or both; of one length of window; the next so many."""

    region: ShortText | None = None
    tier: Literal["ef", "af", "be"] | None = None
    duration: ShortText | None = None
    windows: Annotated[int, Field(ge=1, le=SCOPE_WINDOWS_MAX)] | None = None


class ChannelRequest(_Model):
    """What to subscribe to, or no longer."""

    channel: ShortText
    symbol: ShortText | None = None
    scope: ScopeRequest | None = None
    depth: Literal[10, 25, 100, "all"] | None = None
    interval: Literal["raw", "100ms", "1m", "5m", "1h"] | None = None
    encoding: Literal["json", "binary"] | None = None
    since_sequence: Annotated[int, Field(ge=0, lt=1 << 63)] | None = None


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
    start_from: UtcTimeNs | None = None
    start_to: UtcTimeNs | None = None
    limit: PageLimit = PAGE_ROWS_MAX
    cursor: Sequence = 0


class CandlesQuery(ReadQuery):
    """Whose candles, of which length, and how many of the latest."""

    symbol: ShortText
    interval: Literal["1m", "5m", "1h"]
    limit: PageLimit = 100


class CurveQuery(ReadQuery):
    """Whose windows, of one length or of any, and how many of them."""

    region: ShortText
    tier: Literal["ef", "af", "be"]
    duration: ShortText | None = None
    limit: PageLimit = 100


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
    label: Annotated[int, query_integer(0, LABEL_MAX)] | None = None
    session: Annotated[int, query_integer(0, SESSION_MAX)] | None = None
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
