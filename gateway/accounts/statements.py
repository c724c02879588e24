"""Statements at the doors: an account's day, for its owner and for administrators, as JSON or CSV, a page at a time."""

import asyncio
from bisect import bisect_right
from typing import Annotated, Literal

import structlog
from aiohttp import web

from exchange.statements.lines import Line, Refusal, Statement
from exchange.venue.schema import Reject
from gateway.accounts.statement_rows import csv_text, cursor_of, line_row, place_of, statement_row
from gateway.encoding.fields import day_ns_of, query_integer
from gateway.encoding.requests import ReadQuery, Role, ShortText
from gateway.errors import ApiError, DoorError
from gateway.gateway import GATEWAY, Gateway
from gateway.handling import answer, read_query, signed_by

PAGE_LINES_MAX = 10_000
REFUSALS: dict[Refusal, Reject | DoorError] = {
    Refusal.UNKNOWN_ACCOUNT: Reject.UNKNOWN_ACCOUNT,
    Refusal.TOO_LONG: DoorError.STATEMENT_TOO_LONG,
    Refusal.TRIMMED: DoorError.STATEMENT_TRIMMED,
    Refusal.NOT_KEPT: DoorError.STATEMENT_NOT_KEPT,
    Refusal.BUSY: DoorError.STATEMENT_BUSY,
    Refusal.STOPPED: DoorError.EXCHANGE_STOPPED,
}
CSV = "text/csv"

log = structlog.get_logger()


class StatementQuery(ReadQuery):
    """Whose statement, in which form, and which lines of it."""

    account: ShortText | None = None
    format: Literal["json", "csv"] | None = None
    limit: Annotated[int, query_integer(1, PAGE_LINES_MAX)] = 1_000
    cursor: ShortText | None = None


def add_statement_routes(router: web.UrlDispatcher) -> None:
    """Enter the handler of this page."""
    router.add_get("/v1/statements/{day}", get_statement)


async def get_statement(request: web.Request) -> web.Response:
    """What moved an account's cash and positions on a day of UTC, with what it opened and closed with."""
    key = await signed_by(request, Role.TRADER, Role.PROVIDER, Role.ADMIN)
    query = await read_query(request, StatementQuery)
    gateway = request.app[GATEWAY]
    account = _account(gateway, key.account_id, query.account, is_admin=Role.ADMIN in key.roles)
    place = None if query.cursor is None else place_of(query.cursor)
    if query.cursor is not None and place is None:
        raise ApiError(DoorError.MALFORMED_CURSOR)
    statement = await _statement(gateway, account, _day_ns(gateway, request.match_info["day"]), query.min_seq)
    lines, next_cursor = _page(statement, place, query.limit)
    if _wants_csv(request, query):
        text = csv_text(statement_row(statement), [line_row(each) for each in lines], query.cursor, next_cursor)
        headers = {} if next_cursor is None else {"BWX-Next-Cursor": next_cursor}
        return web.Response(text=text, content_type=CSV, charset="utf-8", headers=headers)
    rows = [line_row(each) for each in lines]
    return answer(statement_row(statement) | {"lines": rows, "next_cursor": next_cursor})


def _account(gateway: Gateway, own_id: int, name: str | None, *, is_admin: bool) -> str:
    """The account that is asked for: one's own, or any for an administrator. Raises ApiError."""
    view = gateway.exchange.view
    own = view.accounts.get(own_id)
    if name is None and own is not None:
        return own.name
    if name is None:
        raise ApiError(DoorError.MISSING_FIELD if is_admin else Reject.UNKNOWN_ACCOUNT, param="account")
    if not is_admin and (own is None or own.name != name):
        raise ApiError(DoorError.ROLE_MISSING, "a statement of another account needs a key with the role admin")
    if name not in view.account_by_name:
        raise ApiError(Reject.UNKNOWN_ACCOUNT)
    return name


def _day_ns(gateway: Gateway, text: str) -> int:
    """When the day begins that a path names. Raises ApiError for no day, and for one that has not begun."""
    day_ns = day_ns_of(text)
    if day_ns is None:
        raise ApiError(DoorError.INVALID_VALUE, f"{text[:64]!r} is not a day such as 2026-11-22", "day")
    if day_ns > gateway.exchange.view.time_ns:
        raise ApiError(DoorError.INVALID_VALUE, "the day has not begun: days are those of UTC", "day")
    return day_ns


async def _statement(gateway: Gateway, account: str, day_ns: int, min_sequence: int) -> Statement:
    """What is kept, or found while somebody waits. Raises ApiError."""
    desk = gateway.exchange.statements
    result = desk.ask(account, day_ns, min_sequence)
    await asyncio.wait([result], timeout=gateway.settings.statement_wait_s)
    if not result.done():
        done, total = desk.progress
        raise ApiError(DoorError.STATEMENT_IN_PROGRESS, f"{done} of {total} commands are replayed; ask again")
    found = result.result()
    if isinstance(found, Statement):
        return found
    if isinstance(found, Refusal):
        raise ApiError(REFUSALS[found], param="account" if found is Refusal.UNKNOWN_ACCOUNT else None)
    log.error("statement_failed", account=account, reason=str(found))
    raise ApiError(DoorError.INTERNAL_ERROR)


def _page(statement: Statement, place: tuple[int, int, int] | None, limit: int) -> tuple[tuple[Line, ...], str | None]:
    """The lines behind a place, and where the next page begins."""
    first = 0 if place is None else bisect_right(statement.lines, place, key=lambda line: line.place)
    lines = statement.lines[first : first + limit]
    return lines, cursor_of(lines[-1]) if first + limit < len(statement.lines) else None


def _wants_csv(request: web.Request, query: StatementQuery) -> bool:
    """The query decides, and without it what the client would rather have."""
    if query.format is not None:
        return query.format == "csv"
    accepted = request.headers.get("Accept", "")
    return CSV in accepted and "application/json" not in accepted
