"""What the handlers of all doors share, and where they find it."""

import asyncio
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from aiohttp import web

from exchange.margin.watch import RiskWatch
from exchange.pricing import Pricer
from exchange.service import Exchange
from gateway.auth import Authenticator
from gateway.errors import ApiError, DoorError
from gateway.feeds import Feed
from gateway.guards import Guards
from gateway.keys import KeyStore
from gateway.reservation_key import ReservationKey
from gateway.settings import GatewaySettings

if TYPE_CHECKING:
    from gateway.websocket import Session


class ConnectionLimits:
    """Counts the sockets that are open, in all and from each address."""

    def __init__(self, settings: GatewaySettings) -> None:
        self._total_max = settings.connections_max
        self._per_address_max = settings.connections_per_address_max
        self._by_address: Counter[str] = Counter()

    @contextmanager
    def admit(self, address: str) -> Iterator[None]:
        """Hold one place while a connection lasts. Raises ApiError when there is none."""
        if self._by_address.total() >= self._total_max or self._by_address[address] >= self._per_address_max:
            raise ApiError(DoorError.TOO_MANY_CONNECTIONS)
        self._by_address[address] += 1
        try:
            yield
        finally:
            self._by_address[address] -= 1
            if not self._by_address[address]:
                del self._by_address[address]


@dataclass(slots=True)
class Gateway:
    """One running gateway."""

    exchange: Exchange
    keys: KeyStore
    settings: GatewaySettings
    authenticator: Authenticator
    feed: Feed
    limits: ConnectionLimits
    risk: RiskWatch
    reservation_key: ReservationKey
    guards: Guards
    pricer: Pricer | None = None
    """Of an exchange that makes its marks itself."""
    sessions: set["Session"] = field(default_factory=set)
    is_closing: bool = False
    opening: asyncio.Lock = field(default_factory=asyncio.Lock)
    """Held while an account is opened, since it takes the next free number."""


GATEWAY: web.AppKey[Gateway] = web.AppKey("gateway", Gateway)
