"""`bwx upgrade`: a store of older rules goes on under this program's."""

from pathlib import Path
from typing import Annotated

import typer

from exchange.cli.terminal import print_json, progress_bar, refuse


def upgrade(
    directory: Annotated[Path, typer.Argument(help="The folder of a stopped exchange.", show_default=False)],
) -> None:
    """Let a store that was written under older rules go on under those of this program.

    Needs the snapshot that the older program took when it was stopped. Make a backup first: the older program cannot
    open the store afterwards.

    Example: bwx upgrade /srv/exchange
    """
    from exchange.store_errors import StoreError
    from exchange.upgrade import upgrade as upgrade_store
    from exchange.venue.state import VenueLimits

    try:
        with progress_bar("proving the journal") as report:
            upgraded = upgrade_store(directory, VenueLimits(), report)
    except StoreError as error:
        refuse(error)
    print_json(
        {
            "upgraded": upgraded.from_rules != upgraded.to_rules,
            "from_rules": upgraded.from_rules,
            "to_rules": upgraded.to_rules,
            "sequence": upgraded.sequence,
        }
    )
