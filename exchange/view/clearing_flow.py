"""What becomes of bought and sold lots, in the read model: terms of delivery and allocations.

An allocation is in two places: with its tranche, with which it goes, and with both of its accounts.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np

from exchange.venue.clearing.schema import TERM_NAMES
from exchange.venue.schema import ALLOCATED_EVENT, TERMS_EVENT, Event
from exchange.view.records import AllocationView

if TYPE_CHECKING:
    from exchange.view.market import MarketView

Fields = dict[str, int]


def _set_terms(view: MarketView, event: Fields) -> None:
    terms = view.series[event["series_id"]]
    view.series[event["series_id"]] = terms._replace(**{name: event[name] for name in TERM_NAMES})


def _allocate(view: MarketView, event: Fields) -> None:
    tranche = view.tranches[event["instrument_id"]]
    add_allocation(
        view,
        AllocationView(
            allocation_id=event["allocation_id"],
            instrument_id=event["instrument_id"],
            symbol=tranche.symbol,
            buyer_id=event["account_id"],
            provider_id=event["provider_id"],
            lots=event["lots"],
            price_ticks=event["price_ticks"],
            escrow_nano=event["escrow_nano"],
            bond_nano=event["bond_nano"],
            created_ns=view.time_ns,
        ),
    )


def add_allocation(view: MarketView, allocation: AllocationView) -> None:
    """Enter an allocation wherever somebody may look for it."""
    view.allocations.setdefault(allocation.instrument_id, {})[allocation.allocation_id] = allocation
    for account_id in (allocation.buyer_id, allocation.provider_id):
        view.accounts[account_id].allocations[allocation.allocation_id] = allocation


def drop_allocations(view: MarketView, instrument_id: int) -> None:
    """Forget all allocations of a tranche."""
    for allocation in view.allocations.pop(instrument_id, {}).values():
        for account_id in (allocation.buyer_id, allocation.provider_id):
            del view.accounts[account_id].allocations[allocation.allocation_id]


APPLY_CLEARING_EVENT: dict[int, tuple[np.dtype, Callable[[MarketView, Fields], None]]] = {
    Event.TERMS_SET: (TERMS_EVENT, _set_terms),
    Event.ALLOCATED: (ALLOCATED_EVENT, _allocate),
}
"""The layout of each such event, and what it does. Escrow and bonds move money alone, which comes with the figures."""
