"""When a slot is settled and when disputes end. Nothing is stored: it follows from terms, the window and the downtime.

Reports of a slot are taken for the grace after its end. A wait that met a downtime begins again at the downtime's
end, so that being down harms nobody. Deadlines of later slots are never earlier.
"""

import numpy as np

from exchange.venue.agenda import DISPUTE_DUE, SLOT_DUE, add_entry, sort_entries
from exchange.venue.clearing.delivery_schema import DISPUTE_OPEN_NS_MAX, AllocationFlag
from exchange.venue.lifecycle import LifeState
from exchange.venue.schema import NANO_PER_S
from exchange.venue.state import slot_of
from kernels.compile import inlined, kernel, outlined
from matching.schema import NIL


@inlined
def slot_count(state, tranche_slot):
    """How many slots a window has; where its length is no multiple, the last is shorter."""
    slot_s = np.int64(state.clearing.deliveries[tranche_slot]["slot_s"])
    return (np.int64(state.tranches[tranche_slot]["duration_s"]) + slot_s - 1) // slot_s


@inlined
def slot_end_ns(state, tranche_slot, slot):
    """When a slot of a window is over."""
    tranche = state.tranches[tranche_slot]
    slot_s = np.int64(state.clearing.deliveries[tranche_slot]["slot_s"])
    return min(tranche["start_ns"] + (np.int64(slot) + 1) * slot_s * NANO_PER_S, tranche["end_ns"])


@inlined
def end_of_wait_ns(state, from_ns, wait_ns):
    """When a wait that begins at an instant ends, seeing that nobody could do anything while the venue was down."""
    clock = state.clock[0]
    return spared_ns(from_ns, wait_ns, clock["down_from_ns"], clock["down_until_ns"])


@inlined
def spared_ns(from_ns, wait_ns, down_from_ns, down_until_ns):
    """The end of a wait that begins again at the end of a downtime, if it met one."""
    if from_ns < down_until_ns and from_ns + wait_ns > down_from_ns:
        return down_until_ns + wait_ns
    return from_ns + wait_ns


@inlined
def slot_due_ns(state, tranche_slot, slot):
    """When a slot is settled on what was reported by then."""
    grace_ns = np.int64(state.clearing.deliveries[tranche_slot]["grace_s"]) * NANO_PER_S
    return end_of_wait_ns(state, slot_end_ns(state, tranche_slot, slot), grace_ns)


@inlined
def dispute_end_ns(state, tranche_slot):
    """Until when allocations can be disputed."""
    dispute_ns = np.int64(state.clearing.deliveries[tranche_slot]["dispute_s"]) * NANO_PER_S
    last_due_ns = slot_due_ns(state, tranche_slot, slot_count(state, tranche_slot) - 1)
    return end_of_wait_ns(state, last_due_ns, dispute_ns)


@inlined
def dispute_limit_ns(state, tranche_slot):
    """Until when a dispute that nobody decides keeps its allocation."""
    return dispute_end_ns(state, tranche_slot) + DISPUTE_OPEN_NS_MAX


@inlined
def are_slots_settled(state, tranche_slot):
    """Whether every slot is settled for every allocation."""
    return np.int64(state.clearing.deliveries[tranche_slot]["next_slot"]) >= slot_count(state, tranche_slot)


@inlined
def is_delivering(state, tranche_slot):
    """Whether a tranche has allocations whose slots, or whose disputes, fall due."""
    life_state = state.tranches[tranche_slot]["state"]
    is_due = life_state == LifeState.DELIVERING or life_state == LifeState.SETTLING
    return is_due and state.clearing.deliveries[tranche_slot]["first_allocation"] != NIL


@outlined
def delivery_due_ns(state, tranche_slot):
    """When delivery of a tranche goes on by itself: its next slot, then the end of disputes, then that of those
    that nobody decided."""
    if not are_slots_settled(state, tranche_slot):
        slot = np.int64(state.clearing.deliveries[tranche_slot]["next_slot"])
        due_ns = slot_due_ns(state, tranche_slot, slot)
    elif are_all_disputed(state, tranche_slot):
        due_ns = dispute_limit_ns(state, tranche_slot)
        if state.clock[0]["time_ns"] < dispute_end_ns(state, tranche_slot):
            due_ns = dispute_end_ns(state, tranche_slot)
    else:
        due_ns = dispute_end_ns(state, tranche_slot)
    return max(due_ns, np.int64(state.clock[0]["time_ns"]))


@inlined
def are_all_disputed(state, tranche_slot):
    """Whether every allocation that a tranche still has is disputed."""
    at = np.int64(state.clearing.deliveries[tranche_slot]["first_allocation"])
    while at != NIL:
        if not state.clearing.allocations[at]["flags"] & np.uint32(AllocationFlag.DISPUTED):
            return False
        at = np.int64(state.clearing.allocations[at]["next"])
    return True


@inlined
def schedule_delivery(state, tranche_slot):
    """Enter when delivery of a tranche goes on."""
    kind = DISPUTE_DUE if are_slots_settled(state, tranche_slot) else SLOT_DUE
    due_ns = delivery_due_ns(state, tranche_slot)
    add_entry(state, due_ns, kind, state.tranches[tranche_slot]["instrument_id"])


@outlined
def reschedule_deliveries(state):
    """Let all deliveries fall due anew, after their deadlines moved."""
    for at in range(state.clock[0]["agenda_count"]):
        entry = state.agenda[at]
        if entry["kind"] == SLOT_DUE or entry["kind"] == DISPUTE_DUE:
            entry["due_ns"] = delivery_due_ns(state, slot_of(state, entry["subject"]))
    sort_entries(state)


@kernel
def restore_deliveries(state):
    """Enter the deadlines of every tranche that is being delivered, as an image has them."""
    for slot in range(len(state.tranches)):
        if is_delivering(state, slot):
            schedule_delivery(state, slot)
