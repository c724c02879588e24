"""The settlement of a slot: for each allocation what was measured, and the money that follows from it.

    escrow's part ─▶ provider, for what was delivered, less the clearing fee
                  └▶ buyer, for the rest
    bond's part   ─▶ buyer, what replacing the rest costs beyond its price
                  ├▶ insurance fund, the shortfall fee
                  └▶ provider, what is left

One allocation a step, in the order of ids; nothing is made or lost at any of them.
"""

import numpy as np

from exchange.venue.agenda import drop_first
from exchange.venue.clearing.deadlines import schedule_delivery, slot_count
from exchange.venue.clearing.delivery_schema import REPORTERS_MAX, REPORTERS_MIN, SlotOutcome
from exchange.venue.clearing.lifecycle import AllocationTrigger
from exchange.venue.clearing.moves import move_allocation
from exchange.venue.clearing.reports import median, take_reports
from exchange.venue.clearing.shares_of_slots import (
    bond_part,
    delivered_part,
    millionths,
    part_of,
    price_nano,
    replacement_nano,
    rest_after,
    shortfall_nano,
)
from exchange.venue.schema import Event
from exchange.venue.state import slot_of
from kernels.compile import inlined, outlined
from matching.events import begin_event
from matching.schema import NIL
from risk.accounts import charge_fee, pay_fund


@outlined
def step_slot(state, instrument_id, events, count):
    """Settle the slot that is due for one allocation of a tranche; behind the last, enter the next slot."""
    tranche_slot = slot_of(state, instrument_id)
    delivery = state.clearing.deliveries[tranche_slot]
    at = np.int64(state.clearing.cursors[tranche_slot])
    if at == NIL:
        at = np.int64(delivery["first_allocation"])
    count = settle_slot(state, tranche_slot, at, events, count)
    following = state.clearing.allocations[at]["next"]
    state.clearing.cursors[tranche_slot] = following
    if following == NIL:
        delivery["next_slot"] += 1
        drop_first(state)
        schedule_delivery(state, tranche_slot)
    return count


@inlined
def settle_slot(state, tranche_slot, at, events, count):
    """Find out what counts, let money follow it, tell; behind its last slot the allocation is over."""
    allocation = state.clearing.allocations[at]
    slot = np.int64(state.clearing.deliveries[tranche_slot]["next_slot"])
    slots = slot_count(state, tranche_slot)
    outcome, delivered_lots = measure(state, tranche_slot, allocation, slot)
    allocation["delivered"] += delivered_lots
    if outcome == SlotOutcome.INTERRUPTED:
        allocation["interrupted_slots"] += 1
    elif outcome != SlotOutcome.SILENT:
        allocation["measured_slots"] += 1
    count = settle_escrow(state, tranche_slot, allocation, slot, slots, outcome, delivered_lots, events, count)
    count = settle_bond(state, tranche_slot, allocation, slot, slots, outcome, delivered_lots, events, count)
    if slot == slots - 1:
        count = move_allocation(state, allocation, end_trigger(allocation, slots), events, count)
    return count


@inlined
def measure(state, tranche_slot, allocation, slot):
    """What was found of a slot, and how many lots count as delivered."""
    delivery, panel = state.clearing.deliveries[tranche_slot], state.clearing.panel
    count, is_interrupted = take_reports(state, allocation["allocation_id"], slot)
    if is_interrupted:
        return np.int64(SlotOutcome.INTERRUPTED), np.int64(0)
    if count < REPORTERS_MIN:
        return np.int64(SlotOutcome.SILENT), np.int64(0)
    latency_us, loss_ppm = median(panel, REPORTERS_MAX, count), median(panel, 2 * REPORTERS_MAX, count)
    is_slow = delivery["latency_max_us"] != 0 and latency_us > np.int64(delivery["latency_max_us"])
    if is_slow or loss_ppm > np.int64(delivery["loss_max_ppm"]):
        return np.int64(SlotOutcome.OUT_OF_BOUNDS), np.int64(0)
    return np.int64(SlotOutcome.MEASURED), min(median(panel, 0, count), allocation["lots"])


@inlined
def end_trigger(allocation, slots):
    """How an allocation ends: whole, in part, or with nothing."""
    if allocation["delivered"] == allocation["lots"] * slots:
        return np.int64(AllocationTrigger.END_WHOLE)
    if allocation["delivered"] == 0:
        return np.int64(AllocationTrigger.END_NOTHING)
    return np.int64(AllocationTrigger.END_PART)


# Escrow.


