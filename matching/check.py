"""Every promise that the book's structures make to each other, in plain Python. Tests call it after each step."""

import numpy as np

from kernels.bucket_table import BUCKET_WORDS, PASSED, SLOTS, WORDS_PER_ENTRY
from kernels.intrinsics import hash_tag_twin
from matching.arena import FANOUT, KEY_NONE, Book
from matching.layout import HOLDER_ICEBERG, HOLDER_TIMED, Progress
from matching.prices import key_of
from matching.schema import NIL, TREE_DIGIT_BITS, OrderFlag, Phase, Side, TimeInForce


def check_book(book: Book) -> None:
    """Walk everything; a broken promise names itself in an AssertionError."""
    slots: set[int] = set()
    nodes = 0
    for book_side in np.flatnonzero(book.sides["root"]):
        nodes += check_side(book, int(book_side), slots)
    for book_side in np.flatnonzero(book.sides["root"] == NIL):
        assert book.sides[book_side]["best_key"] == KEY_NONE, "an empty side has a best price"
        assert book.sides[book_side]["level_count"] == 0, "an empty side counts levels"
    check_uncrossed(book)
    check_idle(book)
    check_counts(book, slots, nodes)
    check_ids(book, slots)
    check_timers(book, slots)
    check_icebergs(book, slots)


def check_side(book: Book, book_side: int, slots: set[int]) -> int:
    """One side's tree, levels and queues; collects the order slots and returns the number of nodes."""
    side = book.sides[book_side]
    keys: list[int] = []
    nodes = check_node(book, book_side, int(side["root"]), int(side["height"]), NIL, keys, slots)
    assert keys == sorted(set(keys)), "levels are out of order"
    assert side["level_count"] == len(keys), "the number of levels drifted"
    assert side["best_key"] == keys[0], "the best key is not the first"
    assert key_at(book, int(side["best_level"])) == keys[0], "the best level is not the first"
    if side["recent_prefix"] != -1:
        assert book.nodes[side["recent_leaf"]]["prefix"] == side["recent_prefix"], "the recent leaf is another one"
    return nodes


def check_node(
    book: Book, book_side: int, node: int, height: int, parent: int, keys: list[int], slots: set[int]
) -> int:
    """A node and all below it; returns how many there are."""
    record = book.nodes[node]
    assert record["parent"] == parent, "a node has a wrong parent"
    assert record["children"] != 0, "an empty node stayed in the tree"
    count = 1
    for digit in range(FANOUT):
        child = int(book.children[node * FANOUT + digit])
        assert (child != NIL) == bool(int(record["children"]) >> digit & 1), "a bitmap tells of other children"
        if child == NIL:
            continue
        if height == 0:
            check_level(book, book_side, child, node, slots)
            assert key_at(book, child) == (int(record["prefix"]) << TREE_DIGIT_BITS) + digit, "a key is misplaced"
            keys.append(key_at(book, child))
        else:
            expected = (int(record["prefix"]) << TREE_DIGIT_BITS) + digit
            assert book.nodes[child]["prefix"] == expected, "a node is misplaced"
            count += check_node(book, book_side, child, height - 1, node, keys, slots)
    return count


def key_at(book: Book, index: int) -> int:
    """The key of a level's price."""
    level = book.levels[index]
    return int(key_of(int(level["instrument_side"]) & 1, int(level["price_ticks"])))


def check_level(book: Book, book_side: int, index: int, leaf: int, slots: set[int]) -> None:
    """One level: its links, its totals and its orders."""
    level = book.levels[index]
    instrument_id = int(book.instruments[book_side >> 1]["instrument_id"])
    assert level["instrument_side"] == 2 * instrument_id + (book_side & 1), "a level is on the wrong side"
    assert level["leaf"] == leaf, "a level names another leaf"
    total_lots, count, slot = 0, 0, int(level["head"])
    while True:
        order = book.orders[slot]
        assert slot not in slots, "an order stands in two queues"
        slots.add(slot)
        assert order["level"] == index, "an order names another level"
        assert order["leaves_lots"] > 0, "an order shows nothing"
        assert total_lots_of(book, slot) <= book.terms[slot]["quantity_lots"], "an order has more than its total"
        total_lots += int(order["leaves_lots"])
        count += 1
        if slot == level["newest"]:
            break
        assert book.orders[order["next"]]["previous"] == slot, "a queue is broken"
        slot = int(order["next"])
    assert level["quantity_lots"] == total_lots, "a level's total drifted"
    assert level["order_count"] == count, "a level's count drifted"


