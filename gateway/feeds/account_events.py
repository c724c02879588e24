"""What a batch did to accounts beside their orders, as JSON rows: standings, forced orders, the fund, interest,
settlements, escrow, allocations.
"""

from collections import defaultdict
from collections.abc import Collection

import numpy as np

from exchange.kinds import Kinds
from exchange.published import Published
from exchange.units import format_nano, format_ticks
from exchange.venue.cancel_schema import CANCEL_AFTER_EVENT
from exchange.venue.clearing.delivery_schema import (
    ALLOCATION_EVENT,
    CORRECTION_EVENT,
    INTERRUPTION_EVENT,
    REPUTATION_EVENT,
    SHORT_EVENT,
    SLOT_EVENT,
)
from exchange.venue.clearing.gate_schema import ALLOCATED_EVENT, GATE_EVENT, Cause
from exchange.venue.leverage_schema import FINANCING_EVENT
from exchange.venue.schema import ACCOUNT_EVENT, ADD_ON_EVENT, FUND_EVENT, STANDING_EVENT, Event
from exchange.view import MarketView
from exchange.view.batches import BatchReader
from gateway.encoding.cancel_rows import cancelled_after_row
from gateway.encoding.delivery_rows import delivery_event_row, reputation_row
from gateway.encoding.rows import SIDE_NAMES, STANDING_NAMES, Row
from matching.schema import ORDER_EVENT, Side

Fields = dict[str, int]
_LAYOUTS: dict[int, np.dtype] = {
    Event.STANDING_CHANGED: STANDING_EVENT,
    Event.FORCED_ORDER: ORDER_EVENT,
    Event.DELEVERAGED: ORDER_EVENT,
    Event.FUND_MOVED: FUND_EVENT,
    Event.FUND_ENDOWED: FUND_EVENT,
    Event.POSITION_SETTLED: ACCOUNT_EVENT,
    Event.FINANCED: FINANCING_EVENT,
    Event.ESCROWED: GATE_EVENT,
    Event.CASHED_OUT: GATE_EVENT,
    Event.ALLOCATED: ALLOCATED_EVENT,
    Event.ALLOCATION_CHANGED: ALLOCATION_EVENT,
    Event.DISPUTED: ALLOCATION_EVENT,
    Event.SLOT_SETTLED: SLOT_EVENT,
    Event.SLOT_SHORT: SHORT_EVENT,
    Event.DELIVERY_CORRECTED: CORRECTION_EVENT,
    Event.INTERRUPTED: INTERRUPTION_EVENT,
    Event.REPUTATION_SET: REPUTATION_EVENT,
    Event.CANCELLED_AFTER: CANCEL_AFTER_EVENT,
    Event.ADD_ON_SET: ADD_ON_EVENT,
}
_OF_DELIVERY = Kinds(kind for kind, layout in _LAYOUTS.items() if "buyer_id" in (layout.names or ()))
"""What buyer and provider see alike; they stand where other events name an account and its counterparty."""
_OF_PAIRS = Kinds((Event.DELEVERAGED, Event.ALLOCATED, *_OF_DELIVERY))
_KINDS = Kinds(_LAYOUTS)


def account_events(view: MarketView, batch: Published, account_ids: Collection[int]) -> dict[int, list[Row]]:
    """What happened to each of these accounts, in order; accounts to which nothing happened are left out."""
    rows: defaultdict[int, list[Row]] = defaultdict(list)
    places = _places(batch, account_ids)
    reader = BatchReader(batch) if places else None
    for place in places:
        assert reader is not None
        kind = int(batch.events[place]["kind"])
        event = reader.event(place, _LAYOUTS[kind])
        if kind in _OF_DELIVERY:
            for account_id in {event["buyer_id"], event["provider_id"]}.intersection(account_ids):
                rows[account_id].append(delivery_event_row(view, kind, event))
            continue
        if event["account_id"] in account_ids:
            rows[event["account_id"]].append(_row(view, kind, event))
        if kind == Event.ALLOCATED and event["provider_id"] in account_ids:
            rows[event["provider_id"]].append(_allocation_row(view, event, "provider"))
        if kind == Event.DELEVERAGED and event["counter_account_id"] in account_ids:
            rows[event["counter_account_id"]].append(_counterparty_row(view, event))
    return rows


def _places(batch: Published, account_ids: Collection[int]) -> list[int]:
    """Where the events of these accounts stand, picked out before any becomes a Python value."""
    places = np.flatnonzero(_KINDS.among(batch.events["kind"]))
    if not len(places):
        return []
    events = batch.events[places]
    wanted = np.fromiter(account_ids, np.uint32, len(account_ids))
    is_pair = _OF_PAIRS.among(events["kind"])
    is_other = is_pair & np.isin(events["counter_account_id"], wanted)  # the provider's id has the same place
    return places[np.isin(events["account_id"], wanted) | is_other].tolist()


