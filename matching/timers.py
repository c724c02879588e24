"""When orders expire: a binary heap by (due time, order id) that knows where each order's entry is.

An order that leaves early takes its entry along, so the heap never holds more than the orders that rest.
"""

import numpy as np

from kernels.compile import inlined, outlined


@outlined
def add_timer(book, slot):
    """Enter an order by its expiry."""
    counters = book.counters[0]
    last = np.int64(counters["timer_count"])
    counters["timer_count"] = last + 1
    entry = book.timers[last]
    entry["due_ns"] = book.terms[slot]["expires_ns"]
    entry["order_id"] = book.orders[slot]["order_id"]
    entry["slot"] = slot
    book.terms[slot]["timer"] = last
    sift_up(book, last)


@outlined
def remove_timer(book, slot):
    """Take an order's entry out."""
    counters = book.counters[0]
    at = np.int64(book.terms[slot]["timer"])
    last = np.int64(counters["timer_count"]) - 1
    counters["timer_count"] = last
    if at == last:
        return
    place_entry(book, at, last)
    sift_up(book, at)
    sift_down(book, at)


@inlined
def due_slot(book):
    """The slot of the next order that has expired at the book's time, or 0."""
    if book.counters[0]["timer_count"] == 0 or book.timers[0]["due_ns"] > book.counters[0]["time_ns"]:
        return np.int64(0)
    return np.int64(book.timers[0]["slot"])


@outlined
def sift_up(book, at):
    """Move an entry towards the root until its parent is due before it."""
    while at > 0:
        parent = (at - 1) // 2
        if not due_before(book, at, parent):
            return
        swap(book, at, parent)
        at = parent


@outlined
def sift_down(book, at):
    """Move an entry away from the root until both children are due after it."""
    count = np.int64(book.counters[0]["timer_count"])
    while True:
        child = 2 * at + 1
        if child >= count:
            return
        if child + 1 < count and due_before(book, child + 1, child):
            child += 1
        if not due_before(book, child, at):
            return
        swap(book, at, child)
        at = child


@inlined
def due_before(book, a, b):
    """Whether entry a is due before entry b; order ids break ties."""
    if book.timers[a]["due_ns"] != book.timers[b]["due_ns"]:
        return book.timers[a]["due_ns"] < book.timers[b]["due_ns"]
    return book.timers[a]["order_id"] < book.timers[b]["order_id"]


@inlined
def swap(book, a, b):
    """Exchange two entries, and tell their orders."""
    due_ns = book.timers[a]["due_ns"]
    order_id = book.timers[a]["order_id"]
    slot = book.timers[a]["slot"]
    place_entry(book, a, b)
    entry = book.timers[b]
    entry["due_ns"] = due_ns
    entry["order_id"] = order_id
    entry["slot"] = slot
    book.terms[slot]["timer"] = b


@inlined
def place_entry(book, to, source):
    """Copy an entry to another place, and tell its order."""
    book.timers[to]["due_ns"] = book.timers[source]["due_ns"]
    book.timers[to]["order_id"] = book.timers[source]["order_id"]
    book.timers[to]["slot"] = book.timers[source]["slot"]
    book.terms[book.timers[to]["slot"]]["timer"] = to
