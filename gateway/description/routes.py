"""Every route of REST: what it takes, what it answers, and who may ask. The routes themselves say what they are for."""

from typing import NamedTuple

from pydantic import BaseModel

from gateway.accounts.statements import StatementQuery
from gateway.clearing.delivery_requests import (
    CorrectionRequest,
    DeliveriesQuery,
    DueQuery,
    InterruptionRequest,
    ReporterRequest,
    ReportsRequest,
    SummaryQuery,
)
from gateway.clearing.provider_requests import (
    CapacityQuery,
    CapacityRequest,
    OffersRequest,
    StakeRequest,
    WithdrawTerms,
)
from gateway.clearing.requests import AllocationsQuery, DeliveryTermsRequest
from gateway.client import (
    delivery_models,
    desk_models,
    keys,
    models,
    order_models,
    providers,
    risk_models,
    staff,
    statements,
)
from gateway.description.schemas import Rows
from gateway.encoding.requests import (
    RISK_STAFF,
    AccountLimitsRequest,
    AccountRequest,
    BookQuery,
    CancelRequest,
    CancelTerms,
    CandlesQuery,
    CurveQuery,
    FeesRequest,
    FinancingRequest,
    HaltRequest,
    InstrumentLimitsRequest,
    InstrumentsQuery,
    KillSwitchRequest,
    MoneyRequest,
    NoQuery,
    OrdersQuery,
    OrderTerms,
    OwnResetRequest,
    PlaceRequest,
    ProtectionRequest,
    ReadQuery,
    RegionLimitRequest,
    ReplaceTerms,
    ResetRequest,
    RiskParametersRequest,
    Role,
    StrainRequest,
    TradesQuery,
    UtilisationRequest,
)
from gateway.identity.key_requests import KeyRequest, KeysQuery, OwnKeyRequest, RevokeQuery
from gateway.identity.session_routes import SignInRequest
from gateway.orders.entry import OWNERS
from gateway.orders.requests import (
    BasketRequest,
    CancelAfterRequest,
    CancelAllQuery,
    FillsQuery,
    QuoteRequest,
    QuotesQuery,
)
from gateway.risk.desk_requests import AccountOrdersQuery, EventsQuery, ShockRequest
from gateway.risk.requests import MarginCallRequest, MarginQuery, RiskQuery, WhatIfRequest
from gateway.staff.audit_routes import AuditQuery
from gateway.staff.metrics import StagesQuery

CREATED = 201
SOME_REFUSED = 207
ADMINS = (Role.ADMIN,)
MAKERS = (Role.MARKET_MAKER,)
OWNERS_AND_MAKERS = (*OWNERS, Role.MARKET_MAKER)
BY_CLIENT_ID = "/v1/orders/by-client-id/{client_id}"


class Orders(BaseModel):
    """Orders, each of which is read, and refused, for itself."""

    orders: list[OrderTerms]


class Cancels(BaseModel):
    """Cancels, each of which is read, and refused, for itself."""

    orders: list[CancelRequest]


class Route(NamedTuple):
    """What a route takes and gives."""

    query: type[BaseModel] = NoQuery
    body: type[BaseModel] | None = None
    answer: type[BaseModel] | Rows | None = None
    roles: tuple[Role, ...] = ()
    """One of these must have signed; nobody need have where there is none."""
    statuses: tuple[int, ...] = (200,)
    text_type: str = ""
    """Of the text in which the answer can be had too."""
    is_by_cookie: bool = False
    """Whether a cookie is needed, in the place of a signature."""


def _read(query: type[BaseModel], answer: type[BaseModel] | Rows | None, roles: tuple[Role, ...] = ()) -> Route:
    return Route(query=query, answer=answer, roles=roles)


def _staff(body: type[BaseModel] | None, answer: type[BaseModel] | Rows | None = None, status: int = 200) -> Route:
    """What an administrator changes."""
    return Route(body=body, answer=answer, roles=ADMINS, statuses=(status,))


