"""What time brings: orders expire, windows are listed, open, close at their gate, start and end.

Which deadline a tranche waits for, and what it then does, follows from its state: `deadline_ns` and `due_trigger`.

`advance` carries the venue to a time in steps, in the order of (due time, kind, id): expiries of orders first, then
tranches, then series, then interest. Each step leaves the state whole, so a tick that finds no room for events pauses
between two steps and is run again; a late tick over many deadlines does what many timely ones would have done.
"""

import numpy as np

from exchange.venue.absorbing import absorb_all
from exchange.venue.agenda import (
    CANCEL_AFTER_DUE,
    DISPUTE_DUE,
    FINANCING_DUE,
    INDICATIVE_DUE,
    ORDERS_DUE,
    RAMP_DUE,
    REVIEW_DUE,
    SERIES_DUE,
    SLOT_DUE,
    TRANCHE_DUE,
    add_entry,
    drop_first,
    move_entry,
    sort_entries,
)
from exchange.venue.auctions import begin_auction, ends_auction, last_call_ns, tell_indicative, uncross_step
from exchange.venue.cancel_timers import step_cancel_after
from exchange.venue.clearing.deliveries import has_allocations, is_delivered
from exchange.venue.clearing.finishing import step_finishing
from exchange.venue.clearing.gate import is_gate_done, step_gate
from exchange.venue.clearing.moves import next_to_start, start_allocation
from exchange.venue.clearing.ramp_steps import schedule_ramp, step_ramp
from exchange.venue.clearing.slots import step_slot
from exchange.venue.final_price import find_final_ticks
from exchange.venue.financing import step_financing
from exchange.venue.lifecycle import NEXT_STATE_ARRAY, LifeState, Trigger
from exchange.venue.listing import (
    book_of,
    duration_ns,
    free_instrument_id,
    open_tranche,
    schedule_series,
    skip_past_windows,
    write_listed,
    write_listing_refused,
)
from exchange.venue.protection import comes_before_step, sweep_all
from exchange.venue.schema import Event, Reason
from exchange.venue.settling import settle_one
from exchange.venue.state import slot_of
from exchange.venue.supervision import cancel_orders, close, review
from kernels.compile import inlined, kernel, outlined
from matching.events import EVENTS_PER_STEP_MAX, begin_event
from matching.resting import cancel_next, expire_next
from matching.schema import NIL, Phase
from matching.timers import due_slot
from matching.working import is_paused


@inlined
def advance(state, time_ns, events, count):
    """Do all that is due until a time; `is_paused` in the clock says whether the buffer was full before that."""
    clock = state.clock[0]
    counters = state.book.counters[0]
    clock["is_paused"] = 0
    time_ns = max(time_ns, clock["time_ns"])
    clock["target_ns"] = time_ns
    while True:
        if comes_before_step(state):
            count = sweep_all(state, events, count)
            if is_paused(state.book):
                clock["is_paused"] = 1
                return count
        due_ns = next_due(state)
        if due_ns > time_ns:
            break
        if count + EVENTS_PER_STEP_MAX > len(events.orders):
            clock["is_paused"] = 1
            return count
        clock["time_ns"] = max(clock["time_ns"], due_ns)
        counters["time_ns"] = due_ns
        count = step(state, events, count)
        if is_paused(state.book) or clock["is_paused"]:
            clock["is_paused"] = 1
            return count
    clock["time_ns"] = time_ns
    counters["time_ns"] = time_ns
    return count


@kernel
def next_due(state):
    """When something falls due next."""
    due_ns = np.int64(np.iinfo(np.int64).max)
    if state.clock[0]["agenda_count"] > 0:
        due_ns = state.agenda[0]["due_ns"]
    if state.book.counters[0]["timer_count"] > 0:
        due_ns = min(due_ns, state.book.timers[0]["due_ns"])
    return due_ns


@inlined
def step(state, events, count):
    """One step of what is due at the book's time."""
    if due_slot(state.book) != NIL:
        first = count
        count = expire_next(state.book, events, count)
        absorb_all(state, events, first, count)
        return count
    subject = np.int64(state.agenda[0]["subject"])
    if state.agenda[0]["kind"] == TRANCHE_DUE:
        return step_tranche(state, subject, events, count)
    if state.agenda[0]["kind"] == INDICATIVE_DUE:
        return tell_indicative(state, subject, events, count)
    if state.agenda[0]["kind"] == SERIES_DUE:
        return list_next(state, subject, events, count)
    if state.agenda[0]["kind"] == FINANCING_DUE:
        return step_financing(state, events, count)
    if state.agenda[0]["kind"] == RAMP_DUE:
        return step_ramp(state, subject, events, count)
    if state.agenda[0]["kind"] == SLOT_DUE:
        return step_slot(state, subject, events, count)
    if state.agenda[0]["kind"] == DISPUTE_DUE:
        return step_dispute(state, subject, events, count)
    if state.agenda[0]["kind"] == CANCEL_AFTER_DUE:
        return step_cancel_after(state, subject, events, count)
    return step_account(state, subject, events, count)


