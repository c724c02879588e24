"""How a command becomes records: a head that counts what stands behind it, its entries, then its text."""

import struct
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from exchange.venue.schema import CONTINUATION, ORDER_COMMAND, TEXT_BYTES_MAX, TEXT_RECORDS_MAX, Command
from matching.schema import QUOTES_MAX

TEXT_OFFSET = CONTINUATION.itemsize - TEXT_BYTES_MAX
Entry = tuple[struct.Struct, tuple[Any, ...]]
"""The packer and the values of one record behind a head."""


class CommandError(ValueError):
    """A value that fits no record; `str` says which."""


def packer_of(layout: np.dtype) -> struct.Struct:
    """A packer of one layout's fields: a tenth of the cost of filling a record by field names."""
    codes = {"u1": "B", "u2": "H", "u4": "I", "u8": "Q", "i4": "i", "i8": "q"}
    fields = (layout.fields or {}).values()
    packer = struct.Struct("<" + "".join(codes.get(field[0].str[1:], f"{field[0].itemsize}s") for field in fields))
    assert packer.size == layout.itemsize, "the packer has another size than the record"
    return packer


def pack_group(pack_head: Callable[[int], bytes], text: str = "", entries: Sequence[Entry] = ()) -> np.ndarray:
    """A head that knows how many records follow it: its entries, then those of a text. Raises CommandError."""
    if len(entries) > QUOTES_MAX:
        raise CommandError(f"a command has at most {QUOTES_MAX} entries, not {len(entries)}")
    if len(text) > TEXT_RECORDS_MAX * TEXT_BYTES_MAX or not text.isascii():
        raise CommandError(f"a text of at most {TEXT_RECORDS_MAX * TEXT_BYTES_MAX} ASCII characters is needed")
    parts = [text[at : at + TEXT_BYTES_MAX].encode() for at in range(0, len(text), TEXT_BYTES_MAX)]
    try:
        records = [pack_head(len(entries) + len(parts)), *(packer.pack(*values) for packer, values in entries)]
    except struct.error as error:
        raise CommandError(f"a number does not fit its field: {error}") from None
    records += [_TEXT.pack(Command.CONTINUATION, at, len(part), 0, part) for at, part in enumerate(parts)]
    return np.frombuffer(b"".join(records), ORDER_COMMAND)


_TEXT = packer_of(CONTINUATION)


def entries_of_bytes(content: bytes) -> list[Entry]:
    """The records that carry bytes which are no text behind a head."""
    parts = [content[at : at + TEXT_BYTES_MAX] for at in range(0, len(content), TEXT_BYTES_MAX)]
    return [(_TEXT, (Command.CONTINUATION, at, len(part), 0, part)) for at, part in enumerate(parts)]


def bytes_behind(group: np.ndarray) -> bytes:
    """What `entries_of_bytes` put behind the head of a group."""
    records = group[1:].view(CONTINUATION)
    raw = [records[at : at + 1].view(np.uint8)[TEXT_OFFSET:].tobytes() for at in range(len(records))]
    return b"".join(part[: int(row["length"])] for part, row in zip(raw, records, strict=True))
