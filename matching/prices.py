"""The price levels of a book side: a tree of 64-ary nodes that is as tall as its prices are apart.

A price becomes a key that is smaller the better it is (the price itself for asks, the distance from the highest price
for bids), so that one code serves both sides and the best level is always the leftmost. A node covers an aligned
range of keys: a leaf 64 of them, its parent 4,096, and so on. The root covers just the range that is in use; it grows
when a key comes from outside and shrinks when one child is left. Most orders arrive near the last one, so each side
remembers the leaf it used last. Where a node has no child it says NIL, so that a level is found without its bitmap.
"""

import numpy as np

from kernels.compile import inlined, outlined
from kernels.intrinsics import lowest_bit, rarely
from matching.arena import FANOUT, KEY_NONE, give_level, give_node, take_level, take_node
from matching.schema import NIL, PRICE_TICKS_MAX, TREE_DEPTH_MAX, TREE_DIGIT_BITS
from matching.sides import book_side_of, side_of_level

DIGIT_MASK = FANOUT - 1
NODES_PER_INSERT_MAX = 2 * TREE_DEPTH_MAX
"""A key far from all others adds at most a new root path above the old root and a new path down to its leaf."""


@inlined
def key_of(side, price_ticks):
    """The smaller, the better for whoever trades against this side (0 bids, 1 asks)."""
    # All bits of the highest price are set, so that its distance to a price is the price with every bit turned.
    return np.int64(price_ticks) ^ ((np.int64(side) - 1) & PRICE_TICKS_MAX)


@inlined
def limit_key_of(book_side, command):
    """The worst key of the other side that a new order meets."""
    return key_of(book_side & 1 ^ 1, command["price_ticks"])


@inlined
def key_of_level(level):
    """The key of a level's price."""
    return key_of(side_of_level(level), level["price_ticks"])


@inlined
def level_at(book, instrument_side, price_ticks):
    """The level at a price, made if there is none."""
    side = book.sides[book_side_of(book, instrument_side)]
    key = key_of(instrument_side & 1, price_ticks)
    leaf = leaf_for(book, side, key)
    level = np.int64(book.children[leaf * FANOUT + (key & DIGIT_MASK)])
    if level == NIL:
        level = open_level(book, side, instrument_side, price_ticks, key, leaf)
        attach(book, leaf, key & DIGIT_MASK, level)
    return level


@inlined
def open_level(book, side, instrument_side, price_ticks, key, leaf):
    """A new level without orders, counted and perhaps the best of its side."""
    index = take_level(book)
    level = book.levels[index]
    level["newest"] = NIL
    level["order_count"] = 0
    level["quantity_lots"] = 0
    level["instrument_side"] = instrument_side
    level["price_ticks"] = price_ticks
    level["leaf"] = leaf
    side["level_count"] += 1
    if key < side["best_key"]:
        side["best_key"] = key
        side["best_level"] = index
    return index


@inlined
def leaf_for(book, side, key):
    """The leaf that covers a key, made if there is none."""
    if rarely(np.int64(side["recent_prefix"]) != key >> TREE_DIGIT_BITS):
        side["recent_leaf"] = descend_to_leaf(book, side, key)
        side["recent_prefix"] = key >> TREE_DIGIT_BITS
    return np.int64(side["recent_leaf"])


@outlined
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


@inlined
def range_bits(height):
    """How many low bits of a key lie below a node of this height."""
    return TREE_DIGIT_BITS * (np.int64(height) + 1)


@outlined
def raise_root(book, side):
    """Put a node that covers 64 times as many keys above the root."""
    below = np.int64(side["root"])
    prefix = np.int64(book.nodes[below]["prefix"])
    root = take_node(book)
    book.nodes[root]["prefix"] = prefix >> TREE_DIGIT_BITS
    book.nodes[root]["parent"] = NIL
    attach(book, root, prefix & DIGIT_MASK, below)
    book.nodes[below]["parent"] = root
    side["root"] = root
    side["height"] += 1


