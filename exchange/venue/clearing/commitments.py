"""What a provider may come to have sold, and the bond that stands for it before the gate.

A position commits the most that it may come to be short of, `max(0, asks - lots)`: in every slot of its window, and in
the base of the provider's bond. It follows each event that moves the provider's orders and positions. What was sold
when the gate closed is committed by allocations, until the window is over. The bond is a part of the requirement.
"""

import numpy as np

from exchange.venue.clearing.bonds import bond_nano, failure_nano, replacement_ticks
from exchange.venue.clearing.capacity_schema import PROVIDER_GROSS_NANO_MAX
from exchange.venue.clearing.coverage import is_covered, move_sold
from exchange.venue.clearing.lifecycle import AllocationState
from exchange.venue.clearing.schema import ClearingReject
from exchange.venue.notes import note_if_short
from exchange.venue.state import slot_of
from kernels.compile import inlined, kernel, outlined
from kernels.intrinsics import rarely
from matching.layout import ACCOUNT_MASK
from matching.queues import first_order, next_order
from matching.rules import NO_REJECT
from matching.schema import NIL, Side
from risk.accounts import free_nano
from risk.liquidation import relief_nano
from risk.margin import check_bounds, check_order, closes_only, closing_helps, move_order
from risk.positions import find_position
from risk.schema import RiskReject, Standing


@inlined
def sells_capacity(ledger, account_id):
    """Whether an account is a provider."""
    return ledger.accounts[account_id]["is_provider"] != 0


@inlined
def follow_provider(state, account_id, position_slot):
    """Let commitments follow a position that changed, if it is a provider's."""
    if rarely(sells_capacity(state.ledger, account_id)):
        follow(state, np.int64(position_slot))


@outlined
def follow(state, position_slot):
    """Let what a provider has committed be what its position may come to be short of."""
    position, commitment = state.ledger.positions[position_slot], state.clearing.commitments[position_slot]
    lots = short_of(position["lots"], position["sell_lots"])
    if lots == commitment["lots"]:
        return
    account_id = np.int64(position["account_id"])
    contract_slot = slot_of(state, position["instrument_id"])
    move_sold_of_tranche(state, account_id, contract_slot, lots - commitment["lots"])
    commitment["lots"] = lots
    value_bond(state, account_id, position_slot, contract_slot)


@inlined
def short_of(lots, sell_lots):
    """The most that a position may come to be short of with so much open to sell."""
    return max(sell_lots - lots, np.int64(0))


@outlined
def forget_position(state, account_id, position_slot):
    """A position is about to go, or is a matter of allocations from now on: it commits nothing more."""
    if not sells_capacity(state.ledger, account_id):
        return
    commitment = state.clearing.commitments[position_slot]
    contract_slot = slot_of(state, state.ledger.positions[position_slot]["instrument_id"])
    move_sold_of_tranche(state, account_id, contract_slot, -commitment["lots"])
    commitment["lots"] = 0
    value_bond(state, account_id, np.int64(position_slot), contract_slot)


@outlined
def move_sold_of_tranche(state, account_id, tranche_slot, lots):
    """An account may come to have sold so many lots more of a tranche, or less when negative."""
    tranche = state.tranches[tranche_slot]
    region_id, tier = np.int64(tranche["region_id"]), np.int64(tranche["tier"])
    if lots != 0:
        move_sold(state, np.int64(account_id), region_id, tier, tranche["start_ns"], tranche["end_ns"], lots)


# Bonds.


@inlined
def failure_of(state, contract_slot):
    """What failing to deliver a lot of a tranche costs, reckoned with the mark."""
    contract, terms = state.ledger.contracts[contract_slot], state.clearing.deliveries[contract_slot]
    mark_ticks = np.int64(contract["mark_ticks"])
    return failure_nano(contract, terms, mark_ticks, replacement_ticks(contract, mark_ticks))


@outlined
def value_bond(state, account_id, position_slot, contract_slot):
    """Let the base of a provider's bond have what a position commits, at what failing costs now."""
    commitment, provider = state.clearing.commitments[position_slot], state.clearing.providers[account_id]
    base_nano = commitment["lots"] * failure_of(state, contract_slot)
    provider["bond_base_nano"] += base_nano - commitment["bond_base_nano"]
    commitment["bond_base_nano"] = base_nano
    settle_bond(state, account_id)


@inlined
def settle_bond(state, account_id):
    """Let the requirement have the bond that its base and the multiplier give."""
    provider = state.clearing.providers[account_id]
    bond = bond_nano(provider["bond_base_nano"], np.int64(1), provider["multiplier_ppm"])
    state.ledger.accounts[account_id]["margin_nano"] += bond - provider["bond_margin_nano"]
    provider["bond_margin_nano"] = bond


