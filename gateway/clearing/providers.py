"""What a provider does with its own key: its stake, its capacity, and offers for a whole schedule of windows."""

from collections.abc import Callable, Sequence

import numpy as np
from aiohttp import web

from exchange import clearing_commands, commands
from exchange.capacity import Slots, capacities_of, read_sold, slots_of
from exchange.service import Exchange, ExchangeStopped, Overloaded, Reply
from exchange.symbols import Symbol, SymbolError, parse_duration
from exchange.units import format_nano, format_ticks
from exchange.venue.clearing.capacity_schema import SLOT_NS
from exchange.venue.schema import Reject, Tier
from exchange.view import CapacityView, MarketView
from gateway.clearing.provider_requests import (
    OFFERS_AT_ONCE_MAX,
    WEEKDAYS,
    CapacityQuery,
    CapacityRequest,
    Offer,
    OffersRequest,
    StakeRequest,
    WithdrawTerms,
)
from gateway.encoding import codec
from gateway.encoding.codec import outcome_of, region_id_of, told
from gateway.encoding.fields import order_id_of, time_text
from gateway.encoding.requests import NoQuery, PlaceRequest, Role, parse
from gateway.encoding.rows import Row, stamp
from gateway.errors import ApiError, DoorError
from gateway.gateway import GATEWAY
from gateway.handling import answer, body_of, query_of, read_query, signed_by
from gateway.submission import run, run_many
from matching.schema import Side, quote_order_id

CREATED = 201
TIER_NAMES = tuple(tier.name.lower() for tier in Tier)


def add_provider_routes(router: web.UrlDispatcher) -> None:
    """Enter the handlers of this page."""
    router.add_post("/v1/providers/stake", post_stake)
    router.add_post("/v1/providers/stake/withdrawals", withdraw_stake)
    router.add_post("/v1/providers/capacity", register_capacity)
    router.add_get("/v1/providers/capacity", get_capacity)
    router.add_delete("/v1/providers/capacity/{capacity_id}", withdraw_capacity)
    router.add_post("/v1/providers/offers", post_offers)


# Stakes and capacity.


async def post_stake(request: web.Request) -> web.Response:
    """Free cash becomes stake."""
    return await _move_stake(request, clearing_commands.post_stake)


async def withdraw_stake(request: web.Request) -> web.Response:
    """Stake becomes cash again, as far as no capacity needs it."""
    return await _move_stake(request, clearing_commands.withdraw_stake)


async def register_capacity(request: web.Request) -> web.Response:
    """What the account can deliver from now on; it is a provider then."""
    account_id = await _provider(request)
    query_of(request, NoQuery)
    wanted = await body_of(request, CapacityRequest)
    exchange = request.app[GATEWAY].exchange
    daily = wanted.daily
    command = clearing_commands.register_capacity(
        account_id,
        region_id_of(exchange.view, wanted.region),
        Tier[wanted.tier.upper()],
        wanted.quantity,
        wanted.start,
        wanted.end,
        daily_from_s=daily.from_s if daily else 0,
        daily_length_s=daily.length_s if daily else 0,
        weekdays=sum(1 << WEEKDAYS.index(day) for day in set(daily.weekdays)) if daily else 0,
        endpoint=wanted.endpoint,
        client_id=wanted.client_id or "",
    )
    reply = await run(exchange, command)
    return answer({"capacity_id": outcome_of(reply).order_id} | told(reply), CREATED)


async def withdraw_capacity(request: web.Request) -> web.Response:
    """A capacity is there no more, if nothing that is sold or offered needs it."""
    account_id = await _provider(request)
    terms = query_of(request, WithdrawTerms)
    capacity_id = order_id_of(request.match_info["capacity_id"])
    if capacity_id is None or capacity_id >= 1 << 32:
        raise ApiError(Reject.CAPACITY_OUT_OF_RANGE, "you have no such capacity", "capacity_id")
    command = clearing_commands.withdraw_capacity(account_id, capacity_id, client_id=terms.retry_id or "")
    return answer({"capacity_id": capacity_id} | told(await run(request.app[GATEWAY].exchange, command)))


async def get_capacity(request: web.Request) -> web.Response:
    """The account's stake and capacities; with a region also what of it is sold and free, slot by slot."""
    account_id = await _provider(request)
    query = await read_query(request, CapacityQuery)
    exchange = request.app[GATEWAY].exchange
    row: Row = {"slots": None}
    if query.region is not None:
        slots = await _slots(exchange, account_id, region_id_of(exchange.view, query.region))
        row = {"slots": _slot_rows(slots, query.start, query.slots)}
    view = exchange.view
    head: Row = {
        "stake": format_nano(view.accounts[account_id].stake_nano),
        "capacities": [_capacity_row(view, each) for each in capacities_of(view, account_id)],
    }
    return answer(head | row | stamp(view))


