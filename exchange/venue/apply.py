"""The venue as a function: commands in, events out, nothing else.

Each command, with the continuation records behind it, is carried to its outcome, the last of its events. When the
buffer is full in the middle of one, the kernel returns what it has; called again with an empty buffer it goes on
where it stopped, so that the events are the same for buffers and batches of any size.
"""

import numpy as np

from exchange.venue.absorbing import absorb_all
from exchange.venue.administration import administer, refuse
from exchange.venue.calendar import advance
from exchange.venue.cancel_after import set_cancel_after
from exchange.venue.clearing.capacities import run_provider
from exchange.venue.clearing.desk import run_delivery
from exchange.venue.clearing.terms import set_delivery_terms
from exchange.venue.clients import content_of, find_client, is_full, remember, repeat, trim
from exchange.venue.groups import trade_group
from exchange.venue.leverage import set_leverage
from exchange.venue.margin_calls import call_margin
from exchange.venue.parameters import set_fees, set_parameters
from exchange.venue.prefetch import look_ahead_of_risk
from exchange.venue.protection import AT_WORK, NOT_DUE, protect
from exchange.venue.risk_staff import run_risk_staff
from exchange.venue.schema import CONTINUATIONS_MAX, TIME_NS_MAX, Command, Event, VenueReject
from exchange.venue.trading import begin_order, trade_order
from kernels.compile import direct, inlined, kernel, outlined
from kernels.intrinsics import rarely
from matching.events import EVENTS_PER_STEP_MAX, begin_event
from matching.mass_cancel import BY_ACCOUNT
from matching.prefetch import look_ahead
from matching.schema import NIL
from matching.working import is_paused
from risk.accounts import is_account


@direct
@kernel
def apply_commands(state, batch, first_sequence, first, events):
    """Run commands from index `first` on; return how many records are done in all, and the number of events.

    Fewer done than given means that the buffer is full: take the events and call again.
    """
    count = np.int64(0)
    index = np.int64(first)
    if state.clock[0]["protection"] == AT_WORK:
        count = protect(state, events, count)
        if is_waiting(state):
            return index, count
        index += max(group_size(batch, index), np.int64(1))
    while index < len(batch.orders):
        if count + EVENTS_PER_STEP_MAX > len(events.orders):
            return index, count
        look_ahead(state.book, batch, index)
        look_ahead_of_risk(state, batch, index)
        size = np.int64(1)
        if is_simple(state, batch, index):
            begin_command(state, first_sequence, index)
            count = begin_order(state, batch, index, events, count)
        else:
            size = group_size(batch, index)
            count = apply_one(state, batch, first_sequence, index, size, events, count)
        if rarely(is_waiting(state) or state.clock[0]["protection"] != NOT_DUE):
            if not is_waiting(state):
                count = protect(state, events, count)
            if is_waiting(state):
                return index, count
        index += max(size, np.int64(1))
    return index, count


@inlined
def is_simple(state, batch, index):
    """Whether a command is an order, a cancel or a replace in one record, of an account that there is, and begins."""
    command = batch.orders[np.uint32(index)]
    named = command["client_id_high"] | command["client_id_low"] | np.uint64(command["continuations"])
    kind = command["kind"]
    if rarely((named != 0) | (kind < Command.PLACE) | (kind > Command.REPLACE)):
        return False
    return is_account(state.ledger, np.int64(command["account_id"])) and not is_waiting(state)


@inlined
def begin_command(state, first_sequence, index):
    """A command begins: its events are counted, and it is."""
    state.book.counters[0]["sequence"] = np.uint64(first_sequence + index)
    state.book.counters[0]["event_index"] = 0
    state.clock[0]["commands"] += 1


@inlined
def group_size(batch, index):
    """How many records a command has, or 0 if some are missing."""
    size = 1 + np.int64(batch.orders[index]["continuations"])
    if size > 1 + CONTINUATIONS_MAX or index + size > len(batch.orders):
        return np.int64(0)
    for at in range(index + 1, index + size):
        if not is_continuation(batch.orders[at]["kind"]):
            return np.int64(0)
    return size


@inlined
def is_continuation(kind):
    """Whether a record belongs to the head before it."""
    return (
        (kind == Command.CONTINUATION)
        | (kind == Command.EXTRA)
        | (kind == Command.QUOTE)
        | (kind == Command.LEG)
        | (kind == Command.SHOCKS)
    )


@inlined
def is_waiting(state):
    """Whether the command at work must be run again."""
    return is_paused(state.book) or state.clock[0]["is_paused"] != 0


