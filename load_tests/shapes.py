"""Flows that are unlike a quiet day: deep books, sweeps, storms, jumps. Each is made from its seed in a second or so.

A shape is a function (operations, instruments, seed) -> OPERATION records, and the number of instruments on which it
says most.
"""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from exchange.bench.flow import OPERATION
from load_tests.flow import CANCEL, NEW, PLAIN, make_flow
from matching.schema import Side

DEEP_ORDERS = 1_100_000
"""More than a million, because the middle wanders and meets some of them: a million are left."""
SWEPT_ORDERS = 10_000
STORM_ORDERS = 100_000
STORM_REPEATED = 10
"""One cancel of a storm in so many is sent twice."""
SWING_OPERATIONS = 200_000
MIDDLE_TICKS = 30_000
FAR_TICKS = 500_000_000


class Shape(NamedTuple):
    """A kind of flow; `about` says what it is in a few words."""

    about: str
    instruments: int
    make: Callable[[int, int, int], np.ndarray]


def plain(operations: int, instruments: int, seed: int) -> np.ndarray:
    """Arrivals, cancels and replaces as on a usual day."""
    return make_flow(operations, instruments, seed)


def deep(operations: int, instruments: int, seed: int) -> np.ndarray:
    """A million orders, or three fifths of a smaller flow, stand before any is cancelled; then each of them may be."""
    standing = min(DEEP_ORDERS, operations * 3 // 5)
    mix = PLAIN._replace(
        standing=standing,
        new_share=0.50,
        cancel_share=0.45,
        young_share=0.0,
        middle_ticks=100_000,
        distance_ticks_mean=1_000.0,
        distance_ticks_max=20_000,
    )
    return make_flow(operations, instruments, seed, mix)


def random_ids(operations: int, instruments: int, seed: int) -> np.ndarray:
    """The plain flow under ids from all of u64."""
    flow = make_flow(operations, instruments, seed)
    flow["order_id"] = scattered(flow["order_id"])
    return flow


def replaces(operations: int, instruments: int, seed: int) -> np.ndarray:
    """Seventeen operations in twenty move an order that was placed before."""
    return make_flow(operations, instruments, seed, PLAIN._replace(new_share=0.10, cancel_share=0.05))


def jumps(operations: int, instruments: int, seed: int) -> np.ndarray:
    """The middle moves by thousands of ticks at each order, and hardly two orders meet at a price."""
    mix = PLAIN._replace(
        middle_ticks=FAR_TICKS,
        move_chance=1.0,
        move_ticks=5_000,
        distance_ticks_mean=2_000.0,
        distance_ticks_max=100_000,
    )
    return make_flow(operations, instruments, seed, mix)


def one_price(operations: int, instruments: int, seed: int) -> np.ndarray:
    """Both sides of an instrument name the same price for ever: one long queue, now of buyers, now of sellers."""
    mix = PLAIN._replace(
        move_chance=0.0, least_distance_ticks=0, distance_ticks_max=0, swing_operations=SWING_OPERATIONS
    )
    return make_flow(operations, instruments, seed, mix)


def sweeps(operations: int, instruments: int, seed: int) -> np.ndarray:
    """Ten thousand orders, then one that takes them all: at ten thousand prices, then at a single one, and again."""
    random = np.random.default_rng(seed)
    swept = min(SWEPT_ORDERS, max(1, operations // 4))
    block = swept + 1
    flow = np.zeros(-(-operations // block) * block, OPERATION)
    flow["kind"] = NEW
    flow["order_id"] = np.arange(1, len(flow) + 1)
    flow["account_id"] = random.integers(1_000, size=len(flow))
    flow["price_ticks"] = MIDDLE_TICKS
    for number, orders in enumerate(flow.reshape(-1, block)):
        orders["instrument_id"] = number % instruments
        orders["side"][:-1] = Side.SELL
        orders["quantity_lots"][:-1] = random.integers(1, 41, swept)
        if number % 2 == 0:
            orders["price_ticks"][:-1] += random.permutation(swept).astype(np.int32)
        orders["price_ticks"][-1] += swept
        orders["quantity_lots"][-1] = orders["quantity_lots"][:-1].sum()
    return flow[:operations]


def storms(operations: int, instruments: int, seed: int) -> np.ndarray:
    """A hundred thousand orders, then a cancel of each, in any order, some of them twice; and again."""
    random = np.random.default_rng(seed)
    orders = min(STORM_ORDERS, max(1, operations // 4))
    parts: list[np.ndarray] = []
    made = 0
    while made < operations:
        placed = make_flow(orders, instruments, seed + len(parts), PLAIN._replace(standing=orders))
        placed["order_id"] += np.uint64(len(parts) * orders)
        cancelled = np.concatenate([np.arange(orders), random.integers(orders, size=orders // STORM_REPEATED)])
        storm = placed[random.permutation(cancelled)]
        storm["kind"] = CANCEL
        for field in ("account_id", "price_ticks", "quantity_lots"):
            storm[field] = 0
        parts += [placed, storm]
        made += len(placed) + len(storm)
    return np.concatenate(parts)[:operations]


def scattered(order_ids: np.ndarray) -> np.ndarray:
    """Other ids for ids, one to one: the finaliser of splitmix64, in which only 0 stays 0."""
    mixed = order_ids.astype(np.uint64)
    mixed = (mixed ^ (mixed >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    mixed = (mixed ^ (mixed >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return mixed ^ (mixed >> np.uint64(31))


SHAPES = {
    "plain": Shape("a usual day", 1_000, plain),
    "deep": Shape("a million orders rest", 1, deep),
    "sweeps": Shape("one order takes 10,000", 1, sweeps),
    "random-ids": Shape("ids from all of u64", 1_000, random_ids),
    "storms": Shape("100,000 cancels in a row", 1_000, storms),
    "replaces": Shape("85 % replaces", 1_000, replaces),
    "jumps": Shape("prices jump by thousands", 1_000, jumps),
    "one-price": Shape("everything at one price", 1, one_price),
}
"""By the name that `--shape` takes."""