async def _move_stake(request: web.Request, build: Callable[..., np.ndarray]) -> web.Response:
    account_id = await _provider(request)
    query_of(request, NoQuery)
    wanted = await body_of(request, StakeRequest)
    exchange = request.app[GATEWAY].exchange
    happened = told(await run(exchange, build(account_id, wanted.amount, client_id=wanted.client_id or "")))
    row: Row = {"stake": format_nano(exchange.view.accounts[account_id].stake_nano)}
    return answer(row | happened)


async def _slots(exchange: Exchange, account_id: int, region_id: int) -> Slots:
    """All slots of an account in a region, of the sequence that the view has then. Raises ApiError."""
    view = exchange.view
    try:
        return await exchange.look(
            lambda venue: read_sold(venue, account_id, region_id),
            lambda read: slots_of(view, account_id, region_id, read),
        )
    except Overloaded:
        raise ApiError(DoorError.OVERLOADED) from None
    except ExchangeStopped:
        raise ApiError(DoorError.EXCHANGE_STOPPED) from None


def _slot_rows(slots: Slots, start_ns: int, count: int) -> list[Row]:
    """From a time on, which may be past; none beyond what can be sold."""
    first = max(start_ns // SLOT_NS - slots.first_slot, 0)
    return [
        {
            "start": time_text((slots.first_slot + at) * SLOT_NS),
            "registered": _by_tier(slots.registered[at]),
            "committed": _by_tier(slots.sold[at]),
            "free": _by_tier(slots.free[at]),
        }
        for at in range(first, min(first + count, len(slots.sold)))
    ]


def _by_tier(lots: np.ndarray) -> Row:
    return {name: str(each) for name, each in zip(TIER_NAMES, lots.tolist(), strict=True)}


def _capacity_row(view: MarketView, capacity: CapacityView) -> Row:
    is_daily = capacity.daily_length_s > 0
    days = [day for at, day in enumerate(WEEKDAYS) if capacity.weekdays >> at & 1]
    span: Row = {"from_s": capacity.daily_from_s, "length_s": capacity.daily_length_s, "weekdays": days}
    return {
        "capacity_id": capacity.capacity_id,
        "region": view.regions[capacity.region_id],
        "tier": TIER_NAMES[capacity.tier],
        "quantity": str(capacity.lots),
        "start": time_text(capacity.first_ns),
        "end": time_text(capacity.end_ns),
        "daily": span if is_daily else None,
        "endpoint": capacity.endpoint,
    }


# Offers.


async def post_offers(request: web.Request) -> web.Response:
    """Asks for many windows at once: all of them as quotes in one command, or each as an order for itself."""
    account_id = await _provider(request)
    query_of(request, NoQuery)
    wanted = await body_of(request, OffersRequest)
    exchange = request.app[GATEWAY].exchange
    symbols = [_symbol(at, offer) for at, offer in enumerate(wanted.offers)]
    if wanted.mode == "all_or_nothing":
        return await _quote_all(exchange, account_id, wanted, symbols)
    return await _place_each(exchange, account_id, wanted, symbols)


async def _quote_all(
    exchange: Exchange, account_id: int, wanted: OffersRequest, symbols: Sequence[str]
) -> web.Response:
    """One command: its asks take the places of the account's quotes in these windows, or nothing happens."""
    if len(symbols) > OFFERS_AT_ONCE_MAX:
        message = f"offers: up to {OFFERS_AT_ONCE_MAX} are taken all or nothing; send the others with best_effort"
        raise ApiError(DoorError.INVALID_VALUE, message, "offers")
    instrument_ids = [_instrument_id(exchange.view, at, symbol) for at, symbol in enumerate(symbols)]
    quotes = [
        commands.Quote(instrument_id, 0, 0, offer.price, offer.quantity)
        for instrument_id, offer in zip(instrument_ids, wanted.offers, strict=True)
    ]
    command = commands.mass_quote(account_id, quotes, client_id=wanted.client_id or "", post_only=wanted.post_only)
    reply = await run(exchange, command)
    happened = _told_of_all(reply, instrument_ids)
    rows = [
        _quote_row(exchange.view, symbol, quote_order_id(account_id, instrument_id, Side.SELL), wanted.client_id)
        for symbol, instrument_id in zip(symbols, instrument_ids, strict=True)
    ]
    return answer({"mode": wanted.mode, "offers": rows} | happened, CREATED)


def _quote_row(view: MarketView, symbol: str, order_id: int, client_id: str | None) -> Row:
    """An offer that was taken with all others, and how its quote stands now."""
    order = view.order(order_id)
    status = None if order is None else order.status
    accepted: Row = {"accepted": True, "order_id": order_id, "status": status}
    return _offer_row(symbol, client_id) | accepted


def _told_of_all(reply: Reply, instrument_ids: Sequence[int]) -> Row:
    """What became of all offers together. Raises ApiError, which names the offer for whose sake all are refused."""
    try:
        return told(reply)
    except ApiError as refused:
        named = int(reply.events[-1]["instrument_id"])
        if named in instrument_ids:
            refused.param = f"offers[{instrument_ids.index(named)}].{refused.param or 'symbol'}"
        raise


async def _place_each(
    exchange: Exchange, account_id: int, wanted: OffersRequest, symbols: Sequence[str]
) -> web.Response:
    """Orders side by side, each under a client id of its own, so that a retry is answered as the first time."""
    placed = [_order(wanted, at, symbol) for at, symbol in enumerate(symbols)]
    rows, groups = [], []
    for order in placed:
        try:
            groups.append(codec.place_command(exchange.view, account_id, order))
            rows.append(_offer_row(order.symbol, order.client_id))
        except ApiError as refused:
            rows.append(_offer_row(order.symbol, order.client_id) | {"error": refused.as_json()})
    taken = [at for at, row in enumerate(rows) if row["error"] is None]
    for at, reply in zip(taken, await run_many(exchange, groups) if groups else [], strict=True):
        rows[at] |= _placed(exchange.view, placed[at], reply)
    return answer({"mode": wanted.mode, "offers": rows} | stamp(exchange.view), CREATED)


def _order(wanted: OffersRequest, at: int, symbol: str) -> PlaceRequest:
    """One offer as an order."""
    offer, client_id = wanted.offers[at], wanted.client_id
    terms = {"symbol": symbol, "side": "sell", "price": format_ticks(offer.price), "quantity": str(offer.quantity)}
    post_only = "reject" if wanted.post_only else False
    return parse(
        PlaceRequest, terms | {"post_only": post_only} | ({"client_id": f"{client_id}.{at}"} if client_id else {})
    )


def _offer_row(symbol: str, client_id: str | None) -> Row:
    return {
        "symbol": symbol,
        "client_id": client_id,
        "accepted": False,
        "order_id": None,
        "status": None,
        "error": None,
    }


def _placed(view: MarketView, order: PlaceRequest, reply: Reply) -> Row:
    """What became of one offer."""
    try:
        told = codec.place_answer(view, order, reply)
    except ApiError as refused:
        row: Row = {"error": refused.as_json()}
        return row | ({"repeated": True} if refused.is_repeated else {})
    names = [name for name in ("order_id", "status", "repeated") if name in told]
    return {"accepted": True} | {name: told[name] for name in names}


def _symbol(at: int, offer: Offer) -> str:
    """The symbol that an offer names, or describes. Raises ApiError."""
    described = (offer.region, offer.tier, offer.start, offer.duration)
    if offer.symbol is not None and described == (None,) * 4:
        return offer.symbol
    if offer.symbol is not None or None in described:
        message = f"offers[{at}]: name the window by symbol, or by region, tier, start and duration"
        raise ApiError(DoorError.MISSING_FIELD, message, f"offers[{at}].symbol")
    assert offer.region is not None
    assert offer.tier is not None
    assert offer.start is not None
    assert offer.duration is not None
    try:
        duration_s = parse_duration(offer.duration)
    except SymbolError as error:
        raise ApiError(DoorError.INVALID_VALUE, f"offers[{at}].duration: {error}", f"offers[{at}].duration") from None
    return str(Symbol(offer.region, Tier[offer.tier.upper()], offer.start, duration_s))


def _instrument_id(view: MarketView, at: int, symbol: str) -> int:
    instrument_id = view.tranche_by_symbol.get(symbol)
    if instrument_id is None:
        raise ApiError(Reject.UNKNOWN_INSTRUMENT, param=f"offers[{at}].symbol")
    return instrument_id


# What they share.


async def _provider(request: web.Request) -> int:
    """The account whose key signed this, by a provider's role."""
    account_id = (await signed_by(request, Role.PROVIDER)).account_id
    if account_id not in request.app[GATEWAY].exchange.view.accounts:
        raise ApiError(Reject.UNKNOWN_ACCOUNT)
    return account_id
