"""`bwx trade`: look at a market and trade on it, without curl and without a program of one's own."""

import asyncio
import os
from collections.abc import Awaitable, Callable, Iterable
from datetime import datetime
from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, NamedTuple, NoReturn

import typer

from exchange.cli.terminal import USAGE_ERROR

if TYPE_CHECKING:
    from gateway.client import Alternatives, Client, Instrument, OrderAnswer
    from gateway.client.terms import Side
    from gateway.identity.signing import Secret

trade_app = typer.Typer(no_args_is_help=True)

KEY_FILES = (Path(".bwx/demo/trader.json"), Path(".bwx/trader.json"))
DEFAULT_URL = "http://127.0.0.1:8080"
REFUSED = 1
_STANDINGS = {
    "margin_call": "margin call: equity is below what is required, and only what closes positions is taken",
    "liquidation": "liquidation: equity is below maintenance, and the exchange closes positions",
}
TAKES_ORDERS = ("open", "auction", "closing_auction")
SYMBOL_HELP = "A symbol, or its beginning: eu-fra.af means the next window of that region and tier."
KEY_HELP = "A JSON file with url, key_id and secret. Default: the demo's .bwx/demo/trader.json."


class Key(NamedTuple):
    """Where to trade, and as whom."""

    url: str
    key_id: str | None
    secret: "Secret | None"


KeyFile = Annotated[Path | None, typer.Option("--key", envvar="BWX_KEY_FILE", help=KEY_HELP)]
Dry = Annotated[bool, typer.Option("--dry-run", help="Show what would be sent and what it would cost; send nothing.")]
Symbol = Annotated[str, typer.Argument(help=SYMBOL_HELP, show_default=False)]
Lots = Annotated[int, typer.Argument(help="Quantity in lots of 1 Mbps.", show_default=False)]
LimitPrice = Annotated[str | None, typer.Option(help="Limit in USD per Mbps-hour. Without it, a market order.")]


@trade_app.callback()
def trade() -> None:
    """Look at a market and trade on it, as people do."""


@trade_app.command(epilog="Example: bwx trade instruments --region eu-fra --tier af")
def instruments(
    region: Annotated[str | None, typer.Option(help="One region alone.")] = None,
    tier: Annotated[str | None, typer.Option(help="One tier alone: ef, af or be.")] = None,
    key: KeyFile = None,
) -> None:
    """List the tranches that take orders, open or in an auction, with their best prices."""

    async def show(client: "Client") -> None:
        _table(
            ("symbol", "state", "bid", "ask", "last", "traded", "gate closes"),
            (
                (
                    row.symbol,
                    row.state,
                    row.best_bid,
                    row.best_ask,
                    row.last_price,
                    row.traded_quantity,
                    _clock(row.gate_closure),
                )
                for row in await _taking_orders(client, region, tier)
            ),
        )

    _with_client(key, show)


@trade_app.command(epilog="Example: bwx trade book eu-fra.af")
def book(symbol: Symbol, depth: Annotated[int, typer.Option(help="Levels a side.")] = 10, key: KeyFile = None) -> None:
    """Show the best levels of one book."""

    async def show(client: "Client") -> None:
        instrument = await _find(client, symbol)
        levels = await client.book(instrument.symbol, depth)
        typer.echo(f"{instrument.symbol}, sequence {levels.sequence}")
        asks: list[tuple[object, ...]] = [("", "", price, quantity) for price, quantity in reversed(levels.asks)]
        bids: list[tuple[object, ...]] = [(quantity, price, "", "") for price, quantity in levels.bids]
        _table(("bid lots", "bid", "ask", "ask lots"), asks + bids)

    _with_client(key, show)


@trade_app.command(epilog="Example: bwx trade buy eu-fra.af 5 --price 0.0405")
def buy(symbol: Symbol, lots: Lots, price: LimitPrice = None, dry_run: Dry = False, key: KeyFile = None) -> None:
    """Buy lots of a tranche."""
    _with_client(key, lambda client: _place(client, "buy", symbol, lots, price, dry_run))


@trade_app.command(epilog="Example: bwx trade sell eu-fra.af 5 --price 0.0450")
def sell(symbol: Symbol, lots: Lots, price: LimitPrice = None, dry_run: Dry = False, key: KeyFile = None) -> None:
    """Sell lots of a tranche."""
    _with_client(key, lambda client: _place(client, "sell", symbol, lots, price, dry_run))


