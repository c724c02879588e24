"""`bwx keys`: accounts and keys, by whoever can write to the exchange's directory."""

import asyncio
from pathlib import Path
from typing import Annotated

import typer

from exchange.cli.terminal import print_json, refuse

keys_app = typer.Typer(no_args_is_help=True)


@keys_app.callback()
def keys() -> None:
    """Make accounts and keys in the directory of a stopped exchange; a running one has `/v1/admin` for that."""


@keys_app.command(epilog="Example: bwx keys create alice --directory .bwx/exchange")
def create(
    account: Annotated[
        str, typer.Argument(help="The account's name; it is opened if there is none.", show_default=False)
    ],
    directory: Annotated[Path, typer.Option(help="Where the market is stored.")] = Path(".bwx/exchange"),
    role: Annotated[
        list[str] | None, typer.Option(help="trader, provider, market_maker, reporter or admin; may be repeated.")
    ] = None,
) -> None:
    """Make a key for an account, and print it with its secret: the only time that the secret is shown."""
    from exchange.store_errors import StoreError

    try:
        print_json(asyncio.run(_create(account, directory, role or ["trader"])))
    except (StoreError, ValueError, OSError) as error:
        refuse(error)


async def _create(account: str, directory: Path, roles: list[str]) -> dict[str, str]:
    from exchange.service import Exchange
    from gateway.accounts import ensure_account
    from gateway.keys import KeyStore

    exchange = await Exchange.open(directory)
    key_store = KeyStore.open(directory)
    try:
        account_id = await ensure_account(exchange, account)
        key = key_store.create(account_id, roles)
        return {"account": account, "key_id": key.key_id, "secret": key.secret}
    finally:
        key_store.close()
        await exchange.close()
