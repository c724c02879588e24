"""More of `bwx trade`: what people ask of many orders or windows at once."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from gateway.cli.risk import _thought
from gateway.cli.trade import Dry, KeyFile, _table, _with_client

if TYPE_CHECKING:
    from gateway.client import Client

many_app = typer.Typer()

LEG_HELP = 'One leg: "buy 5 eu-fra.af 0.0405". May be repeated, up to 16 times.'

OneRegion = Annotated[str | None, typer.Option(help="Orders of one region alone.")]
OneTier = Annotated[str | None, typer.Option(help="Orders of one tier alone: ef, af or be.")]
OneSide = Annotated[str | None, typer.Option(help="One side alone: buy or sell.")]
OneSymbol = Annotated[str | None, typer.Option(help="One tranche alone, by its whole symbol.")]
OneLabel = Annotated[int | None, typer.Option(help="Orders under one label alone.")]
OneSession = Annotated[int | None, typer.Option(help="Orders of one session alone.")]
Since = Annotated[str | None, typer.Option(help="Behind this sequence or trade id; all that are kept without it.")]


@many_app.command(epilog="Example: bwx trade cancel-all --region eu-fra --side buy")
def cancel_all(
    region: OneRegion = None,
    tier: OneTier = None,
    side: OneSide = None,
    symbol: OneSymbol = None,
    label: OneLabel = None,
    key: KeyFile = None,
) -> None:
    """Cancel all own open orders that match; without an option, every one."""
    given: dict[str, Any] = {"region": region, "tier": tier, "side": side, "symbol": symbol, "label": label}
    scope = {name: value for name, value in given.items() if value is not None}

    async def send(client: "Client") -> None:
        answer = await client.cancel_all(**scope)
        orders = "orders" if answer.cancelled is None else f"{answer.cancelled} orders"  # a lost answer forgets it
        typer.echo(f"cancelled {orders} with {answer.quantity} lots")

    _with_client(key, send)


@many_app.command(epilog="Example: bwx trade cancel-after 60")
def cancel_after(
    seconds: Annotated[
        float, typer.Argument(min=0, max=86_400, help="For how long; 0 takes a wait away.", show_default=False)
    ],
    session: OneSession = None,
    key: KeyFile = None,
) -> None:
    """Have own orders cancelled by the exchange unless this is said again in time."""

    async def send(client: "Client") -> None:
        timer = await client.cancel_after(seconds, session=session)
        orders = "all orders" if timer.session is None else f"orders of session {timer.session}"
        typer.echo(f"{orders} stay" if timer.cancels_at is None else f"{orders} go at {timer.cancels_at:%H:%M:%S} UTC")

    _with_client(key, send)


@many_app.command(
    epilog='Example: bwx trade basket --leg "buy 5 eu-fra.ef 0.0410" --leg "sell 5 eu-fra.af 0.0390" --dry-run'
)
def basket(
    leg: Annotated[list[str], typer.Option(help=LEG_HELP, show_default=False)],
    dry_run: Dry = False,
    key: KeyFile = None,
) -> None:
    """Trade several tranches at once, each leg whole at its price or better, or none of them."""

    async def send(client: "Client") -> None:
        from gateway.client import Leg

        thoughts = [await _thought(client, text, needs_price=True) for text in leg]
        legs = [Leg(each.symbol, each.side, each.quantity, each.price or "0") for each in thoughts]
        if dry_run:
            for each in legs:
                typer.echo(f"would {each.side} {each.quantity} lots of {each.symbol} at {each.price} or better")
            typer.echo("all of them, or none; nothing was sent")
            return
        answer = await client.basket(legs)
        killed = "" if answer.killed_leg is None else f", {answer.reason}: {legs[answer.killed_leg].symbol}"
        typer.echo(f"basket: {answer.status}{killed}")
        for done in answer.legs:
            for fill in done.trades or ():
                typer.echo(f"  {done.side} {fill.quantity} of {done.symbol} at {fill.price}  ({fill.id})")

    _with_client(key, send)


@many_app.command(epilog="Example: bwx trade fills --since 48213")
def fills(since: Since = None, symbol: OneSymbol = None, key: KeyFile = None) -> None:
    """List own fills, oldest first."""

    async def show(client: "Client") -> None:
        own = await client.fills(since, symbol=symbol)
        _table(
            ("trade", "symbol", "side", "price", "lots", "fee USD", "liquidity", "order"),
            (
                (row.id, row.symbol, row.side, row.price, row.quantity, row.fee, row.liquidity, row.order_id)
                for row in own.fills
            ),
        )
        typer.echo(f"as of sequence {own.sequence}")

    _with_client(key, show)


@many_app.command(epilog="Example: bwx trade curve eu-fra ef")
def curve(
    region: Annotated[str, typer.Argument(help="A region such as eu-fra.", show_default=False)],
    tier: Annotated[str, typer.Argument(help="A tier: ef, af or be.", show_default=False)],
    duration: Annotated[str | None, typer.Option(help="Windows of one length alone, such as PT1H.")] = None,
    limit: Annotated[int, typer.Option(help="So many windows at most.")] = 24,
    key: Annotated[
        Path | None, typer.Option("--key", envvar="BWX_KEY_FILE", help="Whom to ask; none is needed.")
    ] = None,
) -> None:
    """Show the forward curve of a region and tier: its windows ahead with their prices."""

    async def show(client: "Client") -> None:
        found = await client.curve(region, tier, duration=duration, limit=limit)
        _table(
            ("window", "length", "mark", "bid", "ask", "last", "traded"),
            (
                (
                    f"{row.start:%d %b %H:%M} UTC",
                    row.duration,
                    row.mark_price,
                    row.best_bid,
                    row.best_ask,
                    row.last_price,
                    row.traded_quantity,
                )
                for row in found.points
            ),
        )

    _with_client(key, show)
