"""The head file: what the newest durable row of the journal was, kept outside the journal.

A write-ahead log that lost its tail still chains, and one flipped bit in its middle makes SQLite drop all
later commits in silence. So after each commit the sequence and hash of the newest row are written here.

The head is written after the commit and not synced each time, so that after a crash it may be behind the
journal. That is always safe: an old head vouches for fewer rows, never for rows that are not there. It can
be ahead only if the journal lost rows that had been reported durable. The journal syncs the head at each
checkpoint, which bounds how old it can be after a power loss.

The file holds two slots, in blocks of their own, written in turn: a torn write of one leaves the other.
"""

import os
import struct
from hashlib import blake2b
from pathlib import Path
from typing import NamedTuple, Self

GENESIS_HASH = bytes(32)

_FIELDS = struct.Struct("<8sq32s")
_MAGIC = b"bwx-head"
_CHECKSUM_BYTES = 16
SLOT_BYTES = _FIELDS.size + _CHECKSUM_BYTES
# One slot in each 4,096-byte block, the largest sector in common use.
SLOT_OFFSETS_BYTES = (0, 4096)


class Head(NamedTuple):
    """The last sequence of the journal's newest row, and that row's hash."""

    sequence: int
    hash: bytes


class HeadFile:
    """Owns the open head file. Operating system errors leave it as OSError."""

    def __init__(self, descriptor: int, slots: list[Head | None]) -> None:
        self._descriptor = descriptor
        self._slots = slots

    @classmethod
    def create(cls, path: Path, head: Head) -> Self:
        """Write a new head file, both slots alike, and sync it; the caller syncs the directory."""
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_TRUNC, 0o644)
        head_file = cls(descriptor, [None, None])
        head_file.write(head)
        head_file.write(head)
        head_file.sync()
        return head_file

    @classmethod
    def open(cls, path: Path, *, read_only: bool = False) -> Self | None:
        """Open the head file, or return None where there is none or no slot of it can be trusted."""
        try:
            descriptor = os.open(path, os.O_RDONLY if read_only else os.O_RDWR)
        except FileNotFoundError:
            return None
        slots = [_decode(os.pread(descriptor, SLOT_BYTES, offset)) for offset in SLOT_OFFSETS_BYTES]
        if not any(slots):
            os.close(descriptor)
            return None
        return cls(descriptor, slots)

    @property
    def newest(self) -> Head:
        """The head furthest on of those that can be trusted."""
        return max(slot for slot in self._slots if slot is not None)

    @property
    def oldest(self) -> Head:
        """The head furthest back of those that can be trusted: after a power loss no older one is found."""
        return min(slot for slot in self._slots if slot is not None)

    @property
    def torn_slots(self) -> int:
        """How many of the two slots cannot be trusted."""
        return self._slots.count(None)

    def write(self, head: Head) -> None:
        """Overwrite the older slot, without a sync."""
        older = 0 if self._age_order(0) <= self._age_order(1) else 1
        slot = _encode(head)
        if os.pwrite(self._descriptor, slot, SLOT_OFFSETS_BYTES[older]) != SLOT_BYTES:
            raise OSError("the head was written in part")
        self._slots[older] = head

    def rewrite(self) -> None:
        """Write what was read once more, without a sync: the same bytes, so that nothing can be torn."""
        for slot, offset in zip(self._slots, SLOT_OFFSETS_BYTES, strict=True):
            if slot is not None and os.pwrite(self._descriptor, _encode(slot), offset) != SLOT_BYTES:
                raise OSError("the head was written in part")

    def sync(self) -> None:
        """Make the newest head durable."""
        os.fsync(self._descriptor)

    def close(self) -> None:
        """Release the file, without a sync."""
        os.close(self._descriptor)

    def _age_order(self, index: int) -> int:
        slot = self._slots[index]
        return -1 if slot is None else slot.sequence


def _encode(head: Head) -> bytes:
    fields = _FIELDS.pack(_MAGIC, head.sequence, head.hash)
    return fields + _checksum(fields)


def _decode(slot: bytes) -> Head | None:
    fields, checksum = slot[: _FIELDS.size], slot[_FIELDS.size :]
    if len(slot) != SLOT_BYTES or checksum != _checksum(fields):
        return None
    magic, sequence, row_hash = _FIELDS.unpack(fields)
    return Head(sequence, row_hash) if magic == _MAGIC else None


def _checksum(fields: bytes) -> bytes:
    return blake2b(fields, digest_size=_CHECKSUM_BYTES).digest()
