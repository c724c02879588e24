"""A sign of life: an account says for how long its orders may stay if nothing more is heard of it."""

import numpy as np

from exchange.venue.administration import refuse
from exchange.venue.cancel_schema import CANCEL_AFTER_MS_MAX
from exchange.venue.cancel_timers import drop_timer, set_timer, write_timer
from exchange.venue.schema import Event, VenueReject
from kernels.compile import inlined, outlined
from matching.events import begin_event
from matching.rules import NO_REJECT
from matching.schema import OrderReject
from risk.accounts import is_account

NANO_PER_MS = 1_000_000
SESSION_ID_MAX = (1 << 16) - 1


@outlined
def set_cancel_after(state, command, events, count):
    """Set the timer of an account, or of one of its sessions, or take it away. It is taken whatever is halted."""
    account_id = np.int64(command["account_id"])
    reject = check_cancel_after(state, command)
    if reject != NO_REJECT:
        return refuse(state, reject, account_id, events, count)
    session = np.int64(command["session_id"]) + 1 if command["by_session"] else np.int64(0)
    after_ms, due_ns = command["after_ms"], np.int64(0)
    if after_ms == 0:
        drop_timer(state, account_id, session)
    else:
        due_ns = state.clock[0]["time_ns"] + after_ms * NANO_PER_MS
        if not set_timer(state, account_id, session, due_ns):
            return refuse(state, np.int64(VenueReject.TOO_MANY_TIMERS), account_id, events, count)
    begin_event(state.book, events, count, Event.CANCEL_AFTER_SET)
    event = events.cancel_afters[count]
    write_timer(event, account_id, session, due_ns)
    event["after_ms"] = after_ms
    return count + 1


@inlined
def check_cancel_after(state, command):
    """0, or why there can be no such timer."""
    if not is_account(state.ledger, np.int64(command["account_id"])):
        return np.int64(VenueReject.UNKNOWN_ACCOUNT)
    session_id_max = SESSION_ID_MAX if command["by_session"] == 1 else 0
    if command["by_session"] > 1 or command["session_id"] > session_id_max:
        return np.int64(OrderReject.INVALID_ORDER_TERMS)
    if command["after_ms"] < 0 or command["after_ms"] > CANCEL_AFTER_MS_MAX:
        return np.int64(VenueReject.TIME_OUT_OF_RANGE)
    return np.int64(NO_REJECT)
