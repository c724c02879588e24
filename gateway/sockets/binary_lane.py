"""What one connection does with binary frames: orders in, their outcomes back, each frame answered by one."""

from collections.abc import Callable
from typing import Protocol

import numpy as np
import structlog

from exchange.kinds import Kinds
from exchange.service import Reply
from exchange.venue.schema import Command
from gateway.encoding.binary_frames import (
    Frame,
    FrameKind,
    block_of,
    own_events,
    read_frame,
    request_id_of,
    write_frame,
)
from gateway.encoding.requests import Role
from gateway.errors import ApiError, DoorError
from gateway.feeds.outbox import BinaryMessage
from gateway.limits.weights import CANCEL, FRAME, MESSAGE, PLACE, Operation
from gateway.submission import Replied, reply_of

log = structlog.get_logger()
_CANCELS = Kinds((Command.CANCEL, Command.MASS_CANCEL))


class Connection(Protocol):
    """The session of which this is the lane."""

    @property
    def session_id(self) -> int:
        """Under which number orders go with the connection; 0 if they do not."""

    def offer(self, message: bytes) -> None:
        """Send a message when the peer reads."""

    def charge(self, operation: Operation) -> None:
        """Let the account pay for a request. Raises ApiError."""

    def ordering_account(self, *roles: Role) -> int:
        """The account that orders over the connection. Raises ApiError."""

    def send(
        self,
        block: np.ndarray,
        room: Operation,
        settle: Callable[[Replied], None],
        prepare: Callable[[Reply], None],
    ) -> None:
        """Queue a block of commands. Raises ApiError."""


class Outcomes:
    """The answer to one frame: written when its outcomes are there, sent when they are durable."""

    def __init__(self, connection: Connection, request_id: int, account_id: int) -> None:
        self._connection = connection
        self._request_id = request_id
        self._account_id = account_id
        self._frame = b""

    def prepare(self, reply: Reply) -> None:
        """Write the frame."""
        self._frame = write_frame(
            FrameKind.OUTCOMES,
            self._request_id,
            own_events(reply.events, self._account_id),
            first_sequence=reply.sequence,
            time_ns=reply.time_ns,
        )

    def tell(self, replied: Replied) -> None:
        """The outcomes are durable."""
        try:
            reply = reply_of(replied)
        except ApiError as error:
            _refuse(self._connection, self._request_id, error)
            return
        if not self._frame:
            self.prepare(reply)
        self._connection.offer(BinaryMessage(self._frame))


class BinaryLane:
    """The binary side of a connection."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def hear(self, payload: bytes) -> None:
        """One frame: the one place where whatever goes wrong becomes an answer."""
        request_id = request_id_of(payload)
        try:
            frame = self._read(payload)
            kinds = np.ascontiguousarray(frame.records["kind"])
            is_of_cancels = bool(_CANCELS.among(kinds).all())
            self._connection.charge(CANCEL if is_of_cancels else FRAME)
            has_quotes = bool((kinds == Command.MASS_QUOTE).any())
            account_id = self._connection.ordering_account(*((Role.MARKET_MAKER,) if has_quotes else ()))
            block = block_of(frame, account_id, self._connection.session_id)
            room = CANCEL if is_of_cancels else PLACE
            outcomes = Outcomes(self._connection, request_id, account_id)
            self._connection.send(block, room, outcomes.tell, outcomes.prepare)
        except ApiError as error:
            _refuse(self._connection, request_id, error)
        except Exception:
            log.exception("request_failed")
            _refuse(self._connection, request_id, ApiError(DoorError.INTERNAL_ERROR))

    def _read(self, payload: bytes) -> Frame:
        """A frame. Who sends what is none pays for it. Raises ApiError."""
        try:
            return read_frame(payload)
        except ApiError:
            self._connection.charge(MESSAGE)
            raise


def _refuse(connection: Connection, request_id: int, error: ApiError) -> None:
    connection.offer(BinaryMessage(write_frame(FrameKind.REFUSED, request_id, code=int(error.error))))
