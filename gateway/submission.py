"""Handing commands to the exchange, with its failures under the names that the doors use."""

import asyncio
from collections.abc import Sequence

import numpy as np

from exchange.service import Exchange, ExchangeStopped, Overloaded, Reply, StorageFull
from gateway.errors import ApiError, DoorError


def submit(exchange: Exchange, group: np.ndarray) -> asyncio.Future[Reply]:
    """Queue a command; `reply_of` reads the future. Raises ApiError when it is not taken."""
    return _submit_many(exchange, [group])[0]


async def run_many(exchange: Exchange, groups: Sequence[np.ndarray]) -> list[Reply]:
    """Run commands that are queued side by side, and return once all are durable. Raises ApiError."""
    futures = _submit_many(exchange, groups)
    await asyncio.wait(futures)
    return [reply_of(future) for future in futures]


async def run(exchange: Exchange, group: np.ndarray) -> Reply:
    """Run a command, and return once it is durable. Raises ApiError."""
    future = submit(exchange, group)
    await asyncio.wait([future])
    return reply_of(future)


def reply_of(future: asyncio.Future[Reply]) -> Reply:
    """The reply of a command that is done. Raises ApiError when the exchange did not run it, or stopped before."""
    try:
        return future.result()
    except StorageFull:
        raise ApiError(DoorError.STORAGE_FULL) from None
    except ExchangeStopped:
        raise ApiError(DoorError.EXCHANGE_STOPPED) from None


def _submit_many(exchange: Exchange, groups: Sequence[np.ndarray]) -> list[asyncio.Future[Reply]]:
    """Queue commands, all or none. Raises ApiError when they are not taken."""
    try:
        return exchange.submit_many(groups)
    except Overloaded:
        raise ApiError(DoorError.OVERLOADED) from None
    except ExchangeStopped:
        raise ApiError(DoorError.EXCHANGE_STOPPED) from None
