"""What an administrator does: accounts, money, the insurance fund, risk parameters, fees, halts."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

import numpy as np
from aiohttp import web

from exchange import commands
from exchange.parameters import Override
from exchange.pricing_rows import Manual
from exchange.symbols import NANO_PER_S
from exchange.units import format_nano, format_ticks
from exchange.venue.schema import Reject
from gateway.encoding.codec import account_id_of, instrument_id_of, told
from gateway.encoding.fields import time_text
from gateway.encoding.requests import (
    AccountRequest,
    FeesRequest,
    HaltRequest,
    MoneyRequest,
    NoQuery,
    ReadQuery,
    RiskParametersRequest,
    Role,
)
from gateway.encoding.rows import Row, account_row, stamp
from gateway.encoding.series import series_ids_of
from gateway.errors import ApiError, DoorError
from gateway.gateway import GATEWAY, Gateway
from gateway.handling import answer, body_of, query_of, read_query, signed_by
from gateway.identity.keys import NO_ACCOUNT
from gateway.identity.staff import administrator, risk_staff
from gateway.submission import run
from risk.schema import SCENARIOS

CREATED = 201


def add_admin_routes(router: web.UrlDispatcher) -> None:
    """Enter the handlers of this page."""
    router.add_post("/v1/admin/accounts", open_account)
    router.add_get("/v1/admin/accounts/{name}", get_account)
    router.add_post("/v1/admin/deposits", deposit)
    router.add_post("/v1/admin/withdrawals", withdraw)
    router.add_post("/v1/admin/insurance-fund", endow_fund)
    router.add_post("/v1/admin/risk-parameters", set_risk_parameters)
    router.add_delete("/v1/admin/risk-parameters/{symbol}", price_again)
    router.add_post("/v1/admin/fees", set_fees)
    router.add_post("/v1/admin/halt", halt)
    router.add_post("/v1/admin/resume", resume)


async def open_account(request: web.Request) -> web.Response:
    """A new account under the next free number."""
    gateway = await administrator(request)
    query_of(request, NoQuery)
    wanted = await body_of(request, AccountRequest)
    view = gateway.exchange.view
    async with gateway.opening:
        if wanted.name in view.account_by_name:
            raise ApiError(Reject.ACCOUNT_EXISTS)
        account_id = max(view.accounts, default=NO_ACCOUNT) + 1
        reply = await run(gateway.exchange, commands.open_account(account_id, wanted.name, wanted.group))
    row: Row = {"account_id": account_id, "name": wanted.name, "group": wanted.group}
    return answer(row | told(reply), CREATED)


async def get_account(request: web.Request) -> web.Response:
    """Any account's money and positions."""
    gateway = await risk_staff(request)
    await read_query(request, ReadQuery)
    view = gateway.exchange.view
    return answer(account_row(view, account_id_of(view, request.match_info["name"])) | stamp(view))


async def deposit(request: web.Request) -> web.Response:
    """Money into an account."""
    return await _move_money(request, commands.deposit)


async def withdraw(request: web.Request) -> web.Response:
    """Money out of an account, as far as it is withdrawable."""
    return await _move_money(request, commands.withdraw)


async def endow_fund(request: web.Request) -> web.Response:
    """Money from an account to the insurance fund, as far as it is withdrawable."""
    return await _move_money(request, commands.endow_fund)


async def set_risk_parameters(request: web.Request) -> web.Response:
    """What a lot of a tranche requires from now on, or until a time; open positions and orders are margined anew."""
    key = await signed_by(request, Role.ADMIN)
    gateway = request.app[GATEWAY]
    query_of(request, NoQuery)
    wanted = await body_of(request, RiskParametersRequest)
    instrument_id = instrument_id_of(gateway.exchange.view, wanted.symbol)
    command = commands.set_parameters(
        instrument_id,
        mark_ticks=wanted.mark,
        shocks_ticks=_shocks(wanted),
        spread_ticks=wanted.spread,
        concentration_ticks=wanted.concentration,
        concentration_lots=wanted.concentration_lots,
    )
    until_ns = _until_ns(gateway, wanted)
    with _held(gateway, instrument_id, wanted, key.key_id, until_ns):
        outcome = told(await run(gateway.exchange, command))
    until = None if until_ns is None else time_text(until_ns)
    row: Row = {"symbol": wanted.symbol, "mark": format_ticks(wanted.mark), "until": until}
    return answer(row | outcome)


