"""The memory of all books: pools shared by every instrument, so that it follows live orders and levels.

Pools are allocated at their capacity and used from the bottom up, freed slots first, so the operating system gives out
pages only for as much as was ever in use at once. The first touch of a page takes it far longer than an order: a market
that opens has its first pages touched before any order comes (`touch`). The one structure that is used at random, the
table from order ids to slots, doubles between batches instead.
"""

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from kernels.arrays import ArrayGroup
from kernels.bucket_table import TABLE_WORDS_MIN
from kernels.compile import inlined
from kernels.intrinsics import prefetch, rarely
from kernels.memory import aligned_zeros, give_out
from matching import layout, schema
from matching.schema import NIL, TREE_DIGIT_BITS

FANOUT = 1 << TREE_DIGIT_BITS
KEY_NONE = (1 << 31) - 1
NOTED = 64
"""More commands than look-ahead is ever ahead, a power of two."""
TOUCHED_ORDERS = 1 << 19


class Limits(NamedTuple):
    """How much one book arena can hold; reaching one of these is a refusal with a name."""

    instruments: int = schema.INSTRUMENT_CAPACITY
    orders: int = schema.ORDER_CAPACITY
    nodes: int = schema.NODE_CAPACITY
    accounts: int = 1 << 20


@dataclass(frozen=True, eq=False)
class Book(ArrayGroup):
    """Everything that matching knows, as arrays. Index 0 of orders, levels and nodes is never used."""

    counters: np.ndarray  # (1,) COUNTERS
    working: np.ndarray  # (1,) ORDER_COMMAND: the order at work, its quantity the total and its price the limit
    taker: np.ndarray  # (1,) TAKER: the progress of the order at work
    cursor: np.ndarray  # (1,) CURSOR: the progress of a command that touches many orders
    reducible: np.ndarray  # (1 + LEGS_MAX,) i8: lots that a reduce-only order, or each leg of a basket, may take
    instruments: np.ndarray  # (instruments,) INSTRUMENT, at instrument id modulo their number
    sides: np.ndarray  # (2 x instruments,) BOOK_SIDE, at 2 x instrument slot + side
    nodes: np.ndarray  # (nodes,) NODE
    children: np.ndarray  # (nodes x 64,) u4: a node's children; those of a leaf are levels
    levels: np.ndarray  # (orders,) LEVEL
    orders: np.ndarray  # (orders,) ORDER
    terms: np.ndarray  # (orders,) ORDER_TERMS, what matching rarely reads of an order
    ids: np.ndarray  # (power of two,) u4: buckets of the table from order ids to slots
    timers: np.ndarray  # (orders,) TIMER: a heap by (due time, order id)
    icebergs: np.ndarray  # (orders,) ICEBERG, at the slot of an order that is one
    noted: np.ndarray  # (NOTED,) u4: slots that look-ahead found for the commands to come, at their index modulo NOTED
    met: np.ndarray  # (NOTED,) u4: the levels that they would trade with first, or NIL
    joined: np.ndarray  # (NOTED,) u4: the levels that they would join, or NIL
    groups: np.ndarray  # (accounts,) u4: self-trade group of an account, 0 for none
    chosen: np.ndarray  # (orders,) u8: ids that a mass cancel is to cancel, with a 0 behind; all 0 between commands


