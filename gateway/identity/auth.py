"""Who is asking: a signed request names its key, and each signature counts once.

A request lives for `signature_window_ms` to either side of the server's clock. Nonces are remembered for as long as a
request that carries them could live, and a request signed before this process started is refused, so that a restart,
which forgets the nonces, opens no gap.
"""

import hmac
import re
import time
from collections import deque
from typing import NamedTuple

from multidict import MultiMapping, istr

from gateway.encoding.requests import LoginRequest, Role
from gateway.errors import ApiError, DoorError
from gateway.identity.ed25519 import is_signed
from gateway.identity.key_terms import check_use
from gateway.identity.keys import ApiKey, KeyStore
from gateway.identity.signing import (
    KEY_HEADER,
    LOGIN_METHOD,
    LOGIN_PATH,
    NONCE_HEADER,
    SIGNATURE_HEADER,
    TIMESTAMP_HEADER,
    canonical,
    sign,
)
from gateway.settings import GatewaySettings

NANO_PER_MS = 1_000_000

FIELD_OF_HEADER = {
    KEY_HEADER: "key",
    TIMESTAMP_HEADER: "timestamp",
    NONCE_HEADER: "nonce",
    SIGNATURE_HEADER: "signature",
}
"""The same four things in a login on a socket."""

_HEADERS = tuple(map(istr, FIELD_OF_HEADER))
"""Found without being folded to one case each time."""
_TIMESTAMP = re.compile(r"[0-9]{1,15}")
_NONCE = re.compile(r"[!-~]{1,64}")
_HMAC_SIGNATURE = re.compile(r"[0-9a-f]{64}")
_ED25519_SIGNATURE = re.compile(r"[0-9a-f]{128}")


class Credentials(NamedTuple):
    """What a signed request says of itself, as text."""

    key_id: str
    timestamp: str
    nonce: str
    signature: str

    @classmethod
    def from_headers(cls, headers: MultiMapping[str]) -> "Credentials":
        """The four headers of a request. Raises ApiError when one is missing, or comes twice."""
        found = []
        for name in _HEADERS:
            values = headers.getall(name, ())
            if not values:
                raise ApiError(DoorError.NOT_SIGNED, param=str(name))
            if len(values) > 1:
                raise ApiError(DoorError.DUPLICATE_KEY, param=str(name))
            found.append(values[0])
        return cls(*found)

    @classmethod
    def from_login(cls, request: LoginRequest) -> "Credentials":
        """The same four as fields of a login."""
        return cls(request.key, request.timestamp, request.nonce, request.signature)


class Authenticator:
    """Checks signatures against the keys and the clock."""

    def __init__(self, keys: KeyStore, settings: GatewaySettings) -> None:
        self._keys = keys
        self._window_ms = settings.signature_window_ms
        self._started_ms = time.time_ns() // NANO_PER_MS
        self._nonces = NonceMemory(settings.nonces_max, 2 * settings.signature_window_ms)

    def verify(self, credentials: Credentials, method: str, path: str, body: bytes, address: str = "") -> ApiKey:
        """The key that signed this request, now, for the first time, and may from this address. Raises ApiError."""
        key, now_ms = self.check(credentials, method, path, body, address)
        self.use_up(key, credentials.nonce, now_ms)
        return key

    def use_up(self, key: ApiKey, nonce: str, now_ms: int) -> None:
        """Let a request that was checked count, this once. Raises ApiError."""
        self._nonces.take(key.key_id, nonce, now_ms)

    def check(self, credentials: Credentials, method: str, path: str, body: bytes, address: str) -> tuple[ApiKey, int]:
        """The same but for whether it is the first time, and when it was checked. Raises ApiError; nothing is kept."""
        key = self._keys.find(credentials.key_id)
        if key is None:
            raise ApiError(DoorError.UNKNOWN_KEY)
        if not _NONCE.fullmatch(credentials.nonce):
            raise ApiError(DoorError.INVALID_VALUE, "a nonce is 1 to 64 printable ASCII characters", NONCE_HEADER)
        now_ms = time.time_ns() // NANO_PER_MS
        self._check_time(credentials.timestamp, now_ms)
        message = canonical(method, path, credentials.timestamp, credentials.nonce, body)
        if not _is_signed_by(key, message, credentials.signature):
            raise ApiError(DoorError.BAD_SIGNATURE)
        check_use(key.terms, address, time.time_ns())
        return key, now_ms

    def verify_login(self, request: LoginRequest, address: str) -> ApiKey:
        """The key that logs in on a socket. Raises ApiError."""
        try:
            return self.verify(Credentials.from_login(request), LOGIN_METHOD, LOGIN_PATH, b"", address)
        except ApiError as error:
            error.param = FIELD_OF_HEADER.get(error.param or "")
            raise

    def _check_time(self, timestamp: str, now_ms: int) -> None:
        if not _TIMESTAMP.fullmatch(timestamp):
            raise ApiError(DoorError.INVALID_VALUE, "a timestamp is milliseconds since 1970", TIMESTAMP_HEADER)
        skew_ms = int(timestamp) - now_ms
        if abs(skew_ms) > self._window_ms or int(timestamp) < self._started_ms:
            raise ApiError(
                DoorError.TIMESTAMP_OUT_OF_WINDOW,
                f"server time is {now_ms} ms and the request is {skew_ms:+d} ms from it: stay within "
                f"{self._window_ms} ms and after the start of the server at {self._started_ms} ms, then sign again",
            )


def _is_signed_by(key: ApiKey, message: bytes, signature: str) -> bool:
    """Whether a signature fits; for HMAC in a time that does not tell how much of it does."""
    if key.public_key:
        is_shaped = _ED25519_SIGNATURE.fullmatch(signature) is not None
        return is_shaped and is_signed(key.public_key, bytes.fromhex(signature), message)
    is_shaped = _HMAC_SIGNATURE.fullmatch(signature) is not None
    return is_shaped and hmac.compare_digest(sign(key.secret, message), signature)


class NonceMemory:
    """The nonces of the last `kept_ms`, a bounded number of them, each with its key."""

    def __init__(self, capacity: int, kept_ms: int) -> None:
        self._capacity = capacity
        self._kept_ms = kept_ms
        self._taken: set[tuple[str, str]] = set()
        self._by_age: deque[tuple[int, tuple[str, str]]] = deque()

    def take(self, key_id: str, nonce: str, now_ms: int) -> None:
        """Use a nonce up. Raises ApiError when it was used before, or when there is no room to remember it."""
        self._forget(now_ms - self._kept_ms)
        name = (key_id, nonce)
        if name in self._taken:
            raise ApiError(DoorError.NONCE_REUSED)
        if len(self._taken) >= self._capacity:
            raise ApiError(DoorError.TOO_MANY_NONCES)
        self._taken.add(name)
        self._by_age.append((now_ms, name))

    def _forget(self, before_ms: int) -> None:
        while self._by_age and self._by_age[0][0] < before_ms:
            self._taken.discard(self._by_age.popleft()[1])


def require_role(key: ApiKey, *roles: Role) -> None:
    """Raises ApiError unless the key has one of these roles."""
    if key.roles.isdisjoint(roles):
        raise ApiError(DoorError.ROLE_MISSING, f"this needs a key with the role {' or '.join(sorted(roles))}")
