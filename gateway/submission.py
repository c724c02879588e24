"""Handing commands to the exchange, with its failures under the names that the doors use."""

import asyncio
from collections.abc import Sequence

import numpy as np

from exchange.service import Exchange, ExchangeStopped, Overloaded, Reply, StorageFull
from gateway.errors import ApiError, DoorError


async def run_many(exchange: Exchange, groups: Sequence[np.ndarray]) -> list[Reply]:
    """Run commands that are queued side by side, and return once all are durable. Raises ApiError."""
    return [reply_of(future) for future in await run_all(exchange, groups)]


async def run_all(exchange: Exchange, groups: Sequence[np.ndarray]) -> list[asyncio.Future[Reply]]:
    """Run commands, and return once each is done, whatever came of it. Raises ApiError when they are not taken."""
    futures = submit_many(exchange, groups) if groups else []
    if futures:
        await asyncio.wait(futures)
    return futures


async def run(exchange: Exchange, group: np.ndarray) -> Reply:
    """Run a command, and return once it is durable. Raises ApiError."""
    return (await run_many(exchange, [group]))[0]


def reply_of(future: asyncio.Future[Reply]) -> Reply:
    """The reply of a command that is done. Raises ApiError when the exchange did not run it, or stopped before."""
    try:
        return future.result()
    except StorageFull:
        raise ApiError(DoorError.STORAGE_FULL) from None
    except ExchangeStopped:
        raise ApiError(DoorError.EXCHANGE_STOPPED) from None


def submit_many(exchange: Exchange, groups: Sequence[np.ndarray]) -> list[asyncio.Future[Reply]]:
    """Queue commands, all or none; `reply_of` reads a future. Raises ApiError when they are not taken."""
    try:
        return exchange.submit_many(groups)
    except Overloaded:
        raise ApiError(DoorError.OVERLOADED) from None
    except ExchangeStopped:
        raise ApiError(DoorError.EXCHANGE_STOPPED) from None