@trade_app.command(epilog="Example: bwx trade cancel 48213")
def cancel(
    order_id: Annotated[int, typer.Argument(help="The order's id.", show_default=False)], key: KeyFile = None
) -> None:
    """Cancel an open order."""

    async def send(client: "Client") -> None:
        _show_answer(await client.cancel(order_id))

    _with_client(key, send)


@trade_app.command(epilog="Example: bwx trade orders")
def orders(key: KeyFile = None) -> None:
    """List own open orders."""

    async def show(client: "Client") -> None:
        _table(
            ("order", "symbol", "side", "price", "lots", "filled", "left"),
            (
                (
                    row.order_id,
                    row.symbol,
                    row.side,
                    row.price,
                    row.quantity,
                    row.filled_quantity,
                    row.remaining_quantity,
                )
                for row in await client.orders()
            ),
        )

    _with_client(key, show)


@trade_app.command(epilog="Example: bwx trade account")
def account(key: KeyFile = None) -> None:
    """Show own standing, money and positions."""

    async def show(client: "Client") -> None:
        own = await client.account()
        money = own.balances
        typer.echo(f"{own.name}: equity {money.equity:f} USD, required {money.margin:f} USD, free {money.free:f} USD")
        typer.echo(f"  standing: {_STANDINGS.get(own.standing, own.standing)}; maintenance {money.maintenance:f} USD")
        typer.echo(f"  cash {money.cash:f} USD, withdrawable {money.withdrawable:f} USD, fees paid {money.fees:f} USD")
        _table(
            ("symbol", "lots", "cost USD", "mark", "unsettled USD"),
            ((row.symbol, row.quantity, row.cost, row.mark_price, row.unsettled) for row in own.positions),
        )

    _with_client(key, show)


@trade_app.command(epilog="Example: bwx trade allocations")
def allocations(key: KeyFile = None) -> None:
    """Show what is owed to the account as a buyer, and what it owes as a provider, after gate closure."""

    async def show(client: "Client") -> None:
        rows = await client.allocations()
        _table(
            ("id", "symbol", "buyer", "provider", "lots", "price", "escrow USD", "bond USD", "state"),
            (
                (row.id, row.symbol, row.buyer, row.provider, row.quantity, row.price, row.escrow, row.bond, row.state)
                for row in rows
            ),
        )

    _with_client(key, show)


@trade_app.command(epilog="Example: bwx trade reservation 17")
def reservation(
    allocation: Annotated[int, typer.Argument(help="As `allocations` lists it.", show_default=False)],
    key: KeyFile = None,
) -> None:
    """Print the token that proves an allocation to the provider's equipment."""

    async def show(client: "Client") -> None:
        typer.echo(await client.reservation(allocation))

    _with_client(key, show)


async def _place(client: "Client", side: "Side", symbol: str, lots: int, price_text: str | None, dry_run: bool) -> None:
    instrument = await _find(client, symbol)
    price = _parse_price(price_text)
    if dry_run:
        _show_cost(instrument, side, lots, price)
        return
    if price is None:
        answer = await client.place(instrument.symbol, side, lots, time_in_force="ioc", alternatives=True)
    else:
        answer = await client.place(instrument.symbol, side, lots, price, alternatives=True)
    _show_answer(answer)


def _show_cost(instrument: "Instrument", side: str, lots: int, price: Decimal | None) -> None:
    hours = Decimal(int((instrument.end - instrument.start).total_seconds())) / 3600
    edge = instrument.band_high if side == "buy" else instrument.band_low
    limit = price if price is not None else edge
    typer.echo(f"would {side} {lots} lots of {instrument.symbol} at {limit} USD per Mbps-hour at worst")
    typer.echo(f"that is {limit * lots * hours:f} USD for {hours.normalize():f} h; nothing was sent")


def _show_answer(answer: "OrderAnswer") -> None:
    typer.echo(
        f"order {answer.order_id} on {answer.symbol}: {answer.status}" + (f", {answer.reason}" if answer.reason else "")
    )
    for fill in answer.trades or ():
        typer.echo(f"  traded {fill.quantity} at {fill.price}  ({fill.id})")
    if answer.remaining_quantity:
        typer.echo(f"  {answer.remaining_quantity} left at {answer.price}")
    _show_alternatives(answer.alternatives)


