"""What a reservation token says, and how a provider's equipment checks one without asking the exchange.

A token is a JSON Web Token (RFC 7519) signed with Ed25519 (RFC 8037), so any library for them reads it too. The public
keys are a JSON Web Key Set at `/v1/reservation-keys`: fetch it once, and again when a token names a key that it lacks.

    keys = await client.reservation_keys()
    reservation = verify_reservation(token, keys, provider="fibre-north", endpoint="fra1.fibre-north.net:443")
"""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, NamedTuple

import jwt

from gateway.client.errors import ClientError

ISSUER = "bwx"
ALGORITHM = "EdDSA"
CLOCK_SKEW_S = 5
"""How far the clock of the provider's equipment may be from that of the exchange."""
CLAIMS = ("iss", "sub", "aud", "jti", "nbf", "exp")
TOKEN_BYTES_MAX = 4_096


class InvalidReservationError(ClientError):
    """A token that gives no right to anything, here and now; the message says why."""


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


def verify_reservation(
    token: str, keys: Mapping[str, Any], *, provider: str, endpoint: str | None = None, now: datetime | None = None
) -> Reservation:
    """The reservation that a token proves, if it is this provider's and its window is on.

    `keys` is the key set of the exchange. With `endpoint`, the reservation must be for this one. Raises
    InvalidReservationError for a token that is too long, forged, damaged, of another provider or endpoint, too early or
    over.
    """
    if len(token) > TOKEN_BYTES_MAX:
        raise InvalidReservationError(f"a token has at most {TOKEN_BYTES_MAX} characters")
    try:
        claims = jwt.decode(
            token,
            _key_of(token, keys),
            algorithms=[ALGORITHM],
            audience=provider,
            issuer=ISSUER,
            options={"require": list(CLAIMS), "verify_exp": False, "verify_nbf": False},
        )
        reservation = _from_claims(claims)
    except (jwt.PyJWTError, KeyError, TypeError, ValueError) as error:
        raise InvalidReservationError(str(error) or type(error).__name__) from error
    _check_window(reservation, now or datetime.now(UTC))
    if endpoint is not None and reservation.endpoint != endpoint:
        raise InvalidReservationError(f"it is for {reservation.endpoint}, not for {endpoint}")
    return reservation


def _key_of(token: str, keys: Mapping[str, Any]) -> jwt.PyJWK:
    """The key that a token says it was signed with, which must be one of the set."""
    key_id = jwt.get_unverified_header(token).get("kid")
    for key in jwt.PyJWKSet.from_dict(dict(keys)).keys:
        if key.key_id == key_id:
            return key
    raise InvalidReservationError(f"the key set has no key {key_id!r}")


def _from_claims(claims: Mapping[str, Any]) -> Reservation:
    return Reservation(
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


def _check_window(reservation: Reservation, now: datetime) -> None:
    """The library's own checks know no other clock than the system's; a test, or a simulation, has another."""
    if (reservation.start - now).total_seconds() > CLOCK_SKEW_S:
        raise InvalidReservationError(f"its window begins at {reservation.start.isoformat()}")
    if (now - reservation.end).total_seconds() >= CLOCK_SKEW_S:
        raise InvalidReservationError(f"its window was over at {reservation.end.isoformat()}")
