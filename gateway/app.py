"""The doors as one aiohttp application: REST and WebSocket under /v1, the market page at /, the risk page at /risk.

errors as JSON ─▶ handler: decode ─▶ exchange.submit ─▶ encode
"""

import asyncio
from collections.abc import AsyncIterator

from aiohttp import web

from exchange.margin.watch import RiskWatch
from exchange.pricing import Pricer
from exchange.service import Exchange
from gateway.accounts.statements import add_statement_routes
from gateway.clearing.allocations import add_clearing_routes
from gateway.clearing.deliveries import add_delivery_routes
from gateway.clearing.overview import add_overview_routes
from gateway.clearing.providers import add_provider_routes
from gateway.clearing.reservation_key import ReservationKey
from gateway.clearing.reservations import add_reservation_routes
from gateway.connections import DoorsRunner
from gateway.description.doors import add_description_routes
from gateway.feeds.feed import Feed
from gateway.gateway import GATEWAY, Gateway
from gateway.handling import add_headers, errors_as_json
from gateway.identity.auth import Authenticator
from gateway.identity.key_routes import add_key_routes
from gateway.identity.keys import KeyStore
from gateway.identity.session_routes import add_session_routes
from gateway.identity.sign_ins import SignIns
from gateway.limits.activity import OrderActivity
from gateway.limits.budgets import RateLimits
from gateway.limits.connections import ConnectionLimits
from gateway.limits.doors import charge_addresses
from gateway.limits.routes import add_rate_routes
from gateway.limits.weights import PLACE
from gateway.logs import configure_logs
from gateway.market.curve import add_curve_routes
from gateway.market.public import add_public_routes
from gateway.orders.plain_orders import PlainOrders
from gateway.orders.plain_requests import PlainRequests
from gateway.orders.routes import add_order_routes
from gateway.orders.trading import add_trading_routes
from gateway.pages.routes import add_page_routes
from gateway.risk.accounts import add_risk_routes
from gateway.risk.desk import add_risk_desk_routes
from gateway.risk.events import RiskEvents
from gateway.risk.leverage import add_leverage_routes
from gateway.risk.margin_calls import add_margin_call_routes
from gateway.risk.staff import add_risk_staff_routes
from gateway.settings import GatewaySettings
from gateway.sockets.guards import Guards
from gateway.sockets.websocket import websocket
from gateway.staff.admin import add_admin_routes
from gateway.staff.audit import AuditLog
from gateway.staff.audit_routes import add_audit_routes, audited
from gateway.staff.metrics import add_metrics_routes


def make_app(
    exchange: Exchange,
    keys: KeyStore,
    reservation_key: ReservationKey,
    settings: GatewaySettings,
    audit: AuditLog,
    pricer: Pricer | None = None,
) -> web.Application:
    """The doors of an open exchange. They close with the application; what is given stays the caller's to close."""
    configure_logs()
    rates = RateLimits(keys, settings)
    watch = RiskWatch(exchange)
    app = web.Application(
        middlewares=[audited, errors_as_json, charge_addresses], client_max_size=settings.body_bytes_max
    )
    app[GATEWAY] = Gateway(
        exchange=exchange,
        keys=keys,
        settings=settings,
        authenticator=Authenticator(keys, settings),
        sign_ins=SignIns(keys, settings),
        feed=Feed(exchange, settings, watch),
        limits=ConnectionLimits(settings),
        rates=rates,
        activity=OrderActivity(
            exchange.view, lambda account_id, orders: rates.give_back(account_id, orders * PLACE.weight)
        ),
        events=RiskEvents(exchange.view),
        risk=watch,
        reservation_key=reservation_key,
        guards=Guards(exchange, keys.guards),
        audit=audit,
        plain=PlainOrders(exchange, settings.frames_per_turn),
        pricer=pricer,
    )
    app.cleanup_ctx.append(_run_feed)
    app.cleanup_ctx.append(_run_guards)
    app.on_shutdown.append(_close_sessions)
    app.on_response_prepare.append(add_headers)
    add_public_routes(app.router)
    add_curve_routes(app.router)
    add_order_routes(app.router)
    add_trading_routes(app.router)
    add_provider_routes(app.router)
    add_admin_routes(app.router)
    add_key_routes(app.router)
    add_audit_routes(app.router)
    add_metrics_routes(app.router)
    add_clearing_routes(app.router)
    add_leverage_routes(app.router)
    add_risk_routes(app.router)
    add_risk_desk_routes(app.router)
    add_risk_staff_routes(app.router)
    add_margin_call_routes(app.router)
    add_delivery_routes(app.router)
    add_statement_routes(app.router)
    add_overview_routes(app.router)
    add_reservation_routes(app.router)
    add_rate_routes(app.router)
    add_session_routes(app.router)
    add_description_routes(app.router)
    app.router.add_get("/v1/ws", websocket, allow_head=False)
    add_page_routes(app.router, exchange)
    return app


def make_runner(app: web.Application) -> web.AppRunner:
    """Serve the doors. A connection on which no whole request head comes in time is closed, whatever trickles in."""
    gateway = app[GATEWAY]
    return DoorsRunner(
        app,
        PlainRequests(gateway),
        access_log=None,
        keepalive_timeout=gateway.settings.head_wait_s,
        lingering_time=gateway.settings.close_wait_s,
    )


async def _run_feed(app: web.Application) -> AsyncIterator[None]:
    gateway = app[GATEWAY]
    gateway.feed.start()
    stop_counting = gateway.exchange.subscribe(gateway.activity.hear)
    stop_noting = gateway.exchange.subscribe(gateway.events.hear)
    yield
    stop_noting()
    stop_counting()
    gateway.feed.stop()


async def _run_guards(app: web.Application) -> AsyncIterator[None]:
    guards = app[GATEWAY].guards
    await guards.start()
    yield
    await guards.settle(app[GATEWAY].settings.shutdown_wait_s)


async def _close_sessions(app: web.Application) -> None:
    """Take no new requests, answer those under way, then tell every client why its connection ends."""
    gateway = app[GATEWAY]
    gateway.is_closing = True
    sessions = tuple(gateway.sessions)
    await asyncio.gather(*(session.shut_down(gateway.settings.shutdown_wait_s) for session in sessions))
    gateway.sign_ins.close()
