"""A thin async client of the exchange: REST in `Client`, one WebSocket in `Stream`.

    async with Client("http://127.0.0.1:8080", key_id, secret) as client:
        answer = await client.place("eu-fra.ef.20261122T1400Z.PT1H", "buy", 5, "0.0405")
        async with client.stream() as stream:
            book = await stream.subscribe_book(answer.symbol)

Prices are `Decimal`, quantities `int`. A refusal raises `RefusedError`. What changes something carries an id of its
own, so that a retry after a lost answer finds the first one instead of doing it twice.
"""

from gateway.client.account_models import (
    AccountEvent,
    AccountUpdate,
    AllocationBegun,
    AllocationChange,
    CashOut,
    Correction,
    Deleveraging,
    Dispute,
    Escrow,
    ForcedOrder,
    FundPayment,
    Interest,
    Interruption,
    ReputationChange,
    Settlement,
    Shortfall,
    SlotSettlement,
    StandingChange,
)
from gateway.client.book import LocalBook
from gateway.client.delivery_models import Delivery, DueAllocation, Provider, ReportAnswer, Slot, TrancheDelivery
from gateway.client.errors import ClientError, RefusedError, StreamClosedError
from gateway.client.keys import Key, NewKey
from gateway.client.models import (
    Account,
    Allocation,
    Balances,
    Book,
    DeliveryTerms,
    Fill,
    Financing,
    Instrument,
    InsuranceFund,
    Limits,
    Order,
    OrderAnswer,
    OrdersUpdate,
    OwnFill,
    Position,
    Protection,
    Region,
    RegionLimits,
    Regions,
    Status,
    Trade,
)
from gateway.client.reservations import InvalidReservationError, Reservation, verify_reservation
from gateway.client.rest import Client
from gateway.client.risk_models import AccountRisk, Margin, ThoughtAnswer, WhatIf
from gateway.client.statements import Statement, StatementLine
from gateway.client.stream import Stream
from gateway.client.terms import Thought
from gateway.report_signing import Measurement

__all__ = [
    "Account",
    "AccountEvent",
    "AccountRisk",
    "AccountUpdate",
    "Allocation",
    "AllocationBegun",
    "AllocationChange",
    "Balances",
    "Book",
    "CashOut",
    "Client",
    "ClientError",
    "Correction",
    "Deleveraging",
    "Delivery",
    "DeliveryTerms",
    "Dispute",
    "DueAllocation",
    "Escrow",
    "Fill",
    "Financing",
    "ForcedOrder",
    "FundPayment",
    "Instrument",
    "InsuranceFund",
    "Interest",
    "Interruption",
    "InvalidReservationError",
    "Key",
    "Limits",
    "LocalBook",
    "Margin",
    "Measurement",
    "NewKey",
    "Order",
    "OrderAnswer",
    "OrdersUpdate",
    "OwnFill",
    "Position",
    "Protection",
    "Provider",
    "RefusedError",
    "Region",
    "RegionLimits",
    "Regions",
    "ReportAnswer",
    "ReputationChange",
    "Reservation",
    "Settlement",
    "Shortfall",
    "Slot",
    "SlotSettlement",
    "StandingChange",
    "Statement",
    "StatementLine",
    "Status",
    "Stream",
    "StreamClosedError",
    "Thought",
    "ThoughtAnswer",
    "Trade",
    "TrancheDelivery",
    "WhatIf",
    "verify_reservation",
]
