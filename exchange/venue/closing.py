"""Closing the positions of an account that does not cover maintenance, one step at a time.

    a forced order, where somebody trades at its limit ─▶ what it leaves goes to, or comes from, the fund
    else, with less than nothing left: deleveraging of a position against one that gained
    with nothing left but debts: the fund pays what it can

An account with something left gives up a part of one position a second, the one whose closing lowers its requirement
most; one with less than nothing goes on at once, with whole positions. A forced order trades like any other, but never
with the account's own group, and prices are no news: its limit is reckoned, not asked for.
"""

import numpy as np

from exchange.venue.absorbing import absorb_all
from exchange.venue.agenda import drop_first
from exchange.venue.clearing.commitments import (
    follow_provider,
    relief_with_bond,
    would_uncover,
)
from exchange.venue.notes import (
    DEBT_INTERVAL_NS,
    REVIEW_INTERVAL_NS,
    change_standing,
    look_again,
    note_if_short,
    write_fund_moved,
)
from exchange.venue.prints import FORCED_ID_SHIFT
from exchange.venue.reduce_only import make_room
from exchange.venue.schema import Command, Event, Reason
from exchange.venue.state import slot_of
from kernels.compile import inlined, outlined
from matching.events import EVENTS_PER_STEP_MAX, begin_event
from matching.layout import ACCOUNT_MASK
from matching.meeting import work
from matching.prices import key_of
from matching.queues import first_order, next_order
from matching.resting import remove
from matching.schema import NIL, Phase, SelfTrade, Side, TimeInForce
from matching.working import is_paused, start
from risk.accounts import equity_nano, pay_fund
from risk.liquidation import (
    bankruptcy_ticks,
    bearable_nano,
    due_standing,
    find_counterparty,
    owed_to_fund_nano,
    part_lots,
    with_fee,
    worst_ticks,
)
from risk.margin import move_position
from risk.schema import Standing

FORCED_ID_BIT = 1 << FORCED_ID_SHIFT
IDLE, WORKING, DONE = 0, 1, 2
"""Stages of the forced order at work."""


@outlined
def close_step(state, account_id, events, count):
    """One step; who is due again later is entered, else the account stays the first that is due."""
    stage = state.forced[0]["stage"]
    if stage == WORKING:
        return work_on(state, events, count)
    if stage == DONE:
        return end_order(state, account_id, events, count)
    slot = choose_position(state, account_id)
    if slot != NIL:
        return send_order(state, account_id, slot, events, count)
    if equity_nano(state.ledger, account_id) >= 0:
        look_again(state, account_id, np.int64(REVIEW_INTERVAL_NS))
        return count
    if not holds_lots(state.ledger, account_id):
        return cover_debt(state, account_id, events, count)
    return deleverage(state, account_id, events, count)


# Forced orders.


@outlined
def choose_position(state, account_id):
    """The position that somebody would take at its limit, and of those the one whose closing helps most, or NIL."""
    ledger = state.ledger
    found, most_nano = np.int64(NIL), np.int64(0)
    is_bankrupt = equity_nano(ledger, account_id) < 0
    at = np.int64(ledger.accounts[account_id]["first_position"])
    while at != NIL:
        position = ledger.positions[at]
        lots = part_lots(position["lots"], is_bankrupt)
        if lots != 0 and trades(state, at):
            relief = relief_with_bond(state, at, slot_of(state, position["instrument_id"]), lots)
            helps_more = found == NIL or is_better(ledger, at, relief, found, most_nano)
            if helps_more and is_crossing(state, at, lots, relief):
                found, most_nano = at, relief
        at = np.int64(position["older"])
    return found


@inlined
def is_better(ledger, slot, relief, other_slot, other_relief):
    """Whether closing a position helps more than another; of equals the tranche that was listed first goes first."""
    if relief != other_relief:
        return relief > other_relief
    return ledger.positions[slot]["instrument_id"] < ledger.positions[other_slot]["instrument_id"]


@inlined
def trades(state, slot):
    """Whether the tranche of a position trades continuously."""
    contract_slot = slot_of(state, state.ledger.positions[slot]["instrument_id"])
    return state.book.instruments[contract_slot]["phase"] == Phase.OPEN


