"""Who must close joins the auction at the gate of a delivered tranche, by force, right before it is uncrossed.

    who could not pay or deliver at the mark ─▶ its own orders go ─▶ a forced order for each ─▶ the uncrossing

Whoever would be cashed out at the gate if the mark were the final price, for some lots or all, gets one more chance to
close them: a sale of what it cannot pay for, a purchase of what it cannot deliver. The limit is what the cash-out
would come to, so the auction is never the worse way out, but for its fee. Everybody is judged as if all orders of the
tranche were gone, as they will be; whoever joins loses them first, or what it has to close could be closed twice.

All of it happens in the tick of the gate. Nobody can cancel, or step in front of a flow that must trade at almost any
price, and nobody is told of it before it traded. What the auction leaves of a forced order is cancelled with all
others; what stays unpaid or uncovered is cashed out as if there had been no auction.
"""

import numpy as np

from exchange.venue.absorbing import absorb_all
from exchange.venue.clearing.cash_out import penalty_for_one
from exchange.venue.clearing.commitments import bond_after, check_bounds_of
from exchange.venue.clearing.deliveries import is_delivered
from exchange.venue.clearing.gate import payable_lots, set_prices
from exchange.venue.closing import bring_order, on_grid
from exchange.venue.schema import Reason
from exchange.venue.state import slot_of
from kernels.compile import inlined, outlined
from matching.groups import end_command
from matching.icebergs import total_leaves
from matching.layout import ACCOUNT_MASK
from matching.mass_cancel import cancel_chosen, sort_ids
from matching.meeting import work
from matching.queues import first_order, next_order
from matching.rules import NO_REJECT, check_capacity
from matching.schema import NIL, SelfTrade, TimeInForce
from matching.working import group_of, is_paused
from risk.margin import at_mark, move_order, move_position
from risk.positions import find_position

LEAVING, JOINING, JOINED = 1, 2, 3
"""Stages of those who join: their own orders leave, forced orders come, all are there."""


@inlined
def has_joined(state, tranche):
    """Whether the auction of a tranche can be uncrossed at its gate."""
    gate = state.clearing.gate[0]
    return gate["auction_id"] == tranche["instrument_id"] and gate["joining"] == JOINED


@outlined
def join_step(state, tranche, events, count):
    """One step: find out who joins, cancel an order of theirs, or bring a forced one and carry it on."""
    gate = state.clearing.gate[0]
    if gate["auction_id"] != tranche["instrument_id"]:
        begin_joining(state, tranche)
        return count
    if gate["joining"] == LEAVING:
        return leave_step(state, events, count)
    if is_paused(state.book):
        return carry_on(state, events, count)
    if gate["place"] < gate["rows"]:
        return join_next(state, tranche, events, count)
    gate["joining"] = JOINED
    return count


@outlined
def begin_joining(state, tranche):
    """Find out who joins, and which orders go before. Where nothing is delivered, nobody must close."""
    slot = slot_of(state, tranche["instrument_id"])
    gate = state.clearing.gate[0]
    gate["auction_id"] = tranche["instrument_id"]
    gate["first_print"] = tranche["prints"]
    gate["rows"] = 0
    gate["place"] = 0
    gate["joining"] = JOINED
    if is_delivered(state, slot):
        gate["joining"] = LEAVING
        set_prices(state, slot, np.int64(state.ledger.contracts[slot]["mark_ticks"]))
        count_orders_of_holders(state, slot, np.int64(-1))
        note_joiners(state, tranche, slot)
        sort_ids(state.book, choose_orders(state, slot))
        count_orders_of_holders(state, slot, np.int64(1))


# Who joins.


@outlined
def count_orders_of_holders(state, slot, sign):
    """Let margin count the orders of all who hold lots of a tranche, or, with a negative sign, not any more."""
    for side in range(2):
        order = first_order(state.book, 2 * slot + side)
        while order != NIL:
            position = position_behind(state, slot, order)
            if state.ledger.positions[position]["lots"] != 0:
                account_id = np.int64(state.ledger.positions[position]["account_id"])
                price_ticks = np.int64(state.book.levels[state.book.orders[order]["level"]]["price_ticks"])
                lots = sign * total_leaves(state.book, order)
                move_order(state.ledger, account_id, position, slot, np.int64(side), price_ticks, lots)
            order = next_order(state.book, order)


@inlined
def position_behind(state, slot, order):
    """The position of whose order in a tranche it is."""
    account_id = np.int64(state.book.orders[order]["holder"] & ACCOUNT_MASK)
    return find_position(state.ledger, account_id, state.ledger.contracts[slot]["instrument_id"])


@inlined
def note_joiners(state, tranche, slot):
    """Note who joins, and with how many lots, in the order in which positions were opened."""
    gate = state.clearing.gate[0]
    at = np.int64(tranche["first_position"])
    while at != NIL:
        lots = joining_lots(state, slot, at)
        if lots != 0:
            row = state.clearing.gate_rows[gate["rows"]]
            row["account_id"] = state.ledger.positions[at]["account_id"]
            row["lots"] = lots
            gate["rows"] += 1
        at = np.int64(state.ledger.positions[at]["next"])


