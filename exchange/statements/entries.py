"""What each event does to the account that a statement is about: one entry for each amount of money.

Amounts are those of the events. Two are worked out: fees of trades, from the rates that a tranche was listed with, and
what a slot gives back of a bond.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

import numpy as np

from exchange.statements.bonds import Allocation, released_nano
from exchange.statements.lines import Entry, Kind
from exchange.statements.register import Fields, Register
from exchange.units import fee_nano
from exchange.venue.clearing.capacity_schema import STAKE_EVENT
from exchange.venue.clearing.delivery_schema import (
    CORRECTION_EVENT,
    INTERRUPTION_EVENT,
    SHORT_EVENT,
    SLOT_EVENT,
    SlotOutcome,
)
from exchange.venue.clearing.gate_schema import ALLOCATED_EVENT, GATE_EVENT, Cause
from exchange.venue.leverage_schema import FINANCING_EVENT
from exchange.venue.schema import ACCOUNT_EVENT, Event
from exchange.venue.supervision_schema import FUND_EVENT
from exchange.view.records import is_forced
from matching.schema import ORDER_EVENT, Side

SIDE_NAMES = {Side.BUY: "buy", Side.SELL: "sell"}
Place = tuple[int, int]


@dataclass
class Owner:
    """The account, and what of its past a later event is read by."""

    account_id: int
    register: Register
    allocations: dict[int, Allocation] = field(default_factory=dict)
    cashed_out: Place = (0, 0)
    """The last event that told of a penalty; the insurance fund's own event right behind it tells the same again."""


Entries = Iterator[Entry]


# Cash.


def _deposit(_: Owner, event: Fields) -> Entries:
    yield Entry(Kind.DEPOSIT, amount_nano=event["amount_nano"])


def _withdraw(_: Owner, event: Fields) -> Entries:
    yield Entry(Kind.WITHDRAWAL, amount_nano=event["amount_nano"])


def _stake(_: Owner, event: Fields) -> Entries:
    yield Entry(Kind.STAKE, amount_nano=event["amount_nano"])


def _endow(_: Owner, event: Fields) -> Entries:
    yield Entry(Kind.ENDOWMENT, amount_nano=-event["amount_nano"])


def _move_fund(owner: Owner, event: Fields) -> Entries:
    """What a forced order, a deleveraging or a debt moves between the account and the insurance fund."""
    if (event["sequence"], event["index"] - 1) != owner.cashed_out:
        instrument_id = event["instrument_id"]
        yield Entry(Kind.FUND, instrument_id, owner.register.symbol(instrument_id), amount_nano=-event["amount_nano"])


def _charge_interest(_: Owner, event: Fields) -> Entries:
    yield Entry(Kind.INTEREST, amount_nano=event["amount_nano"], rate_ppm=event["rate_ppm"])


# Positions.


def _trade(owner: Owner, event: Fields) -> Entries:
    """The side of the event is the taker's; an account may have traded with itself."""
    terms = owner.register.tranches[event["instrument_id"]].terms
    if event["account_id"] == owner.account_id:
        yield _side_of_trade(owner, event, event["side"], event["order_id"], terms.taker_fee_ppm)
    if event["counter_account_id"] == owner.account_id:
        side = int(Side.SELL) - event["side"]
        yield _side_of_trade(owner, event, side, event["counter_order_id"], terms.maker_fee_ppm)


def _trade_in_auction(owner: Owner, event: Fields) -> Entries:
    """Both waited: both pay as makers, and neither is paid."""
    fee_ppm = max(owner.register.tranches[event["instrument_id"]].terms.maker_fee_ppm, 0)
    if event["account_id"] == owner.account_id:
        yield _side_of_trade(owner, event, event["side"], event["order_id"], fee_ppm)
    if event["counter_account_id"] == owner.account_id:
        yield _side_of_trade(owner, event, int(Side.SELL) - event["side"], event["counter_order_id"], fee_ppm)


def _side_of_trade(owner: Owner, event: Fields, side: int, order_id: int, fee_ppm: int) -> Entry:
    tranche = owner.register.tranches[event["instrument_id"]]
    price_ticks, lots = event["price_ticks"], event["quantity_lots"]
    return _position(owner, event, Kind.TRADE, side)._replace(
        rate_ppm=fee_ppm,
        amount_nano=-fee_nano(price_ticks, lots, tranche.tick_value_nano, fee_ppm),
        detail="forced" if is_forced(order_id) else "",
    )


