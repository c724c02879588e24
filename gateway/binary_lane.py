"""What one connection does with binary frames: orders in, their outcomes back, each frame answered by one."""

import asyncio
from collections.abc import Callable
from functools import partial
from typing import Protocol

import numpy as np
import structlog

from exchange.service import Reply
from gateway.binary_frames import FrameKind, block_of, own_events, read_frame, request_id_of, write_frame
from gateway.errors import ApiError, DoorError
from gateway.sockets import BinaryMessage
from gateway.submission import reply_of

log = structlog.get_logger()
NO_SESSION = 0


class Connection(Protocol):
    """The session of which this is the lane."""

    def offer(self, message: bytes) -> None:
        """Send a message when the peer reads."""

    def trading_account(self) -> int:
        """Whose key logged in. Raises ApiError."""

    def send(self, records: np.ndarray, settle: Callable[[asyncio.Future[Reply]], None]) -> None:
        """Queue a block of commands. Raises ApiError."""


class BinaryLane:
    """The binary side of a connection."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def hear(self, payload: bytes) -> None:
        """One frame: the one place where whatever goes wrong becomes an answer."""
        request_id = request_id_of(payload)
        try:
            account_id = self._connection.trading_account()
            block = block_of(read_frame(payload), account_id, NO_SESSION)
            self._connection.send(block, partial(self._settle, request_id, account_id))
        except ApiError as error:
            self._refuse(request_id, error)
        except Exception:
            log.exception("request_failed")
            self._refuse(request_id, ApiError(DoorError.INTERNAL_ERROR))

    def _settle(self, request_id: int, account_id: int, future: asyncio.Future[Reply]) -> None:
        """The outcomes are durable: tell them."""
        try:
            reply = reply_of(future)
        except ApiError as error:
            self._refuse(request_id, error)
            return
        frame = write_frame(
            FrameKind.OUTCOMES,
            request_id,
            own_events(reply.events, account_id),
            first_sequence=reply.sequence,
            time_ns=reply.time_ns,
        )
        self._connection.offer(BinaryMessage(frame))

    def _refuse(self, request_id: int, error: ApiError) -> None:
        self._connection.offer(BinaryMessage(write_frame(FrameKind.REFUSED, request_id, code=int(error.error))))
