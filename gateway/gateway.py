"""What the handlers of all doors share, and where they find it."""

import asyncio
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from aiohttp import web

from exchange.margin.watch import RiskWatch
from exchange.pricing import Pricer
from exchange.service import Exchange
from gateway.clearing.reservation_key import ReservationKey
from gateway.feeds.feed import Feed
from gateway.identity.auth import Authenticator
from gateway.identity.keys import KeyStore
from gateway.identity.sign_ins import SignIns
from gateway.limits.activity import OrderActivity
from gateway.limits.budgets import RateLimits
from gateway.limits.connections import ConnectionLimits
from gateway.orders.plain_orders import PlainOrders
from gateway.risk.events import RiskEvents
from gateway.settings import GatewaySettings
from gateway.sockets.guards import Guards
from gateway.staff.audit import AuditLog

if TYPE_CHECKING:
    from gateway.sockets.websocket import Session


@dataclass(slots=True)
class Gateway:
    """One running gateway."""

    exchange: Exchange
    keys: KeyStore
    settings: GatewaySettings
    authenticator: Authenticator
    sign_ins: SignIns
    feed: Feed
    limits: ConnectionLimits
    rates: RateLimits
    activity: OrderActivity
    events: RiskEvents
    risk: RiskWatch
    reservation_key: ReservationKey
    guards: Guards
    audit: AuditLog
    plain: PlainOrders
    pricer: Pricer | None = None
    """Of an exchange that makes its marks itself."""
    sessions: set["Session"] = field(default_factory=set)
    is_closing: bool = False
    opening: asyncio.Lock = field(default_factory=asyncio.Lock)
    """Held while an account is opened, since it takes the next free number."""


GATEWAY: web.AppKey[Gateway] = web.AppKey("gateway", Gateway)
