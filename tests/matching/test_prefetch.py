"""Look-ahead has no effect on any result: whatever it noted, or did not, a batch gives the same events."""

import numpy as np
import pytest

from exchange.bench.flow import Owners, to_commands
from kernels.compile import JIT_ENABLED
from load_tests.flow import make_flow
from matching.arena import NOTED
from matching.book import Limits, OrderBook
from matching.prefetch import SMALL_BOOK_ORDERS, STAGES, STEP
from matching.schema import ORDER_EVENT, EventKind, OrderReject
from tests.matching.commands import buy, cancel, records, replace

INSTRUMENTS = 4
OPERATIONS = 3_000 if JIT_ENABLED else 300


def events_of(commands: np.ndarray, batch: int, disturb: bool = False, ever_held: int = 0) -> np.ndarray:
    """All events of commands in batches of a size, on a book that once held so many orders."""
    book = OrderBook(
        Limits(instruments=INSTRUMENTS, orders=SMALL_BOOK_ORDERS + 2 * OPERATIONS, nodes=1_000, accounts=8)
    )
    book.book.counters["fresh_order"] += ever_held
    for instrument_id in range(INSTRUMENTS):
        book.list_instrument(instrument_id)
    parts = []
    for first in range(0, len(commands), batch):
        if disturb:
            for notes in (book.book.noted, book.book.met, book.book.joined):
                notes[:] = np.random.default_rng(first).integers(0, 40, NOTED)
        parts.append(book.execute(commands[first : first + batch]))
    return np.concatenate(parts)


@pytest.fixture(scope="module")
def commands() -> np.ndarray:
    """A plain flow: new orders, cancels and replaces of orders that may be gone."""
    flow = make_flow(OPERATIONS, INSTRUMENTS, seed=5)
    new = flow[flow["kind"] == 1]
    return to_commands(flow, Owners(new["order_id"], new["account_id"]))


@pytest.mark.parametrize("batch", [1, STEP, STAGES * STEP, STAGES * STEP + 1, 257])
def test_batches_of_any_size_give_the_same_events(commands: np.ndarray, batch: int) -> None:
    expected = events_of(commands, len(commands))
    assert events_of(commands, batch).tobytes() == expected.tobytes()
    assert expected.dtype == ORDER_EVENT


@pytest.mark.parametrize("batch", [1, 100])
def test_notes_of_other_orders_mislead_nobody(commands: np.ndarray, batch: int) -> None:
    assert events_of(commands, batch, disturb=True).tobytes() == events_of(commands, len(commands)).tobytes()


def test_all_stages_of_a_large_book_give_the_events_of_a_small_one(commands: np.ndarray) -> None:
    large = events_of(commands, 1_000, ever_held=SMALL_BOOK_ORDERS)
    assert large.tobytes() == events_of(commands, 1_000).tobytes()


def test_a_change_that_names_no_order_finds_no_free_slot() -> None:
    book = OrderBook(Limits(instruments=1, orders=8, nodes=64, accounts=4))
    book.list_instrument(0)
    for order_id in (1, 2):
        book.execute(records(buy(order_id, 100, 1)))
    book.execute(records(cancel(1)))
    book.book.noted[:] = 1
    for change in (cancel(0), replace(0, 100, 1)):
        assert [(event["kind"], event["reason"]) for event in book.execute(records(change))] == [
            (EventKind.REJECTED, OrderReject.UNKNOWN_ORDER)
        ]
    book.check()
