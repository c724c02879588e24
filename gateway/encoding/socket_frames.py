"""Messages as frames of a WebSocket (RFC 6455, section 5.2), as a server sends them: whole, and never masked."""

from collections.abc import Iterator
from struct import Struct, unpack_from

_FINAL = 0x80
_MEDIUM, _LONG = 126, 127
_MEDIUM_END = 1 << 16
_MEDIUM_HEAD, _LONG_HEAD = Struct(">BBH").pack, Struct(">BBQ").pack
HEAD_BYTES_MAX = 10


def frame(message: bytes, opcode: int) -> bytes:
    """One message in one frame."""
    size = len(message)
    if size < _MEDIUM:
        return bytes((_FINAL | opcode, size)) + message
    if size < _MEDIUM_END:
        return _MEDIUM_HEAD(_FINAL | opcode, _MEDIUM, size) + message
    return _LONG_HEAD(_FINAL | opcode, _LONG, size) + message


def messages_of(frames: bytes) -> Iterator[bytes]:
    """The messages of whole frames, one behind the other."""
    at = 0
    while at < len(frames):
        size, first = frames[at + 1], at + 2
        if size == _MEDIUM:
            (size,), first = unpack_from(">H", frames, first), first + 2
        elif size == _LONG:
            (size,), first = unpack_from(">Q", frames, first), first + 8
        at = first + size
        yield frames[first:at]
