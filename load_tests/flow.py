"""Make a flow of orders for `bwx bench match`: random arrivals, cancels and replaces around prices that wander.

    python -m load_tests.flow OUT.bin --instruments 1000 --operations 1000000 --seed 1

Instruments are picked by a power law, so that a few are busy and most are quiet. Passive orders come at exponential
distances from the middle; one in eight crosses it. Most cancels hit young orders, and may come too late, as they do
in life. A `Mix` turns this into other flows; `load_tests.shapes` names some, which `--shape` asks for.
"""

import argparse
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numba import njit

from exchange.bench.flow import OPERATION

QUANTITY_LOTS_MEAN = 20.0
YOUNG = 2_000
NEW, CANCEL, REPLACE = 1, 2, 3
GTC, IOC = 0, 1


class Mix(NamedTuple):
    """What a flow is made of."""

    new_share: float = 0.55
    cancel_share: float = 0.40  # replaces are the rest
    cross_chance: float = 0.125  # of a new order, to come through the middle
    young_share: float = 0.8  # of the changes that name one of the newest orders
    standing: int = 0  # so many orders come first, all passive
    middle_ticks: int = 30_000
    middles_apart_ticks: int = 5_000  # how far the middle of an instrument may start from there
    move_chance: float = 0.02  # of the middle, at each new order
    move_ticks: int = 3
    swing_operations: int = 0  # two orders in three come from one side, which changes so often; 0 for even sides
    least_distance_ticks: int = 1
    distance_ticks_mean: float = 8.0
    distance_ticks_max: int = 1_500


PLAIN = Mix()


@njit
def fill_flow(flow, instruments, accounts, seed, mix):
    """Write one operation after the other."""
    np.random.seed(seed)
    apart_ticks = mix.middles_apart_ticks
    middle_ticks = mix.middle_ticks + np.random.randint(-apart_ticks, apart_ticks, instruments)
    placed = np.empty(len(flow), np.int64)
    live = 0
    next_id = 1
    for at in range(len(flow)):
        draw = np.random.random()
        if live == 0 or draw < mix.new_share or at < mix.standing:
            write_new(flow[at], next_id, middle_ticks, accounts, at, mix)
            if flow[at]["time_in_force"] == GTC:
                placed[live] = at
                live += 1
            next_id += 1
            continue
        pick = (
            live - 1 - np.random.randint(0, min(live, YOUNG))
            if np.random.random() < mix.young_share
            else np.random.randint(0, live)
        )
        is_cancel = draw < mix.new_share + mix.cancel_share
        write_change(flow[at], flow[placed[pick]], CANCEL if is_cancel else REPLACE, middle_ticks, mix)
        if is_cancel:
            live -= 1
            placed[pick] = placed[live]


@njit
def write_new(operation, order_id, middle_ticks, accounts, at, mix):
    """A new order, passive or, sometimes, through the middle; half of those do not rest."""
    instrument = int(len(middle_ticks) * np.random.random() ** 3)
    if np.random.random() < mix.move_chance:
        middle_ticks[instrument] += np.random.randint(-mix.move_ticks, mix.move_ticks + 1)
    operation["kind"] = NEW
    operation["side"] = np.random.randint(0, 2)
    if mix.swing_operations and np.random.random() < 1 / 3:
        operation["side"] = at // mix.swing_operations % 2
    operation["instrument_id"] = instrument
    operation["order_id"] = order_id
    operation["account_id"] = np.random.randint(0, accounts)
    operation["quantity_lots"] = 1 + int(np.random.exponential(QUANTITY_LOTS_MEAN))
    crosses = np.random.random() < mix.cross_chance and at >= mix.standing
    operation["time_in_force"] = IOC if crosses and np.random.random() < 0.5 else GTC
    operation["price_ticks"] = price_near(middle_ticks[instrument], operation["side"], -1 if crosses else 1, mix)


@njit
def write_change(operation, order, kind, middle_ticks, mix):
    """A cancel or a replace of an order that was placed earlier, and may be gone."""
    operation["kind"] = kind
    operation["side"] = order["side"]
    operation["instrument_id"] = order["instrument_id"]
    operation["order_id"] = order["order_id"]
    if kind == REPLACE:
        operation["price_ticks"] = price_near(middle_ticks[order["instrument_id"]], order["side"], 1, mix)
        operation["quantity_lots"] = 1 + int(np.random.exponential(QUANTITY_LOTS_MEAN))


@njit
def price_near(middle_ticks, side, direction, mix):
    """A price away from the middle: behind it for `direction` 1, through it for -1."""
    drawn_ticks = min(int(np.random.exponential(mix.distance_ticks_mean)), mix.distance_ticks_max)
    distance_ticks = direction * (mix.least_distance_ticks + drawn_ticks)
    return middle_ticks - distance_ticks if side == 0 else middle_ticks + distance_ticks


def make_flow(operations: int, instruments: int, seed: int, mix: Mix = PLAIN, accounts: int = 1_000) -> np.ndarray:
    """OPERATION records."""
    flow = np.zeros(operations, OPERATION)
    fill_flow(flow, instruments, accounts, seed, mix)
    return flow


def main() -> None:
    """The command line of this module."""
    from load_tests.shapes import SHAPES

    parser = argparse.ArgumentParser(description="Make a flow of orders for `bwx bench match`.")
    parser.add_argument("out", type=Path)
    parser.add_argument("--operations", type=int, default=1_000_000)
    parser.add_argument("--instruments", type=int, default=1_000)
    parser.add_argument("--shape", choices=SHAPES, default="plain")
    parser.add_argument("--seed", type=int, default=1)
    arguments = parser.parse_args()
    shape = SHAPES[arguments.shape]
    shape.make(arguments.operations, arguments.instruments, arguments.seed).tofile(arguments.out)


if __name__ == "__main__":
    main()
