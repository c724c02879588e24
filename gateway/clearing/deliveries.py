"""Measured delivery at the doors: reports, what came of them slot by slot, disputes, corrections, reputation."""

from collections.abc import Iterable

import numpy as np
from aiohttp import web

from exchange import delivery_commands
from exchange.service import Reply
from exchange.units import format_nano
from exchange.venue.clearing.delivery_schema import REPORT_EVENT, ReportOutcome
from exchange.venue.schema import Event, Reject
from exchange.view import AllocationView, CorrectionView, MarketView, Reputation
from gateway.clearing.delivery_requests import (
    ALLOCATION_ID_MAX,
    CorrectionRequest,
    DeliveriesQuery,
    InterruptionRequest,
    Report,
    ReporterRequest,
    ReportsRequest,
)
from gateway.clearing.report_signing import Measurement, is_report_signed
from gateway.encoding.codec import account_id_of, instrument_id_of, outcome_of, region_id_of, told
from gateway.encoding.delivery_rows import delivery_row
from gateway.encoding.fields import order_id_of, time_text
from gateway.encoding.requests import NoQuery, ReadQuery, Role
from gateway.encoding.rows import Row, stamp
from gateway.errors import ApiError, DoorError
from gateway.gateway import GATEWAY, Gateway
from gateway.handling import answer, body_of, page_of, query_of, read_query, signed_by
from gateway.identity.ed25519 import is_safe_public_key
from gateway.identity.staff import administrator, risk_staff
from gateway.submission import run, run_many


def add_delivery_routes(router: web.UrlDispatcher) -> None:
    """Enter the handlers of this page."""
    router.add_post("/v1/deliveries/reports", report)
    router.add_get("/v1/deliveries", get_own_deliveries)
    router.add_post("/v1/deliveries/{allocation_id}/provision", provision)
    router.add_post("/v1/deliveries/{allocation_id}/dispute", dispute)
    router.add_get("/v1/providers", get_providers)
    router.add_get("/v1/admin/deliveries", get_all_deliveries)
    router.add_post("/v1/admin/reporters", register_reporter)
    router.add_get("/v1/admin/reporters", get_reporters)
    router.add_post("/v1/admin/corrections", correct)
    router.add_get("/v1/admin/corrections", get_corrections)
    router.add_post("/v1/admin/interruptions", interrupt)


# Reports.


async def report(request: web.Request) -> web.Response:
    """What a reporter measured, each report signed under the key that it is registered with."""
    reporter_id = (await signed_by(request, Role.REPORTER)).account_id
    gateway = request.app[GATEWAY]
    query_of(request, NoQuery)
    reports = (await body_of(request, ReportsRequest)).reports
    public_key = gateway.exchange.view.deliveries.reporter_keys.get(reporter_id)
    if public_key is None:
        raise ApiError(Reject.NOT_A_REPORTER)
    for place, each in enumerate(reports):
        if not is_report_signed(public_key, bytes.fromhex(each.signature), measurement_of(reporter_id, each)):
            name = f"reports[{place}].signature"
            raise ApiError(DoorError.BAD_SIGNATURE, f"{name}: the report is not signed by the registered key", name)
    replies = await run_many(gateway.exchange, [_command(reporter_id, each) for each in reports])
    rows = [_report_row(reply) for reply in replies]
    return answer({"reports": rows} | stamp(gateway.exchange.view))


def measurement_of(reporter_id: int, report: Report) -> Measurement:
    """What a report says, as it is signed."""
    figures = (report.quantity, report.latency_us, report.loss_ppm)
    return Measurement(reporter_id, report.allocation, report.slot, *figures)


def _command(reporter_id: int, report: Report) -> np.ndarray:
    return delivery_commands.report_delivery(
        reporter_id,
        report.allocation,
        report.slot,
        measured_lots=report.quantity,
        latency_us=report.latency_us,
        loss_ppm=report.loss_ppm,
        signature=bytes.fromhex(report.signature),
    )


def _report_row(reply: Reply) -> Row:
    """What became of a report; a refusal is told in its place, for the others may count."""
    try:
        sequence = outcome_of(reply).sequence
    except ApiError as error:
        return {"outcome": "refused", "error": error.as_json()}
    outcome = ReportOutcome(int(reply.events[-1:].view(REPORT_EVENT)["outcome"][0]))
    return {"outcome": outcome.name.lower(), "sequence": sequence}


# The parties.


async def get_own_deliveries(request: web.Request) -> web.Response:
    """What the account bought or provides, with every slot that is settled, in the order of ids."""
    account_id = (await signed_by(request, Role.TRADER, Role.PROVIDER)).account_id
    query = await read_query(request, DeliveriesQuery)
    view = request.app[GATEWAY].exchange.view
    return _page(view, view.deliveries.of_account(account_id), query)


async def provision(request: web.Request) -> web.Response:
    """The provider's equipment is ready."""
    account_id = (await signed_by(request, Role.TRADER, Role.PROVIDER)).account_id
    return await _of_party(request, delivery_commands.provision(account_id, allocation_id_of(request)))


async def dispute(request: web.Request) -> web.Response:
    """Buyer or provider does not agree with what was measured."""
    account_id = (await signed_by(request, Role.TRADER, Role.PROVIDER)).account_id
    return await _of_party(request, delivery_commands.dispute(account_id, allocation_id_of(request)))


