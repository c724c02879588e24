"""What gate closure tells of accounts."""

import numpy as np

from exchange.venue.schema import Event
from kernels.compile import outlined
from matching.events import begin_event


@outlined
def write_gate_event(state, kind, slot, cause, account_id, lots, amount_nano, penalty_nano, events, count):
    """Tell of lots that were paid for, or cashed out; the cash has moved by then."""
    begin_event(state.book, events, count, kind)
    event = events.gates[count]
    event["cause"] = cause
    event["reason"] = 0
    event["instrument_id"] = state.tranches[slot]["instrument_id"]
    event["amount_nano"] = amount_nano
    event["cash_nano"] = state.ledger.accounts[account_id]["cash_nano"]
    event["account_id"] = account_id
    event["reserved"] = 0
    event["price_ticks"] = state.clearing.deliveries[slot]["final_ticks"]
    event["lots"] = lots
    event["penalty_nano"] = penalty_nano
    return count + 1


@outlined
def write_allocated(state, slot, allocation, events, count):
    """Tell of an allocation as it begins."""
    begin_event(state.book, events, count, Event.ALLOCATED)
    event = events.allocated[count]
    event["reserved"] = 0
    event["reason"] = 0
    event["instrument_id"] = allocation["instrument_id"]
    event["allocation_id"] = allocation["allocation_id"]
    event["lots"] = allocation["lots"]
    event["account_id"] = allocation["buyer_id"]
    event["provider_id"] = allocation["provider_id"]
    event["price_ticks"] = np.int64(state.clearing.deliveries[slot]["final_ticks"])
    event["escrow_nano"] = allocation["escrow_nano"]
    event["bond_nano"] = allocation["bond_nano"]
    return count + 1
