"""Call auctions in the life of a tranche: they begin, tell what they would give, and are uncrossed.

Orders collect while the book's phase is AUCTION. Every second the venue tells the indicative price and volume, if they
changed. An opening auction ends by itself; a closing one at the gate, where who must close joins it first, and where
its price becomes the final one if it has volume.
"""

import numpy as np

from exchange.venue.absorbing import absorb_all
from exchange.venue.agenda import INDICATIVE_DUE, TRANCHE_DUE, add_entry, drop_first
from exchange.venue.clearing.joining import has_joined, join_step
from exchange.venue.lifecycle import LifeState, Trigger
from exchange.venue.schema import NANO_PER_S
from exchange.venue.state import slot_of
from kernels.compile import inlined, outlined
from matching.auction import indicative, uncross, write_indicative
from matching.schema import Phase
from matching.working import is_paused

INDICATIVE_INTERVAL_NS = NANO_PER_S


@inlined
def begin_auction(state, tranche):
    """Enter when a tranche that goes into an auction uncrosses, if it opens, and when it tells its indicative price."""
    time_ns = state.clock[0]["time_ns"]
    if tranche["state"] == LifeState.AUCTION:
        tranche["auction_end_ns"] = time_ns + auction_ns(tranche)
    tranche["indicative_ticks"] = 0
    tranche["indicative_lots"] = 0
    if tranche["indicative_due_ns"] == 0:
        tranche["indicative_due_ns"] = time_ns + INDICATIVE_INTERVAL_NS
        add_entry(state, tranche["indicative_due_ns"], INDICATIVE_DUE, tranche["instrument_id"])


@inlined
def auction_ns(tranche):
    """How long an opening auction lasts."""
    return np.int64(tranche["opening_auction_s"]) * NANO_PER_S


@inlined
def last_call_ns(tranche):
    """When continuous trading ends: at the closing auction, or at the gate if there is none."""
    return tranche["gate_ns"] - np.int64(tranche["closing_auction_s"]) * NANO_PER_S


@outlined
def tell_indicative(state, instrument_id, events, count):
    """Tell what an auction would give now, if that changed, and enter when to look again."""
    slot = slot_of(state, instrument_id)
    tranche = state.tranches[slot]
    drop_first(state)
    if tranche["state"] != LifeState.AUCTION and tranche["state"] != LifeState.CLOSING_AUCTION:
        tranche["indicative_due_ns"] = 0
        return count
    tranche["indicative_due_ns"] += INDICATIVE_INTERVAL_NS
    add_entry(state, tranche["indicative_due_ns"], INDICATIVE_DUE, instrument_id)
    reference_ticks = np.int64(tranche["reference_ticks"])
    price_ticks, volume_lots, _ = indicative(state.book, slot, reference_ticks)
    if price_ticks == tranche["indicative_ticks"] and volume_lots == tranche["indicative_lots"]:
        return count
    tranche["indicative_ticks"] = price_ticks
    tranche["indicative_lots"] = volume_lots
    return write_indicative(state.book, instrument_id, reference_ticks, events, count)


@inlined
def ends_auction(state, tranche, trigger):
    """Whether a tranche has an auction to uncross before it moves on by a trigger."""
    slot = slot_of(state, tranche["instrument_id"])
    is_collecting = state.book.instruments[slot]["phase"] == Phase.AUCTION
    return is_collecting and (trigger == Trigger.UNCROSS or trigger == Trigger.GATE)


@outlined
def uncross_step(state, tranche, trigger, events, count):
    """Uncross, or go on with it; then the book is closed, and the tranche can move on. Whoever joins comes first.

    Nothing trades while the market is halted: an opening auction then lasts longer, a closing one ends without trades.
    """
    slot = slot_of(state, tranche["instrument_id"])
    if state.clock[0]["is_halted"] and trigger == Trigger.UNCROSS:
        drop_first(state)
        tranche["auction_end_ns"] += auction_ns(tranche)
        due_ns = min(tranche["auction_end_ns"], last_call_ns(tranche))
        add_entry(state, due_ns, TRANCHE_DUE, tranche["instrument_id"])
        return count
    if not state.clock[0]["is_halted"]:
        if trigger == Trigger.GATE and not has_joined(state, tranche):
            return join_step(state, tranche, events, count)
        first = count
        count = uncross(
            state.book, np.int64(tranche["instrument_id"]), np.int64(tranche["reference_ticks"]), events, count
        )
        absorb_all(state, events, first, count)
        if is_paused(state.book):
            return count
    state.book.instruments[slot]["phase"] = Phase.CLOSED
    return count
