"""`bwx bench match`: how fast matching runs a recorded flow, and whether it runs it right.

Commands go through the function that serves, in batches, with every event written; only that is timed. Reading,
conversion to command records and digests happen between the timed sections. The digests hold the order, makers and
prices of all trades and every resting order, so two engines that agree on them have done the same.
"""

import resource
import sys
from collections.abc import Callable, Iterable
from pathlib import Path
from time import perf_counter_ns

import numpy as np

from exchange.bench.flow import Flow
from kernels.compile import kernel
from kernels.memory import aligned_zeros
from kernels.records import record
from matching.arena import touch
from matching.batch import execute_batch
from matching.book import Limits, OrderBook
from matching.identifiers import grown
from matching.schema import (
    INSTRUMENT_CAPACITY,
    ORDER_COMMAND,
    ORDER_EVENT,
    CommandKind,
    EventBuffer,
    EventKind,
    view_commands,
)

BATCHES_PER_CHUNK = 256
"""How many batches are converted at a time: fewer would leave the caches full of the conversion more often."""
EVENT_CAPACITY = 1 << 13
TRADE_DIGEST_SEED = np.uint64(0xCBF29CE484222325)
TRADE_DIGEST_PRIME = np.uint64(0x100000001B3)
BOOK_DIGEST_FACTOR = np.uint64(0x9E3779B97F4A7C15)

TALLY = record(("trade_digest", "u8"), ("trades", "i8"), ("traded_lots", "i8"), ("rejected", "i8"))


def run_match(
    path: Path,
    instruments: int,
    batch: int = 4_096,
    on_progress: Callable[[int, int], None] = lambda done, total: None,
) -> dict[str, int | float | str]:
    """Run a flow file over so many instruments, and return what `bwx bench match` prints.

    `on_progress` is told the operations done and their total, outside the timed sections. Raises FlowError for a bad
    file, and OSError when it cannot be read.
    """
    flow = Flow(path, instruments)
    warm_up()
    book = open_book(instruments)
    events = aligned_zeros(EVENT_CAPACITY, ORDER_EVENT)
    tally = new_tally()
    elapsed_ns = run_chunks(
        flow.commands(batch * BATCHES_PER_CHUNK),
        batch,
        lambda commands: run_batch(book, commands, events, tally),
        lambda done: on_progress(done, flow.operations),
    )
    return summary(book.orders(), tally[0], flow.operations, elapsed_ns)


def run_chunks(
    chunks: Iterable[np.ndarray],
    batch: int,
    run: Callable[[np.ndarray], int],
    on_progress: Callable[[int], None],
) -> int:
    """Run commands in batches; return the nanoseconds that all took, as each batch tells. Progress is in commands."""
    elapsed_ns = done = 0
    on_progress(done)
    for commands in chunks:
        for first in range(0, len(commands), batch):
            elapsed_ns += run(commands[first : first + batch])
        done += len(commands)
        on_progress(done)
    return elapsed_ns


def run_batch(book: OrderBook, commands: np.ndarray, events: np.ndarray, tally: np.ndarray) -> int:
    """Execute one batch and tally its events; return the nanoseconds that the execution alone took."""
    batch, buffer = view_commands(commands), EventBuffer(events)
    done = elapsed_ns = 0
    begin_ns = perf_counter_ns()
    book.book = grown(book.book, len(commands))
    while done < len(commands):
        done, count = execute_batch(book.book, batch, done, buffer)
        elapsed_ns += perf_counter_ns() - begin_ns
        tally_events(events, count, tally)
        begin_ns = perf_counter_ns()
    return elapsed_ns


def open_book(instruments: int) -> OrderBook:
    """A book with the limits that serve, or wider ones for more instruments, and instruments 0 and up open."""
    capacity = max(INSTRUMENT_CAPACITY, 1 << (instruments - 1).bit_length())
    book = OrderBook(Limits(instruments=capacity))
    for instrument_id in range(instruments):
        book.list_instrument(instrument_id)
    touch(book.book)
    return book


def warm_up() -> None:
    """Compile, or load what an earlier run compiled, before anything is timed."""
    book = OrderBook(Limits(instruments=1, orders=8, nodes=64, accounts=1))
    book.list_instrument(0)
    commands = np.zeros(1, ORDER_COMMAND)
    commands["kind"] = CommandKind.CANCEL
    book.book = grown(book.book, len(book.book.ids))
    run_batch(book, commands, np.zeros(8, ORDER_EVENT), new_tally())


def new_tally() -> np.ndarray:
    """What `tally_events` adds to."""
    tally = np.zeros(1, TALLY)
    tally["trade_digest"] = TRADE_DIGEST_SEED
    return tally


@kernel
def tally_events(events: np.ndarray, count: int, tally: np.ndarray) -> None:
    """Count the trades and rejections among the first events, and chain the trades into the digest."""
    digest = np.uint64(tally[0]["trade_digest"])
    for index in range(count):
        event = events[index]
        if event["kind"] == EventKind.TRADE:
            digest = chained(digest, event["order_id"])
            digest = chained(digest, event["counter_order_id"])
            digest = chained(digest, event["price_ticks"])
            digest = chained(digest, event["quantity_lots"])
            tally[0]["trades"] += 1
            tally[0]["traded_lots"] += event["quantity_lots"]
        elif event["kind"] == EventKind.REJECTED:
            tally[0]["rejected"] += 1
    tally[0]["trade_digest"] = digest


@kernel
def chained(digest: np.uint64, value: int) -> np.uint64:
    """One more number in the trade digest."""
    return (digest ^ np.uint64(value)) * TRADE_DIGEST_PRIME


def book_digest(orders: np.ndarray) -> int:
    """A sum over RESTING orders, whatever their order, modulo 2^64."""
    mixed = orders["order_id"] * BOOK_DIGEST_FACTOR
    mixed ^= mixed >> np.uint64(29)
    place = (orders["price_ticks"].astype(np.uint64) << np.uint64(20)) | orders["instrument_id"]
    terms = mixed * orders["leaves_lots"].astype(np.uint64) + place * (mixed | np.uint64(1))
    return int(terms.sum(dtype=np.uint64))


def summary(orders: np.ndarray, tally: np.void, operations: int, elapsed_ns: int) -> dict[str, int | float | str]:
    """The figures of a run, from the resting orders, the tally of events and the time that matching took."""
    return {
        "operations": operations,
        "trades": int(tally["trades"]),
        "traded_quantity": int(tally["traded_lots"]),
        "resting": len(orders),
        "resting_quantity": int(orders["leaves_lots"].sum()),
        "rejected": int(tally["rejected"]),
        "trade_digest": f"{int(tally['trade_digest']):016x}",
        "book_digest": f"{book_digest(orders):016x}",
        "operations_per_second": round(operations * 1e9 / elapsed_ns),
        "ns_per_operation": round(elapsed_ns / operations, 2),
        "peak_rss_bytes": peak_rss_bytes(),
    }


def peak_rss_bytes() -> int:
    """The most memory that this process ever had resident."""
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else peak * 1024
