"""Prices at a glance, for everybody: a tranche's ticker and candles, and the forward curve of a region and tier."""

from aiohttp import web

from exchange.symbols import SymbolError, format_duration, parse_duration
from exchange.venue.lifecycle import AUCTION_STATES, LifeState
from exchange.view import TrancheView
from exchange.view.candles import INTERVALS_S
from gateway.encoding.codec import instrument_id_of, region_id_of
from gateway.encoding.requests import CandlesQuery, CurveQuery, ReadQuery
from gateway.encoding.rows import Row, instrument_row, stamp
from gateway.errors import ApiError, DoorError
from gateway.feeds.candles import candle_row
from gateway.gateway import GATEWAY
from gateway.handling import answer, read_query

AHEAD = AUCTION_STATES | {LifeState.LISTED, LifeState.OPEN, LifeState.HALTED}
"""The states of a tranche whose gate is still to come."""
TICKER_NAMES = (
    *("symbol", "state", "best_bid", "best_bid_quantity", "best_ask", "best_ask_quantity", "last_price"),
    *("mark_price", "reference_price", "indicative_price", "indicative_quantity", "traded_quantity"),
)
POINT_NAMES = ("symbol", "start", "end", "gate_closure", *TICKER_NAMES[1:8], "traded_quantity")


def add_curve_routes(router: web.UrlDispatcher) -> None:
    """Enter the handlers of this page."""
    router.add_get("/v1/ticker/{symbol}", get_ticker)
    router.add_get("/v1/candles", get_candles)
    router.add_get("/v1/curve", get_curve)


async def get_ticker(request: web.Request) -> web.Response:
    """What a tranche trades at."""
    await read_query(request, ReadQuery)
    view = request.app[GATEWAY].exchange.view
    tranche = view.tranches[instrument_id_of(view, request.match_info["symbol"])]
    return answer(_some_of(tranche, TICKER_NAMES) | stamp(view))


async def get_candles(request: web.Request) -> web.Response:
    """What a tranche traded at, minute by minute or longer, oldest first; where nothing traded there is no candle."""
    query = await read_query(request, CandlesQuery)
    view = request.app[GATEWAY].exchange.view
    instrument_id = instrument_id_of(view, query.symbol)
    candles = view.candles.latest(instrument_id, INTERVALS_S[query.interval])[-query.limit :]
    head: Row = {"symbol": query.symbol, "interval": query.interval, "candles": [candle_row(each) for each in candles]}
    return answer(head | stamp(view))


async def get_curve(request: web.Request) -> web.Response:
    """The windows ahead of a region and tier, the next one first; of two that begin together, the shorter one."""
    query = await read_query(request, CurveQuery)
    view = request.app[GATEWAY].exchange.view
    region_id_of(view, query.region)
    duration_s = _duration_s(query.duration)
    ahead = [
        tranche
        for tranche in view.tranches.values()
        if tranche.region == query.region
        and tranche.tier.name.lower() == query.tier
        and tranche.state in AHEAD
        and duration_s in (None, tranche.duration_s)
    ]
    ahead.sort(key=lambda tranche: (tranche.start_ns, tranche.duration_s))
    points = [
        _some_of(tranche, POINT_NAMES) | {"duration": format_duration(tranche.duration_s)}
        for tranche in ahead[: query.limit]
    ]
    head: Row = {"region": query.region, "tier": query.tier, "windows": len(ahead), "points": points}
    return answer(head | stamp(view))


def _duration_s(text: str | None) -> int | None:
    if text is None:
        return None
    try:
        return parse_duration(text)
    except SymbolError as error:
        raise ApiError(DoorError.INVALID_VALUE, f"duration: {error}", "duration") from None


def _some_of(tranche: TrancheView, names: tuple[str, ...]) -> Row:
    row = instrument_row(tranche)
    return {name: row[name] for name in names}
