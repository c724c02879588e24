"""`bwx serve`: the exchange with its doors open, until Ctrl-C."""

import asyncio
import shutil
import signal
import sys
import time
from contextlib import AsyncExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from exchange.cli.terminal import progress_bar, refuse

if TYPE_CHECKING:
    from ssl import SSLContext

    from exchange.plan import MarketPlan
    from exchange.pricing import Pricer
    from exchange.service import Exchange

STARTED_NS = time.monotonic_ns()
FAILED = 1
DEFAULT_DIRECTORY = Path(".bwx/exchange")
DEMO_DIRECTORY = Path(".bwx/demo")


def serve(
    directory: Annotated[
        Path | None, typer.Option(help="Where the market is stored. Default: .bwx/exchange, or .bwx/demo.")
    ] = None,
    host: Annotated[str, typer.Option(envvar="BWX_HOST", help="The address to listen on.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(envvar="BWX_PORT", help="The port to listen on; 0 takes a free one.")] = 8080,
    market: Annotated[Path | None, typer.Option(help="A TOML file of regions and calendars to list.")] = None,
    demo: Annotated[
        bool, typer.Option("--demo", help="List a market with real prices, with bots that trade it.")
    ] = False,
    keep: Annotated[
        str | None,
        typer.Option(
            envvar="BWX_STORE_KEEP",
            help="For how long commands are kept, such as 30d, 12h or 15m; older ones are removed. Default: for ever.",
        ),
    ] = None,
    accept_clock: Annotated[
        bool, typer.Option("--accept-clock", help="Trust a system clock that disagrees with the market's last time.")
    ] = False,
    pricing: Annotated[
        bool, typer.Option("--pricing", help="Make marks and margin from trades and books, every ten seconds.")
    ] = False,
    certificate: Annotated[
        Path | None, typer.Option(envvar="BWX_CERTIFICATE", help="A PEM file: serve by TLS under this certificate.")
    ] = None,
    private_key: Annotated[
        Path | None, typer.Option(envvar="BWX_PRIVATE_KEY", help="The PEM file with the certificate's private key.")
    ] = None,
) -> None:
    """Open the exchange: recover the market in a directory, or begin one, and serve REST, WebSocket and the market
    page. What it serves it describes at /v1/openapi.json and /v1/asyncapi.json.

    Example: bwx serve --demo

    Example: bwx serve --directory /srv/exchange --market regions.toml
    """
    from exchange.plan import PlanError, read_plan
    from exchange.retention import keep_ns_of
    from exchange.store_errors import StoreError

    try:
        keep_ns = None if keep is None else keep_ns_of(keep)
        plan = read_plan(market) if market is not None else None
        chosen = directory or (DEMO_DIRECTORY if demo else DEFAULT_DIRECTORY)
        tls = _tls(certificate, private_key, demo=demo)
        failed = _run(_serve(chosen, host, port, plan, demo, accept_clock, keep_ns, pricing, tls))
    except (PlanError, StoreError, OSError, ValueError) as error:
        refuse(error)
    if failed:
        raise typer.Exit(FAILED)


def _tls(certificate: Path | None, private_key: Path | None, *, demo: bool) -> "SSLContext | None":
    if certificate is None and private_key is None:
        return None
    if certificate is None or private_key is None:
        raise ValueError("TLS takes both --certificate and --private-key")
    if demo:
        raise ValueError("the bots of --demo come without TLS: leave the certificate out")
    from gateway.identity.tls import server_context

    return server_context(certificate, private_key)


def _run(main: "asyncio.coroutines.Coroutine[None, None, bool]") -> bool:  # type: ignore[name-defined]
    if sys.platform == "win32":
        return asyncio.run(main)
    import uvloop

    return uvloop.run(main)


async def _serve(
    directory: Path,
    host: str,
    port: int,
    plan: "MarketPlan | None",
    demo: bool,
    accept_clock: bool,
    keep_ns: int | None,
    with_pricing: bool,
    tls: "SSLContext | None",
) -> bool:
    """Serve until a signal or a failure of the store; True for a failure."""
    stopping = _stop_on_signals()
    await _prepare_kernels()
    async with AsyncExitStack() as stack:
        exchange = await _open_exchange(directory, accept_clock, keep_ns)
        stack.push_async_callback(exchange.close)
        for notice in exchange.notices:
            _say(f"note: {notice}")
        url = await _open_doors(stack, exchange, directory, host, port, plan, demo, with_pricing, tls)
        ready_s = (time.monotonic_ns() - STARTED_NS) / 1e9
        _say(f"open at {url} after {ready_s:.1f} s, {len(exchange.view.tranches)} tranches listed")
        if demo:
            _say_what_to_try(url, directory)
        await _first_of(stopping, exchange.failed)
        _say("stopping: what was accepted is being finished")
    if exchange.failure is not None:
        _say(f"the exchange stopped: {exchange.failure}")
        return True
    _say(f"closed at sequence {exchange.view.sequence}; all of it is in {directory}")
    return False


async def _prepare_kernels() -> None:
    """Load the compiled kernels, or compile them and say so, for that takes a while on a new machine."""
    from gateway.warm_up import is_compiled, warm_up

    if is_compiled():
        _say("loading the compiled market")
    else:
        _say("compiling the market for this machine: once, some minutes")
    work = asyncio.create_task(asyncio.to_thread(warm_up))
    started_s = time.monotonic()
    while not work.done():
        await asyncio.wait({work}, timeout=5)
        if not work.done():
            _say(f"  still compiling, {time.monotonic() - started_s:.0f} s")
    await work


async def _open_exchange(directory: Path, accept_clock: bool, keep_ns: int | None) -> "Exchange":
    from exchange.allocation import keep_freed_memory, lay_into_large_pages, leave_what_stays
    from exchange.journal_log import LOG_PAGES_AHEAD
    from exchange.service import Exchange
    from exchange.settings import StoreSettings

    keep_freed_memory()
    settings = StoreSettings()
    with progress_bar("recovering") as report:
        exchange = await Exchange.open(
            directory,
            reserve_bytes=settings.reserve_bytes,
            accept_clock=accept_clock,
            keep_ns=keep_ns,
            orders_ahead=settings.orders_ahead,
            log_pages_ahead=LOG_PAGES_AHEAD,
            progress=report,
        )
    leave_what_stays()
    lay_into_large_pages()
    return exchange


async def _open_doors(
    stack: AsyncExitStack,
    exchange: "Exchange",
    directory: Path,
    host: str,
    port: int,
    plan: "MarketPlan | None",
    demo: bool,
    with_pricing: bool,
    tls: "SSLContext | None",
) -> str:
    """List what is planned, listen, and let the demo's bots in. Returns the address to open."""
    from aiohttp import web

    from exchange.control import serve_control
    from exchange.plan import apply_plan
    from gateway.app import make_app, make_runner
    from gateway.clearing.reservation_key import ReservationKey
    from gateway.identity.keys import KeyStore
    from gateway.settings import GatewaySettings
    from gateway.staff.audit import AuditLog

    keys = KeyStore.open(directory)
    stack.callback(keys.close)
    reservation_key = ReservationKey.open(directory)
    audit = AuditLog.open(directory)
    stack.callback(audit.close)

    def copy_keys(target: Path) -> None:
        keys.copy_to(target)
        reservation_key.copy_to(target)
        audit.copy_to(target)

    await stack.enter_async_context(serve_control(exchange, directory, copy_keys))
    if plan is not None:
        await apply_plan(exchange, plan)
    if demo:
        from gateway.demo.market import open_demo

        cast = await open_demo(exchange, keys, directory)
    pricer = _start_pricer(stack, exchange) if with_pricing else None
    runner = make_runner(make_app(exchange, keys, reservation_key, GatewaySettings(), audit, pricer))
    await runner.setup()
    stack.push_async_callback(runner.cleanup)
    site = web.TCPSite(runner, host, port, ssl_context=tls)
    await site.start()
    bound_port = runner.addresses[0][1]
    url = f"{'http' if tls is None else 'https'}://{host}:{bound_port}"
    if demo:
        from gateway.demo.market import trade_demo

        await stack.enter_async_context(trade_demo(url, cast, directory))
    return url


def _start_pricer(stack: AsyncExitStack, exchange: "Exchange") -> "Pricer":
    from exchange.pricing import Pricer
    from exchange.settings import PricingSettings

    pricer = Pricer(exchange, PricingSettings())
    pricer.start()
    stack.push_async_callback(pricer.stop)
    return pricer


def _stop_on_signals() -> asyncio.Event:
    stopping = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        try:
            loop.add_signal_handler(number, stopping.set)
        except NotImplementedError:  # Windows has no signal handlers on a loop; Ctrl-C then ends the run.
            break
    return stopping


async def _first_of(*events: asyncio.Event) -> None:
    waiting = [asyncio.create_task(event.wait()) for event in events]
    await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
    for task in waiting:
        task.cancel()


def _say(text: str) -> None:
    typer.echo(f"bwx: {text}")


def _say_what_to_try(url: str, directory: Path) -> None:
    command = _own_command()
    key = directory / "trader.json"
    typer.echo(
        f"""
  Open     {url}
  Look     curl {url}/v1/status
           {command} trade instruments --region eu-fra
  Trade    {command} trade buy eu-fra.af 5        (the next hour, at the best ask)
           {command} trade account
  Deliver  buy a window of 3 minutes in eu-fra.af or us-iad.af, and follow it on the page, or with
           {command} trade allocations
  Key      {key} is yours: 1,000,000 USD to play with; `bwx trade` uses it
  Sign in  on the page with that file; with {key.with_name("risk.json")} at {url}/risk
  Stop     Ctrl-C
"""
    )


def _own_command() -> str:
    """How this program is called from here: by its name if a shell finds it, else by its path."""
    path = Path(sys.argv[0]).absolute()
    found = shutil.which(path.name)
    if found is not None and Path(found).absolute() == path:
        return path.name
    return str(path.relative_to(Path.cwd())) if path.is_relative_to(Path.cwd()) else str(path)
