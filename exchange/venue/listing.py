"""How a window comes to be listed: when the next of a series is due, under which id, and what it begins with."""

import numpy as np

from exchange.venue.agenda import SERIES_DUE, add_entry
from exchange.venue.clearing.deliveries import is_delivered, open_delivery
from exchange.venue.clearing.ramp import step_reached, work_out_ramp
from exchange.venue.lifecycle import LifeState
from exchange.venue.schema import (
    BASIS_POINTS,
    NANO_PER_S,
    NANO_PER_TICK_PER_3_MINUTES,
    TIER_BITS,
    WINDOW_STEP_S,
    Event,
    VenueReject,
)
from exchange.venue.state import slot_of
from kernels.compile import inlined, outlined
from matching.events import begin_event
from matching.schema import NIL, PRICE_TICKS_MAX, Phase
from risk.contracts import list_contract
from risk.limits import forget_contract_limits
from risk.strain import strain_contract


@inlined
def book_of(state, tranche):
    """What matching knows of a tranche."""
    return state.book.instruments[np.int64(tranche["instrument_id"]) & np.int64(len(state.book.instruments) - 1)]


@inlined
def duration_ns(series):
    """The length of a series' windows in nanoseconds."""
    return np.int64(series["duration_s"]) * NANO_PER_S


