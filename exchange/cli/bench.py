"""`bwx bench`: measurements that can be checked."""

from pathlib import Path
from typing import Annotated

import typer

from exchange.cli.terminal import print_json, progress_bar, refuse

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
