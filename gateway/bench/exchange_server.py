"""The process that serves the exchange: the doors as `bwx serve` opens them, on a store that syncs each commit.

Heartbeats and pings are so far apart that none falls into a measurement. Where the doors alone are measured, budgets
are raised so far that they never bind; where neighbours are, they are those of an installation, and a reader that has
stopped is closed after fewer messages. Memory for the orders is there from the start, as with `BWX_STORE_ORDERS_AHEAD`.
Everything else is as an installation starts with.
"""

import time
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from multiprocessing.connection import Connection
from pathlib import Path
from typing import NamedTuple

from aiohttp import web

from exchange import commands
from exchange.allocation import keep_freed_memory, lay_into_large_pages, leave_what_stays
from exchange.journal_log import LOG_PAGES_AHEAD
from exchange.service import Exchange
from exchange.venue.schema import Tier
from gateway.accounts.names import ensure_account
from gateway.app import make_app, make_runner
from gateway.bench.processes import HOST, until_closed
from gateway.clearing.reservation_key import ReservationKey
from gateway.identity.keys import KeyStore
from gateway.settings import GatewaySettings
from gateway.staff.audit import AuditLog
from gateway.warm_up import warm_up

NANO_PER_S = 1_000_000_000
HOUR_S = 3_600
HOURS_TO_START = 48
WINDOWS = 4
MIDDLE_TICKS = 30_000
CASH_NANO = 10**17
ORDERS_AHEAD = 1 << 20
"""As many as a round of frames leaves in the books: an installation has such a number as a setting."""
WEIGHT = 10**9
NEVER_S = 86_400.0
OUTBOX_MESSAGES_MAX = 128
"""Of a reader beside whom others are measured: it is closed within a round, and not after a minute."""
CLOSE_WAIT_S = 60.0
"""So long can a reader that was closed still read why: longer than a round."""

Roles = tuple[str, ...]


class Door(NamedTuple):
    """Where the exchange is served, for whom, and what is traded."""

    url: str
    key_id: str
    secret: str
    symbol: str
    instrument_id: int


def settings_to_measure(connections: int) -> GatewaySettings:
    """Doors that stop nobody."""
    return GatewaySettings(
        connections_max=2 * connections + 64,
        connections_per_address_max=2 * connections + 64,
        account_weight_per_s=WEIGHT,
        account_weight_burst=WEIGHT,
        market_maker_weight_per_s=WEIGHT,
        market_maker_weight_burst=WEIGHT,
        address_weight_per_s=WEIGHT,
        address_weight_burst=WEIGHT,
        attempts_per_address_per_s=WEIGHT,
        attempts_per_address_burst=WEIGHT,
        nonces_max=100_000_000,
        heartbeat_interval_s=NEVER_S,
        ping_interval_s=NEVER_S,
    )


def settings_beside() -> GatewaySettings:
    """Doors with the budgets of an installation, which close a reader that has stopped within a round."""
    return GatewaySettings(
        outbox_messages_max=OUTBOX_MESSAGES_MAX,
        close_wait_s=CLOSE_WAIT_S,
        heartbeat_interval_s=NEVER_S,
        ping_interval_s=NEVER_S,
    )


async def serve_exchange(pipe: Connection, directory: Path, connections: int) -> None:
    """Serve one account, until the pipe is closed."""
    settings = settings_to_measure(connections)
    async with _served(directory, settings, {"bench": ("trader", "market_maker")}) as (door,):
        pipe.send(door)
        await until_closed(pipe)


async def serve_neighbours(pipe: Connection, directory: Path) -> None:
    """Serve a maker, a trader and an attacker, until the pipe is closed."""
    accounts = {"maker": ("trader", "market_maker"), "trader": ("trader",), "attacker": ("trader",)}
    async with _served(directory, settings_beside(), accounts) as doors:
        pipe.send(doors)
        await until_closed(pipe)


@asynccontextmanager
async def _served(
    directory: Path, settings: GatewaySettings, accounts: Mapping[str, Roles]
) -> AsyncIterator[tuple[Door, ...]]:
    """The exchange, open for accounts with a key each."""
    keep_freed_memory()
    warm_up()
    exchange = await Exchange.open(
        directory, synchronous="FULL", orders_ahead=ORDERS_AHEAD, log_pages_ahead=LOG_PAGES_AHEAD
    )
    leave_what_stays()
    lay_into_large_pages()
    keys, audit = KeyStore.open(directory), AuditLog.open(directory)
    await _list_windows(exchange)
    made = []
    for name, roles in accounts.items():
        account_id = await ensure_account(exchange, name, deposit_nano=CASH_NANO)
        made.append(keys.create(account_id, roles))
    reservation_key = ReservationKey.open(directory)
    runner = make_runner(make_app(exchange, keys, reservation_key, settings, audit))
    await runner.setup()
    await web.TCPSite(runner, HOST, 0).start()
    symbol, instrument_id = max(exchange.view.tranche_by_symbol.items(), key=lambda entry: entry[1])
    url = f"http://{HOST}:{runner.addresses[0][1]}"
    yield tuple(Door(url, key.key_id, key.secret, symbol, instrument_id) for key in made)
    await runner.cleanup()
    await exchange.close()
    keys.close()
    audit.close()


async def _list_windows(exchange: Exchange) -> None:
    first_start_s = (time.time_ns() // NANO_PER_S // HOUR_S + HOURS_TO_START) * HOUR_S
    calendar = commands.define_series(
        1,
        1,
        Tier.EF,
        first_start_ns=first_start_s * NANO_PER_S,
        duration_s=HOUR_S,
        gate_lead_s=60,
        horizon_s=(HOURS_TO_START + WINDOWS) * HOUR_S,
        reference_ticks=MIDDLE_TICKS,
    )
    # A calendar lists its windows when time passes next, which it does with any command.
    for command in (commands.define_region(1, "bench"), calendar, commands.resume_market()):
        await exchange.submit(command)
