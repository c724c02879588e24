"""What everybody may read: time, status, instruments, books, trades, the insurance fund. No key is needed."""

import time
from collections.abc import Iterable, Iterator
from importlib.metadata import PackageNotFoundError, version

from aiohttp import web

from exchange.units import format_nano
from exchange.venue.lifecycle import LifeState
from exchange.view import MarketView, TradeView, TrancheView
from gateway.encoding.codec import instrument_id_of
from gateway.encoding.fields import time_text
from gateway.encoding.requests import BookQuery, InstrumentsQuery, NoQuery, ReadQuery, TradesQuery
from gateway.encoding.rows import book_levels, instrument_row, stamp, trade_row
from gateway.errors import ApiError, DoorError
from gateway.gateway import GATEWAY
from gateway.handling import answer, page_of, query_of, read_query

NANO_PER_S = 1_000_000_000


def add_public_routes(router: web.UrlDispatcher) -> None:
    """Enter the handlers of this page."""
    router.add_get("/v1/time", get_time)
    router.add_get("/v1/status", get_status)
    router.add_get("/v1/instruments", get_instruments)
    router.add_get("/v1/instruments/{symbol}", get_instrument)
    router.add_get("/v1/book", get_book)
    router.add_get("/v1/trades", get_trades)
    router.add_get("/v1/insurance-fund", get_insurance_fund)


async def get_time(request: web.Request) -> web.Response:
    """The clock by which signed requests are judged."""
    query_of(request, NoQuery)
    now_ns = time.time_ns()
    return answer({"time": time_text(now_ns), "time_ns": now_ns})


async def get_status(request: web.Request) -> web.Response:
    """How the exchange is doing."""
    await read_query(request, ReadQuery)
    exchange = request.app[GATEWAY].exchange
    view, trimmed_until_ns = exchange.view, exchange.trimmed_until_ns
    return answer(
        {
            "phase": exchange.phase,
            "commands": view.commands,
            "trades": view.trades,
            "resting_orders": view.resting_orders,
            "open_instruments": sum(tranche.state == LifeState.OPEN for tranche in view.tranches.values()),
            "market_halted": view.market_halted,
            "journal_first_sequence": exchange.first_sequence,
            "journal_trimmed_until": None if trimmed_until_ns is None else time_text(trimmed_until_ns),
            "uptime_s": (time.time_ns() - exchange.started_ns) // NANO_PER_S,
            "version": program_version(),
        }
        | stamp(view)
    )


async def get_instruments(request: web.Request) -> web.Response:
    """Tranches in the order in which they were listed, a page at a time."""
    query = await read_query(request, InstrumentsQuery)
    view = request.app[GATEWAY].exchange.view
    page, next_cursor = page_of(_matching(view, query), query.limit, lambda each: each.instrument_id)
    rows = [instrument_row(tranche) for tranche in page]
    return answer({"instruments": rows, "next_cursor": next_cursor} | stamp(view))


async def get_instrument(request: web.Request) -> web.Response:
    """One tranche."""
    await read_query(request, ReadQuery)
    view, tranche = _tranche(request, request.match_info["symbol"])
    return answer(instrument_row(tranche) | stamp(view))


async def get_book(request: web.Request) -> web.Response:
    """The best levels of one tranche's book."""
    query = await read_query(request, BookQuery)
    view, tranche = _tranche(request, query.symbol)
    return answer({"symbol": tranche.symbol} | book_levels(tranche.book, query.depth) | stamp(view))


async def get_trades(request: web.Request) -> web.Response:
    """The latest trades of one tranche, or of all, the newest first."""
    query = await read_query(request, TradesQuery)
    view = request.app[GATEWAY].exchange.view
    trades = view.tape if query.symbol is None else _tranche(request, query.symbol)[1].trades
    page, next_cursor = page_of(_before(trades, query.before), query.limit, lambda each: each.trade_id)
    rows = [trade_row(trade) for trade in page]
    return answer({"trades": rows, "next_cursor": next_cursor} | stamp(view))


async def get_insurance_fund(request: web.Request) -> web.Response:
    """What there is to pay for those who cannot."""
    await read_query(request, ReadQuery)
    view = request.app[GATEWAY].exchange.view
    return answer({"balance": format_nano(view.fund_nano)} | stamp(view))


def _tranche(request: web.Request, symbol: str) -> tuple[MarketView, TrancheView]:
    view = request.app[GATEWAY].exchange.view
    return view, view.tranches[instrument_id_of(view, symbol)]


def _matching(view: MarketView, query: InstrumentsQuery) -> Iterator[TrancheView]:
    for instrument_id in sorted(view.tranches):
        tranche = view.tranches[instrument_id]
        if (
            instrument_id > query.cursor
            and query.state in (None, tranche.state.name.lower())
            and query.region in (None, tranche.region)
            and query.tier in (None, tranche.tier.name.lower())
            and (query.start_from is None or tranche.start_ns >= query.start_from)
            and (query.start_to is None or tranche.start_ns < query.start_to)
        ):
            yield tranche


def _before(trades: Iterable[TradeView], cursor: str | None) -> Iterator[TradeView]:
    newest_first = reversed(list(trades))
    if cursor is None:
        return newest_first
    sequence, _, index = cursor.partition("-")
    if not (sequence.isdecimal() and index.isdecimal()):
        raise ApiError(DoorError.MALFORMED_CURSOR, param="before")
    name = (int(sequence), int(index))
    return (trade for trade in newest_first if (trade.sequence, trade.index) < name)


def program_version() -> str:
    """Of the program that serves."""
    try:
        return version("bandwidth-exchange")
    except PackageNotFoundError:  # run from a source tree that was never installed
        return "development"
