"""What is read ahead comes in order, with its errors at their places, and stops when nobody wants more."""

import threading
import time
from collections.abc import Iterator

import pytest

from exchange.read_ahead import CHUNK_ITEMS, CHUNK_S, CHUNKS_AHEAD, ReadAhead


@pytest.mark.parametrize("count", [0, 1, CHUNK_ITEMS - 1, CHUNK_ITEMS, CHUNK_ITEMS + 1, 1_000])
def test_all_items_come_in_order(count: int) -> None:
    with ReadAhead(iter(range(count))) as items:
        assert list(items) == list(range(count))


@pytest.mark.parametrize("count", [0, 1, CHUNK_ITEMS, 300])
def test_an_error_comes_after_the_items_before_it(count: int) -> None:
    def failing() -> Iterator[int]:
        yield from range(count)
        raise LookupError("here")

    taken: list[int] = []

    def take_all() -> None:
        with ReadAhead(failing()) as items:
            for item in items:
                taken.append(item)

    with pytest.raises(LookupError, match="here"):
        take_all()
    assert taken == list(range(count))


def test_an_item_that_took_long_is_not_kept_back_for_more() -> None:
    was_taken = threading.Event()

    def slow() -> Iterator[int]:
        time.sleep(2 * CHUNK_S)
        yield 1
        assert was_taken.wait(10)
        yield 2

    with ReadAhead(slow()) as items:
        assert next(items) == 1
        was_taken.set()
        assert next(items) == 2


def test_who_leaves_early_ends_the_reading() -> None:
    given = []

    def endless() -> Iterator[int]:
        number = 0
        while True:
            given.append(number)
            yield number
            number += 1

    ahead = ReadAhead(endless())
    with ahead as items:
        assert [next(items) for _ in range(3)] == [0, 1, 2]
    assert not ahead._thread.is_alive()
    assert len(given) <= CHUNK_ITEMS * (CHUNKS_AHEAD + 2)
