"""`bwx delivery`: what is measured of allocations, and what parties, reporters and risk staff have to say of it."""

import csv
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from exchange.cli.terminal import USAGE_ERROR
from gateway.cli.risk import AdminKeyFile
from gateway.cli.trade import KeyFile, _fail, _table, _with_client

if TYPE_CHECKING:
    from gateway.clearing.report_signing import Measurement
    from gateway.client import Client

delivery_app = typer.Typer(no_args_is_help=True)

REPORTER_KEY_HELP = "A JSON file with url, key_id and secret of a key with the role reporter."
SIGNING_KEY_HELP = "The file with the private key: `reporter-key` makes one."
REPORT_COLUMNS = ("allocation", "slot", "quantity", "latency_us", "loss_ppm")
REPORTS_AT_ONCE = 256
SECRET_BYTES = 32

ReporterKeyFile = Annotated[Path | None, typer.Option("--key", envvar="BWX_KEY_FILE", help=REPORTER_KEY_HELP)]
SigningKeyFile = Annotated[Path, typer.Option("--signing-key", help=SIGNING_KEY_HELP, show_default=False)]
Allocation = Annotated[int, typer.Argument(help="As `list` names it.", show_default=False)]


@delivery_app.callback()
def delivery() -> None:
    """Follow what is delivered of allocations: as a party, as a reporter, as risk staff."""


@delivery_app.command("list", epilog="Example: bwx delivery list --disputed")
def list_deliveries(
    symbol: Annotated[str | None, typer.Option(help="Of one tranche alone.")] = None,
    disputed: Annotated[bool, typer.Option("--disputed", help="Those alone that somebody disputes.")] = False,
    everybody: Annotated[bool, typer.Option("--all", help="Everybody's, with an administrator's key.")] = False,
    key: KeyFile = None,
) -> None:
    """List the allocations that the account bought or provides, with what came of them so far."""

    async def show(client: "Client") -> None:
        found = await client.deliveries(symbol, disputed=True if disputed else None, everybody=everybody)
        _table(
            ("id", "symbol", "buyer", "provider", "lots", "state", "slots", "paid", "refunded", "replacement"),
            (
                (
                    each.allocation,
                    each.symbol,
                    each.buyer,
                    each.provider,
                    each.quantity,
                    each.state + (", disputed" if each.is_disputed else ""),
                    len(each.slots),
                    each.paid,
                    each.refunded,
                    each.replacement,
                )
                for each in found
            ),
        )

    _with_client(key, show)


@delivery_app.command(epilog="Example: bwx delivery provision 17 --key provider.json")
def provision(allocation: Allocation, key: KeyFile = None) -> None:
    """Say that your equipment is ready for an allocation."""

    async def send(client: "Client") -> None:
        await client.provision(allocation)
        typer.echo(f"allocation {allocation} is provisioned")

    _with_client(key, send)


@delivery_app.command(epilog="Example: bwx delivery dispute 17")
def dispute(allocation: Allocation, key: KeyFile = None) -> None:
    """Do not agree with what was measured; risk staff then look at it before it is settled for good."""

    async def send(client: "Client") -> None:
        await client.dispute(allocation)
        typer.echo(f"allocation {allocation} is disputed")

    _with_client(key, send)


# Reporters.


@delivery_app.command("reporter-key", epilog="Example: bwx delivery reporter-key meter-1.key")
def reporter_key(
    path: Annotated[Path, typer.Argument(help="A file that is not there yet.", show_default=False)],
) -> None:
    """Make a key to sign reports with, for its owner alone, and print the public key to register."""
    import os
    import secrets

    from exchange.database import OWNER_ONLY
    from gateway.clearing.report_signing import public_key_of

    private_key = secrets.token_bytes(SECRET_BYTES)
    try:
        with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, OWNER_ONLY), "w") as file:
            file.write(private_key.hex() + "\n")
    except OSError as error:
        _fail(f"{path} cannot be written: {error.strerror}", USAGE_ERROR)
    typer.echo(public_key_of(private_key).hex())


@delivery_app.command(epilog="Example: bwx delivery due --key reporter.json")
def due(key: ReporterKeyFile = None) -> None:
    """List what a reporter is to measure: allocations of which slots are still open, or to come."""

    async def show(client: "Client") -> None:
        rows = (
            (
                each.allocation,
                each.symbol,
                each.provider,
                each.endpoint,
                each.quantity,
                f"{each.settled_slots} of {each.slots}",
                f"{each.open_until:%F %T}",
            )
            for each in await client.due_allocations()
        )
        _table(("id", "symbol", "provider", "endpoint", "lots", "settled slots", "open until"), rows)

    _with_client(key, show)