@outlined
def apply_one(state, batch, first_sequence, index, size, events, count):
    """Carry one command on, from its beginning or from where it stopped."""
    if not is_waiting(state):
        begin_command(state, first_sequence, index)
    if size == 0:
        return refuse(state, np.int64(VenueReject.INCOMPLETE_GROUP), np.int64(0), events, count)
    kind = batch.orders[index]["kind"]
    if kind == Command.TICK:
        return tick(state, batch.clocks[index], events, count)
    if kind >= Command.PLACE and kind <= Command.BASKET:
        return apply_once(state, batch, index, size, True, events, count)
    if kind == Command.DEPOSIT or kind == Command.WITHDRAW or kind == Command.ENDOW_FUND:
        return apply_once(state, batch, index, size, False, events, count)
    if is_of_provider(kind):
        return apply_once(state, batch, index, size, False, events, count)
    if kind == Command.SET_PARAMETERS:
        return set_parameters(state, batch, index, events, count)
    if kind == Command.SET_FEES:
        return set_fees(state, batch.parameters[index], events, count)
    if kind >= Command.SET_UTILISATION and kind <= Command.SET_FINANCING:
        return set_leverage(state, batch, index, events, count)
    if kind >= Command.KILL_SWITCH and kind <= Command.RESET_PROTECTION:
        return run_risk_staff(state, batch, index, events, count)
    if kind == Command.SET_CANCEL_AFTER:
        return set_cancel_after(state, batch.cancel_afters[index], events, count)
    if kind == Command.CALL_MARGIN:
        return call_margin(state, batch.add_ons[index], events, count)
    if kind == Command.SET_DELIVERY_TERMS:
        return set_delivery_terms(state, batch.terms[index], events, count)
    if kind >= Command.REGISTER_REPORTER and kind <= Command.NOTE_DOWNTIME:
        return run_delivery(state, batch, index, events, count)
    return administer(state, batch, index, events, count)


@inlined
def tick(state, command, events, count):
    """Time passes, and never goes back."""
    if command["time_ns"] < 0 or command["time_ns"] > TIME_NS_MAX:
        return refuse(state, np.int64(VenueReject.TIME_OUT_OF_RANGE), np.int64(0), events, count)
    count = advance(state, command["time_ns"], events, count)
    if state.clock[0]["is_paused"]:
        return count
    trim(state)
    begin_event(state.book, events, count, Event.TICKED)
    event = events.clocks[count]
    event["reserved"] = 0
    event["reason"] = 0
    event["reserved_2"] = 0
    event["time_ns"] = state.clock[0]["time_ns"]
    event["reserved_3"] = 0
    event["reserved_4"] = 0
    event["reserved_5"] = 0
    event["reserved_6"] = 0
    event["reserved_7"] = 0
    return count + 1


@inlined
def apply_once(state, batch, index, size, trades, events, count):
    """Run a command that moves orders or money; with a client id, only the first time that it comes."""
    command = batch.orders[index]
    account_id = np.int64(command["account_id"])
    has_client_id = command["client_id_high"] | command["client_id_low"] != 0
    content = np.uint64(0)
    if has_client_id:
        content = content_of(batch, index, size)
    if not is_waiting(state):
        if not is_account(state.ledger, account_id) and not is_for_everybody(batch, index):
            return refuse(state, np.int64(VenueReject.UNKNOWN_ACCOUNT), account_id, events, count)
        if has_client_id:
            known = find_client(state, account_id, command["client_id_high"], command["client_id_low"])
            if known != NIL:
                return answer_again(state, known, content, account_id, events, count)
            if is_full(state):
                return refuse(state, np.int64(VenueReject.TOO_MANY_CLIENT_IDS), account_id, events, count)
    if trades:
        count = trade(state, batch, index, events, count)
    elif is_of_provider(command["kind"]):
        count = run_provider(state, batch, index, events, count)
    else:
        count = administer(state, batch, index, events, count)
    if has_client_id and not is_waiting(state):
        outcome = events.orders[count - 1]
        remember(state, account_id, command["client_id_high"], command["client_id_low"], content, outcome)
    return count


@inlined
def trade(state, batch, index, events, count):
    """Carry a command of matching on, and its events into the ledger."""
    state.clock[0]["is_paused"] = 0
    if batch.orders[index]["kind"] <= Command.REPLACE:
        return trade_order(state, batch, index, events, count)
    first = count
    count = trade_group(state, batch, index, events, count)
    absorb_all(state, events, first, count)
    return count


@inlined
def is_of_provider(kind):
    """Whether a command is about stakes or capacity."""
    return kind >= Command.POST_STAKE and kind <= Command.WITHDRAW_CAPACITY


@inlined
def is_for_everybody(batch, index):
    """Whether a command is a mass cancel of all accounts' orders, which no account stands for."""
    is_mass_cancel = batch.orders[index]["kind"] == Command.MASS_CANCEL
    return is_mass_cancel and batch.mass_cancels[index]["flags"] & BY_ACCOUNT == 0


@inlined
def answer_again(state, known, content, account_id, events, count):
    """The answer to a client id that was used before: the same, if the command says the same."""
    if state.clients[known - 1]["content"] != content:
        return refuse(state, np.int64(VenueReject.CLIENT_ID_REUSED), account_id, events, count)
    begin_event(state.book, events, count, Event.REPEATED)
    repeat(state, known, events.repeats[count])
    return count + 1
