"""`bwx statement`: what moved the cash and the positions of an account on a day, from an exchange or from its store."""

import re
from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from exchange.cli.terminal import USAGE_ERROR, print_json, progress_bar, refuse
from gateway.cli.trade import REFUSED, _fail, _table, _with_client

if TYPE_CHECKING:
    from gateway.client import Client

UNPROVED = 1
KEY_HELP = "A JSON file with url, key_id and secret: the account's own key, or an administrator's."
DATA_HELP = "The folder of a stopped exchange, to read instead of asking a running one. Nothing in it changes."
COLUMNS = ("sequence", "time", "kind", "symbol", "with", "side", "quantity", "price", "amount", "cash")
_PROGRESS = re.compile(r"(\d+) of (\d+)")

Progress = Callable[[int, int], None]


def statement(
    account: Annotated[str, typer.Argument(help="The account's name.", show_default=False)],
    day: Annotated[datetime, typer.Option(formats=["%Y-%m-%d"], help="A day of UTC.", show_default=False)],
    data: Annotated[Path | None, typer.Option(help=DATA_HELP)] = None,
    as_csv: Annotated[bool, typer.Option("--csv", help="Comma-separated values, for spreadsheets.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="One line of JSON, for programs.")] = False,
    key: Annotated[Path | None, typer.Option("--key", envvar="BWX_KEY_FILE", help=KEY_HELP)] = None,
) -> None:
    """Print a day of an account: trades, allocations, slots, payments, and the proof that they add up.

    It is worked out by replaying the journal. Ends with exit code 1 if the lines do not come to what the account has.

    Example: bwx statement alice --day 2026-11-22 --csv
    """
    if as_csv and as_json:
        _fail("choose one of --csv and --json", USAGE_ERROR)
    with progress_bar("replaying") as report:
        rows = _asked(account, day, key, report) if data is None else _read(data, account, day, report)
    if as_json:
        print_json(rows)
    elif as_csv:
        _print_csv(rows)
    else:
        _print_table(rows)
    if rows["faults"]:
        raise typer.Exit(UNPROVED)


def _asked(account: str, day: datetime, key: Path | None, report: Progress) -> dict[str, Any]:
    """The statement as a running exchange tells it."""
    found: dict[str, Any] = {}

    def hear(message: str) -> None:
        told = _PROGRESS.search(message)
        if told is not None:
            report(int(told[1]), int(told[2]))

    async def ask(client: "Client") -> None:
        found.update(await client.statement_rows(day.date(), account, hear))

    _with_client(key, ask)
    return found


def _read(data: Path, account: str, day: datetime, report: Progress) -> dict[str, Any]:
    """The statement from a folder that no exchange runs on."""
    from exchange.backup import stopped_store
    from exchange.statements.lines import Refusal
    from exchange.statements.replay import work_out
    from exchange.store_errors import StoreError
    from exchange.symbols import NANO_PER_S
    from exchange.venue.state import VenueLimits
    from gateway.accounts.statement_rows import line_row, statement_row

    day_ns = int(day.replace(tzinfo=UTC).timestamp()) * NANO_PER_S
    limits = VenueLimits()
    try:
        with stopped_store(data, rules_version=limits.rules_version()) as store:
            found = work_out(store.journal, store.snapshots, limits, account, day_ns, report)
    except (StoreError, OSError) as error:
        refuse(error)
    if isinstance(found, Refusal):
        _fail(found.value, REFUSED)
    return statement_row(found) | {"lines": [line_row(each) for each in found.lines]}


def _print_csv(rows: dict[str, Any]) -> None:
    from gateway.accounts.statement_rows import csv_text

    with suppress(BrokenPipeError):
        typer.echo(csv_text(rows, rows["lines"], None, None), nl=False)


def _print_table(rows: dict[str, Any]) -> None:
    until = "the whole day" if rows["is_final"] else f"the day up to sequence {rows['sequence']}"
    typer.echo(f"{rows['account']}, {rows['day']} UTC, {until}")
    _print_end("opening", rows["opening"])
    _table(COLUMNS, (_cells(line) for line in rows["lines"]))
    _print_end("closing", rows["closing"])
    if rows["is_proved"]:
        typer.echo(f"proved: opening cash and {rows['moved']} of {rows['line_count']} lines are the closing cash")
    for fault in rows["faults"]:
        typer.echo(f"NOT PROVED: {fault}")


def _print_end(name: str, side: dict[str, Any]) -> None:
    typer.echo(f"{name} cash {side['cash']} USD")
    for each in side["positions"]:
        typer.echo(f"  {each['quantity']} lots of {each['symbol']} that cost {each['cost']} USD")


def _cells(line: dict[str, Any]) -> tuple[object, ...]:
    """A line as the table has it: events and parts as their sequence, allocation and slot with whom they are."""
    place = f"{line['sequence']}-{line['index']}"
    parts = (line["counterparty"], line["allocation"] and f"#{line['allocation']}", _slot(line))
    detail = f" ({line['detail']})" if line["detail"] else ""
    partner = " ".join(str(part) for part in parts if part)
    terms = (line["symbol"], partner, line["side"], line["quantity"], line["price"])
    return (place, line["time"][11:23], f"{line['kind']}{detail}", *terms, line["amount"], line["cash"])


def _slot(line: dict[str, Any]) -> str:
    return "" if line["slot"] is None else f"slot {line['slot']}"
