"""A margin call by risk staff: an account must have more than its positions and orders require, until it is let off.

What is added is a part of its initial requirement. It is no part of maintenance: who has too little for it is called as
ever, so nothing is open to it but what closes positions, and nobody is closed out for it.
"""

import numpy as np

from exchange.venue.add_on_schema import AddOnMode
from exchange.venue.administration import refuse
from exchange.venue.notes import note_if_short
from exchange.venue.parameters import deal_with_short
from exchange.venue.schema import Event, VenueReject
from kernels.compile import inlined, outlined
from matching.events import begin_event
from matching.rules import NO_REJECT
from matching.schema import OrderReject
from risk.accounts import equity_nano, free_nano, is_account, set_add_on
from risk.schema import ADD_ON_NANO_MAX, RiskReject


@outlined
def call_margin(state, command, events, count):
    """Set what is added, and let the account be looked at before the command ends."""
    account_id = np.int64(command["account_id"])
    if state.clock[0]["is_paused"] == 0:
        reject = check_call(state, command)
        if reject != NO_REJECT:
            return refuse(state, reject, account_id, events, count)
        set_add_on(state.ledger, account_id, wanted_add_on(state.ledger, account_id, command))
        note_if_short(state, account_id)
    count = deal_with_short(state, events, count)
    if state.clock[0]["is_paused"]:
        return count
    return write_add_on(state, account_id, command, events, count)


@inlined
def check_call(state, command):
    """0, or why nothing is called for. Nothing is no amount to be short of."""
    account_id, mode, amount_nano = np.int64(command["account_id"]), command["mode"], command["amount_nano"]
    if not is_account(state.ledger, account_id):
        return np.int64(VenueReject.UNKNOWN_ACCOUNT)
    if mode > AddOnMode.CALL:
        return np.int64(OrderReject.INVALID_ORDER_TERMS)
    if amount_nano < (1 if mode == AddOnMode.CALL else 0) or amount_nano > ADD_ON_NANO_MAX:
        return np.int64(RiskReject.AMOUNT_OUT_OF_RANGE)
    if wanted_add_on(state.ledger, account_id, command) > ADD_ON_NANO_MAX:
        return np.int64(RiskReject.AMOUNT_OUT_OF_RANGE)
    return np.int64(NO_REJECT)


@inlined
def wanted_add_on(ledger, account_id, command):
    """What is to be added: what the command says, or what leaves the account short of so much now."""
    if command["mode"] == AddOnMode.SET:
        return command["amount_nano"]
    before_nano = ledger.accounts[account_id]["add_on_nano"]
    return max(before_nano + free_nano(ledger, account_id) + command["amount_nano"], np.int64(0))


@inlined
def write_add_on(state, account_id, command, events, count):
    """Tell what is added, and how the account stands with it."""
    account = state.ledger.accounts[account_id]
    begin_event(state.book, events, count, Event.ADD_ON_SET)
    event = events.add_ons[count]
    event["standing"] = account["standing"]
    event["reason"] = 0
    event["reserved"] = 0
    event["equity_nano"] = equity_nano(state.ledger, account_id)
    event["margin_nano"] = account["margin_nano"]
    event["account_id"] = account_id
    event["reserved_2"] = 0
    event["reserved_3"] = 0
    event["add_on_nano"] = account["add_on_nano"]
    event["called_nano"] = command["amount_nano"] if command["mode"] == AddOnMode.CALL else np.int64(0)
    return count + 1
