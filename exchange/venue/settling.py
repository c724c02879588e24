"""Positions become cash at the final price of their tranche, one at a time."""

import numpy as np

from exchange.venue.clearing.commitments import forget_position
from exchange.venue.notes import note_if_short
from exchange.venue.schema import Event
from exchange.venue.state import slot_of
from exchange.venue.waterfall import apportion, moved_nano, write_shortfall
from kernels.compile import inlined
from matching.events import begin_event
from risk.settlement import settle_first


@inlined
def settle_one(state, tranche, price_ticks, events, count):
    """Turn one position into cash at the final price; before the first, find out who cannot pay."""
    slot = slot_of(state, tranche["instrument_id"])
    if tranche["is_apportioned"] == 0:
        tranche["is_apportioned"] = 1
        fund_pays_nano = apportion(state, tranche, slot, price_ticks)
        count = write_shortfall(state, tranche, price_ticks, fund_pays_nano, events, count)
    moved = moved_nano(state, np.int64(tranche["first_position"]), slot, price_ticks)
    first = np.int64(tranche["first_position"])
    forget_position(state, np.int64(state.ledger.positions[first]["account_id"]), first)
    account_id, lots, amount_nano = settle_first(state.ledger, tranche, slot, price_ticks, moved)
    note_if_short(state, account_id)
    if lots != 0:
        tranche["was_held"] = 1
    begin_event(state.book, events, count, Event.POSITION_SETTLED)
    event = events.accounts[count]
    event["reserved"] = 0
    event["reason"] = 0
    event["instrument_id"] = tranche["instrument_id"]
    event["amount_nano"] = amount_nano
    event["cash_nano"] = state.ledger.accounts[account_id]["cash_nano"]
    event["account_id"] = account_id
    event["group"] = 0
    event["price_ticks"] = price_ticks
    event["lots"] = lots
    event["moved_nano"] = moved
    return count + 1
