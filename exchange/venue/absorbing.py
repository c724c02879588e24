"""Events of matching, carried into the ledger.

Each moves open orders or positions as soon as the command that brought it is done, so that the requirement is right at
every moment. A plain order that comes to rest, and one that is cancelled, are entered and dropped where they are run,
without a look at their event.
"""

import numpy as np

from exchange.venue.clearing.commitments import follow_provider
from exchange.venue.limits import (
    count_departure,
    count_maker,
    count_order,
    counts_orders,
    is_maker_watched,
    note_auction_trade,
    note_maker,
)
from exchange.venue.prefetch import bring_losses_near, bring_makers_near, has_many_positions
from exchange.venue.prints import note_trade
from exchange.venue.schema import Event
from exchange.venue.state import slot_of
from kernels.compile import inlined, outlined
from kernels.intrinsics import rarely
from matching.schema import Side
from risk.accounts import charge_fee
from risk.contracts import fee_per_lot
from risk.margin import certain_loss, fill_order, move_order, move_order_of, move_position
from risk.positions import chain_position, drop_unused, find_position, position_of, turns

EVENTS_OF_ONE_TRADE = 2
"""The trade, and what becomes of the taker."""


@outlined
def absorb_all(state, events, first, count):
    """Carry the events of matching from one position to another into the ledger."""
    if count - first > EVENTS_OF_ONE_TRADE and has_many_positions(state.ledger):
        bring_makers_near(state.ledger, events, first, count)
    for at in range(first, count):
        absorb(state, events, at, count)


@inlined
def absorb(state, events, at, end):
    """Carry an event of matching into the ledger. The last event that matching wrote with it is before `end`."""
    event = events.orders[np.uint32(at)]
    kind = event["kind"]
    if moves_nothing(kind):
        return
    slot = slot_of(state, event["instrument_id"])
    side = np.int64(event["side"])
    if kind == Event.TRADE:
        settle_trade(state, event, slot)
        if rarely(is_maker_watched(state.ledger, event["counter_account_id"])):
            note_maker(state, events, at, end)
    elif kind == Event.RESTED or kind == Event.REPLACED:
        enter_order(state, slot, event["account_id"], side, event["price_ticks"], event["leaves_lots"])
        if rarely(counts_orders(state.ledger, event["account_id"])):
            count_order(state, event["account_id"], np.int64(1))
    elif kind == Event.AUCTION_TRADE:
        settle_auction_trade(state, event, slot)
        note_auction_trade(state, event, slot)
    elif kind == Event.PREVENTED:
        maker_id = event["counter_account_id"]
        drop_order(state, slot, maker_id, side ^ 1, event["price_ticks"], event["quantity_lots"])
        if rarely(counts_orders(state.ledger, maker_id)):
            count_maker(state, events, at, end)
    else:
        drop_order(state, slot, event["account_id"], side, event["price_ticks"], event["quantity_lots"])
        if rarely(counts_orders(state.ledger, event["account_id"])):
            count_departure(state, event)


@inlined
def moves_nothing(kind):
    """Whether an event of matching leaves open orders and positions as they are."""
    return (
        (kind == Event.FILLED)
        | (kind == Event.KILLED)
        | (kind == Event.REJECTED)
        | (kind == Event.REFRESHED)
        | (kind == Event.TRIMMED)
        | (kind >= Event.UNCROSSED)
    )


@inlined
def enter_order(state, slot, account_id, side, price_ticks, lots):
    """An order came to rest."""
    enter_order_of(state, slot, account_id, side, certain_loss(state.ledger.contracts[slot], side, price_ticks), lots)


@inlined
def enter_order_of(state, slot, account_id, side, base_nano, lots):
    """The same, where `certain_loss` is known."""
    ledger, contract = state.ledger, state.ledger.contracts[slot]
    position = position_of(ledger, account_id, contract["instrument_id"], contract["region_id"])
    move_order_of(ledger, account_id, position, slot, side, base_nano, lots)
    follow_provider(state, account_id, position)


