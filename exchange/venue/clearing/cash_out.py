"""Who cannot pay for what it bought, or deliver what it sold, is cashed out; so are those who go without for it."""

import numpy as np

from exchange.venue.clearing.gate_events import write_gate_event
from exchange.venue.clearing.gate_schema import Cause
from exchange.venue.clearing.holding import held_for_one, move_held
from exchange.venue.clearing.sharing import share_out
from exchange.venue.notes import note_if_short, write_fund_moved
from exchange.venue.schema import Event
from kernels.compile import inlined, outlined
from risk.accounts import equity_nano, pay_fund
from risk.schema import AMOUNT_NANO_MAX, PPM
from risk.shares import millionths_up


@outlined
def reckon(state, slot):
    """Add up both sides, and find out who goes without how many lots, and what for each of them."""
    gate, rows = state.clearing.gate[0], state.clearing.gate_rows
    add_up_sides(gate, rows)
    lacking_lots = gate["uncovered_lots"] - gate["unfunded_lots"]
    gate["cut_lots"] = abs(lacking_lots)
    gate["unit_nano"] = penalty_for_one(state, slot, -lacking_lots)
    backed_lots = gate["funded_lots"] if lacking_lots > 0 else gate["covered_lots"]
    for place in range(gate["rows"]):
        row = rows[place]
        is_cut = (row["lots"] > 0) == (lacking_lots > 0)
        row["weight"] = row["backed_lots"] if is_cut else 0
    share_out(state, gate["cut_lots"], backed_lots)
    gate["place"] = 0


@inlined
def add_up_sides(gate, rows):
    """How many lots of each side are backed by money, and how many are not."""
    gate["funded_lots"] = 0
    gate["unfunded_lots"] = 0
    gate["covered_lots"] = 0
    gate["uncovered_lots"] = 0
    for place in range(gate["rows"]):
        row = rows[place]
        bare_lots = abs(row["lots"]) - row["backed_lots"]
        if row["lots"] > 0:
            gate["funded_lots"] += row["backed_lots"]
            gate["unfunded_lots"] += bare_lots
        else:
            gate["covered_lots"] += row["backed_lots"]
            gate["uncovered_lots"] += bare_lots
        assert gate["funded_lots"] + gate["covered_lots"] < AMOUNT_NANO_MAX, "more lots than can be shared out"


@inlined
def penalty_for_one(state, slot, lots):
    """What it costs to have bought a lot and not to pay for it, or, with negative lots, to have sold what is not there.

    A seller pays what the lot costs elsewhere, and the penalty of that, less the final price that the buyer keeps.
    """
    contract, delivery = state.ledger.contracts[slot], state.clearing.deliveries[slot]
    value_nano = np.int64(contract["tick_value_nano"])
    final_nano = np.int64(delivery["final_ticks"]) * value_nano
    penalty_ppm = np.int64(delivery["penalty_ppm"])
    if lots > 0:
        return millionths_up(final_nano, penalty_ppm)
    dearest_nano = np.int64(max(delivery["final_ticks"], delivery["replacement_ticks"])) * value_nano
    return millionths_up(dearest_nano, PPM + penalty_ppm) - final_nano


@outlined
def penalise_step(state, slot, events, count):
    """Cash out what one account cannot pay for, or cannot deliver; it pays what it has."""
    gate = state.clearing.gate[0]
    row = state.clearing.gate_rows[gate["place"]]
    gate["place"] += 1
    account_id, lots = np.int64(row["account_id"]), row["lots"]
    bare_lots = abs(lots) - row["backed_lots"]
    if bare_lots == 0:
        return count
    owed_nano = bare_lots * penalty_for_one(state, slot, lots)
    paid_nano = min(owed_nano, max(equity_nano(state.ledger, account_id), np.int64(0)))
    cause = np.int64(Cause.UNFUNDED if lots > 0 else Cause.UNCOVERED)
    return cash_out(state, slot, cause, account_id, lots, bare_lots, np.int64(0), -paid_nano, events, count)


@outlined
def begin_cuts(state, slot):
    """How much the fund pays to those who go without, and how much to each."""
    gate, rows = state.clearing.gate[0], state.clearing.gate_rows
    fund_nano = state.ledger.totals[0]["fund_nano"]
    paid_nano = fund_nano
    if gate["unit_nano"] == 0 or gate["cut_lots"] <= fund_nano // gate["unit_nano"]:
        paid_nano = gate["cut_lots"] * gate["unit_nano"]
    for place in range(gate["rows"]):
        rows[place]["weight"] = rows[place]["share"]
    share_out(state, paid_nano, gate["cut_lots"])
    gate["place"] = 0


@outlined
def cut_step(state, slot, events, count):
    """Take lots off one account of the side that has too many; what was held for them is back, and it is paid."""
    gate = state.clearing.gate[0]
    row = state.clearing.gate_rows[gate["place"]]
    gate["place"] += 1
    account_id, lots, cut_lots = np.int64(row["account_id"]), row["lots"], row["weight"]
    if cut_lots == 0:
        return count
    row["backed_lots"] -= cut_lots
    returned_nano = cut_lots * held_for_one(state, slot, account_id, lots)
    cause = np.int64(Cause.WENT_WITHOUT)
    return cash_out(state, slot, cause, account_id, lots, cut_lots, returned_nano, row["share"], events, count)


@outlined
def cash_out(state, slot, cause, account_id, lots, gone_lots, returned_nano, penalty_nano, events, count):
    """Lots of an account are gone: what was held for them is back, and it gets a penalty, or pays one when negative."""
    move_held(state, account_id, lots, -returned_nano)
    pay_fund(state.ledger, account_id, -penalty_nano)
    note_if_short(state, account_id)
    amount_nano = returned_nano + penalty_nano
    signed_lots = gone_lots if lots > 0 else -gone_lots
    count = write_gate_event(
        state, Event.CASHED_OUT, slot, cause, account_id, signed_lots, amount_nano, penalty_nano, events, count
    )
    return write_fund_moved(
        state, account_id, np.int64(state.tranches[slot]["instrument_id"]), -penalty_nano, events, count
    )
