"""`bwx bench revalue`: how long a market stands still while the requirements of all its accounts are worked out anew.

Accounts trade in pairs until each holds its positions, spread over windows of one region; each has some orders resting
beside them. Then the use of the region changes, which moves the shocks of every window, and beside that the parameters
of one window. Only the function that serves is timed. The yardstick is a copy of the memory that holds what is valued:
nothing that looks at all of it can be much faster.
"""

import statistics
from collections.abc import Callable
from time import perf_counter_ns
from typing import Any

import numpy as np

from exchange import commands, staff_commands
from exchange.bench import venue as bench_venue
from exchange.bench.match import peak_rss_bytes
from exchange.venue.leverage_schema import STRAIN_EVENT
from exchange.venue.machine import Venue
from exchange.venue.schema import Event
from exchange.venue.state import VenueLimits
from exchange.warm_up import warm_up
from matching.arena import touch
from matching.schema import ORDER_COMMAND, CommandKind, Side
from risk.schema import ACCOUNT_CAPACITY, POSITION_CAPACITY, PPM, SCENARIOS

WINDOWS = 100
LOW_PPM, HIGH_PPM = PPM // 2, PPM
CASH_NANO = 1 << 44
BATCH_RECORDS = 4_096
PRICE_TICKS = bench_venue.REFERENCE_TICKS

Report = Callable[[int, int], None]


def run_revalue(
    accounts: int = 100_000,
    positions: int = 20,
    orders: int = 1_000_000,
    rounds: int = 9,
    on_progress: Report = lambda *_: None,
) -> dict[str, Any]:
    """Measure with so many accounts, positions of each, and orders in all; return what `bwx bench revalue` prints.

    `on_progress` is told the commands that are done, and their total. Raises ValueError for sizes that make no sense.
    """
    _check_sizes(accounts, positions, orders, rounds)
    warm_up()
    venue, sequence = _open_venue(accounts)
    records = np.concatenate([_trades(accounts, positions), _resting(accounts, positions, orders)])
    records["order_id"] = sequence + np.arange(len(records))
    for first in range(0, len(records), BATCH_RECORDS):
        events = venue.run(records[first : first + BATCH_RECORDS], sequence)
        assert not (events["kind"] == Event.REJECTED).any(), "the market was refused"
        sequence += len(records[first : first + BATCH_RECORDS])
        on_progress(min(first + BATCH_RECORDS, len(records)), len(records))
    found = _census(venue)
    sequence = bench_venue.send(venue, sequence, [staff_commands.set_strain(1, LOW_PPM, HIGH_PPM)])
    return found | _measure(venue, sequence, rounds) | {"peak_rss_bytes": peak_rss_bytes()}


def _check_sizes(accounts: int, positions: int, orders: int, rounds: int) -> None:
    if accounts < 2 or accounts % 2 or accounts >= ACCOUNT_CAPACITY:
        raise ValueError(f"accounts come in pairs, and are at most {ACCOUNT_CAPACITY - 2:,}, not {accounts:,}")
    if not 1 <= positions <= WINDOWS or accounts * positions > POSITION_CAPACITY:
        raise ValueError(f"1 to {WINDOWS} positions an account, {POSITION_CAPACITY:,} in all, not {positions:,}")
    if not 0 <= orders <= VenueLimits().orders // 2:
        raise ValueError(f"at most {VenueLimits().orders // 2:,} orders, not {orders:,}")
    if rounds < 1:
        raise ValueError("at least one round")


def _open_venue(accounts: int) -> tuple[Venue, int]:
    """A venue with funded accounts and a hundred open windows, and its next sequence."""
    venue = Venue(VenueLimits())
    touch(venue.state.book)
    sequence = bench_venue.send(venue, 1, [commands.tick(bench_venue.START_NS), commands.define_region(1, "bench")])
    for first in range(1, accounts + 1, BATCH_RECORDS):
        ids = range(first, min(first + BATCH_RECORDS, accounts + 1))
        opened = [commands.open_account(account_id, f"bench-{account_id}") for account_id in ids]
        funded = [commands.deposit(account_id, CASH_NANO) for account_id in ids]
        sequence = bench_venue.send(venue, sequence, opened + funded)
    windows = [bench_venue.series(1, WINDOWS), commands.tick(bench_venue.START_NS)]
    sequence = bench_venue.send(venue, sequence, windows)
    marks = [bench_venue.parameters(instrument_id) for instrument_id in range(1, WINDOWS + 1)]
    return venue, bench_venue.send(venue, sequence, marks)


