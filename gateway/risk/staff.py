"""What risk staff do: the kill switch, limits, market-maker protection; and what accounts see of it."""

import numpy as np
from aiohttp import web

from exchange import staff_commands
from exchange.units import format_nano
from exchange.venue.schema import SUMMARY_EVENT
from exchange.view import MarketView, RegionRule
from gateway.encoding.codec import account_id_of, instrument_id_of, region_id_of, told
from gateway.encoding.fields import time_text
from gateway.encoding.requests import (
    AccountLimitsRequest,
    InstrumentLimitsRequest,
    KillSwitchRequest,
    NoQuery,
    OwnResetRequest,
    ProtectionRequest,
    ReadQuery,
    RegionLimitRequest,
    ResetRequest,
    Role,
)
from gateway.encoding.rows import Row, stamp
from gateway.gateway import GATEWAY, Gateway
from gateway.handling import answer, body_of, query_of, read_query, signed_by
from gateway.identity.staff import risk_staff
from gateway.limits.routes import account_usage
from gateway.submission import run


def add_risk_staff_routes(router: web.UrlDispatcher) -> None:
    """Enter the handlers of this page."""
    router.add_post("/v1/admin/kill-switch", pull_kill_switch)
    router.add_delete("/v1/admin/kill-switch/{name}", lift_kill_switch)
    router.add_get("/v1/admin/limits/{name}", get_limits)
    router.add_post("/v1/admin/limits/accounts", set_account_limits)
    router.add_post("/v1/admin/limits/regions", set_region_limit)
    router.add_post("/v1/admin/limits/instruments", set_instrument_limits)
    router.add_post("/v1/admin/protection", set_protection)
    router.add_post("/v1/admin/protection/reset", reset_protection)
    router.add_get("/v1/limits", get_own_limits)
    router.add_post("/v1/protection/reset", reset_own_protection)


async def pull_kill_switch(request: web.Request) -> web.Response:
    """No new orders of an account, or of anybody, and those there are go; to pull it again is no mistake."""
    gateway = await risk_staff(request)
    query_of(request, NoQuery)
    name = (await body_of(request, KillSwitchRequest)).account
    view = gateway.exchange.view
    account_id = None if name is None else account_id_of(view, name)
    reply = await run(gateway.exchange, staff_commands.kill_switch(account_id))
    outcome = told(reply)
    cancelled = int(reply.events.view(SUMMARY_EVENT)["order_count"][-1])
    row: Row = {"account": name, "cancelled": cancelled, "market_halted": view.market_halted}
    return answer(row | outcome)


async def lift_kill_switch(request: web.Request) -> web.Response:
    """Take new orders of an account again."""
    gateway = await risk_staff(request)
    query_of(request, NoQuery)
    name = request.match_info["name"]
    command = staff_commands.lift_kill_switch(account_id_of(gateway.exchange.view, name))
    return await _run(gateway, command, {"account": name})


async def get_limits(request: web.Request) -> web.Response:
    """Any account's limits, its protection, and whether it is blocked."""
    gateway = await risk_staff(request)
    await read_query(request, ReadQuery)
    view = gateway.exchange.view
    account_id = account_id_of(view, request.match_info["name"])
    return answer(limits_row(view, account_id) | account_usage(gateway, account_id) | stamp(view))


async def get_own_limits(request: web.Request) -> web.Response:
    """The same of the account that signs."""
    account_id = (await signed_by(request, Role.TRADER, Role.PROVIDER)).account_id
    await read_query(request, ReadQuery)
    gateway = request.app[GATEWAY]
    view = gateway.exchange.view
    return answer(limits_row(view, account_id) | account_usage(gateway, account_id) | stamp(view))


async def set_account_limits(request: web.Request) -> web.Response:
    """What an account may have at most, in place of all that it was allowed before."""
    gateway = await risk_staff(request)
    query_of(request, NoQuery)
    wanted = await body_of(request, AccountLimitsRequest)
    command = staff_commands.set_account_limits(
        account_id_of(gateway.exchange.view, wanted.account),
        position_lots=wanted.position,
        order_lots=wanted.order_quantity,
        order_nano=wanted.order_notional,
        open_orders_base=wanted.open_orders_base,
        open_orders_max=wanted.open_orders_max,
        open_orders_step_nano=wanted.open_orders_step,
    )
    return await _run(gateway, command, {"account": wanted.account})


