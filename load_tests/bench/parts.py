"""The parts that are measured. Each gives the figures of one round, with those of its baseline from the same minute.

match      the book, on flows over one, a thousand and fifty thousand instruments   | the slow twin; another book
venue      all that is decided: risk, matching, fees, ledger                        | matching on the same flow
revalue    the requirements of all accounts, worked out anew                        | a copy of the same memory
journal    durable commits with chain and head                                      | bare SQLite on the same disk
recover    replay, a restart, the pause of a snapshot                               | reading the rows, no more
gateway    orders over JSON, frames and REST                                        | an echo by bare aiohttp
feed       changes of a book to many                                                | a bare broadcast
neighbours what others notice of a reader that stops, and of ten times the load     | the same without either
"""

import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import NamedTuple

from exchange.bench.journal import run_journal
from exchange.bench.match import run_match
from exchange.bench.recover import run_recover
from exchange.bench.revalue import run_revalue
from exchange.bench.venue import run_venue
from gateway.bench.feed import run_feed
from gateway.bench.gateway import run_gateway
from gateway.bench.neighbours import run_neighbours
from load_tests.match import twin_rate
from load_tests.reference import run_reference
from load_tests.shapes import SHAPES

INSTRUMENTS = (1, 1_000, 50_000)
Report = Callable[[str, int, int], None]
Figures = dict[str, float]


class Size(NamedTuple):
    """How much is measured."""

    operations: int
    commits: int
    replayed: int
    resting: int
    accounts: int
    """Of twenty positions and ten orders each."""
    seconds: float
    subscribers: int


FULL = Size(
    operations=5_000_000,
    commits=2_000,
    replayed=1_000_000,
    resting=1_000_000,
    accounts=100_000,
    seconds=1.0,
    subscribers=1_000,
)
QUICK = Size(
    operations=100_000,
    commits=200,
    replayed=50_000,
    resting=20_000,
    accounts=2_000,
    seconds=0.1,
    subscribers=50,
)


class Options(NamedTuple):
    """What one call asks for."""

    directory: Path
    """On the disk that is measured."""
    size: Size
    reference: Path | None = None
    seed: int = 1


def measure_match(options: Options, report: Report) -> Figures:
    """Operations a second, and by how much that is more than the twin's, and than another book's."""
    figures: Figures = {}
    with tempfile.TemporaryDirectory() as folder:
        for instruments in INSTRUMENTS:
            path = _flow(options, Path(folder), instruments)
            result = run_match(path, instruments, on_progress=lambda done, total: report("matching", done, total))
            rate, name = float(result["operations_per_second"]), f"match_{instruments}"
            figures[f"{name}_per_second"] = rate
            figures[f"{name}_times_the_twin"] = rate / twin_rate(path, instruments)
            figures |= _beside_the_reference(options, path, instruments, name, result)
    return figures


def measure_venue(options: Options, report: Report) -> Figures:
    """Operations a second with everything that is decided, as a share of matching alone, and beside another book."""
    figures: Figures = {}
    with tempfile.TemporaryDirectory() as folder:
        for instruments in INSTRUMENTS:
            path = _flow(options, Path(folder), instruments)
            matching = float(run_match(path, instruments)["operations_per_second"])
            result = run_venue(path, instruments, on_progress=lambda done, total: report("the venue", done, total))
            rate, name = float(result["operations_per_second"]), f"venue_{instruments}"
            figures[f"{name}_per_second"] = rate
            figures[f"{name}_of_matching"] = rate / matching
            figures |= _beside_the_reference(options, path, instruments, name, result)
    return figures


def _beside_the_reference(
    options: Options, path: Path, instruments: int, name: str, result: dict[str, int | float | str]
) -> Figures:
    """How many times as fast as another book this was, if one is named. Raises ValueError when the two differ."""
    if options.reference is None:
        return {}
    compared = run_reference(options.reference, path, instruments, result)
    if compared.differences:
        raise ValueError(f"the reference differs in {', '.join(compared.differences)}")
    return {f"{name}_times_the_reference": float(result["operations_per_second"]) / compared.operations_per_second}


