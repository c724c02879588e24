"""What falls due, and when: a binary heap by (due time, kind, subject).

There is one entry for each tranche, one for each series, one for each tranche in an auction, which tells its
indicative price, one for each that is delivered, for the next step of its margin ramp, another for its slots and then
for the end of disputes, one for each account that has too little, one for each whose orders go unless it gives a sign
of life, and one for the hour at which interest is charged.
Expiries of orders have a heap of their own in matching; at the same instant they come first.
"""

import numpy as np

from kernels.compile import inlined, outlined

TRANCHE_DUE = 1
SERIES_DUE = 2
INDICATIVE_DUE = 3
FINANCING_DUE = 4
REVIEW_DUE = 5
ORDERS_DUE = 6
CLOSING_DUE = 7
RAMP_DUE = 8
SLOT_DUE = 9
DISPUTE_DUE = 10
CANCEL_AFTER_DUE = 11


@inlined
def add_entry(state, due_ns, kind, subject):
    """Enter what falls due at a time."""
    clock = state.clock[0]
    at = np.int64(clock["agenda_count"])
    clock["agenda_count"] = at + 1
    set_entry(state.agenda, at, due_ns, kind, subject)
    raise_entry(state, at)


@inlined
def drop_first(state):
    """Take out the entry that is due first."""
    clock = state.clock[0]
    count = np.int64(clock["agenda_count"]) - 1
    clock["agenda_count"] = count
    swap_entries(state.agenda, 0, count)
    sink_entry(state, np.int64(0))


@outlined
def move_entry(state, due_ns, kind, subject):
    """Let something fall due at another time. Only commands of operators do so, so a search through all is no loss."""
    at = np.int64(0)
    while state.agenda[at]["kind"] != kind or state.agenda[at]["subject"] != subject:
        at += 1
        assert at < state.clock[0]["agenda_count"], "an entry is missing from the agenda"
    state.agenda[at]["due_ns"] = due_ns
    raise_entry(state, at)
    sink_entry(state, at)


@inlined
def sort_entries(state):
    """Make a heap again of entries whose due times were changed."""
    for at in range(np.int64(state.clock[0]["agenda_count"]) // 2 - 1, -1, -1):
        sink_entry(state, np.int64(at))


@outlined
def raise_entry(state, at):
    """Move an entry towards the root until its parent comes before it."""
    while at > 0:
        parent = (at - 1) // 2
        if not is_before(state.agenda, at, parent):
            return
        swap_entries(state.agenda, at, parent)
        at = parent


@outlined
def sink_entry(state, at):
    """Move an entry away from the root until both children come after it."""
    count = np.int64(state.clock[0]["agenda_count"])
    while True:
        child = 2 * at + 1
        if child >= count:
            return
        if child + 1 < count and is_before(state.agenda, child + 1, child):
            child += 1
        if not is_before(state.agenda, child, at):
            return
        swap_entries(state.agenda, at, child)
        at = child


@inlined
def is_before(agenda, a, b):
    """Whether entry a comes before entry b."""
    if agenda[a]["due_ns"] != agenda[b]["due_ns"]:
        return agenda[a]["due_ns"] < agenda[b]["due_ns"]
    if agenda[a]["kind"] != agenda[b]["kind"]:
        return agenda[a]["kind"] < agenda[b]["kind"]
    return agenda[a]["subject"] < agenda[b]["subject"]


@inlined
def swap_entries(agenda, a, b):
    """Exchange two entries."""
    due_ns = agenda[a]["due_ns"]
    kind = agenda[a]["kind"]
    subject = agenda[a]["subject"]
    set_entry(agenda, a, agenda[b]["due_ns"], agenda[b]["kind"], agenda[b]["subject"])
    set_entry(agenda, b, due_ns, kind, subject)


@inlined
def set_entry(agenda, at, due_ns, kind, subject):
    """Write an entry."""
    agenda[at]["due_ns"] = due_ns
    agenda[at]["kind"] = kind
    agenda[at]["subject"] = subject
