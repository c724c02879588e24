"""Who pays when somebody cannot pay at a settlement.

The losers of a settlement pay from what they have. What is then missing comes from the insurance fund, and what that
does not have is cut from the gains of this settlement, pro rata by largest remainder. Over the tranche exactly nothing
is made or lost, but what the fund gives; who holds nothing in it never pays.
"""

import numpy as np

from exchange.venue.notes import write_fund
from exchange.venue.schema import Event
from kernels.compile import inlined, outlined
from matching.mass_cancel import sort_ids
from matching.schema import NIL
from risk.accounts import equity_nano
from risk.liquidation import gain_nano
from risk.schema import AMOUNT_NANO_MAX
from risk.shares import share_of


@outlined
def apportion(state, tranche, contract_slot, final_ticks):
    """Find out what is missing at a settlement and who goes without, before the first position is settled."""
    ledger, fall = state.ledger, state.ledger.waterfall[0]
    shortfall_nano, gains_nano = add_up(ledger, tranche, contract_slot, final_ticks)
    fund_pays_nano = min(shortfall_nano, ledger.totals[0]["fund_nano"])
    ledger.totals[0]["fund_nano"] -= fund_pays_nano
    fall["shortfall_nano"] = shortfall_nano
    fall["gains_nano"] = gains_nano
    fall["haircut_nano"] = shortfall_nano - fund_pays_nano
    fall["threshold"] = 0
    fall["ties"] = 0
    if fall["haircut_nano"] > 0:
        share_remainder(state, tranche, contract_slot, final_ticks)
    return fund_pays_nano


@inlined
def add_up(ledger, tranche, contract_slot, final_ticks):
    """What the losers cannot pay, and what the winners are owed."""
    contract = ledger.contracts[contract_slot]
    shortfall_nano, gains_nano = np.int64(0), np.int64(0)
    at = np.int64(tranche["first_position"])
    while at != NIL:
        gained_nano = gain_nano(contract, ledger.positions[at], final_ticks)
        if gained_nano > 0:
            assert gains_nano < AMOUNT_NANO_MAX, "the gains of a settlement are beyond what can be shared out"
            gains_nano += gained_nano
        else:
            shortfall_nano += unpaid_nano(ledger, contract, ledger.positions[at], gained_nano)
        at = np.int64(ledger.positions[at]["next"])
    return shortfall_nano, gains_nano


@inlined
def unpaid_nano(ledger, contract, position, gained_nano):
    """What of a loss leaves its account with less than nothing."""
    account_id = np.int64(position["account_id"])
    at_mark_nano = gain_nano(contract, position, np.int64(contract["mark_ticks"]))
    left_nano = equity_nano(ledger, account_id) - at_mark_nano + gained_nano
    return min(-gained_nano, max(-left_nano, np.int64(0)))


@outlined
def share_remainder(state, tranche, contract_slot, final_ticks):
    """Whose cut is rounded up: those with the largest remainders, until the cuts come to the haircut."""
    ledger, fall = state.ledger, state.ledger.waterfall[0]
    contract, remainders = ledger.contracts[contract_slot], state.book.chosen
    cut_nano, count = np.int64(0), np.int64(0)
    at = np.int64(tranche["first_position"])
    while at != NIL:
        gained_nano = gain_nano(contract, ledger.positions[at], final_ticks)
        if gained_nano > 0:
            share_nano, remainder = share_of(gained_nano, fall["haircut_nano"], fall["gains_nano"])
            cut_nano += share_nano
            remainders[count] = remainder
            count += 1
        at = np.int64(ledger.positions[at]["next"])
    find_threshold(state, count, fall["haircut_nano"] - cut_nano)
    for place in range(count):
        remainders[place] = 0


@inlined
def find_threshold(state, count, missing_nano):
    """The remainder from which on so many are rounded up, and how many of those that are equal to it."""
    fall, remainders = state.ledger.waterfall[0], state.book.chosen
    sort_ids(state.book, count)
    if missing_nano == 0:
        fall["threshold"] = fall["gains_nano"]
        return
    fall["threshold"] = remainders[count - missing_nano]
    place = count - missing_nano
    while place < count and np.int64(remainders[place]) == fall["threshold"]:
        fall["ties"] += 1
        place += 1


@inlined
def moved_nano(state, slot, contract_slot, final_ticks):
    """What settling a position moves beside its gain: what a loser is let off, or what a winner goes without."""
    ledger, fall = state.ledger, state.ledger.waterfall[0]
    contract, position = ledger.contracts[contract_slot], ledger.positions[slot]
    if fall["shortfall_nano"] == 0:
        return np.int64(0)
    gained_nano = gain_nano(contract, position, final_ticks)
    if gained_nano <= 0:
        return unpaid_nano(ledger, contract, position, gained_nano)
    if fall["haircut_nano"] == 0:
        return np.int64(0)
    share_nano, remainder = share_of(gained_nano, fall["haircut_nano"], fall["gains_nano"])
    if remainder > fall["threshold"]:
        return -share_nano - 1
    if remainder == fall["threshold"] and fall["ties"] > 0:
        fall["ties"] -= 1
        return -share_nano - 1
    return -share_nano


@inlined
def write_shortfall(state, tranche, final_ticks, fund_pays_nano, events, count):
    """Tell what somebody could not pay, and who does, if it is so."""
    fall = state.ledger.waterfall[0]
    if fall["shortfall_nano"] == 0:
        return count
    instrument_id = np.int64(tranche["instrument_id"])
    count = write_fund(state, Event.SHORTFALL, np.int64(0), instrument_id, -fund_pays_nano, events, count)
    event = events.funds[count - 1]
    event["price_ticks"] = final_ticks
    event["shortfall_nano"] = fall["shortfall_nano"]
    event["haircut_nano"] = fall["haircut_nano"]
    return count