@outlined
def step_account(state, account_id, events, count):
    """One step for accounts that have too little."""
    if state.agenda[0]["kind"] == REVIEW_DUE:
        return review(state, account_id, events, count)
    if state.agenda[0]["kind"] == ORDERS_DUE:
        return cancel_orders(state, events, count)
    return close(state, account_id, events, count)


@inlined
def step_tranche(state, instrument_id, events, count):
    """Uncross an auction, cancel one order, settle one position, close the gate one step more, or move a tranche on,
    whichever comes first."""
    tranche = state.tranches[slot_of(state, instrument_id)]
    trigger = due_trigger(state, tranche)
    if ends_auction(state, tranche, trigger):
        return uncross_step(state, tranche, trigger, events, count)
    if trigger == Trigger.GATE:
        first = count
        count = cancel_next(state.book, instrument_id, Reason.GATE_CLOSED, events, count)
        if count > first:
            absorb_all(state, events, first, count)
            return count
        slot = slot_of(state, instrument_id)
        if tranche["final_ticks"] == 0:
            tranche["final_ticks"] = find_final_ticks(state, slot)
        if is_delivered(state, slot):
            if not is_gate_done(state, slot):
                return step_gate(state, tranche, np.int64(tranche["final_ticks"]), events, count)
        elif tranche["first_position"] != NIL:
            return settle_one(state, tranche, np.int64(tranche["final_ticks"]), events, count)
    if trigger == Trigger.START:
        at = next_to_start(state, slot_of(state, instrument_id))
        if at != NIL:
            return start_allocation(state, slot_of(state, instrument_id), at, events, count)
    drop_first(state)
    count = move_on(state, tranche, trigger, events, count)
    schedule(state, tranche)
    return count


@inlined
def step_dispute(state, instrument_id, events, count):
    """Finish one allocation; a tranche that has no more of them is settled."""
    slot = slot_of(state, instrument_id)
    if has_allocations(state, slot):
        return step_finishing(state, instrument_id, events, count)
    drop_first(state)
    count = move_on(state, state.tranches[slot], np.int64(Trigger.CLEARED), events, count)
    schedule(state, state.tranches[slot])
    return count


@inlined
def due_trigger(state, tranche):
    """What a tranche in this state waits for."""
    if tranche["state"] == LifeState.GATE_CLOSED:
        return Trigger.START
    if tranche["state"] == LifeState.DELIVERING:
        return end_trigger(state, tranche)
    if tranche["state"] == LifeState.AUCTION and tranche["auction_end_ns"] < last_call_ns(tranche):
        return Trigger.UNCROSS
    if tranche["state"] == LifeState.AUCTION or tranche["state"] == LifeState.OPEN:
        return Trigger.CLOSING_CALL if tranche["closing_auction_s"] else Trigger.GATE
    return Trigger.GATE


@inlined
def end_trigger(state, tranche):
    """What the end of a window brings."""
    if has_allocations(state, slot_of(state, tranche["instrument_id"])):
        return Trigger.END_DELIVERED
    return Trigger.END_HELD if tranche["was_held"] else Trigger.END_UNHELD


@inlined
def deadline_ns(tranche):
    """When a tranche in this state moves on by itself."""
    if tranche["state"] == LifeState.GATE_CLOSED:
        return tranche["start_ns"]
    if tranche["state"] == LifeState.DELIVERING:
        return tranche["end_ns"]
    if tranche["state"] == LifeState.AUCTION:
        return min(tranche["auction_end_ns"], last_call_ns(tranche))
    if tranche["state"] == LifeState.OPEN:
        return last_call_ns(tranche)
    return tranche["gate_ns"]


@inlined
def schedule(state, tranche):
    """Enter the next deadline of a tranche; one that is over frees its slot, and one that settles waits for that."""
    if tranche["state"] == LifeState.SETTLED or tranche["state"] == LifeState.EXPIRED:
        book_of(state, tranche)["price_step_ticks"] = 0
        tranche["state"] = LifeState.NONE
    elif tranche["state"] != LifeState.SETTLING:
        due_ns = max(deadline_ns(tranche), state.clock[0]["time_ns"])
        add_entry(state, due_ns, TRANCHE_DUE, tranche["instrument_id"])


@inlined
def halt_or_reopen(state, tranche, halts, events, count):
    """Stop a tranche, or let it trade again as it began; the caller knows that the move exists."""
    trigger = np.int64(Trigger.HALT)
    if not halts:
        trigger = first_trigger(state, tranche, Trigger.RESUME)
    count = move_on(state, tranche, trigger, events, count)
    move_entry(state, deadline_ns(tranche), TRANCHE_DUE, tranche["instrument_id"])
    return count