async def _of_party(request: web.Request, command: np.ndarray) -> web.Response:
    query_of(request, NoQuery)
    row: Row = {"allocation": allocation_id_of(request)}
    return await _run(request.app[GATEWAY], command, row)


def allocation_id_of(request: web.Request) -> int:
    """The allocation that a path names. Raises ApiError."""
    allocation_id = order_id_of(request.match_info["allocation_id"])
    if allocation_id is None or allocation_id > ALLOCATION_ID_MAX:
        raise ApiError(Reject.UNKNOWN_ALLOCATION)
    return allocation_id


async def get_providers(request: web.Request) -> web.Response:
    """What is known of each provider, as evidence in allocations, and the multiplier of its bonds."""
    await read_query(request, ReadQuery)
    view = request.app[GATEWAY].exchange.view
    found = sorted(view.deliveries.reputations.items())
    return answer({"providers": [_provider_row(view, *each) for each in found]} | stamp(view))


def _provider_row(view: MarketView, account_id: int, reputation: Reputation) -> Row:
    return {
        "account": view.accounts[account_id].name,
        "good_ppm": reputation.good,
        "bad_ppm": reputation.bad,
        "multiplier_ppm": reputation.multiplier_ppm,
    }


# Risk staff.


async def get_all_deliveries(request: web.Request) -> web.Response:
    """The same of everybody."""
    gateway = await risk_staff(request)
    query = await read_query(request, DeliveriesQuery)
    view = gateway.exchange.view
    return _page(view, view.deliveries.by_id.values(), query)


async def register_reporter(request: web.Request) -> web.Response:
    """An account reports from now on under a key, or no longer."""
    gateway = await administrator(request)
    query_of(request, NoQuery)
    wanted = await body_of(request, ReporterRequest)
    public_key = delivery_commands.NO_KEY if wanted.public_key is None else bytes.fromhex(wanted.public_key)
    if wanted.public_key is not None and not is_safe_public_key(public_key):
        raise ApiError(DoorError.WEAK_PUBLIC_KEY, param="public_key")
    account_id = account_id_of(gateway.exchange.view, wanted.account)
    row: Row = {"account": wanted.account, "public_key": wanted.public_key}
    return await _run(gateway, delivery_commands.register_reporter(account_id, public_key), row)


async def get_reporters(request: web.Request) -> web.Response:
    """Who reports, under which keys."""
    gateway = await administrator(request)
    await read_query(request, ReadQuery)
    view = gateway.exchange.view
    rows = [
        {"account": view.accounts[account_id].name, "public_key": key.hex()}
        for account_id, key in sorted(view.deliveries.reporter_keys.items())
    ]
    return answer({"reporters": rows} | stamp(view))


async def correct(request: web.Request) -> web.Response:
    """More was delivered in a slot than was measured, or less; the money follows."""
    gateway = await risk_staff(request)
    query_of(request, NoQuery)
    wanted = await body_of(request, CorrectionRequest)
    command = delivery_commands.correct_delivery(
        wanted.allocation,
        wanted.slot,
        wanted.change,
        with_replacement=wanted.with_replacement,
        expected=wanted.delivered,
        reason=wanted.reason,
    )
    return await _run(gateway, command, {"allocation": wanted.allocation, "slot": wanted.slot, "change": wanted.change})


async def get_corrections(request: web.Request) -> web.Response:
    """The latest corrections with their reasons, the newest first."""
    gateway = await risk_staff(request)
    await read_query(request, ReadQuery)
    view = gateway.exchange.view
    return answer(
        {"corrections": [_correction_row(each) for each in reversed(view.deliveries.corrections)]} | stamp(view)
    )


def _correction_row(correction: CorrectionView) -> Row:
    return {
        "sequence": correction.sequence,
        "time": time_text(correction.time_ns),
        "time_ns": correction.time_ns,
        "allocation": correction.allocation_id,
        "slot": correction.slot,
        "change": correction.change_lots,
        "amount": format_nano(correction.moved_nano),
        "reason": correction.reason,
    }


async def interrupt(request: web.Request) -> web.Response:
    """Cut interruptible allocations of a region for the slot that runs, the latest first."""
    gateway = await administrator(request)
    query_of(request, NoQuery)
    wanted = await body_of(request, InterruptionRequest)
    command = delivery_commands.interrupt(region_id_of(gateway.exchange.view, wanted.region), wanted.quantity)
    reply = await run(gateway.exchange, command)
    row = told(reply)
    cut = reply.events[reply.events["kind"] == Event.INTERRUPTED][:-1]
    return answer({"region": wanted.region, "allocations": cut["order_id"].tolist()} | row)


async def _run(gateway: Gateway, command: np.ndarray, row: Row) -> web.Response:
    return answer(row | told(await run(gateway.exchange, command)))


# Rows.


def _page(view: MarketView, deliveries: Iterable[AllocationView], query: DeliveriesQuery) -> web.Response:
    instrument_id = None if query.symbol is None else instrument_id_of(view, query.symbol)
    is_disputed = None if query.disputed is None else query.disputed == "true"
    wanted = (
        each
        for each in deliveries
        if each.allocation_id > query.cursor
        and instrument_id in (None, each.instrument_id)
        and is_disputed in (None, each.is_disputed)
    )
    page, next_cursor = page_of(wanted, query.limit, lambda each: each.allocation_id)
    rows = [delivery_row(view, each) for each in page]
    return answer({"deliveries": rows, "next_cursor": next_cursor} | stamp(view))
