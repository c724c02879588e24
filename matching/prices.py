"""The price levels of a book side: a tree of 64-ary nodes that is as tall as its prices are apart.

A price becomes a key that is smaller the better it is (the price itself for asks, the distance from the highest price for
bids), so that one code serves both sides and the best level is always the leftmost. A node covers an aligned range of
keys: a leaf 64 of them, its parent 4,096, and so on. The root covers just the range that is in use; it grows when a key
comes from outside and shrinks when one child is left. Most orders arrive near the last one, so each side remembers the
leaf it used last.
"""

import numpy as np

from matching.arena import FANOUT, KEY_NONE, give_level, give_node, take_level, take_node
from matching.compile import kernel
from matching.intrinsics import lowest_bit
from matching.schema import NIL, PRICE_TICKS_MAX, TREE_DEPTH_MAX, TREE_DIGIT_BITS

DIGIT_MASK = FANOUT - 1
NODES_PER_INSERT_MAX = 2 * TREE_DEPTH_MAX
"""A key far from all others adds at most a new root path above the old root and a new path down to its leaf."""


@kernel
def key_of(side, price_ticks):
    """The smaller, the better for whoever trades against this side (0 bids, 1 asks)."""
    if side == 1:
        return np.int64(price_ticks)
    return np.int64(PRICE_TICKS_MAX) - np.int64(price_ticks)


@kernel
def level_at(book, book_side, price_ticks):
    """The level at a price, made if there is none."""
    key = key_of(book_side & 1, price_ticks)
    leaf = leaf_for(book, book_side, key)
    child = leaf * FANOUT + (key & DIGIT_MASK)
    bit = np.uint64(1) << np.uint64(key & DIGIT_MASK)
    if book.nodes[leaf]["children"] & bit:
        return np.int64(book.children[child])
    level = open_level(book, book_side, price_ticks, key, leaf)
    book.nodes[leaf]["children"] |= bit
    book.children[child] = level
    return level


@kernel
def open_level(book, book_side, price_ticks, key, leaf):
    """A new level without orders, counted and perhaps the best of its side."""
    index = take_level(book)
    level = book.levels[index]
    level["head"] = NIL
    level["order_count"] = 0
    level["quantity_lots"] = 0
    level["book_side"] = book_side
    level["price_ticks"] = price_ticks
    level["key"] = key
    level["leaf"] = leaf
    side = book.sides[book_side]
    side["level_count"] += 1
    if key < side["best_key"]:
        side["best_key"] = key
        side["best_level"] = index
    return index


@kernel
def leaf_for(book, book_side, key):
    """The leaf that covers a key, made if there is none."""
    side = book.sides[book_side]
    if np.int64(side["recent_prefix"]) == key >> TREE_DIGIT_BITS:
        return np.int64(side["recent_leaf"])
    leaf = descend_to_leaf(book, side, key)
    side["recent_leaf"] = leaf
    side["recent_prefix"] = key >> TREE_DIGIT_BITS
    return leaf


@kernel
def descend_to_leaf(book, side, key):
    """Walk from the root, which first grows until it covers the key, and make the nodes that are missing."""
    if side["root"] == NIL:
        leaf = take_node(book)
        book.nodes[leaf]["prefix"] = key >> TREE_DIGIT_BITS
        book.nodes[leaf]["parent"] = NIL
        side["root"] = leaf
        side["height"] = 0
        return leaf
    while np.int64(book.nodes[side["root"]]["prefix"]) != key >> range_bits(side["height"]):
        raise_root(book, side)
    node = np.int64(side["root"])
    height = np.int64(side["height"])
    while height > 0:
        height -= 1
        node = child_for(book, node, key, height)
    return node


@kernel
def range_bits(height):
    """How many low bits of a key lie below a node of this height."""
    return TREE_DIGIT_BITS * (np.int64(height) + 1)


@kernel
def raise_root(book, side):
    """Put a node that covers 64 times as many keys above the root."""
    below = np.int64(side["root"])
    prefix = np.int64(book.nodes[below]["prefix"])
    root = take_node(book)
    book.nodes[root]["prefix"] = prefix >> TREE_DIGIT_BITS
    book.nodes[root]["parent"] = NIL
    attach(book, root, prefix & DIGIT_MASK, below)
    side["root"] = root
    side["height"] += 1


