"""How many sockets are open: in all, from each address, and under each key."""

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager

from gateway.errors import ApiError, DoorError
from gateway.limits.budgets import network_of
from gateway.settings import GatewaySettings


class ConnectionLimits:
    """Counts open sockets, and refuses those that are too many."""

    def __init__(self, settings: GatewaySettings) -> None:
        self._total_max = settings.connections_max
        self._per_address_max = settings.connections_per_address_max
        self._per_key_max = settings.connections_per_key_max
        self._by_address: Counter[str] = Counter()
        self._by_key: Counter[str] = Counter()

    @contextmanager
    def admit(self, address: str) -> Iterator[None]:
        """Hold one place while a connection lasts. Raises ApiError when there is none."""
        network = network_of(address)
        if self._by_address.total() >= self._total_max or self._by_address[network] >= self._per_address_max:
            raise ApiError(DoorError.TOO_MANY_CONNECTIONS)
        self._by_address[network] += 1
        try:
            yield
        finally:
            _count_down(self._by_address, network)

    def hold(self, key_id: str) -> None:
        """A connection logs in under a key. Raises ApiError when too many have."""
        if self._by_key[key_id] >= self._per_key_max:
            raise ApiError(DoorError.TOO_MANY_CONNECTIONS, "close another connection of this key first", "key")
        self._by_key[key_id] += 1

    def release(self, key_id: str) -> None:
        """A connection under a key ends, or goes on under another."""
        _count_down(self._by_key, key_id)


def _count_down(counter: Counter[str], name: str) -> None:
    counter[name] -= 1
    if not counter[name]:
        del counter[name]
