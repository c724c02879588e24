"""Commands of delivery: who reports, what was measured, who is ready, who disputes, what is corrected, who was down.

The core takes the word of registered reporters: whether a signature is a reporter's, the door has found out before.
"""

import numpy as np

from exchange.venue.administration import refuse, write_account
from exchange.venue.clearing.allocations import can_move, find_allocation
from exchange.venue.clearing.deadlines import (
    dispute_end_ns,
    reschedule_deliveries,
    slot_count,
    slot_end_ns,
)
from exchange.venue.clearing.delivery_schema import (
    DOWNTIMES_MERGED_NS,
    KEY_WORDS,
    LATENCY_US_MAX,
    PPM,
    REPORTERS_MAX,
    AllocationFlag,
    ReportOutcome,
)
from exchange.venue.clearing.finishing import decide
from exchange.venue.clearing.interruption import interrupt
from exchange.venue.clearing.lifecycle import AllocationState, AllocationTrigger
from exchange.venue.clearing.moves import move_allocation, write_allocation
from exchange.venue.clearing.reports import compare, count_reports, enter_report, find_report, has_room, is_reporter
from exchange.venue.clearing.reputation import are_strangers
from exchange.venue.clearing.schema import ClearingReject
from exchange.venue.clearing.shares_of_slots import part_of, price_nano, replacement_nano
from exchange.venue.notes import note_if_short
from exchange.venue.parameters import deal_with_short
from exchange.venue.schema import TIME_NS_MAX, Command, Event, VenueReject
from exchange.venue.state import slot_of
from kernels.compile import inlined, outlined
from matching.events import begin_event
from matching.rules import NO_REJECT
from matching.schema import NIL
from risk.accounts import is_account
from risk.shares import share_of

HALVES_PER_RECORD = 16


@outlined
def run_delivery(state, batch, index, events, count):
    """Run one command of this room, and write its outcome."""
    kind = batch.orders[index]["kind"]
    if kind == Command.REGISTER_REPORTER:
        return register_reporter(state, batch, index, events, count)
    if kind == Command.REPORT_DELIVERY:
        return report_delivery(state, batch.deliveries[index], events, count)
    if kind == Command.PROVISION:
        return provision(state, batch.deliveries[index], events, count)
    if kind == Command.CORRECT_DELIVERY:
        return correct_delivery(state, batch.deliveries[index], events, count)
    if kind == Command.DISPUTE:
        return dispute(state, batch.deliveries[index], events, count)
    if kind == Command.INTERRUPT:
        return interrupt(state, batch.interruptions[index], events, count)
    return note_downtime(state, batch.downtimes[index], events, count)


# Reporters and reports.


@inlined
def register_reporter(state, batch, index, events, count):
    """An account reports from now on, under the key behind the command; under a key of zeros no longer."""
    account_id = np.int64(batch.accounts[index]["account_id"])
    if batch.orders[index]["continuations"] == 0:
        return refuse(state, np.int64(VenueReject.INCOMPLETE_GROUP), account_id, events, count)
    if not is_account(state.ledger, account_id):
        return refuse(state, np.int64(VenueReject.UNKNOWN_ACCOUNT), account_id, events, count)
    first = HALVES_PER_RECORD * (index + 1) + 1  # behind kind, position and length
    for word in range(KEY_WORDS):
        state.clearing.reporter_keys[KEY_WORDS * account_id + word] = batch.halves[first + word]
    return write_account(state, Event.REPORTER_SET, batch.accounts[index], np.int64(0), events, count)


@inlined
def report_delivery(state, command, events, count):
    """Keep what a reporter measured until its slot is settled. Whatever else it says of the slot is told, not used."""
    reporter_id, slot = np.int64(command["account_id"]), np.int64(command["slot"])
    at = find_allocation(state, command["allocation_id"])
    reject = check_report(state, command, at)
    if reject != NO_REJECT:
        return refuse(state, reject, reporter_id, events, count)
    allocation_id = command["allocation_id"]
    if slot < np.int64(state.clearing.deliveries[tranche_slot_of(state, at)]["next_slot"]):
        return write_report(state, command, np.int64(ReportOutcome.LATE), events, count)
    known = find_report(state, allocation_id, slot, reporter_id)
    if known != NIL:
        return write_report(state, command, compare(state.clearing.reports[known], command), events, count)
    if count_reports(state, allocation_id, slot) >= REPORTERS_MAX or not has_room(state):
        return refuse(state, np.int64(ClearingReject.TOO_MANY_REPORTS), reporter_id, events, count)
    measured_lots, latency_us, loss_ppm = command["measured_lots"], command["latency_us"], command["loss_ppm"]
    enter_report(state, allocation_id, slot, reporter_id, measured_lots, latency_us, loss_ppm)
    return write_report(state, command, np.int64(ReportOutcome.COUNTED), events, count)


