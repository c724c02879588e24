"""Whoever listens, and how messages reach them: built at once, while the view stands still, and offered one turn of the
loop later, in the order in which they were built, so that the replies of the same batch are out before.
"""

import asyncio
from collections.abc import Iterable
from typing import Protocol

from gateway.json_text import encode
from gateway.rows import Row


class Subscriber(Protocol):
    """Whoever listens."""

    @property
    def is_behind(self) -> bool:
        """Whether much of what was offered has not gone out: what can be summed up should wait."""

    def offer(self, message: bytes) -> None:
        """Take a message without waiting, or be cut off."""


def offer_to(subscribers: Iterable[Subscriber], message: Row) -> None:
    """Encode once, for those who listen now."""
    offer_bytes(subscribers, encode(message))


def offer_bytes(subscribers: Iterable[Subscriber], payload: bytes) -> None:
    """The same with a message that is encoded already."""
    asyncio.get_running_loop().call_soon(_deliver, tuple(subscribers), payload)


def _deliver(subscribers: tuple[Subscriber, ...], payload: bytes) -> None:
    for subscriber in subscribers:
        subscriber.offer(payload)
