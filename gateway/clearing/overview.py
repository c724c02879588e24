"""Delivery as a whole: what became of each tranche, for everybody, and what reporters are to measure now."""

from collections.abc import Iterable
from itertools import islice

from aiohttp import web

from exchange.symbols import NANO_PER_S
from exchange.units import format_nano, format_ticks
from exchange.venue.clearing.lifecycle import AllocationState
from exchange.venue.lifecycle import LifeState
from exchange.venue.schema import Tier
from exchange.view import AllocationView, DeliveryTotals, MarketView, TrancheView
from gateway.clearing.delivery_requests import DueQuery, SummaryQuery
from gateway.clearing.reservations import endpoint_of
from gateway.encoding.fields import time_text
from gateway.encoding.requests import Role
from gateway.encoding.rows import Row, stamp
from gateway.gateway import GATEWAY
from gateway.handling import answer, page_of, read_query, signed_by
from risk.schema import PPM

MEASURED_STATES = (AllocationState.RESERVED, AllocationState.PROVISIONED, AllocationState.DELIVERING)


def add_overview_routes(router: web.UrlDispatcher) -> None:
    """Enter the handlers of this page."""
    router.add_get("/v1/deliveries/summary", get_summary)
    router.add_get("/v1/deliveries/due", get_due)


# For everybody.


async def get_summary(request: web.Request) -> web.Response:
    """The latest tranches whose gate has closed, the newest first, without a word of whose they are."""
    query = await read_query(request, SummaryQuery)
    view = request.app[GATEWAY].exchange.view
    latest = islice(reversed(view.deliveries.totals.items()), query.limit)
    rows = [_summary_row(view.tranches[instrument_id], totals, query.latest_slots) for instrument_id, totals in latest]
    return answer({"deliveries": rows} | stamp(view))


def _summary_row(tranche: TrancheView, totals: DeliveryTotals, latest_slots: int) -> Row:
    """One tranche; money is over all allocations and all slots so far."""
    first_slot = max(totals.settled_slots - latest_slots, 0)
    return {
        "symbol": tranche.symbol,
        "region": tranche.region,
        "tier": Tier(tranche.tier).name.lower(),
        "start": time_text(tranche.start_ns),
        "end": time_text(tranche.end_ns),
        "state": tranche.state.name.lower(),
        "price": format_ticks(tranche.final_ticks),
        "quantity": str(totals.lots),
        "allocations": totals.allocations,
        "slots": tranche.duration_s // tranche.slot_s,
        "settled_slots": totals.settled_slots,
        "delivered_ppm": _share_ppm(totals),
        "paid": format_nano(totals.paid_nano),
        "refunded": format_nano(totals.refunded_nano),
        "replacement": format_nano(totals.replacement_nano),
        "shortfall_fee": format_nano(totals.shortfall_fee_nano),
        "corrected": format_nano(totals.corrected_nano),
        "disputed": totals.disputed,
        "first_slot": first_slot,
        "slot_measured": totals.slot_measured[first_slot:].tolist(),
        "slot_delivered": totals.slot_delivered[first_slot:].tolist(),
    }


def _share_ppm(totals: DeliveryTotals) -> int | None:
    """What was delivered of what was measured; corrections may add to slots that nobody measured."""
    return min(totals.delivered * PPM // totals.measured, PPM) if totals.measured else None


# For reporters.


async def get_due(request: web.Request) -> web.Response:
    """The allocations of which slots are still to be measured, in the order of ids, a page at a time."""
    await signed_by(request, Role.REPORTER)
    query = await read_query(request, DueQuery)
    view = request.app[GATEWAY].exchange.view
    due = (each for each in _due(view) if each.allocation_id > query.cursor)
    page, next_cursor = page_of(due, query.limit, lambda each: each.allocation_id)
    rows = [_due_row(view, each) for each in page]
    return answer({"due": rows, "next_cursor": next_cursor} | stamp(view))


def _due(view: MarketView) -> Iterable[AllocationView]:
    """Ids rise from one gate to the next, so the order in which gates closed is theirs."""
    deliveries = view.deliveries
    for instrument_id, ids in deliveries.of_tranche.items():
        if view.tranches[instrument_id].state in (LifeState.GATE_CLOSED, LifeState.DELIVERING, LifeState.SETTLING):
            for allocation_id in ids:
                if deliveries.by_id[allocation_id].state in MEASURED_STATES:
                    yield deliveries.by_id[allocation_id]


def _due_row(view: MarketView, allocation: AllocationView) -> Row:
    """Whose equipment is measured, where, how much it owes, and in which slots."""
    tranche = view.tranches[allocation.instrument_id]
    return {
        "allocation": allocation.allocation_id,
        "symbol": allocation.symbol,
        "region": tranche.region,
        "provider": view.accounts[allocation.provider_id].name,
        "endpoint": endpoint_of(view, allocation.provider_id, tranche),
        "quantity": str(allocation.lots),
        "start": time_text(tranche.start_ns),
        "slot_s": tranche.slot_s,
        "slots": tranche.duration_s // tranche.slot_s,
        "settled_slots": len(allocation.outcomes),
        "open_until": time_text(tranche.end_ns + tranche.grace_s * NANO_PER_S),
    }
