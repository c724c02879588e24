"""Markets for measurements: accounts, one calendar of windows, and commands as arrays, made in no time from a seed."""

import numpy as np

from exchange import commands
from exchange.symbols import NANO_PER_S
from exchange.venue.schema import CLOCK_COMMAND, Tier
from matching.schema import CHANGE_COMMAND, ORDER_COMMAND, ChangeFlag, CommandKind, Side, TimeInForce

HOUR_S = 3_600
ACCOUNTS = 100
WINDOWS = 100
CASH_NANO = 10**16
MIDDLE_TICKS = 30_000
YOUNG = 2_000
"""A cancel or replace names one of so many of the newest orders, which may be gone."""


def opening(start_ns: int) -> np.ndarray:
    """Accounts 1 and up with cash, and windows 1 and up that are open for a long time."""
    groups = [commands.tick(start_ns), commands.define_region(1, "bench")]
    for account_id in range(1, ACCOUNTS + 1):
        groups += [commands.open_account(account_id, f"bench-{account_id}"), commands.deposit(account_id, CASH_NANO)]
    first_start_s = (start_ns // NANO_PER_S // HOUR_S + 1_000) * HOUR_S
    calendar = commands.define_series(
        1,
        1,
        Tier.EF,
        first_start_ns=first_start_s * NANO_PER_S,
        duration_s=HOUR_S,
        gate_lead_s=60,
        horizon_s=(1_000 + WINDOWS) * HOUR_S,
        reference_ticks=MIDDLE_TICKS,
    )
    return commands.concatenate(*groups, calendar, commands.tick(start_ns + 1))


def resting_orders(count: int, first_order_id: int, seed: int = 1) -> np.ndarray:
    """So many orders that never meet, a few thousand lots deep at each price."""
    random = np.random.default_rng(seed)
    orders = _orders(count, first_order_id, random)
    _price(orders, 1 + random.integers(0, 1_000, count))
    return orders


def plain_flow(count: int, first_order_id: int, seed: int = 1) -> np.ndarray:
    """New orders (55 %, of which one in eight crosses the middle), cancels (40 %) and replaces (5 %)."""
    random = np.random.default_rng(seed)
    flow = _orders(count, first_order_id, random)
    distances = 1 + random.exponential(8.0, count).astype(np.int64)
    crosses = random.random(count) < 0.125
    _price(flow, np.where(crosses, -distances, distances))
    flow["time_in_force"][crosses & (random.random(count) < 0.5)] = TimeInForce.IOC
    draws = random.random(count)
    draws[0] = 0.0
    new = np.flatnonzero(draws < 0.55)
    changed = np.flatnonzero(draws >= 0.55)
    age = np.searchsorted(new, changed) - 1
    named = new[np.maximum(age - random.integers(0, YOUNG, len(changed)), 0)]
    _change(flow, changed, named, is_cancel=draws[changed] < 0.95)
    return flow


def _orders(count: int, first_order_id: int, random: np.random.Generator) -> np.ndarray:
    orders = np.zeros(count, ORDER_COMMAND)
    orders["kind"] = CommandKind.PLACE
    orders["side"] = random.integers(0, 2, count)
    orders["instrument_id"] = random.integers(1, WINDOWS + 1, count)
    orders["account_id"] = random.integers(1, ACCOUNTS + 1, count)
    orders["quantity_lots"] = 1 + random.exponential(20.0, count).astype(np.int64)
    orders["order_id"] = first_order_id + np.arange(count)
    return orders


def _price(orders: np.ndarray, distances_ticks: np.ndarray) -> None:
    away = np.where(orders["side"] == Side.BUY, -distances_ticks, distances_ticks)
    orders["price_ticks"] = MIDDLE_TICKS + away


def _change(flow: np.ndarray, changed: np.ndarray, named: np.ndarray, is_cancel: np.ndarray) -> None:
    """Turn some orders into changes of others. A replace brings its own price and quantity to the other's side."""
    changes = flow.view(CHANGE_COMMAND)
    replaced, origin = changed[~is_cancel], named[~is_cancel]
    mirrored = flow["side"][replaced] != flow["side"][origin]
    flow["price_ticks"][replaced[mirrored]] = 2 * MIDDLE_TICKS - flow["price_ticks"][replaced[mirrored]]
    for field in ("instrument_id", "account_id", "order_id"):
        flow[field][changed] = flow[field][named]
    flow["kind"][changed] = np.where(is_cancel, CommandKind.CANCEL, CommandKind.REPLACE)
    flow["time_in_force"][changed] = 0
    changes["flags"][changed] = 0
    changes["flags"][replaced] = ChangeFlag.REQUEUE | ChangeFlag.NAMES_REMAINING
    for field in ("price_ticks", "quantity_lots"):
        flow[field][changed[is_cancel]] = 0


def batches(records: np.ndarray, size: int, from_ns: int) -> list[np.ndarray]:
    """Records as the sequencer would journal them: each batch begins with the time, a microsecond after the last."""
    parts = []
    for number, first in enumerate(range(0, len(records), size)):
        part = np.concatenate([commands.tick(0), records[first : first + size]])
        part.view(CLOCK_COMMAND)["time_ns"][0] = from_ns + number * 1_000
        parts.append(part)
    return parts
