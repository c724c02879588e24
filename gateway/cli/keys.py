"""`bwx keys`: accounts and keys, by whoever can write to the exchange's directory."""

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, TypeVar

import typer

from exchange.cli.terminal import print_json, refuse

if TYPE_CHECKING:
    from gateway.identity.keys import KeyStore

keys_app = typer.Typer(no_args_is_help=True)
ResultT = TypeVar("ResultT")

Directory = Annotated[Path, typer.Option(help="Where the market is stored.")]
DEFAULT_DIRECTORY = Path(".bwx/exchange")


@keys_app.callback()
def keys() -> None:
    """Make accounts and keys in the directory of a stopped exchange; a running one has `/v1/keys` and `/v1/admin/keys`
    for that."""


@keys_app.command(epilog="Example: bwx keys create alice --directory .bwx/exchange")
def create(
    account: Annotated[
        str, typer.Argument(help="The account's name; it is opened if there is none.", show_default=False)
    ],
    directory: Directory = DEFAULT_DIRECTORY,
    role: Annotated[
        list[str] | None, typer.Option(help="trader, provider, market_maker, reporter, risk or admin; may be repeated.")
    ] = None,
    scope: Annotated[
        list[str] | None, typer.Option(help="read, trade or keys; may be repeated. Default: all of them.")
    ] = None,
    network: Annotated[
        list[str] | None, typer.Option(help="An address or network from which it may be used; may be repeated.")
    ] = None,
    expires: Annotated[str | None, typer.Option(help="When it ends, such as 2027-01-01T00:00:00Z.")] = None,
    public_key: Annotated[
        str | None, typer.Option(help="64 hexadecimal digits: a key of Ed25519, whose private half stays with you.")
    ] = None,
) -> None:
    """Make a key for an account, and print it with its secret: the only time that the secret is shown."""
    from exchange.store_errors import StoreError

    terms = {"scopes": scope, "networks": network, "expires_time": expires, "public_key": public_key}
    fields = {"roles": role or ["trader"]} | {name: value for name, value in terms.items() if value is not None}
    try:
        print_json(asyncio.run(_create(account, directory, fields)))
    except (StoreError, ValueError, OSError) as error:
        refuse(error)


@keys_app.command("list", epilog="Example: bwx keys list --directory .bwx/exchange")
def list_keys(directory: Directory = DEFAULT_DIRECTORY) -> None:
    """List all keys, a line of JSON each, without their secrets."""
    for row in _with_store(directory, lambda store: [_row(key) for key in store.everything()]):
        print_json(row)


@keys_app.command(epilog="Example: bwx keys revoke 0123456789abcdef --directory .bwx/exchange")
def revoke(
    key_id: Annotated[str, typer.Argument(help="The id of the key.", show_default=False)],
    directory: Directory = DEFAULT_DIRECTORY,
    with_made: Annotated[bool, typer.Option("--with-made", help="And the keys that were made with it.")] = False,
) -> None:
    """Take a key away."""

    def act(store: "KeyStore") -> list[str]:
        key_ids = [key_id, *(each.key_id for each in store.made_with(key_id) if with_made)]
        if store.find(key_id) is None:
            raise ValueError(f"there is no key {key_id}")
        store.revoke(key_ids)
        _note(directory, 0, f"bwx keys revoke {' '.join(key_ids)}", "")
        return key_ids

    print_json({"revoked": _with_store(directory, act)})


async def _create(account: str, directory: Path, fields: dict[str, Any]) -> dict[str, str]:
    import orjson

    from exchange.service import Exchange
    from gateway.accounts.names import ensure_account
    from gateway.encoding.requests import parse
    from gateway.errors import ApiError, DoorError
    from gateway.identity.ed25519 import is_safe_public_key
    from gateway.identity.key_requests import OwnKeyRequest
    from gateway.identity.key_terms import ALL_SCOPES
    from gateway.identity.keys import KeyStore

    try:
        wanted = parse(OwnKeyRequest, fields)
        public_key = bytes.fromhex(wanted.public_key or "")
        if public_key and not is_safe_public_key(public_key):
            raise ApiError(DoorError.WEAK_PUBLIC_KEY)
    except ApiError as error:
        raise ValueError(error.message) from None
    exchange = await Exchange.open(directory)
    try:
        key_store = KeyStore.open(directory)
        try:
            key = key_store.create(
                await ensure_account(exchange, account),
                wanted.roles or (),
                scopes=wanted.scopes or ALL_SCOPES,
                networks=wanted.networks or (),
                expires_ns=wanted.expires_time or 0,
                public_key=public_key,
            )
            _note(directory, key.account_id, f"bwx keys create {account}", orjson.dumps(fields).decode())
            made = {"account": account, "key_id": key.key_id}
            return made | ({"secret": key.secret} if key.secret else {})
        finally:
            key_store.close()
    finally:
        await exchange.close()


def _note(directory: Path, account_id: int, action: str, body: str) -> None:
    """Enter into the audit log what was done beside the doors."""
    import time

    from gateway.staff.audit import AuditLog, Deed

    audit = AuditLog.open(directory)
    try:
        audit.append(Deed(time.time_ns(), "", account_id, "", action, body, 0, "ok", 0))
    finally:
        audit.close()


def _with_store(directory: Path, act: "Callable[[KeyStore], ResultT]") -> ResultT:
    """Do something with the keys of a stopped exchange."""
    from exchange.store_errors import StoreError, StoreMissing
    from gateway.identity.keys import FILE_NAME, KeyStore

    try:
        if not (directory / FILE_NAME).exists():
            raise StoreMissing(directory / FILE_NAME)
        store = KeyStore.open(directory)
        try:
            return act(store)
        finally:
            store.close()
    except (StoreError, ValueError, OSError) as error:
        refuse(error)


def _row(key: Any) -> dict[str, Any]:
    from gateway.identity.key_terms import terms_row

    return {"key_id": key.key_id, "account_id": key.account_id} | terms_row(key)
