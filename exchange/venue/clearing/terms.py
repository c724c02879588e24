"""Terms of delivery come in: over which slots a series is measured, and what failing costs."""

import numpy as np

from exchange.venue.administration import refuse
from exchange.venue.clearing import gate_schema
from exchange.venue.clearing.deliveries import copy_terms
from exchange.venue.clearing.schema import SLOT_S_MIN, SLOTS_MAX, ClearingReject
from exchange.venue.schema import Event, VenueReject
from kernels.compile import inlined, outlined
from matching.events import begin_event
from matching.rules import NO_REJECT
from risk.schema import PPM


@outlined
def set_delivery_terms(state, command, events, count):
    """How windows of a series that are listed from now on are delivered; without slots they are settled in cash."""
    series_id = np.int64(command["series_id"])
    if series_id == 0 or series_id > state.clock[0]["series_count"]:
        return refuse(state, np.int64(VenueReject.UNKNOWN_SERIES), np.int64(0), events, count)
    reject = check_terms(command, np.int64(state.series[series_id]["duration_s"]))
    if reject != NO_REJECT:
        return refuse(state, reject, np.int64(0), events, count)
    copy_terms(command, state.clearing.delivery_terms[series_id])
    begin_event(state.book, events, count, Event.TERMS_SET)
    event = events.terms[count]
    event["reserved"] = 0
    event["reason"] = 0
    event["series_id"] = series_id
    copy_terms(command, event)
    event["reserved_2"] = 0
    return count + 1


@inlined
def check_terms(command, duration_s):
    """0, or why nothing can be delivered by such terms.

    Who delivers saves no more by failing than it pays for that: the fee for what is delivered is not the higher one.
    """
    is_possible = is_measurable(np.int64(command["slot_s"]), duration_s)
    is_possible &= command["latency_max_us"] <= gate_schema.LATENCY_US_MAX
    is_possible &= command["loss_max_ppm"] <= PPM
    is_possible &= command["shortfall_fee_ppm"] <= gate_schema.SHORTFALL_FEE_PPM_MAX
    is_possible &= command["clearing_fee_ppm"] <= gate_schema.CLEARING_FEE_PPM_MAX
    is_possible &= command["clearing_fee_ppm"] <= command["shortfall_fee_ppm"]
    is_possible &= command["burn_ppm"] <= PPM
    is_possible &= command["penalty_ppm"] <= gate_schema.PENALTY_PPM_MAX
    is_possible &= command["interruption_ppm"] <= gate_schema.INTERRUPTION_PPM_MAX
    is_possible &= command["grace_s"] <= gate_schema.DAY_S
    is_possible &= command["dispute_s"] <= gate_schema.DAY_S
    return np.int64(NO_REJECT) if is_possible else np.int64(ClearingReject.TERMS_OUT_OF_RANGE)


@inlined
def is_measurable(slot_s, duration_s):
    """Whether a window falls into whole slots, not too short and not too many; 0 for none is always possible."""
    if slot_s == 0:
        return True
    if slot_s < SLOT_S_MIN or slot_s > duration_s:
        return False
    return duration_s % slot_s == 0 and duration_s // slot_s <= SLOTS_MAX