def _trades(accounts: int, positions: int) -> np.ndarray:
    """Each odd account sells to the even one behind it, in so many windows.

    First come all trades in one window of each pair, then those in the next: positions of an account are opened far
    from each other, as on many days of trading.
    """
    pairs = accounts // 2
    trades = np.zeros((positions, pairs, 2), ORDER_COMMAND)
    trades["kind"] = CommandKind.PLACE
    trades["account_id"] = 1 + np.arange(accounts).reshape(pairs, 2)
    trades["instrument_id"] = (1 + (np.arange(pairs) * 7 + 5 * np.arange(positions)[:, None]) % WINDOWS)[:, :, None]
    trades["side"] = [Side.SELL, Side.BUY]
    trades["price_ticks"] = PRICE_TICKS
    trades["quantity_lots"] = 1 + (np.arange(pairs) % 9)[:, None]
    return trades.reshape(-1)


def _resting(accounts: int, positions: int, orders: int) -> np.ndarray:
    """Orders in windows in which their accounts have positions, away from the middle, so that none meet."""
    resting = np.zeros(orders, ORDER_COMMAND)
    random = np.random.default_rng(1)
    account_ids = 1 + random.permutation(orders) % accounts
    resting["kind"] = CommandKind.PLACE
    resting["account_id"] = account_ids
    resting["instrument_id"] = 1 + ((account_ids - 1) // 2 * 7 + 5 * random.integers(0, positions, orders)) % WINDOWS
    resting["side"] = random.integers(0, 2, orders)
    away_ticks = 1 + random.integers(0, 1_000, orders)
    resting["price_ticks"] = PRICE_TICKS + np.where(resting["side"] == Side.BUY, -away_ticks, away_ticks)
    resting["quantity_lots"] = 1 + random.integers(0, 20, orders)
    return resting


def _census(venue: Venue) -> dict[str, int]:
    ledger, counters = venue.state.ledger, venue.state.book.counters[0]
    return {
        "accounts": int((ledger.accounts["position_count"] > 0).sum()),
        "positions": int((ledger.positions["lots"] != 0).sum()),
        "orders": int(counters["resting_orders"]),
    }


def _measure(venue: Venue, sequence: int, rounds: int) -> dict[str, Any]:
    """The change of a region, the change of a window, and the copy, in turn."""
    region_ms, window_ms, copy_ms = [], [], []
    for round_number in range(rounds):
        utilisation_ppm = LOW_PPM + (HIGH_PPM - LOW_PPM) // 10 * (1 + round_number % 2)
        took_ms, event = _time(venue, sequence, staff_commands.set_utilisation(1, utilisation_ppm))
        assert event.view(STRAIN_EVENT)["tranches"] == WINDOWS, "not every window was valued anew"
        region_ms.append(took_ms)
        took_ms, _ = _time(venue, sequence + 1, bench_venue.parameters(1 + round_number))
        window_ms.append(took_ms)
        copy_ms.append(_time_copy(venue))
        sequence += 3
    return {
        "region_ms": round(statistics.median(region_ms), 2),
        "region_ms_slowest": round(max(region_ms), 2),
        "window_ms": round(statistics.median(window_ms), 2),
        "copy_ms": round(statistics.median(copy_ms), 2),
        "region_ratio": round(statistics.median(region_ms) / statistics.median(copy_ms), 2),
    }


def _time(venue: Venue, sequence: int, command: np.ndarray) -> tuple[float, np.ndarray]:
    """How long a command takes, and its outcome."""
    begin_ns = perf_counter_ns()
    events = venue.run(command, sequence)
    took_ns = perf_counter_ns() - begin_ns
    assert events["kind"][-1] != Event.REJECTED, "a change was refused"
    return took_ns / 1e6, events[-1:].copy()


def _time_copy(venue: Venue) -> float:
    """How long a copy takes of positions, margin classes with their losses, and resting orders with their levels."""
    ledger, book = venue.state.ledger, venue.state.book
    totals, counters = ledger.totals[0], book.counters[0]
    held, classes = int(totals["fresh_position"]), int(totals["fresh_class"])
    parts = (
        ledger.positions[:held],
        ledger.classes[:classes],
        ledger.losses[: SCENARIOS * classes],
        book.orders[: int(counters["fresh_order"])],
        book.levels[: int(counters["fresh_level"])],
    )
    copies = [np.ones(part.nbytes, np.uint8) for part in parts]
    begin_ns = perf_counter_ns()
    for part, copy in zip(parts, copies, strict=True):
        copy[:] = part.view(np.uint8)
    return (perf_counter_ns() - begin_ns) / 1e6
