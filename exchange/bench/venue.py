"""`bwx bench venue`: a recorded flow through the whole venue: validation, margin, matching, fees, ledger, events.

A thousand accounts trade with so much cash that their collateral never binds, so that the counts and digests are those
of `bwx bench match` on the same flow. Instruments are listed with parameters under which every scenario counts, and
with fees. As there, only the function that serves is timed, in batches, with every event written.
"""

from collections.abc import Callable
from pathlib import Path
from time import perf_counter_ns

import numpy as np

from exchange import commands
from exchange.bench.flow import Flow
from exchange.bench.match import BATCHES_PER_CHUNK, new_tally, run_chunks, summary, tally_events
from exchange.venue.machine import Venue
from exchange.venue.schema import Event, Tier
from exchange.venue.state import VenueLimits
from exchange.warm_up import warm_up
from matching.schema import INSTRUMENT_CAPACITY

ACCOUNTS = 1_000
CASH_NANO = 1 << 52
START_NS = 1_800_000_000 * 10**9
WINDOW_S = 180
GATE_LEAD_S = 60
REFERENCE_TICKS = 30_000
SERIES_WINDOWS_MAX = 50_000
"""Windows of one series: the calendar reaches a year ahead at most."""
FEES_PPM = -20, 50
ORDERS_AHEAD = 1 << 20
"""For so many orders and positions there is memory before anything is timed, as when matching alone is measured."""


def run_venue(
    path: Path,
    instruments: int,
    batch: int = 4_096,
    on_progress: Callable[[int, int], None] = lambda done, total: None,
) -> dict[str, int | float | str]:
    """Run a flow file over so many instruments, and return what `bwx bench venue` prints.

    `on_progress` is told the operations done and their total, outside the timed sections. Raises FlowError for a bad
    file, ValueError for more instruments than the venue lists, and OSError when the file cannot be read.
    """
    flow = Flow(path, instruments)
    if instruments > INSTRUMENT_CAPACITY:
        raise ValueError(f"the venue lists up to {INSTRUMENT_CAPACITY:,} instruments, not {instruments:,}")
    warm_up()
    venue, sequence = open_venue(instruments)
    tally = new_tally()

    def run(commands: np.ndarray) -> int:
        nonlocal sequence
        begin_ns = perf_counter_ns()
        events = venue.run(commands, sequence)
        elapsed_ns = perf_counter_ns() - begin_ns
        sequence += len(commands)
        tally_events(events, len(events), tally)
        return elapsed_ns

    chunks = map(for_venue, flow.commands(batch * BATCHES_PER_CHUNK))
    elapsed_ns = run_chunks(chunks, batch, run, lambda done: on_progress(done, flow.operations))
    resting = venue.image()["orders"]
    resting["instrument_id"] -= 1
    return summary(resting, tally[0], flow.operations, elapsed_ns)


def for_venue(commands: np.ndarray) -> np.ndarray:
    """The commands of a flow for instruments and accounts that are numbered from 1."""
    commands["instrument_id"] += 1
    commands["account_id"] = commands["account_id"] % ACCOUNTS + 1
    return commands


def open_venue(instruments: int) -> tuple[Venue, int]:
    """A venue with funded accounts and instruments 1 and up open, and its next sequence."""
    venue = Venue(VenueLimits())
    venue.touch(ORDERS_AHEAD)
    groups = [commands.tick(START_NS), commands.define_region(1, "bench")]
    for account_id in range(1, ACCOUNTS + 1):
        groups += [commands.open_account(account_id, f"bench-{account_id}"), commands.deposit(account_id, CASH_NANO)]
    for number, first in enumerate(range(0, instruments, SERIES_WINDOWS_MAX)):
        windows = min(SERIES_WINDOWS_MAX, instruments - first)
        groups += [series(number + 1, windows), commands.set_fees(number + 1, *FEES_PPM)]
    groups.append(commands.tick(START_NS))
    sequence = send(venue, 1, groups)
    listed = np.flatnonzero(venue.state.tranches["state"])
    assert listed.tolist() == list(range(1, instruments + 1)), "other windows are listed than were asked for"
    return venue, send(venue, sequence, [parameters(instrument_id) for instrument_id in range(1, instruments + 1)])


def series(series_id: int, windows: int) -> np.ndarray:
    """A calendar of so many windows that are listed at once."""
    return commands.define_series(
        series_id,
        1,
        Tier.EF,
        first_start_ns=START_NS,
        duration_s=WINDOW_S,
        gate_lead_s=GATE_LEAD_S,
        horizon_s=windows * WINDOW_S,
        reference_ticks=REFERENCE_TICKS,
        quantity_max_lots=1 << 40,
        band_bps=900_000,
    )


def parameters(instrument_id: int) -> np.ndarray:
    """Sixteen scenarios, each the worst for somebody."""
    shocks = [0, *(sign * size for size in (1_000, 2_000, 3_000, 2_100, 700, 1_700, 2_700) for sign in (1, -1)), 400]
    return commands.set_parameters(
        instrument_id, mark_ticks=REFERENCE_TICKS, shocks_ticks=shocks, spread_ticks=300, concentration_ticks=50
    )


def send(venue: Venue, sequence: int, groups: list[np.ndarray]) -> int:
    """Apply commands that nothing may refuse; return the next sequence."""
    batch = commands.concatenate(*groups)
    events = venue.run(batch, sequence)
    assert not (events["kind"] == Event.REJECTED).any(), "the opening of the market was refused"
    return sequence + len(batch)
