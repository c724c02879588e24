"""`bwx verify-reservation`: what a token proves, checked with nothing but a file of public keys."""

from pathlib import Path
from typing import Annotated, Any, NoReturn

import typer

from exchange.cli.terminal import USAGE_ERROR

INVALID = 1


def verify_reservation(
    token: Annotated[str, typer.Argument(help="As `bwx trade reservation` prints it.", show_default=False)],
    keys: Annotated[Path, typer.Option(help="The exchange's key set, from /v1/reservation-keys.", show_default=False)],
    provider: Annotated[str, typer.Option(help="The account for which it must be.", show_default=False)],
    endpoint: Annotated[str | None, typer.Option(help="Where it must be used.", show_default=False)] = None,
) -> None:
    """Check a reservation as a provider's equipment does: offline, for one provider, while its window is on.

    Example: bwx verify-reservation "$TOKEN" --keys keys.json --provider fibre-north --endpoint fra1:443
    """
    from gateway.client.reservations import InvalidReservationError
    from gateway.client.reservations import verify_reservation as verify

    key_set = _read_keys(keys)
    try:
        proved = verify(token, key_set, provider=provider, endpoint=endpoint)
    except InvalidReservationError as error:
        _end(f"no right to anything: {error}", INVALID)
    typer.echo(f"{proved.buyer} may use {proved.mbps} Mbps of {proved.symbol} at {proved.endpoint or 'no endpoint'}")
    typer.echo(f"allocation {proved.allocation_id}, from {proved.start:%F %T} to {proved.end:%F %T} UTC")


def _read_keys(path: Path) -> dict[str, Any]:
    """A key set. Ends the command when it is none."""
    import orjson

    try:
        key_set: dict[str, Any] = orjson.loads(path.read_bytes())
        if not all(isinstance(key, dict) for key in key_set["keys"]):
            raise TypeError("a key is no object")
    except (OSError, ValueError, KeyError, TypeError) as error:
        _end(f"{path} is no key set: {error!r}", USAGE_ERROR)
    return key_set


def _end(text: str, code: int) -> NoReturn:
    typer.echo(f"bwx: {text}", err=True)
    raise typer.Exit(code)