def allocate(limits: Limits) -> Book:
    """An empty book. Raises ValueError for limits that its integers cannot serve."""
    if limits.instruments & (limits.instruments - 1) or not 0 < limits.instruments <= 1 << 20:
        raise ValueError(f"the number of instruments must be a power of two up to 2^20, not {limits.instruments}")
    if not 0 < limits.orders <= schema.ORDER_CAPACITY * 4 or not 0 < limits.nodes < 1 << 26:
        raise ValueError(f"limits out of range: {limits}")
    sides = aligned_zeros(2 * limits.instruments, layout.BOOK_SIDE)
    sides["best_key"] = KEY_NONE
    sides["recent_prefix"] = -1
    counters = aligned_zeros(1, layout.COUNTERS)
    counters["fresh_order"] = counters["fresh_level"] = counters["fresh_node"] = 1
    return Book(
        counters=counters,
        working=aligned_zeros(1, schema.ORDER_COMMAND),
        taker=aligned_zeros(1, layout.TAKER),
        cursor=aligned_zeros(1, layout.CURSOR),
        reducible=aligned_zeros(1 + schema.LEGS_MAX, np.int64),
        instruments=aligned_zeros(limits.instruments, schema.INSTRUMENT),
        sides=sides,
        nodes=aligned_zeros(limits.nodes + 1, layout.NODE),
        children=aligned_zeros((limits.nodes + 1) * FANOUT, np.uint32),
        levels=aligned_zeros(limits.orders + 1, layout.LEVEL),
        orders=aligned_zeros(limits.orders + 1, layout.ORDER),
        terms=aligned_zeros(limits.orders + 1, layout.ORDER_TERMS),
        ids=aligned_zeros(TABLE_WORDS_MIN, np.uint32),
        timers=aligned_zeros(limits.orders + 1, layout.TIMER),
        icebergs=aligned_zeros(limits.orders + 1, layout.ICEBERG),
        noted=aligned_zeros(NOTED, np.uint32),
        met=aligned_zeros(NOTED, np.uint32),
        joined=aligned_zeros(NOTED, np.uint32),
        groups=aligned_zeros(limits.accounts, np.uint32),
        chosen=aligned_zeros(limits.orders + 1, np.uint64),
    )


def touch(book: Book, orders: int = TOUCHED_ORDERS) -> None:
    """Have memory given out for so many orders with half as many tree nodes, whatever it holds already."""
    nodes = orders // 2
    pools = (book.orders, orders), (book.terms, orders), (book.levels, orders)
    trees = (book.nodes, nodes), (book.children, nodes * FANOUT)
    for pool, records in pools + trees:
        give_out(pool, records)


@inlined
def take_order_slot(book):
    """A slot for a new order. The caller has seen that one is left."""
    counters = book.counters[0]
    slot = np.int64(counters["free_order"])
    if rarely(slot == NIL):
        slot = np.int64(counters["fresh_order"])
        assert slot < len(book.orders), "no order slot is left"
        counters["fresh_order"] = slot + 1
        return slot
    following = book.orders[slot]["next"]
    counters["free_order"] = following
    prefetch(book.orders, np.int64(following))
    return slot


@inlined
def give_order_slot(book, slot):
    """Return a slot; the one returned last is the next to be taken, while it is still in the cache."""
    counters = book.counters[0]
    book.orders[slot]["order_id"] = 0
    book.orders[slot]["next"] = counters["free_order"]
    counters["free_order"] = slot


@inlined
def take_level(book):
    """An index for a new price level. There are as many as orders, so one is always left."""
    counters = book.counters[0]
    level = np.int64(counters["free_level"])
    if level != NIL:
        counters["free_level"] = book.levels[level]["head"]
        return level
    level = np.int64(counters["fresh_level"])
    assert level < len(book.levels), "no level is left"
    counters["fresh_level"] = level + 1
    return level


@inlined
def give_level(book, level):
    """Return an empty level."""
    counters = book.counters[0]
    book.levels[level]["head"] = counters["free_level"]
    book.levels[level]["order_count"] = 0
    counters["free_level"] = level


@inlined
def take_node(book):
    """A node of the price tree without children. The caller has seen that one is left."""
    counters = book.counters[0]
    counters["live_nodes"] += 1
    node = np.int64(counters["free_node"])
    if node != NIL:
        counters["free_node"] = book.nodes[node]["parent"]
    else:
        node = np.int64(counters["fresh_node"])
        assert node < len(book.nodes), "no tree node is left"
        counters["fresh_node"] = node + 1
    book.nodes[node]["children"] = 0
    return node


@inlined
def give_node(book, node):
    """Return a node without children."""
    counters = book.counters[0]
    counters["live_nodes"] -= 1
    book.nodes[node]["parent"] = counters["free_node"]
    book.nodes[node]["prefix"] = -1
    counters["free_node"] = node