@outlined
def set_multiplier(state, account_id, multiplier_ppm):
    """A provider's reputation asks for another bond from now on."""
    state.clearing.providers[account_id]["multiplier_ppm"] = multiplier_ppm
    settle_bond(state, account_id)
    note_if_short(state, account_id)


@outlined
def value_bonds(state, slot):
    """Value the bonds of a tranche anew, after its mark or its shocks changed. Whoever is short is noted by others."""
    at = np.int64(state.tranches[slot]["first_position"])
    while at != NIL:
        account_id = np.int64(state.ledger.positions[at]["account_id"])
        if sells_capacity(state.ledger, account_id):
            value_bond(state, account_id, at, np.int64(slot))
        at = np.int64(state.ledger.positions[at]["next"])
    order = first_order(state.book, 2 * slot + Side.SELL)
    while order != NIL:
        account_id = np.int64(state.book.orders[order]["holder"] & ACCOUNT_MASK)
        if sells_capacity(state.ledger, account_id):
            position = find_position(state.ledger, account_id, state.tranches[slot]["instrument_id"])
            value_bond(state, account_id, position, np.int64(slot))
        order = next_order(state.book, order)


@outlined
def bond_after(state, account_id, contract_slot, more_lots):
    """The bond of a provider when it commits so many lots of a tranche more, or less when negative."""
    provider = state.clearing.providers[account_id]
    base_nano = provider["bond_base_nano"] + more_lots * failure_of(state, contract_slot)
    return bond_nano(base_nano, np.int64(1), provider["multiplier_ppm"])


# Orders of providers.


@inlined
def growth_lots(state, contract_slot, account_id, side, lots, more_lots):
    """By how many lots what an account commits grows when its position changes by `lots`, its orders by `more_lots`."""
    position_slot = find_position(state.ledger, account_id, state.ledger.contracts[contract_slot]["instrument_id"])
    held_lots, sell_lots = np.int64(0), np.int64(0)
    if position_slot != NIL:
        held_lots = state.ledger.positions[position_slot]["lots"]
        sell_lots = state.ledger.positions[position_slot]["sell_lots"]
    after_lots = sell_lots + (more_lots if side == Side.SELL else np.int64(0))
    return short_of(held_lots + lots, after_lots) - short_of(held_lots, sell_lots)


@outlined
def check_sale(state, contract_slot, account_id, side, more_lots):
    """0, or CAPACITY_EXCEEDED when a provider would have so many lots more open on a side than it can deliver."""
    if side != Side.SELL or not sells_capacity(state.ledger, account_id):
        return np.int64(NO_REJECT)
    grown_lots = growth_lots(state, contract_slot, account_id, side, np.int64(0), more_lots)
    if grown_lots <= 0 or covers_tranche(state, account_id, contract_slot, grown_lots):
        return np.int64(NO_REJECT)
    return np.int64(ClearingReject.CAPACITY_EXCEEDED)


@inlined
def covers_tranche(state, account_id, tranche_slot, more_lots):
    """Whether an account's capacity covers so many lots more of a tranche."""
    tranche = state.tranches[tranche_slot]
    region_id, tier = np.int64(tranche["region_id"]), np.int64(tranche["tier"])
    return is_covered(state, account_id, region_id, tier, tranche["start_ns"], tranche["end_ns"], more_lots)


@outlined
def check_sold(state, account_id, instrument_id):
    """0, or CAPACITY_EXCEEDED when an account commits more of a tranche, as the ledger stands, than it can deliver."""
    if not sells_capacity(state.ledger, account_id):
        return np.int64(NO_REJECT)
    position_slot = find_position(state.ledger, account_id, instrument_id)
    commits = position_slot != NIL and state.clearing.commitments[position_slot]["lots"] > 0
    if not commits or covers_tranche(state, account_id, slot_of(state, instrument_id), np.int64(0)):
        return np.int64(NO_REJECT)
    return np.int64(ClearingReject.CAPACITY_EXCEEDED)


@outlined
def check_bounds_of(state, contract_slot, account_id, limit_ticks, lots):
    """0, or why no sum could be trusted with an order; those of a provider have its bond among them."""
    contract = state.ledger.contracts[contract_slot]
    reject = check_bounds(state.ledger, contract, account_id, limit_ticks, lots)
    if reject != NO_REJECT or not sells_capacity(state.ledger, account_id):
        return reject
    if state.ledger.accounts[account_id]["gross_nano"] + lots * contract["gross_nano"] > PROVIDER_GROSS_NANO_MAX:
        return np.int64(RiskReject.NOTIONAL_OUT_OF_RANGE)
    return reject


