"""What comes in binary frames besides answers to frames of orders: books order by order, and own events."""

from typing import NamedTuple

import numpy as np

from gateway.client.errors import StreamClosedError
from gateway.client.inbox import Inbox
from gateway.client.order_book import LocalOrderBook
from gateway.encoding.binary_frames import Frame, FrameKind, read_frame

BOOK_KINDS = (FrameKind.BOOK, FrameKind.BOOK_CHANGES)


class OwnEvents(NamedTuple):
    """What a batch did to own orders, as ORDER_EVENT records that docs/binary.md describes.

    It continues the frame of `previous_sequence`; else something is missing, and `resync` begins a new chain.
    """

    previous_sequence: int
    sequence: int
    time_ns: int
    records: np.ndarray


class BinaryFeeds:
    """The binary channels of one connection."""

    def __init__(self) -> None:
        self._books: dict[int, LocalOrderBook] = {}
        """By the number of their tranche; a frame may come before the one who asked for it knows that."""
        self.events: Inbox | None = None

    def add(self, instrument_id: int, symbol: str) -> LocalOrderBook:
        """A book that was subscribed."""
        book = self._books.setdefault(instrument_id, LocalOrderBook(symbol))
        book.symbol = symbol
        return book

    def take(self, payload: bytes) -> str | None:
        """Hand a frame on; the symbol of a book that needs a snapshot."""
        frame = read_frame(payload)
        if frame.kind in BOOK_KINDS:
            return self._take_book(frame)
        if frame.kind == FrameKind.EVENTS and self.events is not None:
            told = OwnEvents(frame.first_sequence, frame.sequence, frame.time_ns, frame.records)
            self.events.put(told._asdict())
        return None

    def is_behind(self, symbol: str, sequence: int | None) -> bool:
        """Whether a heartbeat knows of a message of a book that never came; the book then waits for a snapshot."""
        for book in self._books.values():
            if book.symbol == symbol and not book.has_reached(sequence):
                book.lose_track()
                return True
        return False

    def end(self, ending: StreamClosedError) -> None:
        """Nothing more will come."""
        for book in self._books.values():
            book.end(ending)
        if self.events is not None:
            self.events.end(ending)

    def _take_book(self, frame: Frame) -> str | None:
        book = self._books.setdefault(frame.request_id, LocalOrderBook(""))
        return None if book.take(frame) else book.symbol