@outlined
def is_crossing(state, slot, lots, relief):
    """Whether somebody stands at the limit of a forced order or better."""
    contract_slot = slot_of(state, state.ledger.positions[slot]["instrument_id"])
    limit_ticks, _ = limits(state, slot, lots, relief)
    opposite = np.int64(Side.SELL) if lots > 0 else np.int64(Side.BUY)
    best_key = state.book.sides[2 * contract_slot + opposite]["best_key"]
    return limit_ticks > 0 and best_key <= key_of(opposite, limit_ticks)


@outlined
def limits(state, slot, lots, relief):
    """The limit of a forced order in ticks, 0 if there is no such price, and the bankruptcy price behind it.

    `relief` is by how much the requirement falls by it.
    """
    ledger, position = state.ledger, state.ledger.positions[slot]
    contract_slot = slot_of(state, position["instrument_id"])
    contract, instrument = ledger.contracts[contract_slot], state.book.instruments[contract_slot]
    bearable = bearable_nano(ledger, np.int64(position["account_id"]), relief)
    bankrupt_ticks = with_fee(contract, lots, bankruptcy_ticks(contract, lots, bearable))
    limit_ticks = worst_ticks(ledger, contract, lots, bankrupt_ticks, relief)
    return on_grid(contract, instrument, lots, limit_ticks), bankrupt_ticks


