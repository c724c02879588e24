"""How a provider's equipment checks a reservation token without asking the exchange.

The public keys are a JSON Web Key Set at `/v1/reservation-keys`: fetch it once, and again when a token
names a key that it lacks.

    keys = await client.reservation_keys()
    reservation = verify_reservation(token, keys, provider="fibre-north", endpoint="fra1.fibre-north.net:443")
"""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

import jwt

from gateway.clearing.reservation_token import ALGORITHM, ISSUER, Reservation
from gateway.client.errors import ClientError

CLOCK_SKEW_S = 5
"""How far the clock of the provider's equipment may be from that of the exchange."""
CLAIMS = ("iss", "sub", "aud", "jti", "nbf", "exp")
TOKEN_BYTES_MAX = 4_096


class InvalidReservationError(ClientError):
    """A token that gives no right to anything, here and now; the message says why."""


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
        reservation = Reservation.from_claims(claims)
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


def _check_window(reservation: Reservation, now: datetime) -> None:
    """The library's own checks know no other clock than the system's; a test, or a simulation, has another."""
    if (reservation.start - now).total_seconds() > CLOCK_SKEW_S:
        raise InvalidReservationError(f"its window begins at {reservation.start.isoformat()}")
    if (now - reservation.end).total_seconds() >= CLOCK_SKEW_S:
        raise InvalidReservationError(f"its window was over at {reservation.end.isoformat()}")
