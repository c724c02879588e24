"""Orders that go unless their owner gives a sign of life in time: timers by account and session, and what they do.

An account has one timer for all of its orders, and one for each of a few sessions. All of them share one entry of the
agenda, which is due no later than the first of them. To renew a timer, which happens all the time, leaves the entry
where it is: when its time comes and no timer has run out, it is entered again for the next. A timer that runs out is
gone; its orders are chosen and cancelled as in a mass cancel, whatever state the market is in.
"""

import numpy as np

from exchange.venue.absorbing import absorb_all
from exchange.venue.agenda import CANCEL_AFTER_DUE, add_entry, drop_first, move_entry
from exchange.venue.cancel_schema import CANCEL_ROW, TIMERS_OF_ACCOUNT_MAX
from exchange.venue.schema import Event, Reason
from exchange.venue.state import State
from kernels.compile import inlined, kernel, outlined
from kernels.records import names_of
from matching.mass_cancel import BY_ACCOUNT, BY_SESSION, cancel_matching
from matching.schema import NIL, CommandKind
from matching.working import is_paused


@outlined
def step_cancel_after(state, account_id, events, count):
    """Cancel what goes with the first timer of an account that has run out, or wait for the next."""
    at = np.int64(state.cancel_heads[account_id]["first"])
    while at != NIL and state.cancel_timers[at]["due_ns"] > state.clock[0]["time_ns"]:
        at = np.int64(state.cancel_timers[at]["next"])
    if at == NIL:
        wait_for_next(state, account_id)
        return count
    name_orders(state.sweep[0], state.cancel_timers[at])
    first = count
    count = cancel_matching(state.book, state.sweep[0], np.int64(Reason.CANCEL_AFTER), events, count)
    absorb_all(state, events, first, count)
    if not is_paused(state.book):
        tell_cancelled(events, count - 1, state.cancel_timers[at])
        drop_timer(state, account_id, np.int64(state.cancel_timers[at]["session"]))
    return count


@inlined
def name_orders(command, timer):
    """All orders of an account, or those of one of its sessions."""
    command["kind"] = CommandKind.MASS_CANCEL
    command["flags"] = BY_ACCOUNT | BY_SESSION if timer["session"] else BY_ACCOUNT
    command["account_id"] = timer["account_id"]
    command["session_id"] = session_id_of(np.int64(timer["session"]))
    command["scope"] = 0
    command["scope_mask"] = 0


@inlined
def tell_cancelled(events, at, timer):
    """Make of the outcome of a mass cancel what a timer did."""
    summary = events.orders[at]
    order_count, quantity_lots = np.int64(summary["counter_order_id"]), summary["quantity_lots"]
    summary["kind"] = Event.CANCELLED_AFTER
    write_timer(events.cancel_afters[at], timer["account_id"], np.int64(timer["session"]), timer["due_ns"])
    events.cancel_afters[at]["order_count"] = order_count
    events.cancel_afters[at]["quantity_lots"] = quantity_lots


@inlined
def write_timer(event, account_id, session, due_ns):
    """What events tell of a timer, beside their heads."""
    event["by_session"] = 1 if session else 0
    event["reason"] = 0
    event["session_id"] = session_id_of(session)
    event["due_ns"] = due_ns
    event["after_ms"] = 0
    event["account_id"] = account_id
    event["reserved"] = 0
    event["reserved_2"] = 0
    event["order_count"] = 0
    event["quantity_lots"] = 0


@inlined
def session_id_of(session):
    """The session that a timer is of, 0 if it is of the whole account."""
    return max(session - 1, np.int64(0))


# Timers.


@outlined
def set_timer(state, account_id, session, due_ns):
    """Let a timer run out at a time; False if the account, or everybody together, has too many."""
    at = find_timer(state, account_id, session)
    if at == NIL:
        at = take_timer(state, account_id)
        if at == NIL:
            return False
        state.cancel_timers[at]["account_id"] = account_id
        state.cancel_timers[at]["session"] = session
        chain_timer(state, account_id, at)
    state.cancel_timers[at]["due_ns"] = due_ns
    head = state.cancel_heads[account_id]
    if head["entry_ns"] == 0:
        head["entry_ns"] = due_ns
        add_entry(state, due_ns, CANCEL_AFTER_DUE, account_id)
    elif due_ns < head["entry_ns"]:
        head["entry_ns"] = due_ns
        move_entry(state, due_ns, CANCEL_AFTER_DUE, account_id)
    return True


