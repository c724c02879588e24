"""What happens when market-maker protection goes off: all orders of the account in the region leave the book.

Protection goes off in a command of somebody else, or by an auction. The command is first carried out as its checks saw
it, then its outcome is taken aside, the orders go, and the outcome follows as the last event. So no later command, and
no later auction, meets an order of an account that is protected from it.
"""

import numpy as np

from exchange.venue.absorbing import absorb_all
from exchange.venue.limits import DUE
from exchange.venue.schema import TIER_BITS, Event, Reason
from kernels.compile import inlined, outlined
from kernels.intrinsics import copy_record
from matching.events import EVENTS_PER_STEP_MAX
from matching.mass_cancel import BY_ACCOUNT, cancel_matching
from matching.schema import NIL, CommandKind
from matching.working import is_paused
from risk.protection import drop_due

NOT_DUE = 0
AT_WORK = 2
"""Stages in the clock, beside DUE: the outcome of the command stands aside."""
BETWEEN_STEPS = 3
"""A stage of a command that lets time pass: the orders go before its next step."""
ALL_REGION_BITS = 0xFFFFFFFF & ~((1 << TIER_BITS) - 1)


@outlined
def protect(state, events, count):
    """Put what protection does before the outcome of a command that is over, or go on with it.

    `is_paused`, of the book or in the clock, says that the buffer was full before that.
    """
    clock = state.clock[0]
    clock["is_paused"] = 0
    if clock["protection"] == DUE:
        clock["protection"] = AT_WORK
        copy_record(events.orders[count - 1], state.outcome[0])
        state.book.counters[0]["event_index"] -= 1
        count -= 1
    count = sweep(state, events, count)
    if is_paused(state.book):
        return count
    if count + EVENTS_PER_STEP_MAX > len(events.orders):
        clock["is_paused"] = 1
        return count
    copy_record(state.outcome[0], events.orders[count])
    events.orders[count]["index"] = state.book.counters[0]["event_index"]
    state.book.counters[0]["event_index"] += 1
    clock["protection"] = NOT_DUE
    return count + 1


@inlined
def comes_before_step(state):
    """Whether protection has its turn between two steps of time: not while one of them waits for room."""
    stage = state.clock[0]["protection"]
    return stage == BETWEEN_STEPS or (stage == DUE and not is_paused(state.book))


@outlined
def sweep_all(state, events, count):
    """The same between two steps of time, which have no outcome."""
    state.clock[0]["protection"] = BETWEEN_STEPS
    count = sweep(state, events, count)
    if not is_paused(state.book):
        state.clock[0]["protection"] = NOT_DUE
    return count


@inlined
def sweep(state, events, count):
    """Cancel the orders of all whose protection went off, one account and region after the other, as they went off."""
    ledger = state.ledger
    while ledger.totals[0]["first_due"] != NIL:
        rule = ledger.rules[np.int64(ledger.totals[0]["first_due"])]
        name_orders(state.sweep[0], rule)
        first = count
        reason = np.int64(Reason.MARKET_MAKER_PROTECTION)
        count = cancel_matching(state.book, state.sweep[0], reason, events, count)
        absorb_all(state, events, first, count)
        if is_paused(state.book):
            return count
        events.orders[count - 1]["kind"] = Event.PROTECTION_TRIGGERED
        events.orders[count - 1]["counter_account_id"] = rule["region_id"]
        events.orders[count - 1]["leaves_lots"] = rule["frozen_until_ns"]
        drop_due(ledger)
    return count


@inlined
def name_orders(command, rule):
    """All orders of a rule's account in its region."""
    command["kind"] = CommandKind.MASS_CANCEL
    command["flags"] = BY_ACCOUNT
    command["account_id"] = rule["account_id"]
    command["scope"] = rule["region_id"] << np.uint32(TIER_BITS)
    command["scope_mask"] = ALL_REGION_BITS
