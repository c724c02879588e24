"""What a reservation token says. Server and provider's equipment share this page, so that they cannot disagree.

A token is a JSON Web Token (RFC 7519) signed with Ed25519 (RFC 8037), so any library for them reads it too.
"""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, NamedTuple, Self

ISSUER = "bwx"
ALGORITHM = "EdDSA"


class Reservation(NamedTuple):
    """The right of a buyer to so many Mbps of a provider during a window."""

    allocation_id: int
    buyer: str
    provider: str
    endpoint: str
    symbol: str
    region: str
    tier: str
    mbps: int
    start: datetime
    end: datetime

    def claims(self) -> dict[str, Any]:
        """As a token says it."""
        return {
            "iss": ISSUER,
            "sub": self.buyer,
            "aud": self.provider,
            "jti": str(self.allocation_id),
            "nbf": int(self.start.timestamp()),
            "exp": int(self.end.timestamp()),
            "endpoint": self.endpoint,
            "symbol": self.symbol,
            "region": self.region,
            "tier": self.tier,
            "mbps": self.mbps,
        }

    @classmethod
    def from_claims(cls, claims: Mapping[str, Any]) -> Self:
        """What a token that was proved says. Raises KeyError, TypeError or ValueError if it says no such thing."""
        return cls(
            allocation_id=int(claims["jti"]),
            buyer=str(claims["sub"]),
            provider=str(claims["aud"]),
            endpoint=str(claims["endpoint"]),
            symbol=str(claims["symbol"]),
            region=str(claims["region"]),
            tier=str(claims["tier"]),
            mbps=int(claims["mbps"]),
            start=datetime.fromtimestamp(claims["nbf"], UTC),
            end=datetime.fromtimestamp(claims["exp"], UTC),
        )