@inlined
def choose_orders(state, slot):
    """Note the ids of the orders that who joins has in the tranche; return how many there are."""
    book = state.book
    count = np.int64(0)
    for side in range(2):
        order = first_order(book, 2 * slot + side)
        while order != NIL:
            if joining_lots(state, slot, position_behind(state, slot, order)) != 0:
                book.chosen[count] = book.orders[order]["order_id"]
                count += 1
            order = next_order(book, order)
    return count


@outlined
def joining_lots(state, slot, at):
    """The signed lots that a position's account must trade to be left with what it can pay for, or deliver.

    None if no price is good enough, or if no sum could be trusted with the order.
    """
    lots = state.ledger.positions[at]["lots"]
    account_id = np.int64(state.ledger.positions[at]["account_id"])
    if lots == 0:
        return np.int64(0)
    bare_lots = abs(lots) - payable_at_mark(state, slot, at)
    if bare_lots == 0:
        return np.int64(0)
    closing_lots = -bare_lots if lots > 0 else bare_lots
    limit_ticks = limit_of_joiner(state, slot, closing_lots)
    if limit_ticks <= 0 or check_bounds_of(state, slot, account_id, limit_ticks, bare_lots) != NO_REJECT:
        return np.int64(0)
    return closing_lots


@inlined
def payable_at_mark(state, slot, at):
    """For how many lots of a position its account could pay, or put the bond, once all of them were settled at the
    mark and no longer required anything; it is tried, and taken back.
    """
    ledger, position = state.ledger, state.ledger.positions[at]
    account_id, lots, cost_nano = np.int64(position["account_id"]), position["lots"], position["cost_nano"]
    account = ledger.accounts[account_id]
    gained_nano = at_mark(ledger.contracts[slot], lots) - cost_nano
    bond_nano = bond_of(state, slot, account_id, at)
    move_position(ledger, account_id, at, slot, -lots, -cost_nano)
    account["cash_nano"] += gained_nano
    account["margin_nano"] -= bond_nano
    payable = payable_lots(state, slot, account_id, lots)
    account["margin_nano"] += bond_nano
    account["cash_nano"] -= gained_nano
    move_position(ledger, account_id, at, slot, lots, cost_nano)
    return payable


@inlined
def bond_of(state, slot, account_id, at):
    """What of an account's requirement is the bond of what a position commits; nothing for who is no provider."""
    if state.ledger.accounts[account_id]["is_provider"] == 0:
        return np.int64(0)
    committed_lots = state.clearing.commitments[at]["lots"]
    bond_nano = state.clearing.providers[account_id]["bond_margin_nano"]
    return bond_nano - bond_after(state, account_id, slot, -committed_lots)


@inlined
def limit_of_joiner(state, slot, lots):
    """The limit of whoever trades so many signed lots: no worse than a cash-out at the mark. 0 if there is no such."""
    contract, instrument = state.ledger.contracts[slot], state.book.instruments[slot]
    value_nano = contract["tick_value_nano"]
    mark_nano = at_mark(contract, np.int64(1))
    penalty_nano = penalty_for_one(state, slot, -lots)
    if lots > 0:
        return on_grid(contract, instrument, lots, (mark_nano + penalty_nano) // value_nano)
    return on_grid(contract, instrument, lots, (mark_nano - penalty_nano + value_nano - 1) // value_nano)


# How they join.


@inlined
def leave_step(state, events, count):
    """Cancel one of the orders that go before."""
    book = state.book
    place = np.int64(book.cursor[0]["place"])
    if book.chosen[place] == 0:
        end_command(book)
        state.clearing.gate[0]["joining"] = JOINING
        return count
    first = count
    count = cancel_chosen(book, place, Reason.MARGIN_CALL, events, count)
    book.cursor[0]["place"] = place + 1
    absorb_all(state, events, first, count)
    return count


@inlined
def join_next(state, tranche, events, count):
    """Bring the forced order of the next account, if the book has room for it.

    Its own orders are gone, so only one of a group has anybody whom it must not trade with: others need not look.
    """
    gate = state.clearing.gate[0]
    row = state.clearing.gate_rows[gate["place"]]
    gate["place"] += 1
    if check_capacity(state.book) != NO_REJECT:
        return count
    account_id, lots, instrument_id = np.int64(row["account_id"]), row["lots"], np.int64(tranche["instrument_id"])
    limit_ticks = limit_of_joiner(state, slot_of(state, instrument_id), lots)
    self_trade = np.int64(SelfTrade.NONE if group_of(state.book, account_id) == 0 else SelfTrade.CANCEL_OLDEST)
    time_in_force = np.int64(TimeInForce.GTC)
    count = bring_order(state, account_id, instrument_id, lots, limit_ticks, time_in_force, self_trade, events, count)
    return carry_on(state, events, count)


@outlined
def carry_on(state, events, count):
    """Let the forced order at work come to rest among the others, or go on with it."""
    first = count
    count = work(state.book, events, count)
    absorb_all(state, events, first, count)
    return count