@outlined
def drop_timer(state, account_id, session):
    """Take a timer away, if there is one. The account's entry of the agenda finds out."""
    at = find_timer(state, account_id, session)
    if at == NIL:
        return
    following = np.int64(state.cancel_timers[at]["next"])
    previous = timer_before(state, account_id, session)
    if previous == NIL:
        state.cancel_heads[account_id]["first"] = following
    else:
        state.cancel_timers[previous]["next"] = following
    state.cancel_timers[at]["account_id"] = 0
    state.cancel_timers[at]["next"] = state.clock[0]["free_timer"]
    state.clock[0]["free_timer"] = at


@inlined
def wait_for_next(state, account_id):
    """Enter an account whose turn it is again, for the first of its timers, if it has any."""
    drop_first(state)
    at = np.int64(state.cancel_heads[account_id]["first"])
    due_ns = np.int64(0)
    while at != NIL:
        if due_ns == 0 or state.cancel_timers[at]["due_ns"] < due_ns:
            due_ns = np.int64(state.cancel_timers[at]["due_ns"])
        at = np.int64(state.cancel_timers[at]["next"])
    state.cancel_heads[account_id]["entry_ns"] = due_ns
    if due_ns != 0:
        add_entry(state, due_ns, CANCEL_AFTER_DUE, account_id)


@inlined
def find_timer(state, account_id, session):
    """An account's timer of a session, or NIL."""
    at = np.int64(state.cancel_heads[account_id]["first"])
    while at != NIL and state.cancel_timers[at]["session"] != session:
        at = np.int64(state.cancel_timers[at]["next"])
    return at


@inlined
def timer_before(state, account_id, session):
    """The last of an account's timers of lower sessions, or NIL."""
    previous = np.int64(NIL)
    at = np.int64(state.cancel_heads[account_id]["first"])
    while at != NIL and state.cancel_timers[at]["session"] < session:
        previous = at
        at = np.int64(state.cancel_timers[at]["next"])
    return previous


@inlined
def take_timer(state, account_id):
    """A timer that is free, or NIL."""
    clock = state.clock[0]
    count = np.int64(0)
    at = np.int64(state.cancel_heads[account_id]["first"])
    while at != NIL:
        count += 1
        at = np.int64(state.cancel_timers[at]["next"])
    if count >= TIMERS_OF_ACCOUNT_MAX:
        return np.int64(NIL)
    at = np.int64(clock["free_timer"])
    if at != NIL:
        clock["free_timer"] = state.cancel_timers[at]["next"]
        return at
    at = max(np.int64(clock["fresh_timer"]), np.int64(1))
    if at == len(state.cancel_timers):
        return np.int64(NIL)
    clock["fresh_timer"] = at + 1
    return at


@inlined
def chain_timer(state, account_id, at):
    """Put a timer among those of its account, where its session belongs."""
    previous = timer_before(state, account_id, np.int64(state.cancel_timers[at]["session"]))
    if previous == NIL:
        state.cancel_timers[at]["next"] = state.cancel_heads[account_id]["first"]
        state.cancel_heads[account_id]["first"] = at
    else:
        state.cancel_timers[at]["next"] = state.cancel_timers[previous]["next"]
        state.cancel_timers[previous]["next"] = at


# Images.


def export_timers(state: State) -> np.ndarray:
    """CANCEL_ROW records of all timers."""
    timers = state.cancel_timers[: max(int(state.clock[0]["fresh_timer"]), 1)]
    timers = timers[timers["account_id"] != 0]
    timers = timers[np.lexsort((timers["session"], timers["account_id"]))]
    rows = np.zeros(len(timers), CANCEL_ROW)
    for name in names_of(CANCEL_ROW):
        rows[name] = timers[name]
    return rows


def timers_of(state: State, account_id: int) -> list[tuple[int, int]]:
    """Session and due time of each of an account's timers, by session."""
    found = []
    at = int(state.cancel_heads[account_id]["first"])
    while at != NIL:
        timer = state.cancel_timers[at]
        found.append((int(timer["session"]), int(timer["due_ns"])))
        at = int(timer["next"])
    return found


@kernel
def restore_timers(state, rows):
    """Set every timer again."""
    for at in range(len(rows)):
        row = rows[at]
        set_timer(state, np.int64(row["account_id"]), np.int64(row["session"]), np.int64(row["due_ns"]))
