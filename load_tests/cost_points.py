"""One point of a cost curve each: how fast a part is, and how much memory it has, when there is so much of something.

A point is measured in a process of its own, so that its memory is its own. Rates are per second; memory is what the
process had at most, less what it had before.
"""

from pathlib import Path
from time import perf_counter_ns
from typing import NamedTuple

import numpy as np

from exchange import commands
from exchange.bench.flow import Flow
from exchange.bench.market import HOUR_S, MIDDLE_TICKS, WINDOWS
from exchange.bench.match import EVENT_CAPACITY, new_tally, open_book, peak_rss_bytes, run_batch, warm_up
from exchange.bench.rates import per_second
from exchange.symbols import NANO_PER_S
from exchange.venue.machine import Venue
from exchange.venue.schema import Event, Tier
from exchange.venue.state import VenueLimits
from exchange.warm_up import warm_up as warm_up_venue
from gateway.bench.feed import run_feed
from kernels.memory import aligned_zeros
from load_tests.flow import PLAIN, Mix, make_flow
from matching.schema import ORDER_COMMAND, ORDER_EVENT, CommandKind, Side

BATCH = 4_096
OPERATIONS = 200_000
SWEPT_IN_ALL = 200_000
START_NS = 1_800_000_000 * NANO_PER_S
CASH_NANO = 10**15
CASH_OF_ALL_NANO = 10**18
"""A venue takes hardly more from all together."""
FEED_S = 0.3


class Point(NamedTuple):
    """What was measured."""

    rate: float
    memory_bytes: int


def with_instruments(count: int, folder: Path) -> Point:
    """Operations of a plain flow over so many instruments."""
    return _matching(folder, count, PLAIN, 0)


def with_resting(count: int, folder: Path) -> Point:
    """The same over a thousand instruments, behind so many orders that rest already."""
    far = PLAIN._replace(standing=count, distance_ticks_mean=200.0, distance_ticks_max=5_000)
    return _matching(folder, 1_000, far, count)


def with_levels(count: int, folder: Path) -> Point:
    """Levels taken by orders that each sweep so many, with an order on each; what brings them there is not timed."""
    book, events, tally = open_book(1), aligned_zeros(EVENT_CAPACITY, ORDER_EVENT), new_tally()
    warm_up()
    before, elapsed_ns, swept = peak_rss_bytes(), 0, 0
    while swept < SWEPT_IN_ALL:
        orders = aligned_zeros(count + 1, ORDER_COMMAND)
        orders["kind"], orders["side"], orders["quantity_lots"] = CommandKind.PLACE, Side.SELL, 1
        orders["order_id"] = 1 + swept + swept // count + np.arange(count + 1)
        orders["price_ticks"] = MIDDLE_TICKS + np.arange(count + 1)
        orders["side"][-1], orders["quantity_lots"][-1] = Side.BUY, count
        for first in range(0, count, BATCH):
            run_batch(book, orders[first : min(first + BATCH, count)], events, tally)
        elapsed_ns += run_batch(book, orders[count:], events, tally)
        swept += count
    assert tally[0]["trades"] == swept, "a sweep took other levels than there were"
    return Point(per_second(swept, elapsed_ns), peak_rss_bytes() - before)


def with_accounts(count: int, folder: Path) -> Point:
    """Orders through the whole venue from so many accounts, drawn evenly, so that hardly two come from one.

    The venue is made ready for them, as one is that opens: otherwise the system would give memory out meanwhile.
    """
    warm_up_venue()
    before, venue, sequence = peak_rss_bytes(), Venue(VenueLimits()), 1
    opening = [commands.tick(START_NS), commands.define_region(1, "bench"), _series(), commands.tick(START_NS + 1)]
    cash_nano = min(CASH_NANO, CASH_OF_ALL_NANO // count)
    for account_id in range(1, count + 1):
        opening += [commands.open_account(account_id, f"a{account_id}"), commands.deposit(account_id, cash_nano)]
        if len(opening) >= BATCH or account_id == count:
            batch = commands.concatenate(*opening)
            events = venue.run(batch, sequence)
            assert not (events["kind"] == Event.REJECTED).any(), "the opening of the market was refused"
            sequence += len(batch)
            opening = []
    random = np.random.default_rng(1)
    orders = aligned_zeros(OPERATIONS, ORDER_COMMAND)
    orders["kind"], orders["quantity_lots"] = CommandKind.PLACE, 1
    orders["side"] = random.integers(0, 2, OPERATIONS)
    orders["instrument_id"] = random.integers(1, WINDOWS + 1, OPERATIONS)
    orders["account_id"] = random.integers(1, count + 1, OPERATIONS)
    orders["price_ticks"] = MIDDLE_TICKS + random.integers(-20, 21, OPERATIONS)
    orders["order_id"] = sequence + np.arange(OPERATIONS)
    venue.make_ready(OPERATIONS)
    elapsed_ns = 0
    for first in range(0, OPERATIONS, BATCH):
        batch = orders[first : first + BATCH]
        begun_ns = perf_counter_ns()
        events = venue.run(batch, sequence)
        elapsed_ns += perf_counter_ns() - begun_ns
        assert not (events["kind"] == Event.REJECTED).any(), "an order was refused"
        sequence += len(batch)
    return Point(per_second(OPERATIONS, elapsed_ns), peak_rss_bytes() - before)


def with_subscribers(count: int, folder: Path) -> Point:
    """Messages that reach so many who follow a book, and what one of them takes of the server while it is idle."""
    told = run_feed(folder, FEED_S, count)
    return Point(float(told["messages_per_second"]), count * int(told["bytes_per_idle_connection"] or 0))


def _matching(folder: Path, instruments: int, mix: Mix, standing: int) -> Point:
    path = folder / "flow.bin"
    make_flow(standing + OPERATIONS, instruments, 1, mix).tofile(path)
    flow = Flow(path, instruments)
    warm_up()
    before, book = peak_rss_bytes(), open_book(instruments)
    events, tally = aligned_zeros(EVENT_CAPACITY, ORDER_EVENT), new_tally()
    elapsed_ns = timed = done = 0
    for batch in flow.commands(BATCH):
        took_ns = run_batch(book, batch, events, tally)
        if done >= standing:
            elapsed_ns, timed = elapsed_ns + took_ns, timed + len(batch)
        done += len(batch)
    return Point(per_second(timed, elapsed_ns), peak_rss_bytes() - before)


def _series() -> np.ndarray:
    return commands.define_series(
        1,
        1,
        Tier.EF,
        first_start_ns=START_NS + 1_000 * HOUR_S * NANO_PER_S,
        duration_s=HOUR_S,
        gate_lead_s=60,
        horizon_s=(1_000 + WINDOWS) * HOUR_S,
        reference_ticks=MIDDLE_TICKS,
    )