@outlined
def check_collateral(state, slot, account_id, side, limit_ticks, lots, grown_lots):
    """0, or why the collateral of an account does not cover an order, by which a provider commits so many lots more."""
    if sells_capacity(state.ledger, account_id):
        return check_order_of_provider(state, slot, account_id, side, limit_ticks, lots, grown_lots)
    return check_order(state.ledger, slot, account_id, side, limit_ticks, lots)


@outlined
def check_order_of_provider(state, contract_slot, account_id, side, limit_ticks, lots, grown_lots):
    """0, or why a provider's collateral does not cover an order: `check_order` with the bond among what it needs.

    `grown_lots` is what the order commits.
    """
    ledger, account = state.ledger, state.ledger.accounts[account_id]
    reject = check_bounds_of(state, contract_slot, account_id, limit_ticks, lots)
    if reject != NO_REJECT:
        return reject
    more_nano = bond_after(state, account_id, contract_slot, grown_lots)
    more_nano -= state.clearing.providers[account_id]["bond_margin_nano"]
    account["margin_nano"] += more_nano
    reject = check_order(ledger, contract_slot, account_id, side, limit_ticks, lots)
    account["margin_nano"] -= more_nano
    if reject != RiskReject.INSUFFICIENT_MARGIN or side != Side.BUY:
        return reject
    if buying_back_helps(state, contract_slot, account_id, limit_ticks, lots):
        return np.int64(NO_REJECT)
    return reject


@outlined
def buying_back_helps(state, contract_slot, account_id, limit_ticks, lots):
    """Whether an order only closes what a provider is short of, and leaves it no worse off, its bond counted."""
    ledger = state.ledger
    position_slot = find_position(ledger, account_id, ledger.contracts[contract_slot]["instrument_id"])
    if position_slot == NIL or ledger.accounts[account_id]["standing"] == Standing.CLOSING:
        return False
    before_nano = free_nano(ledger, account_id)
    freed_nano = bond_relief(state, account_id, contract_slot, lots)
    side = np.int64(Side.BUY)
    move_order(ledger, account_id, position_slot, contract_slot, side, limit_ticks, lots)
    closes = closes_only(ledger.positions[position_slot], side)
    move_order(ledger, account_id, position_slot, contract_slot, side, limit_ticks, -lots)
    return closes and closing_helps(
        ledger, account_id, position_slot, contract_slot, side, limit_ticks, lots, before_nano - freed_nano
    )


# Closing.


@inlined
def relief_with_bond(state, slot, contract_slot, lots):
    """By how much the requirement falls when a position changes by so many lots, the bond counted."""
    relief = relief_nano(state.ledger, slot, contract_slot, lots)
    account_id = np.int64(state.ledger.positions[slot]["account_id"])
    if sells_capacity(state.ledger, account_id):
        relief += bond_relief(state, account_id, contract_slot, lots)
    return relief


@outlined
def bond_relief(state, account_id, contract_slot, lots):
    """By how much a provider's bond falls when a position changes by so many lots."""
    grown_lots = growth_lots(state, contract_slot, account_id, np.int64(Side.BUY), lots, np.int64(0))
    after_nano = bond_after(state, account_id, contract_slot, grown_lots)
    return state.clearing.providers[account_id]["bond_margin_nano"] - after_nano


@outlined
def would_uncover(state, account_id, contract_slot, lots):
    """Whether a provider's asks would not be covered any more if its position changed by so many lots."""
    if lots >= 0 or not sells_capacity(state.ledger, account_id):
        return False
    grown_lots = growth_lots(state, contract_slot, account_id, np.int64(Side.BUY), lots, np.int64(0))
    return grown_lots > 0 and not covers_tranche(state, account_id, contract_slot, grown_lots)


# Images.


@kernel
def restore_commitments(state):
    """Work out what every position and every live allocation of a provider commits."""
    for slot in range(1, np.int64(state.ledger.totals[0]["fresh_position"])):
        account_id = np.int64(state.ledger.positions[slot]["account_id"])
        if account_id != 0 and sells_capacity(state.ledger, account_id):
            follow(state, np.int64(slot))
    end = min(np.int64(state.clock[0]["next_allocation_id"]), len(state.clearing.allocations))
    for at in range(end):
        allocation = state.clearing.allocations[at]
        slot = slot_of(state, allocation["instrument_id"])
        is_listed = state.tranches[slot]["instrument_id"] == allocation["instrument_id"]
        if is_listed and allocation["state"] != AllocationState.NONE:
            move_sold_of_tranche(state, np.int64(allocation["provider_id"]), slot, allocation["lots"])