def _deleverage(owner: Owner, event: Fields) -> Entries:
    """Two positions shrink against each other."""
    is_first = event["account_id"] == owner.account_id
    side = event["side"] if is_first else int(Side.SELL) - event["side"]
    yield _position(owner, event, Kind.DELEVERAGING, side)


def _position(owner: Owner, event: Fields, kind: Kind, side: int) -> Entry:
    """Lots bought or sold at a price."""
    tranche = owner.register.tranches[event["instrument_id"]]
    price_ticks, lots = event["price_ticks"], event["quantity_lots"]
    moved_lots = lots if side == Side.BUY else -lots
    return Entry(
        kind,
        event["instrument_id"],
        tranche.symbol,
        side=SIDE_NAMES[Side(side)],
        lots=lots,
        price_ticks=price_ticks,
        moved_lots=moved_lots,
        moved_cost_nano=moved_lots * price_ticks * tranche.tick_value_nano,
    )


def _settle(owner: Owner, event: Fields) -> Entries:
    """A position becomes cash at the final price: lots at that price, less their cost."""
    lots, gain_nano = event["lots"], event["amount_nano"] - event["moved_nano"]
    tranche = owner.register.tranches[event["instrument_id"]]
    cost_nano = lots * event["price_ticks"] * tranche.tick_value_nano - gain_nano
    settled = Entry(
        Kind.SETTLEMENT,
        event["instrument_id"],
        tranche.symbol,
        side="sell" if lots > 0 else "buy" if lots else "",
        lots=abs(lots),
        price_ticks=event["price_ticks"],
        amount_nano=gain_nano,
        moved_lots=-lots,
        moved_cost_nano=-cost_nano,
    )
    yield settled
    if event["moved_nano"]:
        yield Entry(Kind.SHORTFALL, event["instrument_id"], tranche.symbol, amount_nano=event["moved_nano"])


# The gate.


def _hold(owner: Owner, event: Fields) -> Entries:
    """A buyer pays for lots, or a seller puts the bond for them."""
    yield _at_gate(owner, event, Kind.ESCROW if event["lots"] > 0 else Kind.BOND, event["amount_nano"])


def _cash_out(owner: Owner, event: Fields) -> Entries:
    """Lots are gone: what was held for them is back, and a penalty is paid or received."""
    owner.cashed_out = event["sequence"], event["index"]
    cause, penalty_nano = Cause(event["cause"]).name.lower(), event["penalty_nano"]
    yield _at_gate(owner, event, Kind.CASH_OUT, event["amount_nano"] - penalty_nano)._replace(detail=cause)
    if penalty_nano:
        yield _at_gate(owner, event, Kind.PENALTY, penalty_nano)._replace(detail=cause)


def _at_gate(owner: Owner, event: Fields, kind: Kind, amount_nano: int) -> Entry:
    return Entry(
        kind,
        event["instrument_id"],
        owner.register.symbol(event["instrument_id"]),
        side="buy" if event["lots"] > 0 else "sell",
        lots=abs(event["lots"]),
        price_ticks=event["price_ticks"],
        amount_nano=amount_nano,
    )


def _allocate(owner: Owner, event: Fields) -> Entries:
    allocation = Allocation(event["instrument_id"], event["lots"], event["bond_nano"])
    owner.allocations[event["allocation_id"]] = allocation
    is_buyer = event["account_id"] == owner.account_id
    other_id = event["provider_id"] if is_buyer else event["account_id"]
    yield Entry(
        Kind.ALLOCATION,
        event["instrument_id"],
        owner.register.symbol(event["instrument_id"]),
        owner.register.names.get(other_id, ""),
        event["allocation_id"],
        side="buy" if is_buyer else "sell",
        lots=event["lots"],
        price_ticks=event["price_ticks"],
    )


# Delivery.


def _settle_slot(owner: Owner, event: Fields) -> Entries:
    """The slot's part of the price; what it gives back of the bond stands right behind it."""
    slot = _of_allocation(owner, event, Kind.SLOT, event["delivered_lots"])
    slot = slot._replace(detail=SlotOutcome(event["outcome"]).name.lower())
    if event["buyer_id"] == owner.account_id:
        yield slot._replace(amount_nano=event["refunded_nano"])
        return
    yield slot._replace(amount_nano=event["paid_nano"])
    if event["fee_nano"]:
        yield _of_allocation(owner, event, Kind.CLEARING_FEE, 0)._replace(amount_nano=-event["fee_nano"])
    back_nano = _take_from_bond(owner, event["allocation_id"], event["slot"])
    if back_nano:
        yield _of_allocation(owner, event, Kind.BOND_RELEASE, 0)._replace(amount_nano=back_nano)