@inlined
def skip_past_windows(series, time_ns):
    """Windows whose gate has closed already are never listed."""
    earliest_ns = time_ns + np.int64(series["gate_lead_s"]) * NANO_PER_S
    behind_ns = earliest_ns - series["next_start_ns"]
    if behind_ns >= 0:
        series["next_start_ns"] += (behind_ns // duration_ns(series) + 1) * duration_ns(series)


@inlined
def schedule_series(state, series_id):
    """Enter when the next window of a series is to be listed."""
    series = state.series[series_id]
    due_ns = series["next_start_ns"] - np.int64(series["horizon_s"]) * NANO_PER_S
    add_entry(state, max(due_ns, np.int64(0)), SERIES_DUE, series_id)


@inlined
def free_instrument_id(state):
    """The next id whose slot is free, or NIL when all are in use. Ids only rise, so an old one never comes back."""
    clock = state.clock[0]
    first_id = np.int64(clock["next_instrument_id"])
    for instrument_id in range(first_id, first_id + len(state.tranches)):
        if state.tranches[slot_of(state, instrument_id)]["state"] == LifeState.NONE:
            clock["next_instrument_id"] = instrument_id + 1
            return np.int64(instrument_id)
    return np.int64(NIL)


@inlined
def open_tranche(state, series, series_id, instrument_id):
    """Fill in what the venue and the book know of a new window."""
    tranche = state.tranches[slot_of(state, instrument_id)]
    tranche["instrument_id"] = instrument_id
    tranche["series_id"] = series_id
    tranche["region_id"] = series["region_id"]
    tranche["tier"] = series["tier"]
    tranche["state"] = LifeState.LISTED
    tranche["was_held"] = 0
    tranche["is_apportioned"] = 0
    tranche["auction_end_ns"] = 0
    tranche["indicative_due_ns"] = 0
    tranche["indicative_lots"] = 0
    tranche["indicative_ticks"] = 0
    tranche["opening_auction_s"] = series["opening_auction_s"]
    tranche["closing_auction_s"] = series["closing_auction_s"]
    tranche["start_ns"] = series["next_start_ns"]
    tranche["end_ns"] = series["next_start_ns"] + duration_ns(series)
    tranche["gate_ns"] = series["next_start_ns"] - np.int64(series["gate_lead_s"]) * NANO_PER_S
    tranche["tick_value_nano"] = np.int64(series["duration_s"]) // WINDOW_STEP_S * NANO_PER_TICK_PER_3_MINUTES
    tranche["traded_lots"] = 0
    tranche["reference_ticks"] = series["reference_ticks"]
    tranche["prints"] = 0
    tranche["final_ticks"] = 0
    tranche["band_bps"] = series["band_bps"]
    tranche["duration_s"] = series["duration_s"]
    tranche["first_position"] = NIL
    tranche["last_position"] = NIL
    slot = slot_of(state, instrument_id)
    tick_value_nano, reference_ticks = tranche["tick_value_nano"], np.int64(tranche["reference_ticks"])
    list_contract(
        state.ledger, slot, instrument_id, series["region_id"], tick_value_nano, reference_ticks, PRICE_TICKS_MAX
    )
    open_delivery(state, slot, series_id)
    if is_delivered(state, slot):
        state.ledger.contracts[slot]["ramp_step"] = step_reached(tranche, state.clock[0]["time_ns"])
    apply_strain(state, slot)
    state.ledger.contracts[slot]["maker_fee_ppm"] = series["maker_fee_ppm"]
    state.ledger.contracts[slot]["taker_fee_ppm"] = series["taker_fee_ppm"]
    instrument = book_of(state, tranche)
    instrument["instrument_id"] = instrument_id
    instrument["phase"] = Phase.CLOSED
    instrument["scope"] = scope_of(series["region_id"], series["tier"])
    instrument["price_step_ticks"] = series["price_step_ticks"]
    instrument["quantity_step_lots"] = series["quantity_step_lots"]
    instrument["quantity_max_lots"] = series["quantity_max_lots"]
    instrument["has_limits"] = 0
    forget_contract_limits(state.ledger, slot)
    set_band(instrument, tranche, state.ledger.contracts[slot]["price_max_ticks"])
    open_delivery(state, slot, series_id)


@outlined
def apply_strain(state, slot):
    """Work the shocks of a tranche out of its base shocks and of how its region is used, and then its ramp."""
    region = state.regions[state.ledger.contracts[slot]["region_id"]]
    utilisation_ppm = np.int64(region["utilisation_ppm"])
    strain_contract(state.ledger, slot, utilisation_ppm, np.int64(region["low_ppm"]), np.int64(region["high_ppm"]))
    work_out_ramp(state, slot)


@inlined
def scope_of(region_id, tier):
    """What a mass cancel may go by: the region above, the tier in the lowest bits."""
    return np.uint32(region_id) << np.uint32(TIER_BITS) | np.uint32(tier)


@inlined
def set_band(instrument, tranche, price_max_ticks):
    """What an order may pay: so far from the reference, on whole price steps, within what prices can be."""
    reference_ticks = np.int64(tranche["reference_ticks"])
    step_ticks = np.int64(instrument["price_step_ticks"])
    width_ticks = reference_ticks * np.int64(tranche["band_bps"]) // BASIS_POINTS
    low_ticks = max(reference_ticks - width_ticks, np.int64(1))
    high_ticks = min(reference_ticks + width_ticks, np.int64(price_max_ticks))
    instrument["band_low_ticks"] = (low_ticks + step_ticks - 1) // step_ticks * step_ticks
    instrument["band_high_ticks"] = max(high_ticks // step_ticks, np.int64(1)) * step_ticks


@inlined
def write_listed(state, instrument_id, events, count):
    """Tell of a new tranche."""
    slot = slot_of(state, instrument_id)
    tranche = state.tranches[slot]
    instrument = state.book.instruments[slot]
    begin_event(state.book, events, count, Event.TRANCHE_LISTED)
    event = events.tranches[count]
    event["tier"] = tranche["tier"]
    event["reason"] = 0
    event["instrument_id"] = instrument_id
    event["start_ns"] = tranche["start_ns"]
    event["gate_ns"] = tranche["gate_ns"]
    event["series_id"] = tranche["series_id"]
    event["region_id"] = tranche["region_id"]
    event["reference_ticks"] = tranche["reference_ticks"]
    event["duration_s"] = tranche["duration_s"]
    event["price_step_ticks"] = instrument["price_step_ticks"]
    event["band_low_ticks"] = instrument["band_low_ticks"]
    event["band_high_ticks"] = instrument["band_high_ticks"]
    return count + 1


@inlined
def write_listing_refused(state, series, series_id, events, count):
    """Tell that a window could not be listed, for want of a slot."""
    begin_event(state.book, events, count, Event.LISTING_REFUSED)
    event = events.tranches[count]
    event["tier"] = series["tier"]
    event["reason"] = VenueReject.TOO_MANY_INSTRUMENTS
    event["instrument_id"] = 0
    event["start_ns"] = series["next_start_ns"]
    event["gate_ns"] = 0
    event["series_id"] = series_id
    event["region_id"] = series["region_id"]
    event["reference_ticks"] = 0
    event["duration_s"] = series["duration_s"]
    event["price_step_ticks"] = 0
    event["band_low_ticks"] = 0
    event["band_high_ticks"] = 0
    return count + 1
