"""How the records of a row lie in the file: as they are where they are few, packed where that is shorter.

Records are mostly zeros and numbers near those of the record before, so packed ones take about a fifth of the room,
and the writer stops less often to bring its log into the main file. What is hashed, told and replayed are the records
themselves; which way they lie is seen by their length.
"""

import threading

import zstandard

PACKED_BYTES_MIN = 512
"""Fewer go into one page either way."""
_DESCRIPTOR_AT, _UNUSED_BIT = 4, 0x10
"""The one bit of what a packer writes that no reader heeds (RFC 8878, 3.1.1.1)."""
_LEVEL = -1
"""A few microseconds for a batch, which waits for them; slower levels save hardly more."""


class PayloadError(ValueError):
    """Stored bytes are not what was written; `str` says why."""


class _Codec(threading.local):
    """Of one thread: neither half may be used by two at once, and both take long to make."""

    def __init__(self) -> None:
        self.packer = zstandard.ZstdCompressor(level=_LEVEL)
        self.unpacker = zstandard.ZstdDecompressor()


_codec = _Codec()


def pack(payload: bytes | memoryview) -> bytes | memoryview:
    """What is stored of a payload: always shorter than it, or the payload itself."""
    payload_bytes = memoryview(payload).nbytes
    if payload_bytes < PACKED_BYTES_MIN:
        return payload
    packed = _codec.packer.compress(payload)
    return packed if len(packed) < payload_bytes else payload


def unpack(stored: bytes, payload_bytes: int) -> bytes:
    """The payload of so many bytes, of which the chain has still to prove that it is right. Raises PayloadError."""
    if len(stored) == payload_bytes:
        return stored
    try:
        # Looked at before, so that damage asks for no memory.
        unpacked_bytes = zstandard.frame_content_size(stored)
        if unpacked_bytes != payload_bytes:
            raise PayloadError(f"holds {len(stored)} bytes, packed from {unpacked_bytes}")
        if stored[_DESCRIPTOR_AT] & _UNUSED_BIT:
            raise PayloadError(f"holds {len(stored)} bytes, of which one bit was flipped")
        return _codec.unpacker.decompress(stored)
    except zstandard.ZstdError as error:
        raise PayloadError(f"holds {len(stored)} bytes that do not unpack: {error}") from None
