"""`bwx bench recover`: how fast a market comes back, and how long it stands still for a snapshot.

Two stores are written, with an image of the market that the real exchange would have written too: one with a plain flow
of orders and no snapshot, which is replayed, and one with many resting orders and a snapshot behind them, which is
opened as an exchange. That exchange then takes orders while it takes snapshots. Kernels are warm before anything is
timed; writing the stores is not timed.
"""

import asyncio
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from time import perf_counter, perf_counter_ns
from typing import Any

import numpy as np

from exchange import commands
from exchange.bench.market import batches, opening, plain_flow, resting_orders
from exchange.bench.match import peak_rss_bytes
from exchange.journal import Journal
from exchange.journal_rows import chain_hash
from exchange.published import Published
from exchange.recovery import replay, snapshot_of, unpack
from exchange.service import Exchange
from exchange.snapshots import SnapshotStore
from exchange.venue.machine import Venue
from exchange.venue.state import VenueLimits
from exchange.view import MarketView
from exchange.warm_up import warm_up
from matching.arena import touch
from matching.schema import Side

BATCH_RECORDS = 4_095
VIEWED_BATCHES = 25
"""The read model follows so many batches of the flow to learn its rate."""
SNAPSHOTS = 3
SNAPSHOT_EVERY = 2_000
REQUESTS_AT_ONCE = 50
LIMITS = VenueLimits()

Report = Callable[[str, int, int], None]


def run_recover(
    directory: Path, replayed: int = 1_000_000, resting: int = 1_000_000, on_progress: Report = lambda *_: None
) -> dict[str, Any]:
    """Measure with so many commands replayed and so many orders resting; return what `bwx bench recover` prints.

    `on_progress` is told (what is done, how much of it, in all). Raises ValueError for sizes that make no sense, and
    OSError or a StoreError where nothing can be written.
    """
    if replayed < 1 or not 1 <= resting <= LIMITS.orders // 2:
        raise ValueError(f"at least 1 command and 1 to {LIMITS.orders // 2:,} orders, not {replayed:,} and {resting:,}")
    warm_up()
    with tempfile.TemporaryDirectory(prefix=".bwx-bench-", dir=directory) as folder:
        flow, market = Path(folder) / "flow", Path(folder) / "market"
        _write_flow(flow, replayed, on_progress)
        result = _measure_replay(flow, on_progress)
        _write_market(market, resting, on_progress)
        result |= _measure_parts(market)
        return result | asyncio.run(_measure_exchange(market, on_progress)) | {"peak_rss_bytes": peak_rss_bytes()}


def _write_flow(directory: Path, count: int, on_progress: Report) -> None:
    """A journal of a plain flow. It need not outlive a power loss."""
    start_ns = time.time_ns()
    with Journal.open(directory, rules_version=LIMITS.rules_version(), synchronous="OFF") as journal:
        journal.append(1, start_ns, opening(start_ns).tobytes())
        flow = plain_flow(count, journal.last_sequence + 1)
        for number, batch in enumerate(batches(flow, BATCH_RECORDS, start_ns + 2)):
            journal.append(journal.last_sequence + 1, start_ns, batch.tobytes())
            on_progress("writing a journal", number * BATCH_RECORDS, count)


def _measure_replay(directory: Path, on_progress: Report) -> dict[str, Any]:
    """Replay as recovery does, then once more in parts: rows alone, hashes alone, the read model on the first rows."""
    with Journal.open(directory, rules_version=LIMITS.rules_version()) as journal:
        on_progress("replaying", 0, journal.last_sequence)
        venue = Venue(LIMITS)
        touch(venue.state.book)
        begin_s = perf_counter()
        for published in replay(venue, journal, 1):
            done = published.first_sequence + len(published.commands) - 1
        replay_s = perf_counter() - begin_s
        begin_s = perf_counter()
        rows = list(journal.read())
        read_s = perf_counter() - begin_s
        begin_s = perf_counter()
        for row in rows:
            chain_hash(row.hash, row.first_sequence, row.count, row.time_ns, row.rules_version, row.payload)
        hash_s = perf_counter() - begin_s
        view_s, viewed = _time_view(journal)
    return {
        "replayed_commands": done,
        "replay_commands_per_second": round(done / replay_s),
        "replay_s": round(replay_s, 3),
        "replay_read_s": round(read_s - hash_s, 3),
        "replay_hash_s": round(hash_s, 3),
        "view_commands_per_second": round(viewed / view_s),
    }


