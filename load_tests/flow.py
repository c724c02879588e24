"""Make a flow of orders for `bwx bench match`: random arrivals, cancels and replaces around prices that wander.

    python -m load_tests.flow OUT.bin --instruments 1000 --operations 1000000 --seed 1

Instruments are picked by a power law, so that a few are busy and most are quiet. Passive orders come at exponential
distances from the middle; one in eight crosses it. Most cancels hit young orders, and may come too late, as they do
in life.
"""

import argparse
from pathlib import Path

import numpy as np
from numba import njit

from exchange.bench.flow import OPERATION

MIDDLE_TICKS = 30_000
DISTANCE_TICKS_MEAN = 8.0
QUANTITY_LOTS_MEAN = 20.0
YOUNG = 2_000
NEW, CANCEL, REPLACE = 1, 2, 3
GTC, IOC = 0, 1


@njit
def fill_flow(flow, instruments, accounts, seed):
    """Write one operation after the other."""
    np.random.seed(seed)
    middle_ticks = MIDDLE_TICKS + np.random.randint(-5_000, 5_000, instruments)
    placed = np.empty(len(flow), np.int64)
    live = 0
    next_id = 1
    for at in range(len(flow)):
        draw = np.random.random()
        if live == 0 or draw < 0.55:
            write_new(flow[at], next_id, middle_ticks, accounts)
            if flow[at]["time_in_force"] == GTC:
                placed[live] = at
                live += 1
            next_id += 1
            continue
        pick = (
            live - 1 - np.random.randint(0, min(live, YOUNG))
            if np.random.random() < 0.8
            else np.random.randint(0, live)
        )
        write_change(flow[at], flow[placed[pick]], CANCEL if draw < 0.95 else REPLACE, middle_ticks)
        if draw < 0.95:
            live -= 1
            placed[pick] = placed[live]


@njit
def write_new(operation, order_id, middle_ticks, accounts):
    """A new order, passive or, one time in eight, through the middle; half of those do not rest."""
    instrument = int(len(middle_ticks) * np.random.random() ** 3)
    if np.random.random() < 0.02:
        middle_ticks[instrument] += np.random.randint(-3, 4)
    operation["kind"] = NEW
    operation["side"] = np.random.randint(0, 2)
    operation["instrument_id"] = instrument
    operation["order_id"] = order_id
    operation["account_id"] = np.random.randint(0, accounts)
    operation["quantity_lots"] = 1 + int(np.random.exponential(QUANTITY_LOTS_MEAN))
    crosses = np.random.random() < 0.125
    operation["time_in_force"] = IOC if crosses and np.random.random() < 0.5 else GTC
    operation["price_ticks"] = price_near(middle_ticks[instrument], operation["side"], -1 if crosses else 1)


@njit
def write_change(operation, order, kind, middle_ticks):
    """A cancel or a replace of an order that was placed earlier, and may be gone."""
    operation["kind"] = kind
    operation["side"] = order["side"]
    operation["instrument_id"] = order["instrument_id"]
    operation["order_id"] = order["order_id"]
    if kind == REPLACE:
        operation["price_ticks"] = price_near(middle_ticks[order["instrument_id"]], order["side"], 1)
        operation["quantity_lots"] = 1 + int(np.random.exponential(QUANTITY_LOTS_MEAN))


@njit
def price_near(middle_ticks, side, direction):
    """A price away from the middle: behind it for `direction` 1, through it for -1."""
    distance_ticks = direction * (1 + min(int(np.random.exponential(DISTANCE_TICKS_MEAN)), 1_500))
    return middle_ticks - distance_ticks if side == 0 else middle_ticks + distance_ticks


def write_flow(path: Path, operations: int, instruments: int, seed: int, accounts: int = 1_000) -> None:
    """Write a flow file."""
    flow = np.zeros(operations, OPERATION)
    fill_flow(flow, instruments, accounts, seed)
    flow.tofile(path)


def main() -> None:
    """The command line of this module."""
    parser = argparse.ArgumentParser(description="Make a flow of orders for `bwx bench match`.")
    parser.add_argument("out", type=Path)
    parser.add_argument("--operations", type=int, default=1_000_000)
    parser.add_argument("--instruments", type=int, default=1_000)
    parser.add_argument("--seed", type=int, default=1)
    arguments = parser.parse_args()
    write_flow(arguments.out, arguments.operations, arguments.instruments, arguments.seed)


if __name__ == "__main__":
    main()
