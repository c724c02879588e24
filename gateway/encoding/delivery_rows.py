"""What measured delivery did to its buyer and its provider, as JSON rows, and allocations as they stand."""

from exchange.units import format_nano
from exchange.venue.clearing.delivery_schema import SlotOutcome
from exchange.venue.clearing.lifecycle import AllocationState
from exchange.venue.schema import Event
from exchange.view import AllocationView, MarketView
from gateway.encoding.rows import Row

Fields = dict[str, int]


def delivery_event_row(view: MarketView, kind: int, event: Fields) -> Row:
    """What happened to an allocation: both of its accounts see the same."""
    row: Row = {"allocation": event["allocation_id"]}
    if kind == Event.SLOT_SETTLED:
        return {"kind": "slot"} | row | _slot(event) | _settlement(event)
    if kind == Event.SLOT_SHORT:
        return {"kind": "shortfall"} | row | _slot(event) | _shortfall(event)
    if kind == Event.DELIVERY_CORRECTED:
        return {"kind": "correction"} | row | _correction(event)
    if kind == Event.INTERRUPTED:
        return {"kind": "interruption"} | row | {"slot": event["slot"]}
    if kind == Event.DISPUTED:
        return {"kind": "dispute"} | row | {"by": view.accounts[event["detail"]].name}
    return {"kind": "allocation_state"} | row | _change(view, event)


def delivery_row(view: MarketView, delivery: AllocationView) -> Row:
    """One allocation with its slots; money is over all of them so far."""
    slots = zip(delivery.outcomes, delivery.delivered_lots, strict=True)
    return {
        "allocation": delivery.allocation_id,
        "symbol": delivery.symbol,
        "buyer": view.accounts[delivery.buyer_id].name,
        "provider": view.accounts[delivery.provider_id].name,
        "quantity": str(delivery.lots),
        "state": AllocationState(delivery.state).name.lower(),
        "is_disputed": delivery.is_disputed,
        "delivered": str(delivery.delivered),
        "bond": format_nano(delivery.bond_nano),
        "paid": format_nano(delivery.paid_nano),
        "refunded": format_nano(delivery.refunded_nano),
        "clearing_fee": format_nano(delivery.fee_nano),
        "replacement": format_nano(delivery.replacement_nano),
        "shortfall_fee": format_nano(delivery.shortfall_fee_nano),
        "corrected": format_nano(delivery.corrected_nano),
        "slots": [{"outcome": SlotOutcome(outcome).name.lower(), "delivered": str(lots)} for outcome, lots in slots],
    }


def reputation_row(event: Fields) -> Row:
    """What a provider's past is worth from now on."""
    figures: Row = {"good_ppm": event["good"], "bad_ppm": event["bad"], "multiplier_ppm": event["multiplier_ppm"]}
    return {"kind": "reputation"} | figures


def _slot(event: Fields) -> Row:
    return {"slot": event["slot"], "outcome": SlotOutcome(event["outcome"]).name.lower()}


def _settlement(event: Fields) -> Row:
    return {
        "delivered": str(event["delivered_lots"]),
        "paid": format_nano(event["paid_nano"]),
        "refunded": format_nano(event["refunded_nano"]),
        "fee": format_nano(event["fee_nano"]),
    }


def _shortfall(event: Fields) -> Row:
    return {
        "missing": str(event["missing_lots"]),
        "replacement": format_nano(event["replacement_nano"]),
        "shortfall_fee": format_nano(event["shortfall_fee_nano"]),
    }


def _correction(event: Fields) -> Row:
    return {"slot": event["slot"], "change": event["change_lots"], "amount": format_nano(event["moved_nano"])}


def _change(view: MarketView, event: Fields) -> Row:
    tranche = view.tranches.get(event["instrument_id"])
    return {
        "symbol": None if tranche is None else tranche.symbol,
        "state": AllocationState(event["state"]).name.lower(),
        "previous": AllocationState(event["detail"]).name.lower(),
        "delivered": str(event["delivered"]),
    }