@inlined
def on_grid(contract, instrument, lots, limit_ticks):
    """The next price that a limit may have, no worse than asked and within the band, or 0."""
    step_ticks = np.int64(instrument["price_step_ticks"])
    if lots > 0:
        limit_ticks = min(limit_ticks, np.int64(instrument["band_high_ticks"]))
        return max(limit_ticks // step_ticks * step_ticks, np.int64(0))
    limit_ticks = max(limit_ticks, np.int64(instrument["band_low_ticks"]))
    limit_ticks = (limit_ticks + step_ticks - 1) // step_ticks * step_ticks
    return limit_ticks if limit_ticks <= contract["price_max_ticks"] else np.int64(0)


@outlined
def send_order(state, account_id, slot, events, count):
    """Bring a forced order for a part of a position, and carry it on."""
    position, forced = state.ledger.positions[slot], state.forced[0]
    lots = part_lots(position["lots"], equity_nano(state.ledger, account_id) < 0)
    relief = relief_with_bond(state, slot, slot_of(state, position["instrument_id"]), lots)
    limit_ticks, bankrupt_ticks = limits(state, slot, lots, relief)
    instrument_id = np.int64(position["instrument_id"])
    time_in_force, self_trade = np.int64(TimeInForce.IOC), np.int64(SelfTrade.CANCEL_OLDEST)
    count = bring_order(state, account_id, instrument_id, lots, limit_ticks, time_in_force, self_trade, events, count)
    forced["stage"] = WORKING
    forced["bankruptcy_ticks"] = bankrupt_ticks
    forced["owed_nano"] = 0
    return work_on(state, events, count)


@outlined
def bring_order(state, account_id, instrument_id, lots, limit_ticks, time_in_force, self_trade, events, count):
    """Put a forced order to work, and tell of it."""
    state.clock[0]["forced_orders"] += 1
    forced = state.forced[0]
    forced["order_id"] = np.uint64(FORCED_ID_BIT) | np.uint64(state.clock[0]["forced_orders"])
    forced["lots"] = lots
    forced["instrument_id"] = instrument_id
    load(state, account_id, limit_ticks, time_in_force, self_trade)
    return write_forced(
        state, Event.FORCED_ORDER, instrument_id, account_id, np.int64(0), lots, limit_ticks, events, count
    )


@inlined
def load(state, account_id, limit_ticks, time_in_force, self_trade):
    """Fill the order at work with what is known of a forced one."""
    working, forced = state.book.working[0], state.forced[0]
    working["kind"] = Command.PLACE
    working["continuations"] = 0
    working["side"] = side_of(forced["lots"])
    working["time_in_force"] = time_in_force
    working["instrument_id"] = forced["instrument_id"]
    working["account_id"] = account_id
    working["price_ticks"] = limit_ticks
    working["quantity_lots"] = abs(forced["lots"])
    working["order_id"] = forced["order_id"]
    working["client_id_high"] = 0
    working["client_id_low"] = 0
    working["expires_ns"] = 0
    working["label"] = 0
    working["session_id"] = 0
    working["flags"] = 0
    working["self_trade"] = self_trade
    start(state.book, np.int64(NIL), abs(forced["lots"]))


@inlined
def side_of(lots):
    """The side of a trade of so many signed lots."""
    return np.int64(Side.BUY) if lots > 0 else np.int64(Side.SELL)


@outlined
def work_on(state, events, count):
    """Carry a forced order on, and reckon what its account owes the fund for what was traded."""
    first = count
    count = work(state.book, events, count)
    absorb_all(state, events, first, count)
    forced = state.forced[0]
    contract = state.ledger.contracts[slot_of(state, forced["instrument_id"])]
    for at in range(first, count):
        event = events.orders[at]
        if event["kind"] == Event.TRADE and event["order_id"] == forced["order_id"]:
            lots = event["quantity_lots"] if forced["lots"] > 0 else -event["quantity_lots"]
            price_ticks = np.int64(event["price_ticks"])
            forced["owed_nano"] += owed_to_fund_nano(contract, lots, price_ticks, forced["bankruptcy_ticks"])
    if not is_paused(state.book):
        forced["stage"] = DONE
    return count


@outlined
def end_order(state, account_id, events, count):
    """Pay the fund, or be paid; an account with something left is then left alone for a second."""
    forced = state.forced[0]
    owed_nano = forced["owed_nano"]
    forced["stage"] = IDLE
    pay_fund(state.ledger, account_id, owed_nano)
    count = write_fund_moved(state, account_id, forced["instrument_id"], owed_nano, events, count)
    standing = due_standing(state.ledger, account_id)
    count = change_standing(state, account_id, standing, events, count)
    if standing == Standing.SOUND:
        drop_first(state)
    elif equity_nano(state.ledger, account_id) >= 0:
        look_again(state, account_id, np.int64(REVIEW_INTERVAL_NS))
    return count


# When nobody trades.


@inlined
def holds_lots(ledger, account_id):
    """Whether an account has anything left to close."""
    at = np.int64(ledger.accounts[account_id]["first_position"])
    while at != NIL and ledger.positions[at]["lots"] == 0:
        at = np.int64(ledger.positions[at]["older"])
    return at != NIL


@outlined
def cover_debt(state, account_id, events, count):
    """The fund pays for an account that has nothing left but debts, as far as it can."""
    fund_nano = state.ledger.totals[0]["fund_nano"]
    paid_nano = min(fund_nano, -equity_nano(state.ledger, account_id))
    pay_fund(state.ledger, account_id, -paid_nano)
    if paid_nano == 0:
        look_again(state, account_id, np.int64(DEBT_INTERVAL_NS))
    return write_fund_moved(state, account_id, np.int64(0), -paid_nano, events, count)


@outlined
def deleverage(state, account_id, events, count):
    """Close a position, or a part of it, against the one that gained most; without any, wait."""
    ledger = state.ledger
    slot, counter_slot = choose_pair(state, account_id)
    if slot == NIL:
        look_again(state, account_id, np.int64(REVIEW_INTERVAL_NS))
        return count
    position, counter = ledger.positions[slot], ledger.positions[counter_slot]
    instrument_id, counter_id = np.int64(position["instrument_id"]), np.int64(counter["account_id"])
    contract_slot = slot_of(state, instrument_id)
    lots = min(abs(position["lots"]), abs(counter["lots"]))
    counter_side = side_of(position["lots"])
    first = count
    count = make_room(state, counter_id, contract_slot, counter_side, lots, np.int64(NIL), events, count)
    absorb_all(state, events, first, count)
    if state.clock[0]["is_paused"] or count + EVENTS_PER_STEP_MAX > len(events.orders):
        state.clock[0]["is_paused"] = 1
        return count
    if would_uncover(state, counter_id, contract_slot, lots if position["lots"] > 0 else -lots):
        return cancel_uncovered(state, counter_id, contract_slot, events, count)
    lots = -lots if position["lots"] > 0 else lots
    relief = relief_with_bond(state, slot, contract_slot, -position["lots"])
    price_ticks, lacking_ticks = terms_of_pair(ledger, slot, contract_slot, relief)
    paid_nano = hand_over(ledger, slot, counter_slot, contract_slot, lots, price_ticks, lacking_ticks)
    follow_provider(state, account_id, slot)
    follow_provider(state, counter_id, counter_slot)
    note_if_short(state, counter_id)
    count = write_forced(
        state, Event.DELEVERAGED, instrument_id, account_id, counter_id, lots, price_ticks, events, count
    )
    return write_fund_moved(state, account_id, instrument_id, -paid_nano, events, count)


@outlined
def cancel_uncovered(state, account_id, contract_slot, events, count):
    """Cancel an ask of a provider that nothing would cover after a deleveraging, which then comes a step later."""
    first = count
    ask = first_in_queue(state, account_id, contract_slot, np.int64(Side.SELL))
    count = remove(state.book, ask, Reason.NOT_COVERED, events, count)
    absorb_all(state, events, first, count)
    return count


@inlined
def first_in_queue(state, account_id, contract_slot, side):
    """The first order of an account on a side of a tranche; it has one there."""
    book = state.book
    slot = first_order(book, 2 * contract_slot + side)
    while np.int64(book.orders[slot]["holder"] & ACCOUNT_MASK) != account_id:
        slot = next_order(book, slot)
    return slot


@outlined
def choose_pair(state, account_id):
    """The position whose closing helps most of those that somebody has gains against, and that one; or NIL twice."""
    ledger = state.ledger
    found, found_counter, most_nano = np.int64(NIL), np.int64(NIL), np.int64(0)
    at = np.int64(ledger.accounts[account_id]["first_position"])
    while at != NIL:
        lots = -ledger.positions[at]["lots"]
        contract_slot = slot_of(state, ledger.positions[at]["instrument_id"])
        if lots != 0:
            relief = relief_with_bond(state, at, contract_slot, lots)
            price_ticks, _ = terms_of_pair(ledger, at, contract_slot, relief)
            counter = find_counterparty(ledger, state.tranches[contract_slot], contract_slot, lots, price_ticks)
            if counter != NIL and (found == NIL or is_better(ledger, at, relief, found, most_nano)):
                found, found_counter, most_nano = at, counter, relief
        at = np.int64(ledger.positions[at]["older"])
    return found, found_counter


@outlined
def terms_of_pair(ledger, slot, contract_slot, relief):
    """The price of deleveraging a position, and by how many ticks it falls short of what its account needs.

    It needs the bankruptcy price of the whole position. As far as the fund can carry it, the price is nearer to the
    mark, and it is one that prices can be.
    """
    contract, position = ledger.contracts[contract_slot], ledger.positions[slot]
    lots = -position["lots"]
    bearable = bearable_nano(ledger, np.int64(position["account_id"]), relief)
    bankrupt_ticks = bankruptcy_ticks(contract, lots, bearable)
    price_ticks = worst_ticks(ledger, contract, lots, bankrupt_ticks, np.int64(0))
    price_ticks = min(max(price_ticks, np.int64(1)), np.int64(contract["price_max_ticks"]))
    lacking_ticks = bankrupt_ticks - price_ticks if lots < 0 else price_ticks - bankrupt_ticks
    return price_ticks, max(lacking_ticks, np.int64(0))


@inlined
def hand_over(ledger, slot, counter_slot, contract_slot, lots, price_ticks, lacking_ticks):
    """Both positions shrink at one price, and the fund pays what it lacks; return how much."""
    account_id = np.int64(ledger.positions[slot]["account_id"])
    counter_id = np.int64(ledger.positions[counter_slot]["account_id"])
    tick_value_nano = ledger.contracts[contract_slot]["tick_value_nano"]
    cost_nano = lots * price_ticks * tick_value_nano
    move_position(ledger, account_id, slot, contract_slot, lots, cost_nano)
    move_position(ledger, counter_id, counter_slot, contract_slot, -lots, -cost_nano)
    paid_nano = min(abs(lots) * lacking_ticks * tick_value_nano, ledger.totals[0]["fund_nano"])
    pay_fund(ledger, account_id, -paid_nano)
    return paid_nano


@outlined
def write_forced(state, kind, instrument_id, account_id, counter_id, lots, price_ticks, events, count):
    """Tell what an account is made to do, and with whom, if it is with somebody."""
    begin_event(state.book, events, count, kind)
    event = events.orders[count]
    event["side"] = side_of(lots)
    event["reason"] = 0
    event["instrument_id"] = instrument_id
    event["order_id"] = state.forced[0]["order_id"] if kind == Event.FORCED_ORDER else np.uint64(0)
    event["counter_order_id"] = 0
    event["account_id"] = account_id
    event["counter_account_id"] = counter_id
    event["price_ticks"] = price_ticks
    event["quantity_lots"] = abs(lots)
    event["leaves_lots"] = abs(lots) if kind == Event.FORCED_ORDER else 0
    return count + 1