@inlined
def check_report(state, command, at):
    """0, or why a report means nothing."""
    reporter_id, slot = np.int64(command["account_id"]), np.int64(command["slot"])
    if not is_account(state.ledger, reporter_id) or not is_reporter(state, reporter_id):
        return np.int64(ClearingReject.NOT_A_REPORTER)
    if at == NIL:
        return np.int64(ClearingReject.UNKNOWN_ALLOCATION)
    allocation, tranche_slot = state.clearing.allocations[at], tranche_slot_of(state, at)
    if not is_independent(state, reporter_id, allocation):
        return np.int64(ClearingReject.REPORTER_NOT_INDEPENDENT)
    if slot >= slot_count(state, tranche_slot):
        return np.int64(ClearingReject.SLOT_OUT_OF_RANGE)
    if state.clock[0]["time_ns"] < slot_end_ns(state, tranche_slot, slot):
        return np.int64(ClearingReject.SLOT_NOT_OVER)
    if command["latency_us"] > LATENCY_US_MAX or command["loss_ppm"] > PPM:
        return np.int64(ClearingReject.REPORT_OUT_OF_RANGE)
    return np.int64(NO_REJECT)


@inlined
def is_independent(state, reporter_id, allocation):
    """Whether a reporter is a stranger to both who bought and who provides."""
    is_of_buyer = not are_strangers(state, reporter_id, np.int64(allocation["buyer_id"]))
    return not is_of_buyer and are_strangers(state, reporter_id, np.int64(allocation["provider_id"]))


@inlined
def tranche_slot_of(state, at):
    """Where the tranche of an allocation stands."""
    return slot_of(state, state.clearing.allocations[at]["instrument_id"])


@inlined
def write_report(state, command, outcome, events, count):
    """Tell of a report, and what becomes of it."""
    begin_event(state.book, events, count, Event.REPORTED)
    event = events.reports[count]
    event["outcome"] = outcome
    event["reason"] = 0
    event["slot"] = command["slot"]
    event["allocation_id"] = command["allocation_id"]
    event["measured_lots"] = command["measured_lots"]
    event["account_id"] = command["account_id"]
    event["reserved"] = 0
    event["latency_us"] = command["latency_us"]
    event["loss_ppm"] = command["loss_ppm"]
    event["reserved_2"] = 0
    return count + 1


# The parties.


@inlined
def provision(state, command, events, count):
    """A provider's equipment is ready for an allocation."""
    account_id = np.int64(command["account_id"])
    at = find_allocation(state, command["allocation_id"])
    if at == NIL or np.int64(state.clearing.allocations[at]["provider_id"]) != account_id:
        return refuse(state, np.int64(ClearingReject.UNKNOWN_ALLOCATION), account_id, events, count)
    allocation, trigger = state.clearing.allocations[at], np.int64(AllocationTrigger.PROVISION)
    if not can_move(allocation, trigger):
        return refuse(state, np.int64(ClearingReject.ILLEGAL_ALLOCATION_CHANGE), account_id, events, count)
    return move_allocation(state, allocation, trigger, events, count)


@inlined
def dispute(state, command, events, count):
    """A buyer or a provider does not agree with what was measured: somebody is to look before the allocation ends."""
    account_id = np.int64(command["account_id"])
    at = find_allocation(state, command["allocation_id"])
    if at == NIL or not is_party(state.clearing.allocations[at], account_id):
        return refuse(state, np.int64(ClearingReject.UNKNOWN_ALLOCATION), account_id, events, count)
    allocation = state.clearing.allocations[at]
    is_disputed = allocation["flags"] & np.uint32(AllocationFlag.DISPUTED) != 0
    if allocation["state"] < AllocationState.DELIVERING or is_disputed:
        return refuse(state, np.int64(ClearingReject.ILLEGAL_ALLOCATION_CHANGE), account_id, events, count)
    if state.clock[0]["time_ns"] >= dispute_end_ns(state, tranche_slot_of(state, at)):
        return refuse(state, np.int64(ClearingReject.DISPUTE_WINDOW_OVER), account_id, events, count)
    allocation["flags"] |= np.uint32(AllocationFlag.DISPUTED)
    return write_allocation(state, Event.DISPUTED, allocation, account_id, events, count)


@inlined
def is_party(allocation, account_id):
    """Whether an account bought an allocation, or provides it."""
    return np.int64(allocation["buyer_id"]) == account_id or np.int64(allocation["provider_id"]) == account_id


# Risk staff and operators.


@inlined
def correct_delivery(state, command, events, count):
    """So many lots of a slot count as delivered beyond what was measured, or less; either way a dispute is decided.

    The price moves between buyer and provider, with it the cost of replacement if the command says so: after a slot
    that nobody measured, none was paid. Fees stay where they are.
    """
    if state.clock[0]["is_paused"] == 0:
        at = find_allocation(state, command["allocation_id"])
        reject = check_correction(state, command, at)
        if reject != NO_REJECT:
            return refuse(state, reject, np.int64(0), events, count)
        carry_correction(state, command, at)
    count = deal_with_short(state, events, count)
    if state.clock[0]["is_paused"]:
        return count
    return write_correction(state, command, events, count)