@outlined
def call_again(state, events, count):
    """After a halt of the market, send every open tranche with an opening auction through one, in the order of ids.

    `is_paused` in the clock says that the buffer was full before that. Who was called is open no more, so that to go on
    is to begin again. The agenda learns the new deadlines when all are called.
    """
    state.clock[0]["is_paused"] = 0
    slots = np.int64(len(state.tranches))
    first_id = next_to_call(state, np.int64(0))
    while first_id != NIL:
        first_id -= first_id % slots
        for instrument_id in range(first_id, first_id + slots):
            if is_to_call(state.tranches[instrument_id - first_id], instrument_id):
                if count + EVENTS_PER_STEP_MAX > len(events.orders):
                    state.clock[0]["is_paused"] = 1
                    return count
                count = call_one(state, instrument_id - first_id, events, count)
        first_id = next_to_call(state, first_id + slots)
    if count + EVENTS_PER_STEP_MAX > len(events.orders):
        state.clock[0]["is_paused"] = 1
        return count
    reschedule_all(state)
    return count


@inlined
def call_one(state, slot, events, count):
    """Send an open tranche into its auction."""
    tranche = state.tranches[slot]
    return move_on(state, tranche, first_trigger(state, tranche, Trigger.CALL), events, count)


@inlined
def next_to_call(state, least_id):
    """The lowest id, no lower than another, of an open tranche with an opening auction, or NIL."""
    found_id = np.int64(NIL)
    for slot in range(len(state.tranches)):
        instrument_id = np.int64(state.tranches[slot]["instrument_id"])
        is_lower = found_id == NIL or instrument_id < found_id
        if is_lower and instrument_id >= least_id and is_to_call(state.tranches[slot], instrument_id):
            found_id = instrument_id
    return found_id


@inlined
def is_to_call(tranche, instrument_id):
    """Whether a slot holds the tranche of an id, and this trades though it has an opening auction."""
    is_open = tranche["state"] == LifeState.OPEN and tranche["instrument_id"] == instrument_id
    return is_open and tranche["opening_auction_s"] != 0


@inlined
def reschedule_all(state):
    """Let every tranche fall due at its deadline."""
    for at in range(state.clock[0]["agenda_count"]):
        entry = state.agenda[at]
        if entry["kind"] == TRANCHE_DUE:
            entry["due_ns"] = deadline_ns(state.tranches[slot_of(state, entry["subject"])])
    sort_entries(state)


@inlined
def first_trigger(state, tranche, without_auction):
    """How a tranche begins to trade, for the first time or after a halt."""
    if tranche["closing_auction_s"] and state.clock[0]["time_ns"] >= last_call_ns(tranche):
        return np.int64(Trigger.CLOSING_CALL)
    if tranche["opening_auction_s"]:
        return np.int64(Trigger.CALL)
    return np.int64(without_auction)


@inlined
def move_on(state, tranche, trigger, events, count):
    """Move a tranche along its life, and tell; the caller knows that the move exists."""
    previous = tranche["state"]
    following = NEXT_STATE_ARRAY[np.int64(previous), np.int64(trigger)]
    assert following != LifeState.NONE, "a move that the table does not have"
    tranche["state"] = following
    instrument = book_of(state, tranche)
    instrument["phase"] = Phase.CLOSED
    if following == LifeState.OPEN:
        instrument["phase"] = Phase.OPEN
    elif following == LifeState.HALTED:
        instrument["phase"] = Phase.HALTED
    elif following == LifeState.AUCTION or following == LifeState.CLOSING_AUCTION:
        instrument["phase"] = Phase.AUCTION
        begin_auction(state, tranche)
    begin_event(state.book, events, count, Event.STATE_CHANGED)
    event = events.states[count]
    event["state"] = following
    event["reason"] = 0
    event["instrument_id"] = tranche["instrument_id"]
    event["due_ns"] = state.clock[0]["time_ns"]
    event["traded_lots"] = tranche["traded_lots"]
    event["previous_state"] = previous
    slot = slot_of(state, tranche["instrument_id"])
    event["replacement_ticks"] = state.clearing.deliveries[slot]["replacement_ticks"]
    event["final_ticks"] = tranche["final_ticks"]
    event["reserved_2"] = 0
    event["reserved_3"] = 0
    return count + 1


@inlined
def is_closed(life_state):
    """Whether a tranche in this state has passed its gate."""
    return LifeState.GATE_CLOSED <= life_state <= LifeState.EXPIRED or life_state == LifeState.SETTLING


@inlined
def list_next(state, series_id, events, count):
    """List the next window of a series, and enter when the one after it is due."""
    series = state.series[series_id]
    drop_first(state)
    skip_past_windows(series, state.clock[0]["time_ns"])
    instrument_id = free_instrument_id(state)
    if instrument_id == NIL:
        count = write_listing_refused(state, series, series_id, events, count)
    else:
        open_tranche(state, series, series_id, instrument_id)
        count = write_listed(state, instrument_id, events, count)
        tranche = state.tranches[slot_of(state, instrument_id)]
        trigger = Trigger.CALL if tranche["opening_auction_s"] else Trigger.OPENING
        count = move_on(state, tranche, trigger, events, count)
        schedule(state, tranche)
        schedule_ramp(state, slot_of(state, instrument_id))
    series["next_start_ns"] += duration_ns(series)
    schedule_series(state, series_id)
    return count