@delivery_app.command(epilog="Example: bwx delivery report measured.csv --signing-key meter-1.key --key reporter.json")
def report(
    file: Annotated[Path, typer.Argument(help=f"CSV with the columns {','.join(REPORT_COLUMNS)}.", show_default=False)],
    signing_key: SigningKeyFile,
    key: ReporterKeyFile = None,
) -> None:
    """Sign and send what was measured, and tell what became of each row."""
    private_key = _read_signing_key(signing_key)

    async def send(client: "Client") -> None:
        measured = list(_read_measurements(file, (await client.account()).account_id))
        for first in range(0, len(measured), REPORTS_AT_ONCE):
            part = measured[first : first + REPORTS_AT_ONCE]
            for each, told in zip(part, await client.report(private_key, part), strict=True):
                reason = "" if told.error is None else f": {told.error['code']}"
                typer.echo(f"allocation {each.allocation_id} slot {each.slot}: {told.outcome}{reason}")

    _with_client(key, send)


def _read_signing_key(path: Path) -> bytes:
    """The private key in a file. Ends the command when there is none."""
    try:
        private_key = bytes.fromhex(path.read_text().strip())
    except (OSError, ValueError) as error:
        _fail(f"{path} holds no key: {error}", USAGE_ERROR)
    if len(private_key) != SECRET_BYTES:
        _fail(f"{path} holds no key: it has {len(private_key)} bytes, not {SECRET_BYTES}", USAGE_ERROR)
    return private_key


def _read_measurements(path: Path, reporter_id: int) -> Iterator["Measurement"]:
    """What a file says that a reporter measured. Ends the command at the first row that says nothing."""
    from gateway.clearing.report_signing import Measurement

    try:
        with path.open(newline="") as lines:
            for number, row in enumerate(csv.DictReader(lines), start=2):
                try:
                    yield Measurement(reporter_id, *(int(row[name]) for name in REPORT_COLUMNS))
                except (KeyError, TypeError, ValueError):
                    _fail(f"{path}, line {number}: whole numbers {','.join(REPORT_COLUMNS)} are needed", USAGE_ERROR)
    except OSError as error:
        _fail(f"{path} cannot be read: {error.strerror}", USAGE_ERROR)


# Risk staff.


@delivery_app.command(
    "register-reporter", epilog="Example: bwx delivery register-reporter meter-1 meter-1.key --key admin.json"
)
def register_reporter(
    account: Annotated[str, typer.Argument(help="Whose reports are to count.", show_default=False)],
    signing_key: Annotated[Path | None, typer.Argument(help=SIGNING_KEY_HELP + " Without it: no longer.")] = None,
    key: AdminKeyFile = None,
) -> None:
    """Let an account report under the key in a file, or no longer."""
    private_key = None if signing_key is None else _read_signing_key(signing_key)

    async def send(client: "Client") -> None:
        await client.register_reporter(account, private_key)
        typer.echo(f"{account} reports no longer" if private_key is None else f"{account} is a reporter")

    _with_client(key, send)


@delivery_app.command(
    epilog='Example: bwx delivery correct 17 0 --change -3 --delivered 50 --reason "meters 1 and 2 were cut off"'
)
def correct(
    allocation: Allocation,
    slot: Annotated[int, typer.Argument(min=0, help="Counted from 0.", show_default=False)],
    change: Annotated[
        int, typer.Option(help="Lots more, or fewer below 0; 0 dismisses a dispute.", show_default=False)
    ],
    delivered: Annotated[int, typer.Option(min=0, help="What counts so far over all slots.", show_default=False)],
    reason: Annotated[str, typer.Option(help="For the log, and both parties.", show_default=False)],
    replacement: Annotated[
        bool, typer.Option("--with-replacement", help="What the buyer paid elsewhere moves with it.")
    ] = False,
    key: AdminKeyFile = None,
) -> None:
    """Correct what was measured of a slot; the money follows. One that was made already is refused."""

    async def send(client: "Client") -> None:
        await client.correct(allocation, slot, change, delivered=delivered, with_replacement=replacement, reason=reason)
        typer.echo(f"slot {slot} of allocation {allocation} is corrected by {change:+d} lots")

    _with_client(key, send)


@delivery_app.command(epilog="Example: bwx delivery interrupt eu-fra 200 --key admin.json")
def interrupt(
    region: Annotated[str, typer.Argument(help="Such as eu-fra.", show_default=False)],
    quantity: Annotated[int, typer.Argument(min=1, help="In Mbps.", show_default=False)],
    key: AdminKeyFile = None,
) -> None:
    """Cut interruptible allocations of a region for the slot that runs, the latest first."""

    async def send(client: "Client") -> None:
        cut = await client.interrupt(region, quantity)
        typer.echo(f"cut: {', '.join(map(str, cut)) or 'nothing'}")

    _with_client(key, send)