def _time_view(journal: Journal) -> tuple[float, int]:
    view, elapsed_s, commands_seen = MarketView(), 0.0, 0
    for number, published in enumerate(replay(Venue(LIMITS), journal, 1)):
        begin_s = perf_counter()
        view.apply(published)
        if number:  # the opening is not part of the flow
            elapsed_s += perf_counter() - begin_s
            commands_seen += len(published.commands)
        if number == VIEWED_BATCHES:
            break
    return elapsed_s, commands_seen


def _write_market(directory: Path, count: int, on_progress: Report) -> None:
    """A journal of resting orders, and a snapshot behind the last of them."""
    rules, start_ns = LIMITS.rules_version(), time.time_ns()
    venue, view = Venue(LIMITS), MarketView()
    with (
        Journal.open(directory, rules_version=rules, synchronous="OFF") as journal,
        SnapshotStore.open(directory) as snapshots,
    ):
        first = opening(start_ns)
        orders = resting_orders(count, len(first) + 1)
        for batch in (first, *batches(orders, BATCH_RECORDS, start_ns + 2)):
            sequence = journal.last_sequence + 1
            journal.append(sequence, start_ns, batch.tobytes())
            view.apply(Published(sequence, start_ns, batch, venue.apply(batch, sequence)))
            on_progress("placing orders", sequence, count)
        view.set_figures(venue.figures_of_all())
        image, sequence = venue.image(), journal.last_sequence
        snapshots.save(snapshot_of(image, view.dump(), journal.last_hash, sequence, venue.time_ns, rules))


def _measure_parts(directory: Path) -> dict[str, Any]:
    """The steps of a restart, one after the other."""
    with SnapshotStore.open(directory) as snapshots:
        begin_s = perf_counter()
        snapshot = next(snapshots.newest_first())
        load_s = perf_counter() - begin_s
    begin_s = perf_counter()
    image, view_dump = unpack(snapshot.payload)
    venue = Venue.from_image(image, LIMITS)
    restore_s = perf_counter() - begin_s
    begin_s = perf_counter()
    venue.digest()
    digest_s = perf_counter() - begin_s
    begin_s = perf_counter()
    MarketView.load(view_dump)
    view_s = perf_counter() - begin_s
    return {
        "resting_orders": len(image["orders"]),
        "snapshot_bytes": len(snapshot.payload),
        "restart_load_s": round(load_s, 3),
        "restart_restore_s": round(restore_s, 3),
        "restart_digest_s": round(digest_s, 3),
        "restart_view_s": round(view_s, 3),
    }


async def _measure_exchange(directory: Path, on_progress: Report) -> dict[str, Any]:
    """Restart, to the first command accepted; then snapshots while orders come in."""
    begin_s = perf_counter()
    exchange = await Exchange.open(directory, snapshot_every_records=SNAPSHOT_EVERY)
    await exchange.submit(_order(1))
    restart_s = perf_counter() - begin_s
    replies_ns: list[int] = []
    while len(exchange.snapshot_pauses_ns) < SNAPSHOTS:
        begin_ns = perf_counter_ns()
        await asyncio.gather(*exchange.submit_many([_order(number) for number in range(REQUESTS_AT_ONCE)]))
        replies_ns.append(perf_counter_ns() - begin_ns)
        on_progress("taking snapshots", len(exchange.snapshot_pauses_ns), SNAPSHOTS)
    pauses_ns = list(exchange.snapshot_pauses_ns)
    await exchange.close()
    return {
        "restart_s": round(restart_s, 3),
        "snapshots": len(pauses_ns),
        "snapshot_pause_ms": round(max(pauses_ns) / 1e6, 2),
        "snapshot_pause_ms_median": round(statistics.median(pauses_ns) / 1e6, 2),
        "reply_ms_p50": round(float(np.median(replies_ns)) / 1e6, 2),
        "reply_ms_slowest": round(max(replies_ns) / 1e6, 2),
    }


def _order(number: int) -> np.ndarray:
    """An order far below the market."""
    return commands.place(1 + number, 1, Side.BUY, 20_000, 1)
