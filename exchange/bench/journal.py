"""`bwx bench journal`: what the journal's chain, head and checks cost on top of a bare durable commit.

The same batches go, one after the other, into a journal and into SQLite tables without any of it: apsw as it comes,
write-ahead log, `synchronous=FULL`, a transaction a batch. Two such tables are measured, with SQLite's own page size
and with the journal's. All three share the disk and the moment, and take turns at being first, so that their ratio
can be compared between machines.
"""

import tempfile
from collections.abc import Callable
from pathlib import Path
from time import perf_counter_ns
from typing import Any

import apsw
import numpy as np

from exchange.bench.rates import figures_us, per_second
from exchange.database import PAGE_BYTES
from exchange.journal import Journal
from exchange.journal_rows import BATCH_RECORDS_MAX, RECORD_BYTES, chain_hash

SQLITE_PAGE_BYTES = 4_096
RULES = "bench"
PAYLOADS = 8
"""So many different batches are made; random bytes, because a disk may compress others."""

_SCHEMA = """
CREATE TABLE bare (
    first_sequence INTEGER PRIMARY KEY,
    count INTEGER NOT NULL,
    time_ns INTEGER NOT NULL,
    rules_version TEXT NOT NULL,
    hash BLOB NOT NULL,
    payload BLOB NOT NULL
)
"""
_INSERT = "INSERT INTO bare VALUES (?, ?, ?, ?, ?, ?)"

Append = Callable[[int, int, bytes], object]


class BareTable:
    """The least that makes a batch durable in SQLite."""

    def __init__(self, path: Path, page_bytes: int) -> None:
        self._connection = apsw.Connection(str(path))
        self._connection.pragma("page_size", page_bytes)
        self._connection.pragma("journal_mode", "WAL")
        self._connection.pragma("synchronous", "FULL")
        self._connection.execute(_SCHEMA)

    def append(self, first_sequence: int, time_ns: int, payload: bytes) -> None:
        """Commit one batch; the hash is there for its bytes alone."""
        count = len(payload) // RECORD_BYTES
        self._connection.execute(_INSERT, (first_sequence, count, time_ns, RULES, bytes(32), payload))

    def close(self) -> None:
        """Release the file."""
        self._connection.close()


def run_journal(
    directory: Path,
    batches: int = 2_000,
    records: int = 1_000,
    on_progress: Callable[[int, int], None] = lambda done, total: None,
) -> dict[str, Any]:
    """Append so many batches of so many records on the disk of `directory`; return what `bwx bench journal` prints.

    `on_progress` is told the batches done and their total, outside the timed sections. Raises ValueError for sizes
    that make no sense, and OSError or a StoreError where nothing can be written.
    """
    if batches < 1 or not 1 <= records <= BATCH_RECORDS_MAX:
        raise ValueError(f"at least 1 batch of 1 to {BATCH_RECORDS_MAX:,} records, not {batches:,} of {records:,}")
    with (
        tempfile.TemporaryDirectory(prefix=".bwx-bench-", dir=directory) as folder,
        Journal.open(Path(folder) / "journal", rules_version=RULES) as journal,
    ):
        bare = BareTable(Path(folder) / "bare.db", SQLITE_PAGE_BYTES)
        paged = BareTable(Path(folder) / "paged.db", PAGE_BYTES)
        elapsed_ns = _take_turns([journal.append, bare.append, paged.append], batches, records, on_progress)
        bare.close()
        paged.close()
    return _summary(records, *elapsed_ns) | _hash_figures(records)


def _take_turns(
    appends: list[Append], batches: int, records: int, on_progress: Callable[[int, int], None]
) -> np.ndarray:
    """The nanoseconds of each batch, one row for each of `appends`."""
    payloads = [np.random.default_rng(seed).bytes(records * RECORD_BYTES) for seed in range(PAYLOADS)]
    elapsed_ns = np.zeros((len(appends), batches), np.int64)
    for batch in range(batches):
        for turn in range(len(appends)):
            which = (batch + turn) % len(appends)
            begin_ns = perf_counter_ns()
            appends[which](1 + batch * records, batch, payloads[batch % PAYLOADS])
            elapsed_ns[which, batch] = perf_counter_ns() - begin_ns
        if batch % 64 == 0:
            on_progress(batch, batches)
    on_progress(batches, batches)
    return elapsed_ns


def _summary(records: int, journal_ns: np.ndarray, bare_ns: np.ndarray, paged_ns: np.ndarray) -> dict[str, Any]:
    batches = len(journal_ns)
    rate = per_second(batches, journal_ns.sum())
    return {
        "batches": batches,
        "records_per_batch": records,
        "journal_commits_per_second": round(rate),
        "journal_records_per_second": round(rate * records),
        "bare_commits_per_second": round(per_second(batches, bare_ns.sum())),
        "ratio": round(float(bare_ns.sum() / journal_ns.sum()), 3),
        "ratio_with_the_same_pages": round(float(paged_ns.sum() / journal_ns.sum()), 3),
        **figures_us("append_us", journal_ns),
        **figures_us("bare_us", bare_ns),
        **figures_us("bare_with_the_same_pages_us", paged_ns),
    }


def _hash_figures(records: int) -> dict[str, float]:
    """What the chain costs of each append."""
    payload = bytes(records * RECORD_BYTES)
    elapsed_ns = np.zeros(100, np.int64)
    for at in range(len(elapsed_ns)):
        begin_ns = perf_counter_ns()
        chain_hash(bytes(32), 1, records, 0, RULES, payload)
        elapsed_ns[at] = perf_counter_ns() - begin_ns
    return {"hash_us_p50": figures_us("hash_us", elapsed_ns)["hash_us_p50"]}
