"""The binary lane: frames of fixed-width little-endian records of 64 bytes, the very records of the engine.

    header   whose frame it is, how many records follow, from which sequence on
    records  commands on the way in; events on the way out

A frame of orders becomes a block of commands: it is journaled and run as it came, its account and ids set by the door.
Server and client share this page. docs/binary.md describes every field.
"""

from enum import IntEnum
from typing import NamedTuple

import numpy as np

from exchange.kinds import Kinds
from exchange.sequencer import BLOCK_RECORDS_MAX
from exchange.venue.schema import CONTINUATIONS_MAX, Command, Event
from gateway.errors import ApiError, DoorError
from kernels.records import RECORD_BYTES, copied, picked, record
from matching.schema import MASS_CANCEL_COMMAND, ORDER_COMMAND, ORDER_EVENT, EventKind, MassFlag

SCHEMA_ID = 0x7762
SCHEMA_VERSION = 1
RECORDS_MAX = 1_023
"""With its header a frame then has 64 KiB."""


class FrameKind(IntEnum):
    """What a frame is. Never renumber."""

    ORDERS = 1
    """From the client: commands, to be run in this order."""
    OUTCOMES = 2
    """To the client: what became of a frame of orders. The command of its record n has the sequence
    `first_sequence` + n."""
    REFUSED = 3
    """To the client: nothing of a frame of orders was run; `code` is the number of the error."""
    EVENTS = 4
    """To the client: what a batch did to orders of its account. Its sequence is `sequence`, and it continues the frame
    of `first_sequence`; the first one has no records."""
    BOOK = 5
    """To the client: all orders of a book as they rest, as of `sequence`; `request_id` is the tranche."""
    BOOK_CHANGES = 6
    """To the client: what happened to the orders of a book since the frame of `first_sequence`, up to `sequence`."""


FRAME = record(
    ("schema_id", "u2"),
    ("version", "u2"),
    ("kind", "u2"),
    ("reserved", "u2"),
    ("request_id", "u8"),  # the client's own, repeated in the answer
    ("count", "u4"),  # of records that follow
    ("code", "u4"),
    ("first_sequence", "u8"),
    ("time_ns", "i8"),
    ("sequence", "u8"),
    *((f"reserved_{n}", "u8") for n in range(2, 4)),
)
assert FRAME.itemsize == RECORD_BYTES
assert RECORDS_MAX <= BLOCK_RECORDS_MAX

BOOK_RECORD = record(
    ("action", "u1"),  # an Action
    ("side", "u1"),
    ("reserved", "u2"),
    ("price_ticks", "i4"),
    ("order_id", "u8"),  # of a quote a number that does not say whose it is
    ("quantity_lots", "i8"),  # what is shown of it now
    ("sequence", "u8"),  # of the command that did it; 0 in a snapshot
)
"""One order of a book, in half of the room that other records take."""
LAYOUT_OF: dict[int, np.dtype] = {
    FrameKind.ORDERS: ORDER_COMMAND,
    FrameKind.BOOK: BOOK_RECORD,
    FrameKind.BOOK_CHANGES: BOOK_RECORD,
}
"""Of the records behind a header; of all others they are events."""


class Action(IntEnum):
    """What happened to an order of a book. Never renumber."""

    ADDED = 1
    """Behind the others of its price."""
    REDUCED = 2
    REMOVED = 3


class Part(IntEnum):
    """Which part an account had in an event, in the place of whom it met. Never renumber."""

    OWN = 0
    """Its order alone."""
    TAKER = 1
    MAKER = 2
    AUCTION = 3


HEADS = Kinds((Command.PLACE, Command.CANCEL, Command.REPLACE, Command.MASS_CANCEL, Command.MASS_QUOTE, Command.BASKET))
BRINGS_ORDERS = Kinds((Command.PLACE, Command.MASS_QUOTE, Command.BASKET))
NUMBERED = Kinds((Command.PLACE, Command.LEG))
"""The records that the sequencer gives an order id."""
ENTRIES = {
    Command.PLACE: Command.EXTRA,
    Command.MASS_QUOTE: Command.QUOTE,
    Command.BASKET: Command.LEG,
}
"""The one kind of record that may stand behind a head."""
OWN_KINDS = Kinds((*EventKind, Event.REPEATED))
PAIRS = Kinds((EventKind.TRADE, EventKind.AUCTION_TRADE, EventKind.PREVENTED))
"""Events with the id of somebody else's order."""


NOT_TOLD = -1
"""In the place of lots that are left."""


class Frame(NamedTuple):
    """A frame that was read: its header by fields, and the records behind it."""

    kind: int
    request_id: int
    code: int
    first_sequence: int
    time_ns: int
    records: np.ndarray
    sequence: int = 0


def write_frame(
    kind: FrameKind,
    request_id: int,
    records: np.ndarray | None = None,
    *,
    code: int = 0,
    first_sequence: int = 0,
    time_ns: int = 0,
    sequence: int = 0,
) -> bytes:
    """A frame as bytes. `records` are commands or events, of 64 bytes each, or orders of a book."""
    header = np.zeros(1, FRAME)
    count = 0 if records is None else len(records)
    header[0] = (SCHEMA_ID, SCHEMA_VERSION, kind, 0, request_id, count, code, first_sequence, time_ns, sequence, 0, 0)
    return header.tobytes() + (b"" if records is None else records.tobytes())