@kernel
def child_for(book, node, key, height):
    """The child of a node on the way to a key, at the child's height, made if it is missing."""
    prefix = key >> range_bits(height)
    digit = prefix & DIGIT_MASK
    if book.nodes[node]["children"] & (np.uint64(1) << np.uint64(digit)):
        return np.int64(book.children[node * FANOUT + digit])
    child = take_node(book)
    book.nodes[child]["prefix"] = prefix
    attach(book, node, digit, child)
    return child


@kernel
def attach(book, node, digit, child):
    """Link a child node below a node."""
    book.nodes[node]["children"] |= np.uint64(1) << np.uint64(digit)
    book.children[node * FANOUT + digit] = child
    book.nodes[child]["parent"] = node


@kernel
def close_level(book, index):
    """Remove an empty level, with the nodes that it leaves empty, and find the new best."""
    level = book.levels[index]
    side = book.sides[level["book_side"]]
    key = np.int64(level["key"])
    node, height = detach(book, side, np.int64(level["leaf"]), key)
    side["level_count"] -= 1
    if index == np.int64(side["best_level"]):
        find_best(book, side, node, height)
    if node != NIL:
        shrink_root(book, side)
    give_level(book, index)


@kernel
def detach(book, side, leaf, key):
    """Clear a key's bit, free the nodes that become empty, and return the first that did not, or NIL, and its height."""
    node = leaf
    prefix = key
    height = np.int64(0)
    while True:
        bit = np.uint64(1) << np.uint64(prefix & DIGIT_MASK)
        remaining = book.nodes[node]["children"] & ~bit
        book.nodes[node]["children"] = remaining
        if remaining != 0:
            return node, height
        parent = np.int64(book.nodes[node]["parent"])
        if node == leaf and np.int64(side["recent_leaf"]) == leaf:
            side["recent_prefix"] = -1
        give_node(book, node)
        if parent == NIL:
            side["root"] = NIL
            side["height"] = 0
            return np.int64(NIL), height
        node = parent
        prefix >>= TREE_DIGIT_BITS
        height += 1


@kernel
def find_best(book, side, node, height):
    """After the best level went: all that was left of `node` is gone, so its leftmost level is the next best."""
    if node == NIL:
        side["best_key"] = KEY_NONE
        side["best_level"] = NIL
        return
    best = leftmost_level(book, node, height)
    side["best_level"] = best
    side["best_key"] = book.levels[best]["key"]


@kernel
def leftmost_level(book, node, height):
    """The best level below a node."""
    while height > 0:
        node = np.int64(book.children[node * FANOUT + lowest_bit(book.nodes[node]["children"])])
        height -= 1
    return np.int64(book.children[node * FANOUT + lowest_bit(book.nodes[node]["children"])])


@kernel
def shrink_root(book, side):
    """While the root has one child node, that child is root enough."""
    while side["height"] > 0:
        root = np.int64(side["root"])
        children = book.nodes[root]["children"]
        if children & (children - np.uint64(1)):
            return
        child = np.int64(book.children[root * FANOUT + lowest_bit(children)])
        book.nodes[child]["parent"] = NIL
        side["root"] = child
        side["height"] -= 1
        give_node(book, root)


@kernel
def next_level(book, index):
    """The level after this one in the order of its side, or NIL."""
    node = np.int64(book.levels[index]["leaf"])
    prefix = np.int64(book.levels[index]["key"])
    height = np.int64(0)
    while node != NIL:
        later = later_children(book.nodes[node]["children"], prefix & DIGIT_MASK)
        if later != 0:
            child = np.int64(book.children[node * FANOUT + lowest_bit(later)])
            return child if height == 0 else leftmost_level(book, child, height - 1)
        node = np.int64(book.nodes[node]["parent"])
        prefix >>= TREE_DIGIT_BITS
        height += 1
    return np.int64(NIL)


@kernel
def later_children(children, digit):
    """The bits above a digit."""
    return children & (~np.uint64(1) << np.uint64(digit))
