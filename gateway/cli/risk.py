"""`bwx risk`, `bwx trade margin` and `bwx trade what-if`: how accounts stand, why, and what other orders would need."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from exchange.cli.terminal import USAGE_ERROR
from gateway.cli.trade import KeyFile, _fail, _find, _parse_price, _with_client, trade_app

if TYPE_CHECKING:
    from gateway.client import Client, Thought

risk_app = typer.Typer(no_args_is_help=True)

ADMIN_KEY_HELP = "A JSON file with url, key_id and secret of a key with the role admin."
THOUGHT_HELP = 'An order that is not there: "buy 5 eu-fra.af 0.0405". May be repeated.'
POSITION_HELP = 'A position that is not there: "sell 5 eu-fra.af 0.0405"; without a price at the mark. May be repeated.'
SIDES = ("buy", "sell")

AdminKeyFile = Annotated[Path | None, typer.Option("--key", envvar="BWX_KEY_FILE", help=ADMIN_KEY_HELP)]
Contributors = Annotated[int, typer.Option(min=0, max=100, help="So many of the tranches that contribute most.")]


@risk_app.callback()
def risk() -> None:
    """See how accounts stand against what they must have, and call them, with a key of risk staff."""


@risk_app.command("list", epilog="Example: bwx risk list --standing liquidation --key admin.json")
def list_accounts(
    standing: Annotated[str | None, typer.Option(help="sound, margin_call, liquidation or bankrupt alone.")] = None,
    region: Annotated[str | None, typer.Option(help="Those alone that have positions or orders there.")] = None,
    limit: Annotated[int, typer.Option(min=1, help="So many accounts at most.")] = 50,
    key: AdminKeyFile = None,
) -> None:
    """List accounts, the nearest to liquidation first."""

    async def show(client: "Client") -> None:
        from gateway.cli.risk_tables import show_accounts

        show_accounts(await client.risk(standing=standing, region=region, limit=limit))

    _with_client(key, show)


@risk_app.command("show", epilog="Example: bwx risk show alice --key admin.json")
def show_account(
    account: Annotated[str, typer.Argument(help="The account's name.", show_default=False)],
    contributors: Contributors = 10,
    key: AdminKeyFile = None,
) -> None:
    """Show why an account must have what it must have: its ladder of scenarios, charges, and what contributes most."""

    async def show(client: "Client") -> None:
        from gateway.cli.risk_tables import show_margin

        show_margin(await client.risk_of(account, contributors=contributors))

    _with_client(key, show)


@risk_app.command(epilog="Example: bwx risk call alice 2500 --key risk.json")
def call(
    account: Annotated[str, typer.Argument(help="The account's name.", show_default=False)],
    amount: Annotated[str | None, typer.Argument(help="What it is to be short of now, in USD.")] = None,
    add_on: Annotated[str | None, typer.Option(help="Set what is added outright, in USD; 0 ends the call.")] = None,
    key: AdminKeyFile = None,
) -> None:
    """Call an account: it must have more than its positions require, and can only close them until it has.

    What is added stays until it is set to 0; nobody is closed out for it.
    """

    async def show(client: "Client") -> None:
        from gateway.cli.risk_tables import show_margin_call

        if amount is not None:
            show_margin_call(await client.call_margin(account, amount))
        elif add_on is not None:
            show_margin_call(await client.set_add_on(account, add_on))

    if (amount is None) == (add_on is None):
        _fail("say what the account is called for, or what is added with --add-on, and not both", USAGE_ERROR)
    _with_client(key, show)


@trade_app.command(epilog="Example: bwx trade margin")
def margin(contributors: Contributors = 10, key: KeyFile = None) -> None:
    """Show why the own account must have what it must have."""

    async def show(client: "Client") -> None:
        from gateway.cli.risk_tables import show_margin

        show_margin(await client.margin(contributors=contributors))

    _with_client(key, show)


@trade_app.command("what-if", epilog='Example: bwx trade what-if --order "buy 5 eu-fra.af 0.0405"')
def what_if(
    order: Annotated[list[str] | None, typer.Option(help=THOUGHT_HELP)] = None,
    position: Annotated[list[str] | None, typer.Option(help=POSITION_HELP)] = None,
    replace: Annotated[bool, typer.Option("--replace", help="In place of what there is, not on top of it.")] = False,
    key: KeyFile = None,
) -> None:
    """Tell what orders and positions would require, and whether the orders would be accepted; nothing is sent."""

    async def show(client: "Client") -> None:
        from gateway.cli.risk_tables import show_what_if

        orders = [await _thought(client, text, needs_price=True) for text in order or ()]
        positions = [await _thought(client, text, needs_price=False) for text in position or ()]
        show_what_if(await client.what_if(orders, positions=positions, replaces=replace))

    if not order and not position and not replace:
        _fail('name an order or a position, such as --order "buy 5 eu-fra.af 0.0405"', USAGE_ERROR)
    _with_client(key, show)


async def _thought(client: "Client", text: str, *, needs_price: bool) -> "Thought":
    """An order or a position as somebody writes it down."""
    from gateway.client import Thought

    words = text.split()
    if len(words) not in ((4,) if needs_price else (3, 4)) or words[0] not in SIDES or not words[1].isdecimal():
        _fail(f'{text!r} is not written like "buy 5 eu-fra.af 0.0405"', USAGE_ERROR)
    price = _parse_price(words[3]) if len(words) == 4 else None
    symbol = (await _find(client, words[2])).symbol
    return Thought(symbol, "buy" if words[0] == "buy" else "sell", int(words[1]), price)
