"""`bwx replay`: recorded days of other markets through this exchange's matching."""

from pathlib import Path
from typing import Annotated

import typer

from exchange.cli.terminal import print_json, progress_bar, refuse

replay_app = typer.Typer(no_args_is_help=True)


@replay_app.callback()
def replay() -> None:
    """Drive matching with a recorded market, and compare what it does.

    Example: bwx replay lobster message_5.csv.gz orderbook_5.csv.gz --levels 5
    """


@replay_app.command(epilog="Example: bwx replay lobster message_5.csv.gz orderbook_5.csv.gz --levels 5")
def lobster(
    messages: Annotated[Path, typer.Argument(help="The message file, plain or gzip.", show_default=False)],
    orderbook: Annotated[Path, typer.Argument(help="The order book file, plain or gzip.", show_default=False)],
    levels: Annotated[int, typer.Option(help="How many levels a side the order book file holds.", show_default=False)],
) -> None:
    """Replay a LOBSTER day, compare book and executions row by row, and print what agreed as one line of JSON.

    The first row gives the starting book; messages alone move it from there. A row agrees when every level whose
    quantity is known stands in matching as recorded. An execution is at the queue head when matching gives it to the
    recorded order at the recorded price.
    """
    from exchange.lobster import replay_lobster
    from exchange.lobster_files import LobsterError

    try:
        with progress_bar("replaying") as report:
            result = replay_lobster(messages, orderbook, levels, on_progress=report)
    except (LobsterError, OSError) as error:
        refuse(error)
    print_json(result)
