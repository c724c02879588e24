"""`bwx verify`: whether a store can be trusted, from its first row to its last."""

from pathlib import Path
from typing import Annotated

import typer

from exchange.cli.terminal import print_json, progress_bar

FAULTY = 1


def verify(
    directory: Annotated[Path, typer.Argument(help="The folder of a stopped exchange.", show_default=False)],
) -> None:
    """Replay a store from zero, and compare its chain, its head and every snapshot. Changes nothing.

    A journal that was trimmed is replayed from its oldest snapshot: notes say what can no longer be proved.

    Ends with one line of JSON; with exit code 1, and the first bad row by its sequence, if anything is wrong.

    Example: bwx verify .bwx/demo
    """
    from exchange.venue.state import VenueLimits
    from exchange.verification import verify as verify_store

    with progress_bar("replaying") as report:
        verdict = verify_store(directory, VenueLimits(), report)
    for fault in verdict.faults:
        typer.echo(f"bwx: {fault}", err=True)
    for notice in verdict.notices:
        typer.echo(f"note: {notice}", err=True)
    print_json(
        {
            "ok": not verdict.faults,
            "rows": verdict.rows,
            "records": verdict.records,
            "first_sequence": verdict.first_sequence,
            "replayed_from": verdict.replayed_from,
            "events": verdict.events,
            "trades": verdict.trades,
            "snapshots_compared": verdict.snapshots_compared,
            "state_digest": verdict.state_digest,
            "chain_hash": verdict.chain_hash,
        }
    )
    if verdict.faults:
        raise typer.Exit(FAULTY)
