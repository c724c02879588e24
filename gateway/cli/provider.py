"""`bwx provider`: a provider's stake, its capacity, and what of it is still free."""

from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from exchange.cli.terminal import USAGE_ERROR
from gateway.cli.trade import _fail, _table, _with_client

if TYPE_CHECKING:
    from gateway.client import Client

provider_app = typer.Typer(no_args_is_help=True)

KEY_HELP = "A JSON file with url, key_id and secret of a key with the role provider."
WEEKDAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
MINUTE_S = 60

ProviderKeyFile = Annotated[Path | None, typer.Option("--key", envvar="BWX_KEY_FILE", help=KEY_HELP)]
Amount = Annotated[str, typer.Argument(help="In USD.", show_default=False)]


@provider_app.callback()
def provider() -> None:
    """Sell capacity of your own: post a stake, register what you can deliver, then place asks as anybody does."""


@provider_app.command(epilog="Example: bwx provider stake 100 --key provider.json")
def stake(amount: Amount, key: ProviderKeyFile = None) -> None:
    """Set cash aside as stake: 0.10 USD for each Mbps of the most that is registered at any time."""

    async def post(client: "Client") -> None:
        typer.echo(f"the stake is {await client.post_stake(amount)}")

    _with_client(key, post)


@provider_app.command(epilog="Example: bwx provider unstake 100 --key provider.json")
def unstake(amount: Amount, key: ProviderKeyFile = None) -> None:
    """Take stake back that no capacity needs."""

    async def withdraw(client: "Client") -> None:
        typer.echo(f"the stake is {await client.withdraw_stake(amount)}")

    _with_client(key, withdraw)


@provider_app.command(
    epilog="Example: bwx provider register eu-fra ef 500 2026-12-01 2027-03-01 --daily 18:00-22:00 --days sat,sun"
)
def register(
    region: Annotated[str, typer.Argument(help="Such as eu-fra.", show_default=False)],
    tier: Annotated[str, typer.Argument(help="ef, af or be.", show_default=False)],
    quantity: Annotated[int, typer.Argument(min=1, help="In Mbps.", show_default=False)],
    start: Annotated[datetime, typer.Argument(help="In UTC, on a quarter of an hour.", show_default=False)],
    end: Annotated[datetime, typer.Argument(help="In UTC, on a quarter of an hour.", show_default=False)],
    daily: Annotated[str | None, typer.Option(help="Only between two times of each day, in UTC.")] = None,
    days: Annotated[str, typer.Option(help="With --daily: on these days of the week.")] = ",".join(WEEKDAYS),
    endpoint: Annotated[str, typer.Option(help="Where it is delivered; nothing but a text.")] = "",
    key: ProviderKeyFile = None,
) -> None:
    """Say what you can deliver. From then on the account sells only what its capacity covers."""
    span = None if daily is None else _span(daily, days)

    async def send(client: "Client") -> None:
        times = (start.replace(tzinfo=UTC), end.replace(tzinfo=UTC))
        capacity_id = await client.register_capacity(region, tier, quantity, *times, daily=span, endpoint=endpoint)
        typer.echo(f"capacity {capacity_id} is registered")

    _with_client(key, send)


@provider_app.command(epilog="Example: bwx provider withdraw 7 --key provider.json")
def withdraw(
    capacity_id: Annotated[int, typer.Argument(help="As `capacity` lists it.", show_default=False)],
    key: ProviderKeyFile = None,
) -> None:
    """Take a capacity back that nothing sold or offered needs."""

    async def send(client: "Client") -> None:
        await client.withdraw_capacity(capacity_id)
        typer.echo(f"capacity {capacity_id} is withdrawn")

    _with_client(key, send)


@provider_app.command(epilog="Example: bwx provider capacity eu-fra --slots 8 --key provider.json")
def capacity(
    region: Annotated[str | None, typer.Argument(help="Show its quarters of hours.", show_default=False)] = None,
    slots: Annotated[int, typer.Option(min=1, max=2_048, help="So many of them, from now on.")] = 16,
    key: ProviderKeyFile = None,
) -> None:
    """List what is registered; of a region also what of it is committed and free, slot by slot, as ef/af/be."""

    async def show(client: "Client") -> None:
        told = await client.capacity(region, slots=slots)
        typer.echo(f"stake {told.stake}")
        rows = [
            (each.capacity_id, each.region, each.tier, each.quantity, f"{each.start:%F %H:%M}", f"{each.end:%F %H:%M}")
            for each in told.capacities
        ]
        _table(("id", "region", "tier", "Mbps", "from", "until"), rows)
        if told.slots is not None:
            by_tier = [(each.start, each.registered, each.committed, each.free) for each in told.slots]
            lines = [(f"{start:%F %H:%M}", *map(_by_tier, lots)) for start, *lots in by_tier]
            _table(("slot", "registered", "committed", "free"), lines)

    _with_client(key, show)


def _by_tier(lots: dict[str, int]) -> str:
    return "/".join(map(str, lots.values()))


def _span(daily: str, days: str) -> dict[str, object]:
    """`18:00-22:00` as seconds of the day. Ends the command when it is none."""
    try:
        from_s, until_s = (_second_of_day(part) for part in daily.split("-"))
    except ValueError:
        _fail(f"--daily needs two times such as 18:00-22:00, not {daily!r}", USAGE_ERROR)
    return {"from_s": from_s, "length_s": until_s - from_s, "weekdays": days.split(",")}


def _second_of_day(text: str) -> int:
    hours, minutes = text.split(":")
    return (int(hours) * MINUTE_S + int(minutes)) * MINUTE_S