@inlined
def child_for(book, node, key, height):
    """The child of a node on the way to a key, at the child's height, made if it is missing."""
    prefix = key >> range_bits(height)
    digit = prefix & DIGIT_MASK
    if book.nodes[node]["children"] & (np.uint64(1) << np.uint64(digit)):
        return np.int64(book.children[node * FANOUT + digit])
    child = take_node(book)
    book.nodes[child]["prefix"] = prefix
    book.nodes[child]["parent"] = node
    attach(book, node, digit, child)
    return child


@inlined
def attach(book, node, digit, child):
    """Link a child below a node: a node, or a level below a leaf."""
    book.nodes[node]["children"] |= np.uint64(1) << np.uint64(digit)
    book.children[node * FANOUT + digit] = child


@inlined
def close_level(book, index):
    """Remove an empty level, with the nodes that it leaves empty, and find the new best."""
    level = book.levels[index]
    side = book.sides[book_side_of(book, level["instrument_side"])]
    key = key_of_level(level)
    node, height = detach(book, side, np.int64(level["leaf"]), key)
    side["level_count"] -= 1
    if index == np.int64(side["best_level"]):
        find_best(book, side, node, height)
    if node != NIL:
        shrink_root(book, side)
    give_level(book, index)


@inlined
def detach(book, side, leaf, key):
    """Clear a key's bit, free the nodes that become empty, return the first that did not, if any, and its height."""
    node = leaf
    prefix = key
    height = np.int64(0)
    while True:
        remaining = book.nodes[node]["children"] & ~(np.uint64(1) << np.uint64(prefix & DIGIT_MASK))
        book.nodes[node]["children"] = remaining
        book.children[node * FANOUT + (prefix & DIGIT_MASK)] = NIL
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


@inlined
def find_best(book, side, node, height):
    """After the best level went: all that was left of `node` is gone, so its leftmost level is the next best."""
    if node == NIL:
        side["best_key"] = KEY_NONE
        side["best_level"] = NIL
        return
    leaf = leftmost_leaf(book, node, height)
    digit = lowest_bit(book.nodes[leaf]["children"])
    side["best_level"] = book.children[leaf * FANOUT + digit]
    side["best_key"] = (np.int64(book.nodes[leaf]["prefix"]) << TREE_DIGIT_BITS) | digit


@inlined
def leftmost_leaf(book, node, height):
    """The leaf below a node, or itself, that holds the best level."""
    while height > 0:
        node = first_child(book, node)
        height -= 1
    return node


@inlined
def first_child(book, node):
    """The child of a node that comes first: a level, if the node is a leaf."""
    return np.int64(book.children[node * FANOUT + lowest_bit(book.nodes[node]["children"])])


@outlined
def shrink_root(book, side):
    """While the root has one child node, that child is root enough."""
    while side["height"] > 0:
        root = np.int64(side["root"])
        children = book.nodes[root]["children"]
        if children & (children - np.uint64(1)):
            return
        child = first_child(book, root)
        book.children[root * FANOUT + lowest_bit(children)] = NIL
        book.nodes[child]["parent"] = NIL
        side["root"] = child
        side["height"] -= 1
        give_node(book, root)


@outlined
def next_level(book, index):
    """The level after this one in the order of its side, or NIL."""
    node = np.int64(book.levels[index]["leaf"])
    prefix = key_of_level(book.levels[index])
    height = np.int64(0)
    while node != NIL:
        later = later_children(book.nodes[node]["children"], prefix & DIGIT_MASK)
        if later != 0:
            child = np.int64(book.children[node * FANOUT + lowest_bit(later)])
            return child if height == 0 else first_child(book, leftmost_leaf(book, child, height - 1))
        node = np.int64(book.nodes[node]["parent"])
        prefix >>= TREE_DIGIT_BITS
        height += 1
    return np.int64(NIL)


@inlined
def later_children(children, digit):
    """The bits above a digit."""
    return children & (~np.uint64(1) << np.uint64(digit))