def measure_revalue(options: Options, report: Report) -> Figures:
    """A region whose shocks change, as a multiple of copying what is looked at, and one window."""
    accounts = options.size.accounts
    told = run_revalue(
        accounts, 20, 10 * accounts, on_progress=lambda done, total: report("trading before a revaluation", done, total)
    )
    figures = _chosen(told, "revalue_", ("region_ms", "window_ms"))
    return figures | {"revalue_region_times_bare_copying": float(told["region_ratio"])}


def measure_journal(options: Options, report: Report) -> Figures:
    """Durable records a second, and commits as a share of bare SQLite's."""
    told = run_journal(
        options.directory, options.size.commits, on_progress=lambda done, total: report("committing", done, total)
    )
    return _chosen(told, "journal_", ("journal_records_per_second", "ratio", "append_us_p50", "append_us_p99"))


def measure_recover(options: Options, report: Report) -> Figures:
    """Replay, restart and snapshots; replay as a share of reading and proving the same rows, and nothing else."""
    told = run_recover(options.directory, options.size.replayed, options.size.resting, on_progress=report)
    bare_s = max(told["replay_read_s"] + told["replay_hash_s"], 1e-3)
    names = ("replay_commands_per_second", "view_commands_per_second", "restart_s", "snapshot_pause_ms")
    return _chosen(told, "recover_", names) | {"recover_replay_times_bare_reading": told["replay_s"] / bare_s}


def measure_gateway(options: Options, report: Report) -> Figures:
    """Orders through the doors."""
    told = run_gateway(options.directory, options.size.seconds, on_progress=report)
    names = (
        "json_orders_per_second",
        "json_orders_ratio",
        "ack_us_p50",
        "ack_extra_us",
        "p99_ms_at_half",
        "p99_ms_after_rest",
        "echo_p99_ms_at_half",
        "binary_orders_per_second",
        "rest_orders_per_second",
        "rest_ratio",
    )
    return _chosen(told, "gateway_", names)


def measure_feed(options: Options, report: Report) -> Figures:
    """Changes of a book to many."""
    told = run_feed(options.directory, options.size.seconds, options.size.subscribers, on_progress=report)
    return _chosen(told, "feed_", ("messages_per_second", "fanout_ratio", "bytes_per_idle_connection"))


def measure_neighbours(options: Options, report: Report) -> Figures:
    """What others notice of those who misbehave beside them, as a multiple of what they wait for without them."""
    told = run_neighbours(options.directory, options.size.seconds, on_progress=report)
    names = (
        *("push_p99_reading_ms", "push_p99_stopped_ms", "push_p99_times_without"),
        *("order_p99_alone_ms", "order_p99_attacked_ms", "order_p99_times_without", "cancel_max_attacked_ms"),
    )
    return _chosen(told, "neighbours_", names)


PARTS: Mapping[str, Callable[[Options, Report], Figures]] = {
    "match": measure_match,
    "venue": measure_venue,
    "revalue": measure_revalue,
    "journal": measure_journal,
    "recover": measure_recover,
    "gateway": measure_gateway,
    "feed": measure_feed,
    "neighbours": measure_neighbours,
}


def _flow(options: Options, folder: Path, instruments: int) -> Path:
    path = folder / "flow.bin"
    SHAPES["plain"].make(options.size.operations, instruments, options.seed).tofile(path)
    return path


def _chosen(told: Mapping[str, float | None], prefix: str, names: tuple[str, ...]) -> Figures:
    """Figures under names that begin with their part; one that a system does not tell is left out."""
    values = {name if name.startswith(prefix) else prefix + name: told[name] for name in names}
    return {name: float(value) for name, value in values.items() if value is not None}
