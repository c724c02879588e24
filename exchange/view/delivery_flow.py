"""What commands and events of delivery do to the read model. Money of accounts comes with the figures of the batch."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np

from exchange.venue.clearing.delivery_schema import (
    ALLOCATION_EVENT,
    CORRECTION_EVENT,
    REPUTATION_EVENT,
    SHORT_EVENT,
    SLOT_EVENT,
)
from exchange.venue.clearing.schema import TERM_NAMES
from exchange.venue.schema import ACCOUNT_COMMAND, ALLOCATED_EVENT, TERMS_EVENT, Command, Event
from exchange.view.batches import BatchReader
from exchange.view.deliveries import AllocationView, CorrectionView, Reputation

if TYPE_CHECKING:
    from exchange.view.market import MarketView

Fields = dict[str, int]


def _set_terms(view: MarketView, event: Fields) -> None:
    terms = view.series[event["series_id"]]
    view.series[event["series_id"]] = terms._replace(**{name: event[name] for name in TERM_NAMES})


def _register_reporter(view: MarketView, reader: BatchReader, sequence: int) -> None:
    account_id, key = reader.command(sequence, ACCOUNT_COMMAND)["account_id"], reader.content(sequence)
    if any(key):
        view.deliveries.reporter_keys[account_id] = key
    else:
        view.deliveries.reporter_keys.pop(account_id, None)


def _note_reason(view: MarketView, reader: BatchReader, sequence: int) -> None:
    view.correction_reason = reader.text(sequence)


def _allocate(view: MarketView, event: Fields) -> None:
    view.deliveries.add(
        AllocationView(
            allocation_id=event["allocation_id"],
            instrument_id=event["instrument_id"],
            symbol=view.tranches[event["instrument_id"]].symbol,
            buyer_id=event["account_id"],
            provider_id=event["provider_id"],
            lots=event["lots"],
            price_ticks=event["price_ticks"],
            escrow_nano=event["escrow_nano"],
            bond_nano=event["bond_nano"],
            created_ns=view.time_ns,
        )
    )


def _change_allocation(view: MarketView, event: Fields) -> None:
    allocation = view.deliveries.by_id[event["allocation_id"]]
    allocation.state = event["state"]
    _set_delivered(view, allocation, event["delivered"])


def _dispute(view: MarketView, event: Fields) -> None:
    _set_disputed(view, view.deliveries.by_id[event["allocation_id"]], is_disputed=True)


def _settle_slot(view: MarketView, event: Fields) -> None:
    allocation = view.deliveries.by_id[event["allocation_id"]]
    allocation.outcomes.append(event["outcome"])
    allocation.delivered_lots.append(event["delivered_lots"])
    allocation.delivered += event["delivered_lots"]
    allocation.escrow_nano -= event["paid_nano"] + event["refunded_nano"]
    allocation.paid_nano += event["paid_nano"]
    allocation.refunded_nano += event["refunded_nano"]
    allocation.fee_nano += event["fee_nano"]
    totals = view.deliveries.totals[allocation.instrument_id]
    slot = len(allocation.outcomes) - 1
    totals.settle_slot(slot, allocation.lots, event["outcome"], event["delivered_lots"])
    totals.delivered += event["delivered_lots"]
    totals.paid_nano += event["paid_nano"]
    totals.refunded_nano += event["refunded_nano"]


def _compensate(view: MarketView, event: Fields) -> None:
    allocation = view.deliveries.by_id[event["allocation_id"]]
    allocation.replacement_nano += event["replacement_nano"]
    allocation.shortfall_fee_nano += event["shortfall_fee_nano"]
    totals = view.deliveries.totals[allocation.instrument_id]
    totals.replacement_nano += event["replacement_nano"]
    totals.shortfall_fee_nano += event["shortfall_fee_nano"]
    view.fund_nano += event["shortfall_fee_nano"]


def _correct(view: MarketView, event: Fields) -> None:
    terms = (event["allocation_id"], event["slot"], event["change_lots"], event["moved_nano"])
    correction = CorrectionView(event["sequence"], view.time_ns, *terms, view.correction_reason)
    view.deliveries.corrections.append(correction)
    allocation = view.deliveries.by_id[event["allocation_id"]]
    _set_disputed(view, allocation, is_disputed=False)
    _set_delivered(view, allocation, event["delivered"])
    allocation.corrected_nano += event["moved_nano"]
    view.deliveries.totals[allocation.instrument_id].corrected_nano += event["moved_nano"]


def _set_disputed(view: MarketView, allocation: AllocationView, *, is_disputed: bool) -> None:
    view.deliveries.totals[allocation.instrument_id].disputed += is_disputed - allocation.is_disputed
    allocation.is_disputed = is_disputed


def _set_delivered(view: MarketView, allocation: AllocationView, delivered: int) -> None:
    view.deliveries.totals[allocation.instrument_id].delivered += delivered - allocation.delivered
    allocation.delivered = delivered


def _set_reputation(view: MarketView, event: Fields) -> None:
    view.deliveries.reputations[event["account_id"]] = Reputation(*(event[name] for name in Reputation._fields))


BEGIN_DELIVERY_COMMAND: dict[int, Callable[[MarketView, BatchReader, int], None]] = {
    int(Command.REGISTER_REPORTER): _register_reporter,
    int(Command.CORRECT_DELIVERY): _note_reason,
}

APPLY_DELIVERY_EVENT: dict[int, tuple[np.dtype, Callable[[MarketView, Fields], None]]] = {
    Event.TERMS_SET: (TERMS_EVENT, _set_terms),
    Event.ALLOCATED: (ALLOCATED_EVENT, _allocate),
    Event.ALLOCATION_CHANGED: (ALLOCATION_EVENT, _change_allocation),
    Event.DISPUTED: (ALLOCATION_EVENT, _dispute),
    Event.SLOT_SETTLED: (SLOT_EVENT, _settle_slot),
    Event.SLOT_SHORT: (SHORT_EVENT, _compensate),
    Event.DELIVERY_CORRECTED: (CORRECTION_EVENT, _correct),
    Event.REPUTATION_SET: (REPUTATION_EVENT, _set_reputation),
}
"""The layout of each such event, and what it does."""
