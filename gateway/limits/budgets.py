"""Who pays for a request, and what happens when there is nothing left: a refusal by name, with the time to wait.

signed request ─▶ the account's budget, which REST and sockets share
unsigned read  ─▶ the address's budget
a connection, a login, a wrong signature, a missing role ─▶ the address's attempts
"""

import ipaddress
import time
from collections.abc import Hashable

from gateway.encoding.requests import Role
from gateway.encoding.rows import Row
from gateway.errors import ApiError, DoorError
from gateway.identity.keys import ApiKey, KeyStore
from gateway.limits.buckets import Buckets, Rate, Remaining, TokenBucket
from gateway.limits.weights import ATTEMPT, Operation
from gateway.settings import GatewaySettings

NANO_PER_MS = 1_000_000
IPV6_PREFIX_BITS = 64
"""One subscriber of the network has as many addresses as this leaves."""


class RateLimits:
    """The budgets of all accounts and addresses."""

    def __init__(self, keys: KeyStore, settings: GatewaySettings) -> None:
        self._keys = keys
        self._account = Rate(settings.account_weight_per_s, settings.account_weight_burst)
        self._market_maker = Rate(settings.market_maker_weight_per_s, settings.market_maker_weight_burst)
        self._address = Rate(settings.address_weight_per_s, settings.address_weight_burst)
        self._attempts = Rate(settings.attempts_per_address_per_s, settings.attempts_per_address_burst)
        self._accounts = Buckets(settings.budgets_max)
        self._addresses = Buckets(settings.budgets_max)
        self._attempting = Buckets(settings.budgets_max)

    def charge(self, key: ApiKey, operation: Operation) -> None:
        """Let the account of a key pay. Raises ApiError."""
        _charge(self.bucket_of(key), operation)

    def charge_address(self, address: str, operation: Operation) -> None:
        """Let an address pay for what nobody signed. Raises ApiError."""
        now_ns = time.monotonic_ns()
        _charge(self._addresses.of(network_of(address), self._address, now_ns), operation)

    def charge_attempt(self, address: str) -> None:
        """Let an address pay for a connection, a login, or a wrong signature. Raises ApiError."""
        now_ns = time.monotonic_ns()
        _charge(self._attempting.of(network_of(address), self._attempts, now_ns), ATTEMPT)

    def give_back(self, account_id: int, weight: int) -> None:
        """An account gets back what a request cost it."""
        now_ns = time.monotonic_ns()
        self._accounts.of(account_id, self.rate_of(account_id), now_ns).give_back(weight, now_ns)

    def remaining(self, key: ApiKey) -> Remaining:
        """What is left of the budget of a key's account."""
        return self.bucket_of(key).remaining(time.monotonic_ns())

    def remaining_of(self, account_id: int) -> Remaining:
        """What is left of the budget of an account."""
        now_ns = time.monotonic_ns()
        return self._accounts.of(account_id, self.rate_of(account_id), now_ns).remaining(now_ns)

    def rate_of(self, account_id: int) -> Rate:
        """Market makers have a larger budget, whichever of their keys they use."""
        return self._market_maker if self._keys.has_role(account_id, Role.MARKET_MAKER) else self._account

    def bucket_of(self, key: ApiKey) -> TokenBucket:
        """The budget that pays for what a key signs.

        Keys that trade for nobody have a budget each: one administrator's tools do not use up another's."""
        subject: Hashable = key.account_id or key.key_id
        return self._accounts.of(subject, self.rate_of(key.account_id), time.monotonic_ns())


def network_of(address: str) -> str:
    """What counts as one address: of IPv6 the prefix that one subscriber has."""
    if ":" not in address:
        return address
    try:
        network = ipaddress.ip_network((address.partition("%")[0], IPV6_PREFIX_BITS), strict=False)
    except ValueError:
        return address
    return str(network)


def remaining_row(remaining: Remaining) -> Row:
    """A budget at a moment."""
    return {
        "limit": remaining.limit,
        "remaining": remaining.remaining,
        "reset_ms": -(-remaining.reset_ns // NANO_PER_MS),
    }


def _charge(bucket: TokenBucket, operation: Operation) -> None:
    now_ns = time.monotonic_ns()
    if operation.is_always_taken:
        bucket.take_up_to(operation.weight, now_ns)
        return
    wait_ns = bucket.take(operation.weight, now_ns)
    if wait_ns:
        raise ApiError(DoorError.RATE_LIMITED, retry_after_ms=-(-wait_ns // NANO_PER_MS))
