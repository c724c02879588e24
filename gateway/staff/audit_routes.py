"""The audit log at the doors: each administrative request becomes an entry, and risk staff read them."""

import asyncio
import time
from typing import Annotated

import apsw
import orjson
import structlog
from aiohttp import web
from aiohttp.typedefs import Handler

from gateway.encoding.fields import SEQUENCE_MAX, PageLimit, query_integer, time_text
from gateway.encoding.requests import NoQuery, ShortText
from gateway.encoding.rows import Row
from gateway.errors import DoorError
from gateway.gateway import GATEWAY, Gateway
from gateway.handling import SIGNER, answer, query_of
from gateway.identity.staff import risk_staff
from gateway.staff.audit import Deed, Entry

AUDITED = ("/v1/admin/", "/v1/keys")
READS = ("GET", "HEAD")
RATE_LIMITED = DoorError.RATE_LIMITED.name.lower()
"""Nothing was looked at, and an entry for each would let anybody fill the disk."""

log = structlog.get_logger()


class AuditQuery(NoQuery):
    """Which entries: so many below a number, the newest first, and only those in which a text stands."""

    contains: ShortText | None = None
    limit: PageLimit = 100
    cursor: Annotated[int, query_integer(1, SEQUENCE_MAX)] = SEQUENCE_MAX


def add_audit_routes(router: web.UrlDispatcher) -> None:
    """Enter the handlers of this page."""
    router.add_get("/v1/admin/audit", get_audit)


async def get_audit(request: web.Request) -> web.Response:
    """What administrators did and tried, the newest first, a page at a time."""
    gateway = await risk_staff(request)
    query = query_of(request, AuditQuery)
    page, next_entry = await asyncio.to_thread(gateway.audit.page, query.cursor, query.limit, query.contains or "")
    rows = [_entry_row(gateway, each) for each in page]
    return answer({"entries": rows, "next_cursor": str(next_entry) if next_entry else None})


@web.middleware
async def audited(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Write down what somebody who has proved who it is did as an administrator, or to keys, before it is answered.

    What ends risk is done before it is written down, and answered even where it cannot be: the fault is logged.
    """
    response = await handler(request)
    if request.method not in READS and request.path.startswith(AUDITED) and SIGNER in request:
        deed = await _deed(request, response)
        if deed.outcome == RATE_LIMITED:
            return response
        try:
            await asyncio.to_thread(request.app[GATEWAY].audit.append, deed)
        except apsw.Error:
            log.exception("audit_failed", action=deed.action, key_id=deed.key_id, outcome=deed.outcome)
    return response


async def _deed(request: web.Request, response: web.StreamResponse) -> Deed:
    key = request[SIGNER]
    body = response.body if isinstance(response, web.Response) else None
    told = orjson.loads(body) if isinstance(body, bytes) else {}
    return Deed(
        time.time_ns(),
        key.key_id,
        key.account_id,
        request.remote or "",
        f"{request.method} {request.path}",
        (await request.read()).decode(errors="replace"),
        response.status,
        told["error"]["code"] if "error" in told else "ok",
        told.get("sequence", 0),
    )


def _entry_row(gateway: Gateway, entry: Entry) -> Row:
    deed = entry.deed
    account = gateway.exchange.view.accounts.get(deed.account_id)
    return {
        "entry": entry.entry,
        "time": time_text(deed.time_ns),
        "time_ns": deed.time_ns,
        "key_id": deed.key_id or None,
        "account": account.name if account else None,
        "address": deed.address,
        "action": deed.action,
        "body": deed.body,
        "status": deed.status,
        "outcome": deed.outcome,
        "sequence": deed.sequence or None,
    }
