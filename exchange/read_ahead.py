"""An iterator that is run ahead in a thread of its own, so that reading and hashing overlap with what is done next."""

import queue
import threading
from collections.abc import Iterator
from time import perf_counter
from typing import Generic, TypeVar

Item = TypeVar("Item")

CHUNK_ITEMS = 64
CHUNK_S = 0.001
CHUNKS_AHEAD = 4
_PATIENCE_S = 0.1


class ReadAhead(Generic[Item]):
    """Gives the same items, and raises what the iterator raised, at the same place. Close it when it is left early.

    Small items are handed over many at a time, because a hand-over between threads takes longer than a small row. Large
    ones go as they come, so that nobody waits for the first of them until many are read.
    """

    def __init__(self, items: Iterator[Item]) -> None:
        self._items = items
        self._chunks: queue.Queue[tuple[list[Item], BaseException | None]] = queue.Queue(CHUNKS_AHEAD)
        self._is_left = threading.Event()
        self._thread = threading.Thread(target=self._run, name="read-ahead", daemon=True)

    def __enter__(self) -> Iterator[Item]:
        self._thread.start()
        return self._taken()

    def __exit__(self, *_: object) -> None:
        self._is_left.set()
        self._thread.join()

    def _taken(self) -> Iterator[Item]:
        while True:
            chunk, ended = self._chunks.get()
            yield from chunk
            if isinstance(ended, StopIteration):
                return
            if ended is not None:
                raise ended

    def _run(self) -> None:
        ended: BaseException | None = None
        while ended is None and not self._is_left.is_set():
            chunk: list[Item] = []
            end_s = perf_counter() + CHUNK_S
            try:
                while not chunk or (len(chunk) < CHUNK_ITEMS and perf_counter() < end_s):
                    chunk.append(next(self._items))
            except BaseException as error:
                ended = error
            self._hand_over((chunk, ended))

    def _hand_over(self, chunk: tuple[list[Item], BaseException | None]) -> None:
        while not self._is_left.is_set():
            try:
                self._chunks.put(chunk, timeout=_PATIENCE_S)
                return
            except queue.Full:
                continue