@outlined
def settle_escrow(state, tranche_slot, allocation, slot, slots, outcome, delivered_lots, events, count):
    """The slot's part of the price goes to the provider for what was delivered, and back to the buyer for the rest."""
    ledger, delivery = state.ledger, state.clearing.deliveries[tranche_slot]
    contract, lots = ledger.contracts[tranche_slot], allocation["lots"]
    due_nano = allocation["escrow_nano"]
    if slot < slots - 1:
        due_nano = min(part_of(price_nano(contract, delivery, lots), slots, slot), due_nano)
    paid_nano = delivered_part(due_nano, delivered_lots, lots)
    fee_nano, burned_nano = clearing_fee(delivery, paid_nano)
    allocation["escrow_nano"] -= due_nano
    ledger.totals[0]["escrow_nano"] -= due_nano
    ledger.accounts[allocation["buyer_id"]]["cash_nano"] += due_nano - paid_nano
    ledger.accounts[allocation["provider_id"]]["cash_nano"] += paid_nano
    charge_fee(ledger, np.int64(allocation["provider_id"]), fee_nano)
    ledger.totals[0]["fees_nano"] -= burned_nano
    ledger.totals[0]["burned_nano"] += burned_nano
    begin_event(state.book, events, count, Event.SLOT_SETTLED)
    event = events.slots[count]
    event["outcome"] = outcome
    event["reason"] = 0
    event["slot"] = slot
    event["allocation_id"] = allocation["allocation_id"]
    event["refunded_nano"] = due_nano - paid_nano
    event["provider_id"] = allocation["provider_id"]
    event["buyer_id"] = allocation["buyer_id"]
    event["delivered_lots"] = delivered_lots
    event["paid_nano"] = paid_nano
    event["fee_nano"] = fee_nano
    return count + 1


@inlined
def clearing_fee(delivery, paid_nano):
    """What the exchange takes of what a provider is paid, and the part of that which is burned, both rounded down."""
    fee_nano = millionths(paid_nano, np.int64(delivery["clearing_fee_ppm"]))
    return fee_nano, millionths(fee_nano, np.int64(delivery["burn_ppm"]))


# The bond.


@outlined
def settle_bond(state, tranche_slot, allocation, slot, slots, outcome, delivered_lots, events, count):
    """The slot's part of the bond pays for what is missing, and the rest of it goes back; told if anything is."""
    ledger, delivery = state.ledger, state.clearing.deliveries[tranche_slot]
    contract, lots = ledger.contracts[tranche_slot], allocation["lots"]
    replacement_total = replacement_nano(contract, delivery, lots)
    fee_total = shortfall_nano(contract, delivery, lots)
    needed_after_nano = rest_after(replacement_total, slots, slot) + rest_after(fee_total, slots, slot)
    out_nano = bond_part(allocation["bond_nano"], needed_after_nano, slots, slot)
    to_buyer_nano, to_fund_nano = np.int64(0), np.int64(0)
    if outcome == SlotOutcome.INTERRUPTED:
        due_nano = part_of(price_nano(contract, delivery, lots), slots, slot)
        to_buyer_nano = min(millionths(due_nano, np.int64(delivery["interruption_ppm"])), out_nano)
    elif outcome != SlotOutcome.SILENT:
        to_buyer_nano = min(missing_part(part_of(replacement_total, slots, slot), delivered_lots, lots), out_nano)
        fee_nano = missing_part(part_of(fee_total, slots, slot), delivered_lots, lots)
        to_fund_nano = min(fee_nano, out_nano - to_buyer_nano)
    release_bond(state, allocation, out_nano)
    ledger.accounts[allocation["buyer_id"]]["cash_nano"] += to_buyer_nano
    ledger.accounts[allocation["provider_id"]]["cash_nano"] += out_nano - to_buyer_nano
    pay_fund(ledger, np.int64(allocation["provider_id"]), to_fund_nano)
    if outcome == SlotOutcome.SILENT or delivered_lots == lots:
        return count
    begin_event(state.book, events, count, Event.SLOT_SHORT)
    event = events.shortfalls[count]
    event["outcome"] = outcome
    event["reason"] = 0
    event["slot"] = slot
    event["allocation_id"] = allocation["allocation_id"]
    event["replacement_nano"] = to_buyer_nano
    event["provider_id"] = allocation["provider_id"]
    event["buyer_id"] = allocation["buyer_id"]
    event["missing_lots"] = min(lots - delivered_lots, np.int64(0xFFFF_FFFF))
    event["shortfall_fee_nano"] = to_fund_nano
    event["bond_nano"] = allocation["bond_nano"]
    return count + 1


@inlined
def missing_part(amount, delivered_lots, lots):
    """What of a slot's amount falls on the lots that are missing."""
    return amount - delivered_part(amount, delivered_lots, lots)


@inlined
def release_bond(state, allocation, amount_nano):
    """So much of a bond is held no more."""
    allocation["bond_nano"] -= amount_nano
    state.ledger.totals[0]["bonds_nano"] -= amount_nano
    state.clearing.providers[allocation["provider_id"]]["bond_held_nano"] -= amount_nano
