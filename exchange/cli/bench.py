"""`bwx bench`: measurements that can be checked."""

from pathlib import Path
from typing import Annotated

import typer

from exchange.cli.terminal import print_json, progress_bar, progress_steps, refuse

bench_app = typer.Typer(no_args_is_help=True)


@bench_app.callback()
def bench() -> None:
    """Measure the parts that serve, on recorded input.

    Example: bwx bench match flow.bin --instruments 1000
    """


@bench_app.command(epilog="Example: bwx bench match flow.bin --instruments 1000")
def match(
    file: Annotated[Path, typer.Argument(help="A flow of 32-byte operations.", show_default=False)],
    instruments: Annotated[
        int, typer.Option(help="How many instruments the flow is over; their ids start at 0.", show_default=False)
    ],
) -> None:
    """Run a recorded flow through matching, and print counts, digests and speed as one line of JSON.

    Commands go in batches of 4,096 through the function that serves, and every event is written. Only that is timed:
    reading the file, conversion to commands, and digests are not.
    """
    from exchange.bench.flow import FlowError
    from exchange.bench.match import run_match

    try:
        with progress_bar("matching") as report:
            result = run_match(file, instruments, on_progress=report)
    except (FlowError, OSError) as error:
        refuse(error)
    print_json(result)


@bench_app.command(epilog="Example: bwx bench venue flow.bin --instruments 1000")
def venue(
    file: Annotated[Path, typer.Argument(help="A flow of 32-byte operations.", show_default=False)],
    instruments: Annotated[
        int, typer.Option(help="How many instruments the flow is over; their ids start at 0.", show_default=False)
    ],
) -> None:
    """Run a recorded flow through the whole venue, and print what `bwx bench match` prints.

    That is validation, margin in 16 scenarios, matching, fees, ledger and events, for 1,000 accounts with so much cash
    that collateral never binds: counts and digests are those of matching alone. Only the function that serves is timed.
    """
    from exchange.bench.flow import FlowError
    from exchange.bench.venue import run_venue

    try:
        with progress_bar("running the venue") as report:
            result = run_venue(file, instruments, on_progress=report)
    except (FlowError, ValueError, OSError) as error:
        refuse(error)
    print_json(result)


@bench_app.command(epilog="Example: bwx bench revalue --accounts 100000 --positions 20 --orders 1000000")
def revalue(
    accounts: Annotated[int, typer.Option(help="How many accounts trade; an even number.")] = 100_000,
    positions: Annotated[int, typer.Option(help="In how many windows each of them has a position.")] = 20,
    orders: Annotated[int, typer.Option(help="How many orders rest beside them.")] = 1_000_000,
    rounds: Annotated[int, typer.Option(help="How often each change is measured.")] = 9,
) -> None:
    """Work the requirements of all accounts out anew, and print how long that takes as one line of JSON.

    `region_ms` is a change of a region's use, under which all shocks of all windows change; `window_ms` new
    parameters of one window. `copy_ms` is a mere copy of the memory that the first of them looks at. All are medians.
    """
    from exchange.bench.revalue import run_revalue

    try:
        with progress_bar("trading") as report:
            result = run_revalue(accounts, positions, orders, rounds, on_progress=report)
    except ValueError as error:
        refuse(error)
    print_json(result)


@bench_app.command(epilog="Example: bwx bench journal --directory .bwx")
def journal(
    directory: Annotated[Path, typer.Option(help="An existing folder on the disk to measure.")] = Path(),
    batches: Annotated[int, typer.Option(help="How many batches are committed.")] = 2_000,
    records: Annotated[int, typer.Option(help="Records of 64 bytes in each batch.")] = 1_000,
) -> None:
    """Append batches to a journal and to bare SQLite in turn, and print the rates as one line of JSON.

    Bare means: write-ahead log, synchronous=FULL, the same bytes, one transaction a batch, and nothing else. `ratio`
    is the journal's commit rate by the bare one's; checkpoints count. The files go into a folder of their own, which
    is removed in the end.
    """
    from exchange.bench.journal import run_journal
    from exchange.store_errors import StoreError

    try:
        with progress_bar("appending") as report:
            result = run_journal(directory, batches, records, on_progress=report)
    except (ValueError, OSError, StoreError) as error:
        refuse(error)
    print_json(result)


@bench_app.command(epilog="Example: bwx bench recover --replayed 5000000 --resting 1000000")
def recover(
    directory: Annotated[Path, typer.Option(help="An existing folder on the disk to measure.")] = Path(),
    replayed: Annotated[int, typer.Option(help="How many commands of a plain flow are replayed.")] = 1_000_000,
    resting: Annotated[int, typer.Option(help="How many orders rest at the restart and the snapshots.")] = 100_000,
) -> None:
    """Replay a journal, restart from a snapshot, take snapshots under load, and print it all as one line of JSON.

    Replay is rows through the venue, risk included; `view_commands_per_second` is the rate at which the read model
    follows. A restart ends with the first command accepted. `snapshot_pause_ms` is the longest time for which a
    snapshot stopped the sequencer, `reply_ms_slowest` the longest wait for 50 orders meanwhile. The files go into a
    folder of their own, which is removed in the end.
    """
    from exchange.bench.recover import run_recover
    from exchange.store_errors import StoreError

    try:
        with progress_steps() as report:
            result = run_recover(directory, replayed, resting, on_progress=report)
    except (ValueError, OSError, StoreError) as error:
        refuse(error)
    print_json(result)