def _row(view: MarketView, kind: int, event: Fields) -> Row:
    if kind == Event.STANDING_CHANGED:
        return _standing_row(event)
    if kind == Event.FORCED_ORDER:
        return {"kind": "forced_order", "order_id": event["order_id"]} | _terms(view, event, event["side"])
    if kind == Event.DELEVERAGED:
        return {"kind": "deleveraging", "role": "liquidated"} | _terms(view, event, event["side"])
    if kind == Event.POSITION_SETTLED:
        return _settlement_row(view, event)
    if kind == Event.FINANCED:
        return {"kind": "interest", "amount": format_nano(event["amount_nano"]), "rate_ppm": event["rate_ppm"]}
    if kind == Event.ESCROWED:
        return _escrow_row(view, event)
    if kind == Event.CASHED_OUT:
        return _cash_out_row(view, event)
    if kind == Event.ALLOCATED:
        return _allocation_row(view, event, "buyer")
    if kind == Event.REPUTATION_SET:
        return reputation_row(event)
    if kind == Event.CANCELLED_AFTER:
        return cancelled_after_row(event)
    if kind == Event.ADD_ON_SET:
        return {"kind": "add_on"} | add_on_row(event)
    return _fund_row(view, event)


def _counterparty_row(view: MarketView, event: Fields) -> Row:
    """Deleveraging, as the account sees it whose gain it took."""
    return {"kind": "deleveraging", "role": "counterparty"} | _terms(view, event, Side.SELL - event["side"])


def _standing_row(event: Fields) -> Row:
    return {
        "kind": "standing",
        "standing": STANDING_NAMES[event["standing"]],
        "previous": STANDING_NAMES[event["previous"]],
        "equity": format_nano(event["equity_nano"]),
        "margin": format_nano(event["margin_nano"]),
        "maintenance": format_nano(event["maintenance_nano"]),
    }


def add_on_row(event: Fields) -> Row:
    """What risk staff add to the requirement, what they called for by it, and how the account stands since."""
    called_nano = event["called_nano"]
    return {
        "add_on": format_nano(event["add_on_nano"]),
        "called": format_nano(called_nano) if called_nano else None,
        "standing": STANDING_NAMES[event["standing"]],
        "equity": format_nano(event["equity_nano"]),
        "margin": format_nano(event["margin_nano"]),
    }


def _terms(view: MarketView, event: Fields, side: int) -> Row:
    return {
        "symbol": _symbol(view, event),
        "side": SIDE_NAMES[side],
        "price": format_ticks(event["price_ticks"]),
        "quantity": str(event["quantity_lots"]),
    }


def _fund_row(view: MarketView, event: Fields) -> Row:
    """What the account got from the insurance fund, or gave when negative."""
    return {"kind": "fund", "symbol": _symbol(view, event), "amount": format_nano(-event["amount_nano"])}


def _settlement_row(view: MarketView, event: Fields) -> Row:
    return {
        "kind": "settlement",
        "symbol": _symbol(view, event),
        "quantity": str(event["lots"]),
        "price": format_ticks(event["price_ticks"]),
        "amount": format_nano(event["amount_nano"]),
        "shortfall": format_nano(event["moved_nano"]),
    }


def _escrow_row(view: MarketView, event: Fields) -> Row:
    """What a buyer paid for lots, or a seller put as the bond for them, below zero."""
    return {
        "kind": "escrow",
        "symbol": _symbol(view, event),
        "quantity": str(event["lots"]),
        "price": format_ticks(event["price_ticks"]),
        "amount": format_nano(event["amount_nano"]),
    }


def _cash_out_row(view: MarketView, event: Fields) -> Row:
    return _escrow_row(view, event) | {
        "kind": "cash_out",
        "cause": Cause(event["cause"]).name.lower(),
        "penalty": format_nano(event["penalty_nano"]),
    }


def _allocation_row(view: MarketView, event: Fields, role: str) -> Row:
    return {
        "kind": "allocation",
        "role": role,
        "id": str(event["allocation_id"]),
        "symbol": _symbol(view, event),
        "quantity": str(event["lots"]),
        "price": format_ticks(event["price_ticks"]),
        "escrow": format_nano(event["escrow_nano"]),
        "bond": format_nano(event["bond_nano"]),
    }


def _symbol(view: MarketView, event: Fields) -> str | None:
    """Of the tranche; None if it is about none, or about one that ended so long ago that nobody sees it any more."""
    tranche = view.tranches.get(event["instrument_id"])
    return None if tranche is None else tranche.symbol
