"""Who delivers to whom: both sides in the order in which they bought and sold, matched with two pointers."""

import numpy as np

from exchange.venue.clearing.allocations import open_allocation
from exchange.venue.clearing.cash_out import cash_out
from exchange.venue.clearing.gate_events import write_allocated
from exchange.venue.clearing.gate_schema import Cause, GateStage
from exchange.venue.clearing.holding import held_for_one
from exchange.venue.clearing.sharing import sort_rows
from kernels.compile import inlined, outlined
from matching.schema import NIL


@outlined
def begin_assignment(state):
    """Put the rows in the order in which they last became net long or short."""
    gate, rows = state.clearing.gate[0], state.clearing.gate_rows
    for place in range(gate["rows"]):
        rows[place]["key"] = rows[place]["since"]
    sort_rows(rows, np.int64(gate["rows"]))
    gate["place"] = 0
    gate["other_place"] = 0


@outlined
def assign_step(state, slot, events, count):
    """The first buyer with lots left gets as many as it can from the first such seller; without both it is over."""
    gate, rows = state.clearing.gate[0], state.clearing.gate_rows
    gate["place"] = next_with_lots(gate, rows, np.int64(gate["place"]), True)
    gate["other_place"] = next_with_lots(gate, rows, np.int64(gate["other_place"]), False)
    delivery = state.clearing.deliveries[slot]
    if gate["place"] == gate["rows"] or gate["other_place"] == gate["rows"]:
        assert gate["place"] == gate["other_place"], "more was bought than sold"
        delivery["stage"] = GateStage.DONE
        return count
    buyer, seller = rows[rows[gate["place"]]["order"]], rows[rows[gate["other_place"]]["order"]]
    lots = min(buyer["backed_lots"], seller["backed_lots"])
    buyer_id, provider_id = np.int64(buyer["account_id"]), np.int64(seller["account_id"])
    escrow_nano = lots * held_for_one(state, slot, buyer_id, buyer["lots"])
    bond_nano = lots * held_for_one(state, slot, provider_id, seller["lots"])
    place = open_allocation(state, slot, buyer_id, provider_id, lots, escrow_nano, bond_nano)
    if place == NIL:
        delivery["stage"] = GateStage.REFUNDING
        gate["place"] = 0
        return count
    buyer["backed_lots"] -= lots
    seller["backed_lots"] -= lots
    return write_allocated(state, slot, state.clearing.allocations[place], events, count)


@inlined
def next_with_lots(gate, rows, place, is_buyer):
    """The first place, in the order of time, of a buyer or a seller that has lots left, or the end."""
    while place < gate["rows"]:
        row = rows[rows[place]["order"]]
        if row["backed_lots"] > 0 and (row["lots"] > 0) == is_buyer:
            break
        place += 1
    return place


@outlined
def refund_step(state, slot, events, count):
    """Cash one account out at the final price, without a penalty, whose lots found no place among the allocations."""
    gate = state.clearing.gate[0]
    if gate["place"] == gate["rows"]:
        state.clearing.deliveries[slot]["stage"] = GateStage.DONE
        return count
    row = state.clearing.gate_rows[gate["place"]]
    gate["place"] += 1
    account_id, lots, gone_lots = np.int64(row["account_id"]), row["lots"], row["backed_lots"]
    if gone_lots == 0:
        return count
    row["backed_lots"] = 0
    returned_nano = gone_lots * held_for_one(state, slot, account_id, lots)
    cause = np.int64(Cause.NO_ROOM)
    return cash_out(state, slot, cause, account_id, lots, gone_lots, returned_nano, np.int64(0), events, count)