def _show_alternatives(alternatives: "Alternatives | None") -> None:
    """What an order could have come to instead, if that is known."""
    if alternatives is None:
        return
    if alternatives.largest_quantity:
        typer.echo(f"  {alternatives.largest_quantity} lots would have been taken at that price", err=True)
    for window in alternatives.windows:
        typer.echo(f"  {window.symbol} has {window.quantity} lots at {window.price}", err=True)


async def _find(client: "Client", symbol: str) -> "Instrument":
    """The tranche of a symbol; of a beginning of one, that whose gate closes next, the longer window first."""
    from gateway.client import RefusedError

    parts = symbol.split(".")
    if len(parts) == 4:
        return await client.instrument(symbol)
    region, tier = parts[0], parts[1] if len(parts) > 1 else None
    matching = [each for each in await _taking_orders(client, region, tier) if each.symbol.startswith(symbol)]
    if not matching:
        raise RefusedError(
            "unknown_symbol", 0, f"no tranche that takes orders begins with {symbol!r}: bwx trade instruments", "symbol"
        )
    return min(matching, key=lambda each: (each.start - each.end, each.gate_closure))


async def _taking_orders(client: "Client", region: str | None, tier: str | None) -> "list[Instrument]":
    """The tranches that are open or collect orders for an auction."""
    return [row for row in await client.instruments(region=region, tier=tier) if row.state in TAKES_ORDERS]


def _parse_price(text: str | None) -> Decimal | None:
    if text is None:
        return None
    try:
        return Decimal(text)
    except InvalidOperation:
        _fail(f"{text!r} is not a price such as 0.0405", USAGE_ERROR)


def _with_client(key_file: Path | None, act: Callable[["Client"], Awaitable[None]]) -> None:
    """Do something with a client; refusals and lost connections end with one clear line."""
    import aiohttp

    from gateway.client import Client, RefusedError

    key = _read_key(key_file)

    async def run() -> None:
        async with Client(key.url, key.key_id, key.secret) as client:
            await act(client)

    try:
        asyncio.run(run())
    except RefusedError as error:
        _show_alternatives(error.alternatives)
        _fail(f"{error.code} ({error.number}): {error.message}", REFUSED)
    except (aiohttp.ClientConnectionError, TimeoutError):
        _fail(f"no exchange answers at {key.url}; start one with `make run`, or name its key file with --key", REFUSED)


def _read_key(key_file: Path | None) -> Key:
    """The named key file, or the demo's; without any, a client that can look but not trade."""
    import orjson

    path = key_file or next((each for each in KEY_FILES if each.exists()), None)
    if path is None:
        return Key(os.environ.get("BWX_URL", DEFAULT_URL), None, None)
    try:
        fields: dict[str, Any] = orjson.loads(path.read_bytes())
        return Key(fields.get("url", DEFAULT_URL), fields["key_id"], _secret_of(fields))
    except (OSError, ValueError, KeyError, AttributeError) as error:
        _fail(f"{path} is no key file: {error!r}", USAGE_ERROR)


def _secret_of(fields: dict[str, Any]) -> "Secret":
    """The secret in a key file, or 64 hexadecimal digits of the private half of a key of Ed25519 in its place."""
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

    if "private_key" in fields:
        return Ed25519PrivateKey.from_private_bytes(bytes.fromhex(fields["private_key"]))
    return str(fields["secret"])


def _fail(text: str, code: int) -> NoReturn:
    typer.echo(f"bwx: {text}", err=True)
    raise typer.Exit(code)


def _clock(time: datetime) -> str:
    return f"{time:%d %b %H:%M} UTC"


def _table(headings: Iterable[str], rows: Iterable[Iterable[object]]) -> None:
    """Columns as wide as their content, numbers to the right, so that the output can also be cut and searched."""
    headings = tuple(headings)
    lines = [headings, *(tuple(_cell(value) for value in row) for row in rows)]
    widths = [max(len(line[column]) for line in lines) for column in range(len(headings))]
    is_text = [any(line[column][:1].isalpha() for line in lines[1:]) for column in range(len(headings))]
    for line in lines:
        cells = (
            cell.ljust(width) if text else cell.rjust(width)
            for cell, width, text in zip(line, widths, is_text, strict=True)
        )
        typer.echo("  ".join(cells).rstrip())


def _cell(value: object) -> str:
    if value is None:
        return ""
    return f"{value:f}" if isinstance(value, Decimal) else str(value)