def _risk(body: type[BaseModel] | None, answer: type[BaseModel] | Rows | None = None) -> Route:
    """What risk staff change too."""
    return Route(body=body, answer=answer, roles=RISK_STAFF)


PUBLIC = {
    "GET /v1/time": _read(NoQuery, order_models.ServerTime),
    "GET /v1/status": _read(ReadQuery, models.Status),
    "GET /v1/instruments": _read(InstrumentsQuery, Rows("instruments", models.Instrument, is_paged=True)),
    "GET /v1/instruments/{symbol}": _read(ReadQuery, models.Instrument),
    "GET /v1/ticker/{symbol}": _read(ReadQuery, order_models.Ticker),
    "GET /v1/candles": _read(CandlesQuery, Rows("candles", order_models.Candle)),
    "GET /v1/curve": _read(CurveQuery, order_models.Curve),
    "GET /v1/book": _read(BookQuery, models.Book),
    "GET /v1/trades": _read(TradesQuery, Rows("trades", models.Trade, is_paged=True)),
    "GET /v1/regions": _read(ReadQuery, models.Regions),
    "GET /v1/insurance-fund": _read(ReadQuery, models.InsuranceFund),
    "GET /v1/reservation-keys": _read(NoQuery, None),
    "GET /v1/limits/weights": _read(ReadQuery, staff.Weights),
    "GET /v1/deliveries/summary": _read(SummaryQuery, Rows("deliveries", delivery_models.TrancheDelivery)),
    "GET /v1/providers": _read(ReadQuery, Rows("providers", delivery_models.Provider)),
    "GET /v1/openapi.json": _read(NoQuery, None),
    "GET /v1/asyncapi.json": _read(NoQuery, None),
}
_ONE_ORDER = {
    "GET": _read(ReadQuery, models.Order, OWNERS),
    "DELETE": Route(query=CancelTerms, answer=models.OrderAnswer, roles=OWNERS),
    "PATCH": Route(body=ReplaceTerms, answer=models.OrderAnswer, roles=OWNERS),
}
ORDERS = {
    "POST /v1/orders": Route(body=PlaceRequest, answer=models.OrderAnswer, roles=OWNERS, statuses=(CREATED,)),
    "GET /v1/orders": _read(OrdersQuery, Rows("orders", models.Order, is_paged=True), OWNERS),
    "DELETE /v1/orders": Route(query=CancelAllQuery, answer=order_models.MassCancelAnswer, roles=OWNERS),
    "POST /v1/orders/batch": Route(body=Orders, roles=OWNERS, statuses=(CREATED, SOME_REFUSED)),
    "POST /v1/orders/cancel-batch": Route(body=Cancels, roles=OWNERS, statuses=(200, SOME_REFUSED)),
    "POST /v1/orders/cancel-after": Route(body=CancelAfterRequest, answer=order_models.CancelTimer, roles=OWNERS),
    "GET /v1/orders/cancel-after": _read(ReadQuery, Rows("timers", order_models.CancelTimer), OWNERS),
    **{f"{method} /v1/orders/{{order_id}}": route for method, route in _ONE_ORDER.items()},
    **{f"{method} {BY_CLIENT_ID}": route for method, route in _ONE_ORDER.items()},
    "PUT /v1/quotes": Route(body=QuoteRequest, answer=order_models.MassQuoteAnswer, roles=MAKERS),
    "GET /v1/quotes": _read(QuotesQuery, Rows("quotes", order_models.OwnQuote, is_paged=True), OWNERS_AND_MAKERS),
    "POST /v1/baskets": Route(body=BasketRequest, answer=order_models.BasketAnswer, roles=OWNERS, statuses=(CREATED,)),
    "GET /v1/fills": _read(FillsQuery, Rows("fills", models.OwnFill, is_paged=True), OWNERS_AND_MAKERS),
}
OWN = {
    "GET /v1/account": _read(ReadQuery, models.Account, (*OWNERS, Role.REPORTER)),
    "GET /v1/allocations": _read(AllocationsQuery, Rows("allocations", models.Allocation, is_paged=True), OWNERS),
    "GET /v1/allocations/{allocation_id}/reservation": _read(ReadQuery, None, OWNERS),
    "GET /v1/margin": _read(MarginQuery, risk_models.Margin, OWNERS),
    "POST /v1/margin/what-if": Route(body=WhatIfRequest, answer=risk_models.WhatIf, roles=OWNERS),
    "GET /v1/limits": _read(ReadQuery, models.Limits, OWNERS),
    "POST /v1/protection/reset": Route(body=OwnResetRequest, roles=OWNERS),
    "GET /v1/statements/{day}": Route(
        query=StatementQuery, answer=statements.Statement, roles=(*OWNERS, Role.ADMIN), text_type="text/csv"
    ),
    "GET /v1/keys": _read(NoQuery, Rows("keys", keys.Key, is_stamped=False), tuple(Role)),
    "POST /v1/keys": Route(body=OwnKeyRequest, answer=keys.NewKey, roles=tuple(Role), statuses=(CREATED,)),
    "DELETE /v1/keys/{key_id}": Route(query=RevokeQuery, roles=tuple(Role)),
    "POST /v1/session": Route(body=SignInRequest, roles=tuple(Role), statuses=(CREATED,)),
    "GET /v1/session": Route(is_by_cookie=True),
    "DELETE /v1/session": Route(is_by_cookie=True),
}
PROVIDERS = {
    "POST /v1/providers/stake": Route(body=StakeRequest, roles=(Role.PROVIDER,)),
    "POST /v1/providers/stake/withdrawals": Route(body=StakeRequest, roles=(Role.PROVIDER,)),
    "POST /v1/providers/capacity": Route(body=CapacityRequest, roles=(Role.PROVIDER,), statuses=(CREATED,)),
    "GET /v1/providers/capacity": _read(CapacityQuery, providers.CapacityAnswer, (Role.PROVIDER,)),
    "DELETE /v1/providers/capacity/{capacity_id}": Route(query=WithdrawTerms, roles=(Role.PROVIDER,)),
    "POST /v1/providers/offers": Route(body=OffersRequest, roles=(Role.PROVIDER,), statuses=(CREATED,)),
    "POST /v1/deliveries/reports": Route(
        body=ReportsRequest, answer=Rows("reports", delivery_models.ReportAnswer), roles=(Role.REPORTER,)
    ),
    "GET /v1/deliveries/due": _read(
        DueQuery, Rows("due", delivery_models.DueAllocation, is_paged=True), (Role.REPORTER,)
    ),
    "GET /v1/deliveries": _read(DeliveriesQuery, Rows("deliveries", delivery_models.Delivery, is_paged=True), OWNERS),
    "POST /v1/deliveries/{allocation_id}/provision": Route(roles=OWNERS),
    "POST /v1/deliveries/{allocation_id}/dispute": Route(roles=OWNERS),
}
ADMINISTRATION = {
    "POST /v1/admin/accounts": _staff(AccountRequest, status=CREATED),
    "GET /v1/admin/accounts/{name}": _read(ReadQuery, models.Account, RISK_STAFF),
    "POST /v1/admin/deposits": _staff(MoneyRequest, status=CREATED),
    "POST /v1/admin/withdrawals": _staff(MoneyRequest, status=CREATED),
    "POST /v1/admin/insurance-fund": _staff(MoneyRequest, status=CREATED),
    "POST /v1/admin/risk-parameters": _staff(RiskParametersRequest),
    "DELETE /v1/admin/risk-parameters/{symbol}": _staff(None),
    "POST /v1/admin/fees": _staff(FeesRequest),
    "POST /v1/admin/delivery-terms": _staff(DeliveryTermsRequest),
    "POST /v1/admin/utilisation": _staff(UtilisationRequest),
    "POST /v1/admin/strain": _staff(StrainRequest),
    "POST /v1/admin/financing": _staff(FinancingRequest),
    "POST /v1/admin/halt": _risk(HaltRequest),
    "POST /v1/admin/resume": _risk(HaltRequest),
    "POST /v1/admin/kill-switch": _risk(KillSwitchRequest),
    "DELETE /v1/admin/kill-switch/{name}": _risk(None),
    "GET /v1/admin/limits/{name}": _read(ReadQuery, models.Limits, RISK_STAFF),
    "POST /v1/admin/limits/accounts": _risk(AccountLimitsRequest),
    "POST /v1/admin/limits/regions": _risk(RegionLimitRequest),
    "POST /v1/admin/limits/instruments": _risk(InstrumentLimitsRequest),
    "POST /v1/admin/margin-calls": _risk(MarginCallRequest, risk_models.MarginCall),
    "POST /v1/admin/protection": _risk(ProtectionRequest),
    "POST /v1/admin/protection/reset": _risk(ResetRequest),
    "GET /v1/admin/risk": _read(RiskQuery, Rows("accounts", risk_models.AccountRisk, is_paged=True), RISK_STAFF),
    "GET /v1/admin/risk/{name}": _read(MarginQuery, risk_models.Margin, RISK_STAFF),
    "POST /v1/admin/risk/{name}/what-if": _risk(WhatIfRequest, risk_models.WhatIf),
    "GET /v1/admin/stages": Route(
        query=StagesQuery, answer=Rows("stages", staff.StageTime), roles=RISK_STAFF, text_type="text/plain"
    ),
    "GET /v1/admin/keys": _read(KeysQuery, Rows("keys", keys.Key, is_stamped=False), ADMINS),
    "POST /v1/admin/keys": _staff(KeyRequest, keys.NewKey, CREATED),
    "DELETE /v1/admin/keys/{key_id}": Route(query=RevokeQuery, roles=ADMINS),
    "GET /v1/admin/audit": _read(
        AuditQuery, Rows("entries", staff.AuditEntry, is_paged=True, is_stamped=False), RISK_STAFF
    ),
    "GET /v1/admin/allocations": _read(AllocationsQuery, Rows("allocations", models.Allocation, is_paged=True), ADMINS),
    "GET /v1/admin/deliveries": _read(
        DeliveriesQuery, Rows("deliveries", delivery_models.Delivery, is_paged=True), RISK_STAFF
    ),
    "GET /v1/admin/reporters": _read(ReadQuery, Rows("reporters", staff.Reporter), ADMINS),
    "POST /v1/admin/reporters": _staff(ReporterRequest),
    "GET /v1/admin/corrections": _read(ReadQuery, Rows("corrections", staff.CorrectionMade), RISK_STAFF),
    "POST /v1/admin/corrections": _risk(CorrectionRequest),
    "POST /v1/admin/interruptions": _staff(InterruptionRequest),
}
RISK_DESK = {
    "GET /v1/risk/overview": _read(ReadQuery, desk_models.Overview, RISK_STAFF),
    "POST /v1/risk/shock": _risk(ShockRequest, desk_models.Shock),
    "GET /v1/risk/accounts.csv": Route(query=ReadQuery, roles=RISK_STAFF, text_type="text/csv"),
    "GET /v1/risk/events": _read(EventsQuery, Rows("events", desk_models.RiskEventRow), RISK_STAFF),
    "GET /v1/risk/orders": _read(AccountOrdersQuery, desk_models.AccountOrders, RISK_STAFF),
}
SOCKET = "GET /v1/ws"
ROUTES = PUBLIC | ORDERS | OWN | PROVIDERS | ADMINISTRATION | RISK_DESK