def total_lots_of(book: Book, slot: int) -> int:
    """What is left of an order, shown or not."""
    order = book.orders[slot]
    reserve_lots = book.icebergs[slot]["reserve_lots"] if order["holder"] & HOLDER_ICEBERG else 0
    return int(order["leaves_lots"] + reserve_lots)


def check_uncrossed(book: Book) -> None:
    """No resting bid reaches a resting ask while a book trades continuously."""
    bids, asks = book.sides[0::2], book.sides[1::2]
    is_open = book.instruments["phase"] == Phase.OPEN
    for slot in np.flatnonzero(is_open & (bids["root"] != NIL) & (asks["root"] != NIL)):
        bid_ticks = book.levels[bids[slot]["best_level"]]["price_ticks"]
        assert bid_ticks < book.levels[asks[slot]["best_level"]]["price_ticks"], "crossed at rest"


def check_idle(book: Book) -> None:
    """Between commands nothing is at work."""
    assert book.taker[0]["progress"] == Progress.IDLE, "a command is at work"
    assert book.taker[0]["reached_slot"] == NIL, "prevention waits at an order"
    assert not any(book.cursor[0].item()), "a pass over many orders is at work"
    assert not book.chosen.any(), "a mass cancel left something undone"


def check_counts(book: Book, slots: set[int], nodes: int) -> None:
    """The counters, and that no slot is lost: each is live or on the free list."""
    counters = book.counters[0]
    assert counters["resting_orders"] == len(slots), "the number of resting orders drifted"
    assert counters["live_nodes"] == nodes, "the number of tree nodes drifted"
    free, slot = set(), int(counters["free_order"])
    while slot != NIL:
        assert slot not in free, "the free list runs in a circle"
        free.add(slot)
        slot = int(book.orders[slot]["next"])
    assert not free & slots, "a live order is on the free list"
    assert len(free) + len(slots) == counters["fresh_order"] - 1, "an order slot is lost"


def check_ids(book: Book, slots: set[int]) -> None:
    """The id table holds exactly the live orders."""
    buckets = book.ids.reshape(-1, BUCKET_WORDS)
    entries = buckets[:, SLOTS : SLOTS + PASSED]
    assert sorted(entries[entries != NIL].tolist()) == sorted(slots), "the id table holds other orders than the book"
    assert WORDS_PER_ENTRY * len(slots) <= len(book.ids), "the id table has too many entries"
    passed = np.zeros(len(buckets), np.int64)
    for at, position in zip(*np.nonzero(entries), strict=True):
        tag = hash_tag_twin(int(book.orders[entries[at, position]]["order_id"]))
        assert buckets[at, position] == tag, "an entry has another order's tag"
        home = tag * len(buckets) >> 32
        passed[(home + np.arange((at - home) % len(buckets))) % len(buckets)] += 1
    assert (passed == buckets[:, PASSED]).all(), "a bucket miscounts the entries that went on"


def check_timers(book: Book, slots: set[int]) -> None:
    """The heap holds exactly the orders with an expiry, in heap order, and each knows its place."""
    count = int(book.counters[0]["timer_count"])
    timed = {slot for slot in slots if book.orders[slot]["holder"] & HOLDER_TIMED}
    assert timed == {slot for slot in slots if book.terms[slot]["time_in_force"] == TimeInForce.GTD}, (
        "a timer is missing"
    )
    assert {int(slot) for slot in book.timers["slot"][:count]} == timed, "the heap holds other orders"
    for at in range(count):
        entry, parent = book.timers[at], book.timers[(at - 1) // 2 if at else 0]
        assert book.terms[entry["slot"]]["timer"] == at, "an order names another timer"
        assert (parent["due_ns"], parent["order_id"]) <= (entry["due_ns"], entry["order_id"]), (
            "the heap is out of order"
        )


def check_icebergs(book: Book, slots: set[int]) -> None:
    """Marked are exactly the orders that came as icebergs, each side counts its own, and no clip is too large."""
    counts = np.zeros(len(book.sides), np.int64)
    for slot in slots:
        order, iceberg = book.orders[slot], book.icebergs[slot]
        marked = bool(order["holder"] & HOLDER_ICEBERG)
        assert marked == bool(book.terms[slot]["flags"] & OrderFlag.ICEBERG), "an iceberg's mark is wrong"
        if marked:
            counts[book.levels[order["level"]]["instrument_side"] & (len(book.sides) - 1)] += 1
            assert iceberg["reserve_lots"] >= 0, "a reserve is negative"
            assert order["leaves_lots"] <= iceberg["display_lots"], "an iceberg shows more than a clip"
    assert (book.sides["iceberg_count"] == counts).all(), "the number of icebergs drifted"


assert Side.SELL == 1, "book_side is 2 x slot + side"
