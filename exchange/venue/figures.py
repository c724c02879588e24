"""Who has other money, or another requirement, after a batch: read off its events, and told once."""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from exchange.venue.figures_schema import EVERYBODY, FIGURES
from exchange.venue.schema import Event
from kernels.arrays import ArrayGroup, RecordViews
from kernels.compile import direct, inlined, kernel

PARAMETERS_SET, UTILISATION_SET, STRAIN_SET = map(int, (Event.PARAMETERS_SET, Event.UTILISATION_SET, Event.STRAIN_SET))


@dataclass(frozen=True, eq=False)
class Tellings(ArrayGroup):
    """Which accounts a batch has told of already."""

    latest: np.ndarray  # (accounts,) the number of the last batch that told of it
    number: np.ndarray  # (1,) of batches so far


class Figures(RecordViews):
    """What is told."""

    layouts: ClassVar = {"rows": FIGURES}


@direct
@kernel
def gather_figures(state, events, tellings, figures):
    """Write FIGURES of every open account that the events name; return how many there are, or EVERYBODY.

    There must be room for two accounts an event. Some events have other numbers in these places: what is told of an
    account is true, whatever happened to it.
    """
    tellings.number[0] += np.uint64(1)
    count = np.int64(0)
    for at in range(len(events.orders)):
        if values_tranches_anew(events, at):
            return np.int64(EVERYBODY)
        event = events.orders[at]
        count = tell_of(state, np.int64(event["account_id"]), tellings, figures, count)
        count = tell_of(state, np.int64(event["counter_account_id"]), tellings, figures, count)
    return count


@inlined
def values_tranches_anew(events, at):
    """Whether an event changed what a tranche requires of whoever has lots or orders in it."""
    kind = events.orders[at]["kind"]
    if kind == PARAMETERS_SET:
        return True
    return kind in (UTILISATION_SET, STRAIN_SET) and events.strains[at]["tranches"] != 0


@inlined
def tell_of(state, account_id, tellings, figures, count):
    """The figures of an account, unless there is none of this id, or it was told of."""
    # A refused command may name any account.
    if account_id >= len(tellings.latest) or tellings.latest[account_id] == tellings.number[0]:
        return count
    account = state.ledger.accounts[account_id]
    if account["is_open"] == 0:
        return count
    tellings.latest[account_id] = tellings.number[0]
    told = figures.rows[count]
    told["account_id"] = account_id
    told["standing"] = account["standing"]
    told["cash_nano"] = account["cash_nano"]
    told["unsettled_nano"] = account["unsettled_nano"]
    told["margin_nano"] = account["margin_nano"]
    told["gross_nano"] = account["gross_nano"]
    told["fees_nano"] = account["fees_nano"]
    told["add_on_nano"] = account["add_on_nano"]
    return count + 1