def read_frame(payload: bytes) -> Frame:
    """The frame that bytes are; its records, read only, as the layout that its kind asks for. Raises ApiError."""
    if len(payload) < RECORD_BYTES:
        raise ApiError(DoorError.INVALID_FRAME)
    schema_id, version, kind, _, request_id, count, code, first_sequence, time_ns, sequence, *_ = np.frombuffer(
        payload, FRAME, 1
    ).tolist()[0]
    if (schema_id, version) != (SCHEMA_ID, SCHEMA_VERSION):
        raise ApiError(DoorError.INVALID_FRAME, f"schema {SCHEMA_ID} in version {SCHEMA_VERSION} is spoken here")
    layout = LAYOUT_OF.get(kind, ORDER_EVENT)
    if len(payload) != RECORD_BYTES + layout.itemsize * count:
        raise ApiError(DoorError.INVALID_FRAME, f"{count} records are announced, and others follow", "count")
    records = np.frombuffer(payload, layout, count, RECORD_BYTES)
    return Frame(kind, request_id, code, first_sequence, time_ns, records, sequence)


def request_id_of(payload: bytes) -> int:
    """The request id of bytes that may be no frame at all: 0 without one."""
    return int(np.frombuffer(payload, FRAME, 1)["request_id"][0]) if len(payload) >= RECORD_BYTES else 0


# On the way in.


def block_of(frame: Frame, account_id: int, session_id: int) -> np.ndarray:
    """The commands of a frame of orders as an account may send them. Raises ApiError; then none is.

    Account, session and order ids are the door's to set; a mass cancel reaches the account's own orders alone.
    """
    if frame.kind != FrameKind.ORDERS or not 1 <= len(frame.records) <= RECORDS_MAX:
        raise ApiError(DoorError.INVALID_FRAME, f"send frames of orders, of 1 to {RECORDS_MAX} records")
    block = copied(frame.records)
    if _has_places_alone(block):
        block["account_id"], block["session_id"], block["order_id"] = account_id, session_id, 0
        return block
    heads = heads_of(block)
    block["account_id"][heads] = account_id
    block["order_id"][NUMBERED.among(block["kind"])] = 0
    block["session_id"][heads[BRINGS_ORDERS.among(block["kind"][heads])]] = session_id
    mass_cancels = block.view(MASS_CANCEL_COMMAND)
    mass_cancels["flags"][block["kind"] == Command.MASS_CANCEL] |= np.uint8(MassFlag.BY_ACCOUNT)
    return block


def _has_places_alone(block: np.ndarray) -> bool:
    """Whether each record is a new order and nothing stands behind it, as in most frames: then all are alike."""
    return bool((block["kind"] == Command.PLACE).all()) and not block["continuations"].any()


def heads_of(block: np.ndarray) -> np.ndarray:
    """Where the commands of a block begin. Raises ApiError unless every record belongs to a whole one."""
    if not block["continuations"].any():
        heads = np.arange(len(block))
    else:
        heads = np.array(_walk(block["kind"].tolist(), block["continuations"].tolist()), np.int64)
    known = HEADS.among(block["kind"][heads])
    if not known.all():
        raise _wrong(int(heads[np.argmin(known)]), "no command that the lane takes")
    return heads


def _walk(kinds: list[int], continuations: list[int]) -> list[int]:
    """The same where some commands have more than one record."""
    heads = []
    at = 0
    while at < len(kinds):
        heads.append(at)
        end = at + 1 + continuations[at]
        entry = ENTRIES.get(Command(kinds[at])) if kinds[at] in ENTRIES else None
        if continuations[at] > CONTINUATIONS_MAX or end > len(kinds):
            raise _wrong(at, "a command of which records are missing")
        for behind in range(at + 1, end):
            if kinds[behind] != entry or continuations[behind]:
                raise _wrong(behind, "no record that belongs to the command before it")
        at = end
    return heads


def _wrong(at: int, what: str) -> ApiError:
    return ApiError(DoorError.INVALID_FRAME, f"record {at} is {what}", f"records[{at}]")


# On the way out.


def own_events(events: np.ndarray, account_id: int) -> np.ndarray:
    """A copy of what an account may see of the events of its commands: whom it traded with is left out."""
    is_own = (events["account_id"] == account_id) & OWN_KINDS.among(events["kind"])
    shown = copied(events) if is_own.all() else picked(events, is_own)
    pairs = PAIRS.among(shown["kind"])
    shown["counter_account_id"][pairs] = 0
    shown["counter_order_id"][pairs] = 0
    return shown


def events_of_account(events: np.ndarray, account_id: int) -> np.ndarray:
    """A copy of all that an account may see of the events of a batch, in their order: a record for each order of its.

    Where it met somebody, the record tells which part it had in that, and not whom it met. What is left of an order
    that was met is not told, because the event only knows it of the other.
    """
    is_pair = PAIRS.among(events["kind"])
    own = np.flatnonzero((events["account_id"] == account_id) & OWN_KINDS.among(events["kind"]))
    met = np.flatnonzero((events["counter_account_id"] == account_id) & is_pair)
    shown = picked(events, np.concatenate([own, met]))
    pairs, is_met = PAIRS.among(shown["kind"]), np.arange(len(shown)) >= len(own)
    shown["counter_account_id"] = Part.OWN
    shown["counter_account_id"][pairs] = np.where(is_met[pairs], Part.MAKER, Part.TAKER)
    shown["counter_account_id"][shown["kind"] == EventKind.AUCTION_TRADE] = Part.AUCTION
    shown["order_id"][is_met] = shown["counter_order_id"][is_met]
    shown["side"][is_met] ^= 1
    shown["leaves_lots"][is_met] = NOT_TOLD
    shown["account_id"] = account_id
    shown["counter_order_id"][pairs] = 0
    return picked(shown, np.argsort(np.concatenate([own, met]), kind="stable"))
