"""What providers can deliver, as readers see it: their capacities with the endpoints, and their stakes.

An endpoint is a text that travels in the command; the event that follows says under which id.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np

from exchange.venue.clearing.capacity_schema import CAPACITY_EVENT, STAKE_EVENT
from exchange.venue.schema import Command, Event
from exchange.view.batches import BatchReader
from exchange.view.records import CapacityView

if TYPE_CHECKING:
    from exchange.view.market import MarketView

Fields = dict[str, int]


def _begin_capacity(view: MarketView, reader: BatchReader, sequence: int) -> None:
    view.endpoint_at_work = reader.text(sequence)


def _set_capacity(view: MarketView, event: Fields) -> None:
    """One that is over is told by no event: it goes when another comes."""
    if not event["lots"]:
        view.capacities.pop(event["capacity_id"], None)
        return
    for capacity_id in [each.capacity_id for each in view.capacities.values() if each.end_ns <= view.time_ns]:
        del view.capacities[capacity_id]
    terms = {name: event[name] for name in CapacityView._fields if name != "endpoint"}
    view.capacities[event["capacity_id"]] = CapacityView(**terms, endpoint=view.endpoint_at_work)
    view.endpoint_at_work = ""


def _set_stake(view: MarketView, event: Fields) -> None:
    view.accounts[event["account_id"]].stake_nano = event["stake_nano"]


BEGIN_CAPACITY_COMMAND: dict[int, Callable[[MarketView, BatchReader, int], None]] = {
    int(Command.REGISTER_CAPACITY): _begin_capacity,
}

APPLY_CAPACITY_EVENT: dict[int, tuple[np.dtype, Callable[[MarketView, Fields], None]]] = {
    Event.CAPACITY_SET: (CAPACITY_EVENT, _set_capacity),
    Event.STAKED: (STAKE_EVENT, _set_stake),
}
