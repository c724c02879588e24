"""What makes leverage dearer comes in: how regions are used, between which caps that strains them, what cash costs.

When the strain of a region changes, its tranches are valued anew together, so that what is kept is what a recomputation
would give, bit for bit. Telemetry that strains nothing costs next to nothing.
"""

import numpy as np

from exchange.venue.administration import refuse
from exchange.venue.financing import current_rate, schedule_financing, write_financing
from exchange.venue.parameters import deal_with_short
from exchange.venue.revaluing import value_region
from exchange.venue.schema import Command, Event, VenueReject
from exchange.venue.state import is_region
from kernels.compile import inlined, outlined
from matching.events import begin_event
from matching.rules import NO_REJECT
from risk.financing import check_curve
from risk.strain import check_caps, check_utilisation


@outlined
def set_leverage(state, batch, index, events, count):
    """Run one command of this page, and write its outcome."""
    kind = batch.orders[index]["kind"]
    if kind == Command.SET_UTILISATION:
        return set_utilisation(state, batch.strains[index], events, count)
    if kind == Command.SET_STRAIN:
        return set_strain(state, batch.strains[index], events, count)
    return set_financing(state, batch.financings[index], events, count)


@inlined
def set_utilisation(state, command, events, count):
    """How much of what a region can deliver is used, as telemetry tells it."""
    region_id = np.int64(command["region_id"])
    if state.clock[0]["is_paused"] == 0:
        if not is_region(state, region_id):
            return refuse(state, np.int64(VenueReject.UNKNOWN_REGION), np.int64(0), events, count)
        reject = check_utilisation(command["utilisation_ppm"])
        if reject != NO_REJECT:
            return refuse(state, reject, np.int64(0), events, count)
        region = state.regions[region_id]
        before = bounded(region["utilisation_ppm"], region)
        region["utilisation_ppm"] = command["utilisation_ppm"]
        state.clock[0]["strained"] = 0
        if bounded(command["utilisation_ppm"], region) != before:
            state.clock[0]["strained"] = value_region(state, region_id)
    return end_strain(state, Event.UTILISATION_SET, region_id, events, count)


@inlined
def set_strain(state, command, events, count):
    """Between which caps on its utilisation a region is strained; two of 0 for never."""
    region_id = np.int64(command["region_id"])
    if state.clock[0]["is_paused"] == 0:
        if not is_region(state, region_id):
            return refuse(state, np.int64(VenueReject.UNKNOWN_REGION), np.int64(0), events, count)
        reject = check_caps(command["low_ppm"], command["high_ppm"])
        if reject != NO_REJECT:
            return refuse(state, reject, np.int64(0), events, count)
        state.regions[region_id]["low_ppm"] = command["low_ppm"]
        state.regions[region_id]["high_ppm"] = command["high_ppm"]
        state.clock[0]["strained"] = value_region(state, region_id)
    return end_strain(state, Event.STRAIN_SET, region_id, events, count)


@inlined
def end_strain(state, kind, region_id, events, count):
    """Whoever is short now is dealt with; then the command has its outcome."""
    count = deal_with_short(state, events, count)
    if state.clock[0]["is_paused"]:
        return count
    return write_region(state, kind, region_id, np.int64(state.clock[0]["strained"]), events, count)


@inlined
def bounded(utilisation_ppm, region):
    """A utilisation as far as strain knows it: within the caps."""
    return min(max(np.int64(utilisation_ppm), np.int64(region["low_ppm"])), np.int64(region["high_ppm"]))


@inlined
def set_financing(state, command, events, count):
    """What cash costs that accounts do not have, from the next full hour on."""
    base_ppm, slope_1_ppm = command["base_ppm"], command["slope_1_ppm"]
    slope_2_ppm, optimum_ppm = command["slope_2_ppm"], command["optimum_ppm"]
    reject = check_curve(base_ppm, slope_1_ppm, slope_2_ppm, optimum_ppm)
    if reject != NO_REJECT:
        return refuse(state, reject, np.int64(0), events, count)
    financing = state.financing[0]
    financing["base_ppm"] = base_ppm
    financing["slope_1_ppm"] = slope_1_ppm
    financing["slope_2_ppm"] = slope_2_ppm
    financing["optimum_ppm"] = optimum_ppm
    financing["utilisation_ppm"], financing["rate_ppm"] = current_rate(state)
    if financing["due_ns"] == 0:
        financing["due_ns"] = schedule_financing(state, state.clock[0]["time_ns"])
    return write_financing(state, Event.FINANCING_SET, np.int64(0), np.int64(0), events, count)


@inlined
def write_region(state, kind, region_id, tranches, events, count):
    """Tell how a region is used and strained, and in how many tranches that changed the shocks."""
    region = state.regions[region_id]
    begin_event(state.book, events, count, kind)
    event = events.strains[count]
    event["reserved"] = 0
    event["reason"] = 0
    event["region_id"] = region_id
    event["utilisation_ppm"] = region["utilisation_ppm"]
    event["low_ppm"] = region["low_ppm"]
    event["high_ppm"] = region["high_ppm"]
    event["tranches"] = tranches
    event["reserved_2"] = 0
    event["reserved_3"] = 0
    event["reserved_4"] = 0
    event["reserved_5"] = 0
    event["reserved_6"] = 0
    return count + 1