async def set_region_limit(request: web.Request) -> web.Response:
    """How many lots an account may come to have in a region."""
    gateway = await risk_staff(request)
    query_of(request, NoQuery)
    wanted = await body_of(request, RegionLimitRequest)
    view = gateway.exchange.view
    place = account_id_of(view, wanted.account), region_id_of(view, wanted.region)
    row: Row = {"account": wanted.account, "region": wanted.region}
    return await _run(gateway, staff_commands.set_region_limit(*place, wanted.position), row)


async def set_instrument_limits(request: web.Request) -> web.Response:
    """What each account may have at most in a tranche."""
    gateway = await risk_staff(request)
    query_of(request, NoQuery)
    wanted = await body_of(request, InstrumentLimitsRequest)
    command = staff_commands.set_instrument_limits(
        instrument_id_of(gateway.exchange.view, wanted.symbol),
        position_lots=wanted.position,
        order_lots=wanted.order_quantity,
        order_nano=wanted.order_notional,
    )
    return await _run(gateway, command, {"symbol": wanted.symbol})


async def set_protection(request: web.Request) -> web.Response:
    """Protect a market maker in a region, or no longer."""
    gateway = await risk_staff(request)
    query_of(request, NoQuery)
    wanted = await body_of(request, ProtectionRequest)
    view = gateway.exchange.view
    command = staff_commands.set_protection(
        account_id_of(view, wanted.account),
        region_id_of(view, wanted.region),
        interval_ms=wanted.interval_ms,
        frozen_ms=wanted.frozen_ms,
        quantity_lots=wanted.quantity,
        net_lots=wanted.net_quantity,
        notional_nano=wanted.notional,
    )
    return await _run(gateway, command, {"account": wanted.account, "region": wanted.region})


async def reset_protection(request: web.Request) -> web.Response:
    """Take orders again after protection went off."""
    gateway = await risk_staff(request)
    query_of(request, NoQuery)
    wanted = await body_of(request, ResetRequest)
    view = gateway.exchange.view
    place = account_id_of(view, wanted.account), region_id_of(view, wanted.region)
    row: Row = {"account": wanted.account, "region": wanted.region}
    return await _run(gateway, staff_commands.reset_protection(*place), row)


async def reset_own_protection(request: web.Request) -> web.Response:
    """The same by the market maker itself."""
    account_id = (await signed_by(request, Role.TRADER, Role.PROVIDER)).account_id
    gateway = request.app[GATEWAY]
    query_of(request, NoQuery)
    region = (await body_of(request, OwnResetRequest)).region
    command = staff_commands.reset_protection(account_id, region_id_of(gateway.exchange.view, region))
    return await _run(gateway, command, {"region": region})


def limits_row(view: MarketView, account_id: int) -> Row:
    """What an account may have at most; null is no limit."""
    account = view.accounts[account_id]
    has_cap = account.open_orders_max != 0
    return {
        "account": account.name,
        "is_blocked": account.is_blocked,
        "position": _text(account.position_lots_limit),
        "order_quantity": _text(account.order_lots_limit),
        "order_notional": _usd(account.order_nano_limit),
        "open_orders_base": account.open_orders_base if has_cap else None,
        "open_orders_max": account.open_orders_max if has_cap else None,
        "open_orders_step": _usd(account.open_orders_step_nano),
        "regions": [_rule_row(view, rule) for _, rule in sorted(account.rules.items())],
    }


def _rule_row(view: MarketView, rule: RegionRule) -> Row:
    is_frozen = rule.frozen_until_ns > view.time_ns
    ends = is_frozen and rule.frozen_ms != 0
    protection: Row = {
        "interval_ms": rule.interval_ms,
        "frozen_ms": rule.frozen_ms,
        "quantity": _text(rule.quantity_lots),
        "net_quantity": _text(rule.net_lots),
        "notional": _usd(rule.notional_nano),
        "is_frozen": is_frozen,
        "frozen_until": time_text(rule.frozen_until_ns) if ends else None,
    }
    return {
        "region": view.regions[rule.region_id],
        "position": _text(rule.position_lots),
        "protection": protection if rule.interval_ms else None,
    }


async def _run(gateway: Gateway, command: np.ndarray, row: Row) -> web.Response:
    return answer(row | told(await run(gateway.exchange, command)))


def _text(lots: int) -> str | None:
    return str(lots) if lots else None


def _usd(amount_nano: int) -> str | None:
    return format_nano(amount_nano) if amount_nano else None