def _take_from_bond(owner: Owner, allocation_id: int, slot: int) -> int:
    allocation = owner.allocations[allocation_id]
    back_nano = released_nano(owner.register.tranches[allocation.instrument_id], allocation, slot)
    owner.allocations[allocation_id] = allocation._replace(bond_nano=allocation.bond_nano - back_nano)
    return back_nano


def _fall_short(owner: Owner, event: Fields) -> Entries:
    """What of the released bond goes to the buyer and to the insurance fund for what is missing."""
    is_interrupted = event["outcome"] == SlotOutcome.INTERRUPTED
    kind = Kind.COMPENSATION if is_interrupted else Kind.REPLACEMENT
    sign = 1 if event["buyer_id"] == owner.account_id else -1
    if event["replacement_nano"]:
        paid = _of_allocation(owner, event, kind, event["missing_lots"])
        yield paid._replace(amount_nano=sign * event["replacement_nano"])
    if sign < 0 and event["shortfall_fee_nano"]:
        fee = _of_allocation(owner, event, Kind.SHORTFALL_FEE, event["missing_lots"])
        yield fee._replace(amount_nano=-event["shortfall_fee_nano"])


def _correct(owner: Owner, event: Fields) -> Entries:
    sign = -1 if event["buyer_id"] == owner.account_id else 1
    corrected = _of_allocation(owner, event, Kind.CORRECTION, event["change_lots"])
    yield corrected._replace(
        amount_nano=sign * event["moved_nano"], detail="with_replacement" if event["with_replacement"] else ""
    )


def _interrupt(owner: Owner, event: Fields) -> Entries:
    """An allocation is cut for a slot; what that comes to follows when the slot is settled."""
    yield _of_allocation(owner, event, Kind.INTERRUPTION, event["lots"])


def _of_allocation(owner: Owner, event: Fields, kind: Kind, lots: int) -> Entry:
    """About a slot of an allocation."""
    allocation = owner.allocations[event["allocation_id"]]
    tranche = owner.register.tranches[allocation.instrument_id]
    is_buyer = event["buyer_id"] == owner.account_id
    other_id = event["provider_id"] if is_buyer else event["buyer_id"]
    return Entry(
        kind,
        allocation.instrument_id,
        tranche.symbol,
        owner.register.names.get(other_id, ""),
        event["allocation_id"],
        event["slot"],
        "buy" if is_buyer else "sell",
        lots,
        tranche.final_ticks,
    )


ENTRIES_OF_ONE: dict[int, tuple[np.dtype, Callable[[Owner, Fields], Entries]]] = {
    Event.DEPOSITED: (ACCOUNT_EVENT, _deposit),
    Event.WITHDREW: (ACCOUNT_EVENT, _withdraw),
    Event.STAKED: (STAKE_EVENT, _stake),
    Event.FUND_ENDOWED: (FUND_EVENT, _endow),
    Event.FUND_MOVED: (FUND_EVENT, _move_fund),
    Event.FINANCED: (FINANCING_EVENT, _charge_interest),
    Event.POSITION_SETTLED: (ACCOUNT_EVENT, _settle),
    Event.ESCROWED: (GATE_EVENT, _hold),
    Event.CASHED_OUT: (GATE_EVENT, _cash_out),
}
"""Of events that name one account: their layouts, and what they come to."""
ENTRIES_OF_TWO: dict[int, tuple[np.dtype, Callable[[Owner, Fields], Entries]]] = {
    Event.TRADE: (ORDER_EVENT, _trade),
    Event.AUCTION_TRADE: (ORDER_EVENT, _trade_in_auction),
    Event.DELEVERAGED: (ORDER_EVENT, _deleverage),
    Event.ALLOCATED: (ALLOCATED_EVENT, _allocate),
    Event.SLOT_SETTLED: (SLOT_EVENT, _settle_slot),
    Event.SLOT_SHORT: (SHORT_EVENT, _fall_short),
    Event.DELIVERY_CORRECTED: (CORRECTION_EVENT, _correct),
    Event.INTERRUPTED: (INTERRUPTION_EVENT, _interrupt),
}
"""The same of events that name two."""
TELLS_CASH = frozenset(
    map(
        int,
        (
            *(Event.DEPOSITED, Event.WITHDREW, Event.STAKED, Event.FINANCED),
            *(Event.POSITION_SETTLED, Event.ESCROWED, Event.CASHED_OUT),
        ),
    )
)
"""Events that also tell what the account has afterwards."""