@inlined
def drop_order(state, slot, account_id, side, price_ticks, lots):
    """Lots of a resting order are gone."""
    position = find_position(state.ledger, account_id, state.ledger.contracts[slot]["instrument_id"])
    move_order(state.ledger, account_id, position, slot, side, price_ticks, -lots)
    follow_provider(state, account_id, position)
    drop_unused(state.ledger, position)


@inlined
def settle_trade(state, event, slot):
    """Both positions of a trade, equal and opposite, and what each side pays for it.

    The maker's is looked for first, so that it and its losses are on their way while the taker's changes.
    """
    ledger, contract = state.ledger, state.ledger.contracts[slot]
    maker_id, taker_id = event["counter_account_id"], event["account_id"]
    made = find_position(ledger, maker_id, contract["instrument_id"])
    bring_losses_near(ledger, np.int64(ledger.positions[made]["class_slot"]))
    note_trade(state, slot, event)
    side, lots, price_ticks = np.int64(event["side"]), event["quantity_lots"], event["price_ticks"]
    taken = own_position(state, slot, taker_id)
    take(state, taken, slot, taker_id, side, lots, price_ticks, contract["taker_fee_ppm"], False)
    take(state, made, slot, maker_id, side ^ 1, lots, price_ticks, contract["maker_fee_ppm"], True)


@outlined
def settle_auction_trade(state, event, slot):
    """The same for a buyer and a seller that both waited: neither is paid by the other."""
    note_trade(state, slot, event)
    fee_ppm = max(state.ledger.contracts[slot]["maker_fee_ppm"], np.int16(0))
    side, lots, price_ticks = np.int64(event["side"]), event["quantity_lots"], event["price_ticks"]
    buyer_id, seller_id = event["account_id"], event["counter_account_id"]
    take(state, own_position(state, slot, buyer_id), slot, buyer_id, side, lots, price_ticks, fee_ppm, False)
    take(state, own_position(state, slot, seller_id), slot, seller_id, side ^ 1, lots, price_ticks, fee_ppm, False)


@inlined
def own_position(state, slot, account_id):
    """The position of an account that trades, opened if there is none."""
    contract = state.ledger.contracts[slot]
    return position_of(state.ledger, account_id, contract["instrument_id"], contract["region_id"])


@inlined
def take(state, position, slot, account_id, side, lots, price_ticks, fee_ppm, is_open):
    """Lots come to an account or leave it, and it pays for it; `is_open` when they rested in a book, at this price."""
    ledger, contract = state.ledger, state.ledger.contracts[slot]
    signed_lots = lots if side == Side.BUY else -lots
    chain_once(state, slot, position)
    cost_nano = signed_lots * np.int64(price_ticks) * contract["tick_value_nano"]
    before_lots = ledger.positions[position]["lots"]
    if is_open:
        fill_order(ledger, account_id, position, slot, side, price_ticks, lots, cost_nano)
    else:
        move_position(ledger, account_id, position, slot, signed_lots, cost_nano)
    follow_provider(state, account_id, position)
    note_turn(state, position, before_lots)
    pay_fee(ledger, contract, account_id, lots, price_ticks, fee_ppm)


@inlined
def chain_once(state, slot, position):
    """A position that is about to hold its first lots is chained to others."""
    if state.ledger.positions[position]["is_chained"] == 0:
        chain_position(state.ledger, state.tranches[slot], position)


@inlined
def note_turn(state, position, before_lots):
    """Remember when a position became net long or short: who did so first is assigned first."""
    if rarely(turns(before_lots, state.ledger.positions[position]["lots"])):
        state.ledger.since[position]["sequence"] = state.book.counters[0]["sequence"]


@inlined
def pay_fee(ledger, contract, account_id, lots, price_ticks, fee_ppm):
    """What a fill costs its account, or brings it when the rate is negative."""
    if fee_ppm != 0:
        charge_fee(ledger, account_id, lots * fee_per_lot(contract, price_ticks, fee_ppm))