@outlined
def carry_correction(state, command, at):
    """Move what a correction moves, and note what will be told of it: the allocation may be over by then."""
    allocation, change_lots = state.clearing.allocations[at], np.int64(command["change_lots"])
    tranche_slot, desk = tranche_slot_of(state, at), state.clearing.desk[0]
    moved_nano = value_of_change(state, tranche_slot, command, allocation["lots"], abs(change_lots))
    if change_lots < 0:
        moved_nano = -moved_nano
    allocation["delivered"] += change_lots
    state.ledger.accounts[allocation["provider_id"]]["cash_nano"] += moved_nano
    state.ledger.accounts[allocation["buyer_id"]]["cash_nano"] -= moved_nano
    note_if_short(state, np.int64(allocation["provider_id"]))
    note_if_short(state, np.int64(allocation["buyer_id"]))
    desk["provider_id"], desk["buyer_id"] = allocation["provider_id"], allocation["buyer_id"]
    desk["moved_nano"], desk["delivered"] = moved_nano, allocation["delivered"]
    decide(state, tranche_slot, allocation)


@inlined
def check_correction(state, command, at):
    """0, or why nothing is corrected."""
    if at == NIL:
        return np.int64(ClearingReject.UNKNOWN_ALLOCATION)
    allocation, tranche_slot = state.clearing.allocations[at], tranche_slot_of(state, at)
    slots, slot = slot_count(state, tranche_slot), np.int64(command["slot"])
    if slot >= slots:
        return np.int64(ClearingReject.SLOT_OUT_OF_RANGE)
    if slot >= np.int64(state.clearing.deliveries[tranche_slot]["next_slot"]):
        return np.int64(ClearingReject.SLOT_NOT_OVER)
    change_lots, lots = command["change_lots"], allocation["lots"]
    if change_lots > lots or change_lots < -lots or command["with_replacement"] > 1:
        return np.int64(ClearingReject.CORRECTION_OUT_OF_RANGE)
    if command["expected"] != 0 and command["expected"] - 1 != allocation["delivered"]:
        return np.int64(ClearingReject.CORRECTION_OUT_OF_RANGE)
    delivered = allocation["delivered"] + change_lots
    if delivered < 0 or delivered > lots * slots:
        return np.int64(ClearingReject.CORRECTION_OUT_OF_RANGE)
    return np.int64(NO_REJECT)


@inlined
def value_of_change(state, tranche_slot, command, lots, change_lots):
    """What so many lots of a slot are worth, rounded down, so that to take a correction back moves the same."""
    contract, delivery = state.ledger.contracts[tranche_slot], state.clearing.deliveries[tranche_slot]
    slots, slot = slot_count(state, tranche_slot), np.int64(command["slot"])
    slot_nano = part_of(price_nano(contract, delivery, lots), slots, slot)
    if command["with_replacement"]:
        slot_nano += part_of(replacement_nano(contract, delivery, lots), slots, slot)
    moved_nano, _ = share_of(slot_nano, change_lots, lots)
    return moved_nano


@inlined
def write_correction(state, command, events, count):
    """Tell of a correction."""
    desk = state.clearing.desk[0]
    begin_event(state.book, events, count, Event.DELIVERY_CORRECTED)
    event = events.corrections[count]
    event["with_replacement"] = command["with_replacement"]
    event["reason"] = 0
    event["slot"] = command["slot"]
    event["allocation_id"] = command["allocation_id"]
    event["change_lots"] = command["change_lots"]
    event["provider_id"] = desk["provider_id"]
    event["buyer_id"] = desk["buyer_id"]
    event["reserved"] = 0
    event["moved_nano"] = desk["moved_nano"]
    event["delivered"] = desk["delivered"]
    return count + 1


@inlined
def note_downtime(state, command, events, count):
    """Nobody could reach the venue for a while: waits that met it begin again at its end."""
    from_ns, until_ns = command["from_ns"], command["until_ns"]
    if from_ns < 0 or until_ns < from_ns or until_ns > TIME_NS_MAX:
        return refuse(state, np.int64(VenueReject.TIME_OUT_OF_RANGE), np.int64(0), events, count)
    clock = state.clock[0]
    if clock["down_until_ns"] == 0 or from_ns - clock["down_until_ns"] > DOWNTIMES_MERGED_NS:
        clock["down_from_ns"] = from_ns
    clock["down_until_ns"] = max(clock["down_until_ns"], until_ns)
    reschedule_deliveries(state)
    begin_event(state.book, events, count, Event.DOWNTIME_NOTED)
    event = events.downtimes[count]
    event["reserved"] = 0
    event["reason"] = 0
    event["reserved_2"] = 0
    event["from_ns"] = clock["down_from_ns"]
    event["until_ns"] = clock["down_until_ns"]
    event["reserved_3"] = 0
    event["reserved_4"] = 0
    event["reserved_5"] = 0
    event["reserved_6"] = 0
    event["reserved_7"] = 0
    return count + 1
