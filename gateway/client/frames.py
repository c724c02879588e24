"""The binary lane from the client's side: frames of orders, each answered by one frame with its request id."""

import asyncio
from collections.abc import Awaitable, Callable
from itertools import count

import numpy as np

from exchange.venue.schema import Reject
from gateway.client.errors import RefusedError, StreamClosedError
from gateway.encoding.binary_frames import Frame, FrameKind, read_frame, write_frame
from gateway.errors import CORE_ANSWERS, DOOR_ANSWERS, ApiError, DoorError

_ERRORS: dict[int, DoorError | Reject] = {
    **{int(error): error for error in DOOR_ANSWERS},
    **{int(error): error for error in CORE_ANSWERS},
}


class FramesUnderWay:
    """The frames of one connection that are not answered yet."""

    def __init__(self) -> None:
        self._names = count(1)
        self._waiting: dict[int, asyncio.Future[Frame]] = {}

    async def ask(self, send: Callable[[bytes], Awaitable[None]], records: np.ndarray) -> Frame:
        """Send commands as one frame and wait for its outcomes. Raises RefusedError or StreamClosedError."""
        name = next(self._names)
        future = self._waiting[name] = asyncio.get_running_loop().create_future()
        try:
            await send(write_frame(FrameKind.ORDERS, name, records))
            frame = await future
        finally:
            future.cancel()
            del self._waiting[name]
        if frame.kind == FrameKind.REFUSED:
            raise _refusal(frame.code)
        return frame

    def take(self, payload: bytes) -> None:
        """An answer has come."""
        frame = read_frame(payload)
        future = self._waiting.get(frame.request_id)
        if future is not None and not future.done():
            future.set_result(frame)

    def end(self, ending: StreamClosedError) -> None:
        """Nothing more will come."""
        for future in self._waiting.values():
            if not future.done():
                future.set_exception(ending)


def _refusal(number: int) -> RefusedError:
    """What a number means; a newer exchange may have refusals that this client has no name for."""
    error = _ERRORS.get(number)
    if error is None:
        return RefusedError("unknown", number, "the frame was refused for a reason that is unknown here", None)
    told = ApiError(error)
    return RefusedError(told.code, number, told.message, told.param)
