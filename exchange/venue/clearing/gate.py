"""Gate closure of a tranche that is delivered: bought and sold lots become allocations, of which both sides are sure.

    settle ─▶ escrow and bonds ─▶ who could not pay is cashed out ─▶ who goes without is paid for it ─▶ allocations

Every position becomes cash at the final price F. From the cash that no other position requires, a buyer then pays
F for as many lots as it can, and a seller with capacity of its own the bond of as many as it can; other sellers have
nothing to deliver. What is unfunded or uncovered cancels out as far as it can. Of the rest, lots are taken off the
other side, pro rata: bought = sold. An uncovered lot costs its seller what a buyer pays elsewhere and a penalty, an
unfunded one costs its buyer a penalty. All of this goes to the insurance fund, and the fund pays those who go without,
in full as far as it has so much, else pro rata.

Each step writes three events at most and leaves nothing undone, so that any buffer gives the same events.
"""

import numpy as np

from exchange.venue.clearing import bonds
from exchange.venue.clearing.assignment import assign_step, begin_assignment, refund_step
from exchange.venue.clearing.cash_out import begin_cuts, cut_step, penalise_step, reckon
from exchange.venue.clearing.gate_events import write_gate_event
from exchange.venue.clearing.gate_schema import GateStage
from exchange.venue.clearing.holding import held_for_one, move_held
from exchange.venue.schema import Event
from exchange.venue.settling import settle_one
from exchange.venue.state import slot_of
from kernels.compile import inlined, outlined
from matching.schema import NIL
from risk.accounts import payable_nano


@outlined
def step_gate(state, tranche, final_ticks, events, count):
    """One step; the stage of the delivery says whether it was the last."""
    slot = slot_of(state, tranche["instrument_id"])
    delivery = state.clearing.deliveries[slot]
    if delivery["stage"] == GateStage.NOT_BEGUN:
        begin_gate(state, slot, final_ticks)
    if delivery["stage"] == GateStage.SETTLING:
        if tranche["first_position"] != NIL:
            return fund_one(state, tranche, slot, events, count)
        reckon(state, slot)
        delivery["stage"] = GateStage.PENALISING
    if delivery["stage"] == GateStage.PENALISING:
        if has_row(state):
            return penalise_step(state, slot, events, count)
        begin_cuts(state, slot)
        delivery["stage"] = GateStage.CUTTING
    if delivery["stage"] == GateStage.CUTTING:
        if has_row(state):
            return cut_step(state, slot, events, count)
        begin_assignment(state)
        delivery["stage"] = GateStage.ASSIGNING
    if delivery["stage"] == GateStage.ASSIGNING:
        return assign_step(state, slot, events, count)
    return refund_step(state, slot, events, count)


@inlined
def is_gate_done(state, tranche_slot):
    """Whether nothing is left to do at the gate of a tranche."""
    return state.clearing.deliveries[tranche_slot]["stage"] == GateStage.DONE


@inlined
def begin_gate(state, slot, final_ticks):
    """The two prices that hold from now on."""
    set_prices(state, slot, final_ticks)
    state.clearing.deliveries[slot]["stage"] = GateStage.SETTLING
    state.clearing.gate[0]["rows"] = 0


@inlined
def set_prices(state, slot, final_ticks):
    """What lots are paid for with, and what a missing one costs elsewhere, when a tranche is settled at a price."""
    delivery = state.clearing.deliveries[slot]
    delivery["final_ticks"] = final_ticks
    delivery["replacement_ticks"] = bonds.replacement_ticks(state.ledger.contracts[slot], final_ticks)


@inlined
def has_row(state):
    """Whether a row is left to be looked at."""
    gate = state.clearing.gate[0]
    return gate["place"] < gate["rows"]


@outlined
def fund_one(state, tranche, slot, events, count):
    """Settle the first position, and let its account pay for what it bought, or put the bond for what it sold."""
    first = np.int64(tranche["first_position"])
    account_id, lots = np.int64(state.ledger.positions[first]["account_id"]), state.ledger.positions[first]["lots"]
    since = state.ledger.since[first]["sequence"]
    final_ticks = np.int64(state.clearing.deliveries[slot]["final_ticks"])
    count = settle_one(state, tranche, final_ticks, events, count)
    if lots == 0:
        return count
    gate = state.clearing.gate[0]
    row = state.clearing.gate_rows[gate["rows"]]
    gate["rows"] += 1
    row["account_id"] = account_id
    row["since"] = since
    row["lots"] = lots
    row["backed_lots"] = payable_lots(state, slot, account_id, lots)
    if row["backed_lots"] == 0:
        return count
    amount_nano = -hold(state, slot, account_id, lots, row["backed_lots"])
    signed_lots = row["backed_lots"] if lots > 0 else -row["backed_lots"]
    return write_gate_event(
        state, Event.ESCROWED, slot, np.int64(0), account_id, signed_lots, amount_nano, np.int64(0), events, count
    )


@inlined
def payable_lots(state, slot, account_id, lots):
    """For how many lots an account can pay what is held for them; a seller without capacity for none."""
    if lots < 0 and state.ledger.accounts[account_id]["is_provider"] == 0:
        return np.int64(0)
    unit_nano = held_for_one(state, slot, account_id, lots)
    if unit_nano == 0:
        return abs(lots)
    return min(abs(lots), max(payable_nano(state.ledger, account_id), np.int64(0)) // unit_nano)


@inlined
def hold(state, slot, account_id, lots, backed_lots):
    """Take what is held for some of the lots of an account from its cash; return how much."""
    amount_nano = backed_lots * held_for_one(state, slot, account_id, lots)
    move_held(state, account_id, lots, amount_nano)
    return amount_nano
