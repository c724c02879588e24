"""`bwx backup` and `bwx restore`: whole copies of a store, proved on their way."""

from pathlib import Path
from typing import Annotated

import typer

from exchange.cli.terminal import print_json, progress_bar, refuse

DEFAULT_DIRECTORY = Path(".bwx/exchange")


def backup(
    target: Annotated[Path, typer.Argument(help="A folder that is not there yet.", show_default=False)],
    directory: Annotated[Path, typer.Option(help="Where the market is stored.")] = DEFAULT_DIRECTORY,
) -> None:
    """Copy a store, while its exchange runs or not, and prove every row of the copy.

    The copy holds everything that was acknowledged when the backup began, the newest snapshot, and the keys with their
    secrets. It is whole or it is not there.

    Example: bwx backup /backups/monday --directory /srv/exchange
    """
    from exchange.backup import copy_store, stopped_store
    from exchange.control import CONTROL_FILE, ask_for_backup
    from exchange.store_errors import StoreError, StoreLocked

    try:
        with progress_bar("backing up") as report:
            try:
                with stopped_store(directory) as source:
                    result = copy_store(source, target, report)._asdict()
            except StoreLocked:
                if not (directory / CONTROL_FILE).exists():
                    raise
                result = ask_for_backup(directory, target, report)
    except (StoreError, OSError) as error:
        refuse(error)
    print_json({"target": str(target), **result})


def restore(
    source: Annotated[Path, typer.Argument(help="The folder of a backup.", show_default=False)],
    directory: Annotated[Path, typer.Option(help="Where the market will be stored.")] = DEFAULT_DIRECTORY,
) -> None:
    """Make a store of a backup, and prove every row of it. A store that is there already is never written over.

    Example: bwx restore /backups/monday --directory /srv/exchange
    """
    from exchange.backup import copy_store, stopped_store
    from exchange.store_errors import StoreError

    try:
        with progress_bar("restoring") as report, stopped_store(source) as opened:
            result = copy_store(opened, directory, report)._asdict()
    except (StoreError, OSError) as error:
        refuse(error)
    print_json({"directory": str(directory), **result})
