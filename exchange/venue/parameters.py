"""Risk parameters come in: a mark, what a lot gains in each scenario, charges, fees.

Parameters are of one instrument. All that its positions and open orders added to requirements under the old ones is
taken out, and comes in again under the new ones, so that what is kept is what a recomputation would give, bit for bit.
Shocks come as they are at ease: if the region is strained, they count as what strain makes of them.
"""

import numpy as np

from exchange.venue.administration import refuse
from exchange.venue.calendar import advance
from exchange.venue.schema import Command, Event, VenueReject
from exchange.venue.state import slot_of
from exchange.venue.valuing import FORGET, value_again, value_all, write_nothing_set, write_parameters
from kernels.compile import inlined, outlined
from matching.rules import NO_REJECT, is_listed
from matching.schema import OrderReject
from risk.contracts import check_fees
from risk.schema import SCENARIOS, RiskReject

HALVES_PER_RECORD = 16


@outlined
def set_parameters(state, batch, index, events, count):
    """New parameters of one instrument, if they can be reckoned with."""
    slot = slot_of(state, batch.parameters[index]["instrument_id"])
    if state.clock[0]["is_paused"] == 0:
        reject = check_parameters(state, batch, index, slot)
        if reject != NO_REJECT:
            return refuse(state, reject, np.int64(0), events, count)
        take_parameters(state, batch, index, slot)
    count = deal_with_short(state, events, count)
    if state.clock[0]["is_paused"]:
        return count
    return write_parameters(state, slot, events, count)


@outlined
def deal_with_short(state, events, count):
    """Whoever a re-marking left short is dealt with before the command ends; a paused command comes back here."""
    clock = state.clock[0]
    if clock["is_paused"] or (clock["agenda_count"] > 0 and state.agenda[0]["due_ns"] <= clock["time_ns"]):
        count = advance(state, clock["time_ns"], events, count)
    return count


@inlined
def take_parameters(state, batch, index, slot):
    """Mark a tranche anew."""
    command = batch.parameters[index]
    value_all(state, slot, np.int64(FORGET))
    contract = state.ledger.contracts[slot]
    contract["mark_ticks"] = command["mark_ticks"]
    contract["spread_ticks"] = command["spread_ticks"]
    contract["concentration_ticks"] = command["concentration_ticks"]
    contract["concentration_lots"] = command["concentration_lots"]
    for scenario in range(1, SCENARIOS):
        state.ledger.base_shocks[slot * SCENARIOS + scenario] = shock_of(batch, index, scenario)
    value_again(state, slot)


@inlined
def check_parameters(state, batch, index, slot):
    """0, or why parameters are refused: risk meets no price above the contract's largest, and nothing is worth less."""
    command = batch.parameters[index]
    if not is_listed(state.book, command["instrument_id"]):
        return np.int64(OrderReject.UNKNOWN_INSTRUMENT)
    most_ticks = np.int64(state.ledger.contracts[slot]["price_max_ticks"])
    is_short = index + 1 >= len(batch.orders) or batch.orders[index + 1]["kind"] != Command.SHOCKS
    if command["continuations"] != 1 or is_short:
        return np.int64(RiskReject.PARAMETERS_OUT_OF_RANGE)
    if command["mark_ticks"] < 1 or command["mark_ticks"] > most_ticks:
        return np.int64(RiskReject.PARAMETERS_OUT_OF_RANGE)
    if command["spread_ticks"] < 0 or command["concentration_ticks"] < 0 or command["concentration_lots"] < 0:
        return np.int64(RiskReject.PARAMETERS_OUT_OF_RANGE)
    if np.int64(command["spread_ticks"]) + np.int64(command["concentration_ticks"]) > most_ticks:
        return np.int64(RiskReject.PARAMETERS_OUT_OF_RANGE)
    for scenario in range(1, SCENARIOS):
        if abs(shock_of(batch, index, scenario)) > most_ticks:
            return np.int64(RiskReject.PARAMETERS_OUT_OF_RANGE)
    return np.int64(NO_REJECT)


@inlined
def shock_of(batch, index, scenario):
    """What a command says that a long lot gains in a scenario from 1 on, in ticks."""
    return np.int64(batch.halves[(index + 1) * HALVES_PER_RECORD + scenario])


@inlined
def set_fees(state, command, events, count):
    """What trades cost in windows of a series that are listed from now on."""
    series_id = np.int64(command["series_id"])
    if series_id == 0 or series_id > state.clock[0]["series_count"]:
        return refuse(state, np.int64(VenueReject.UNKNOWN_SERIES), np.int64(0), events, count)
    reject = check_fees(command["maker_fee_ppm"], command["taker_fee_ppm"])
    if reject != NO_REJECT:
        return refuse(state, reject, np.int64(0), events, count)
    series = state.series[series_id]
    series["maker_fee_ppm"] = command["maker_fee_ppm"]
    series["taker_fee_ppm"] = command["taker_fee_ppm"]
    count = write_nothing_set(state, Event.FEES_SET, events, count)
    event = events.parameters[count - 1]
    event["series_id"] = series_id
    event["maker_fee_ppm"] = command["maker_fee_ppm"]
    event["taker_fee_ppm"] = command["taker_fee_ppm"]
    return count