async def price_again(request: web.Request) -> web.Response:
    """Let data decide again what a lot of a tranche requires, before the time that was set is up."""
    gateway = await administrator(request)
    query_of(request, NoQuery)
    symbol = request.match_info["symbol"]
    instrument_id = instrument_id_of(gateway.exchange.view, symbol)
    was_held = gateway.pricer is not None and gateway.pricer.hold(instrument_id, None) is not None
    row: Row = {"symbol": symbol, "was_held": was_held}
    return answer(row | stamp(gateway.exchange.view))


async def set_fees(request: web.Request) -> web.Response:
    """What trades cost in windows that are listed from now on; those that are listed keep their fees."""
    gateway = await administrator(request)
    query_of(request, NoQuery)
    wanted = await body_of(request, FeesRequest)
    series_ids = series_ids_of(gateway.exchange.view, wanted.series, wanted.region, wanted.tier)
    row: Row = {}
    for series_id in series_ids:
        row = told(await run(gateway.exchange, commands.set_fees(series_id, wanted.maker_ppm, wanted.taker_ppm)))
    return answer({"series": series_ids, "maker_ppm": wanted.maker_ppm, "taker_ppm": wanted.taker_ppm} | row)


async def halt(request: web.Request) -> web.Response:
    """Stop trading; cancels go on."""
    return await _switch(request, commands.halt, commands.halt_market)


async def resume(request: web.Request) -> web.Response:
    """Trade again."""
    return await _switch(request, commands.resume, commands.resume_market)


async def _move_money(request: web.Request, command: Callable[..., np.ndarray]) -> web.Response:
    gateway = await administrator(request)
    query_of(request, NoQuery)
    wanted = await body_of(request, MoneyRequest)
    account_id = account_id_of(gateway.exchange.view, wanted.account)
    group = command(account_id, wanted.amount, client_id=wanted.client_id or "")
    reply = await run(gateway.exchange, group)
    row: Row = {"account": wanted.account, "amount": format_nano(wanted.amount), "client_id": wanted.client_id}
    return answer(row | told(reply), CREATED)


async def _switch(
    request: web.Request, one: Callable[[int], np.ndarray], everything: Callable[[], np.ndarray]
) -> web.Response:
    gateway = await risk_staff(request)
    query_of(request, NoQuery)
    symbol = (await body_of(request, HaltRequest)).symbol
    view = gateway.exchange.view
    reply = await run(gateway.exchange, everything() if symbol is None else one(instrument_id_of(view, symbol)))
    row: Row = {"symbol": symbol, "market_halted": view.market_halted}
    return answer(row | told(reply))


def _until_ns(gateway: Gateway, wanted: RiskParametersRequest) -> int | None:
    """When data decides again; None where it never does. Raises ApiError."""
    if gateway.pricer is None:
        if wanted.until is not None:
            raise ApiError(DoorError.INVALID_VALUE, "until: what is set here stays, for data sets nothing", "until")
        return None
    now_ns = gateway.exchange.clock.now_ns()
    until_ns = wanted.until or now_ns + int(gateway.pricer.settings.override_s * NANO_PER_S)
    if until_ns <= now_ns:
        raise ApiError(DoorError.INVALID_VALUE, "until: it must lie in the future", "until")
    return until_ns


@contextmanager
def _held(
    gateway: Gateway, instrument_id: int, wanted: RiskParametersRequest, who: str, until_ns: int | None
) -> Iterator[None]:
    """Keep data from deciding, from before the parameters are set; no longer if they are refused."""
    if gateway.pricer is None or until_ns is None:
        yield
        return
    override = Override(
        instrument_id=instrument_id, mark_ticks=wanted.mark, who=who, why="set by an administrator", until_ns=until_ns
    )
    manual = Manual(override, tuple(_shocks(wanted)), wanted.spread, wanted.concentration_lots)
    before = gateway.pricer.hold(instrument_id, manual)
    try:
        yield
    except ApiError:
        gateway.pricer.hold(instrument_id, before)
        raise


def _shocks(wanted: RiskParametersRequest) -> list[int]:
    """Those of all scenarios. In the first nothing moves, so it need not be sent. Raises ApiError for another one."""
    shocks_ticks = [0] * (SCENARIOS - len(wanted.shocks)) + wanted.shocks
    if shocks_ticks[0] != 0:
        raise ApiError(Reject.PARAMETERS_OUT_OF_RANGE, "shocks: the first of 16 is 0: nothing moves", "shocks")
    return shocks_ticks
