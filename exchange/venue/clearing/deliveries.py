"""What a tranche keeps of how it is delivered, from its listing on."""

import numpy as np

from kernels.compile import inlined, outlined
from matching.schema import NIL


@outlined
def open_delivery(state, tranche_slot, series_id):
    """A window that is listed is delivered by the terms that its series has now; nothing of it is sold yet."""
    terms, delivery = state.clearing.delivery_terms[series_id], state.clearing.deliveries[tranche_slot]
    copy_terms(terms, delivery)
    delivery["replacement_ticks"] = 0
    delivery["final_ticks"] = 0
    delivery["first_allocation"] = NIL
    delivery["last_allocation"] = NIL
    delivery["next_slot"] = 0
    delivery["stage"] = 0


@inlined
def copy_terms(source, target):
    """Terms of delivery go from one record into another that has them too."""
    target["slot_s"] = source["slot_s"]
    target["latency_max_us"] = source["latency_max_us"]
    target["loss_max_ppm"] = source["loss_max_ppm"]
    target["shortfall_fee_ppm"] = source["shortfall_fee_ppm"]
    target["clearing_fee_ppm"] = source["clearing_fee_ppm"]
    target["burn_ppm"] = source["burn_ppm"]
    target["penalty_ppm"] = source["penalty_ppm"]
    target["interruption_ppm"] = source["interruption_ppm"]
    target["grace_s"] = source["grace_s"]
    target["dispute_s"] = source["dispute_s"]


@inlined
def is_delivered(state, tranche_slot):
    """Whether what is bought of a tranche is delivered, and not settled in cash at its gate."""
    return state.clearing.deliveries[tranche_slot]["slot_s"] != 0


@inlined
def has_allocations(state, tranche_slot):
    """Whether anybody still owes anybody a part of a tranche."""
    return np.int64(state.clearing.deliveries[tranche_slot]["first_allocation"]) != NIL
