"""Notes about accounts that have too little: when somebody looks at them, and what the insurance fund did for them."""

import numpy as np

from exchange.venue.agenda import REVIEW_DUE, add_entry, drop_first
from exchange.venue.schema import NANO_PER_S, Event
from kernels.compile import inlined, outlined
from kernels.intrinsics import rarely
from matching.events import begin_event
from risk.accounts import equity_nano, free_nano
from risk.liquidation import maintenance_nano
from risk.schema import Standing

REVIEW_INTERVAL_NS = NANO_PER_S
DEBT_INTERVAL_NS = 10 * NANO_PER_S
"""How often the fund is asked again for an account that has nothing left but debts."""


@inlined
def note_if_short(state, account_id):
    """Let an account that does not cover its initial requirement be looked at before the command ends."""
    if rarely(free_nano(state.ledger, account_id) < 0):
        note(state, account_id)


@outlined
def note(state, account_id):
    """Enter an account that is short, unless it is known."""
    account = state.ledger.accounts[account_id]
    if account["standing"] == Standing.SOUND:
        account["standing"] = Standing.NOTED
        add_entry(state, state.clock[0]["time_ns"], REVIEW_DUE, account_id)


@inlined
def look_again(state, account_id, interval_ns):
    """Let an account whose turn it is be looked at after a while, counted from when the command at work ends."""
    drop_first(state)
    due_ns = state.clock[0]["target_ns"] + interval_ns
    state.reviews[account_id] = due_ns
    add_entry(state, due_ns, REVIEW_DUE, account_id)


@outlined
def change_standing(state, account_id, standing, events, count):
    """Let an account stand otherwise, and tell, but not that it was noted for nothing."""
    account = state.ledger.accounts[account_id]
    previous = np.int64(account["standing"])
    account["standing"] = standing
    if standing == Standing.SOUND:
        state.reviews[account_id] = 0
    is_told = previous != Standing.NOTED or standing != Standing.SOUND
    if standing == previous or not is_told:
        return count
    begin_event(state.book, events, count, Event.STANDING_CHANGED)
    event = events.standings[count]
    event["standing"] = standing
    event["reason"] = 0
    event["previous"] = previous if previous != Standing.NOTED else Standing.SOUND
    event["equity_nano"] = equity_nano(state.ledger, account_id)
    event["margin_nano"] = account["margin_nano"]
    event["account_id"] = account_id
    event["reserved"] = 0
    event["reserved_2"] = 0
    event["maintenance_nano"] = maintenance_nano(state.ledger, account_id)
    event["reserved_3"] = 0
    return count + 1


@outlined
def write_fund(state, kind, account_id, instrument_id, amount_nano, events, count):
    """Tell what came into the insurance fund, or left it, and what is in it now."""
    begin_event(state.book, events, count, kind)
    event = events.funds[count]
    event["reserved"] = 0
    event["reason"] = 0
    event["instrument_id"] = instrument_id
    event["amount_nano"] = amount_nano
    event["fund_nano"] = state.ledger.totals[0]["fund_nano"]
    event["account_id"] = account_id
    event["reserved_2"] = 0
    event["price_ticks"] = 0
    event["shortfall_nano"] = 0
    event["haircut_nano"] = 0
    return count + 1


@inlined
def write_fund_moved(state, account_id, instrument_id, amount_nano, events, count):
    """The same for what an account gave or got, if anything."""
    if amount_nano == 0:
        return count
    return write_fund(state, Event.FUND_MOVED, account_id, instrument_id, amount_nano, events, count)
