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
from exchange.venue.schema import ACCOUNT_COMMAND, Command, Event
from exchange.view.batches import BatchReader
from exchange.view.deliveries import CorrectionView, DeliveryView, Reputation

if TYPE_CHECKING:
    from exchange.view.market import MarketView

Fields = dict[str, int]


def _register_reporter(view: MarketView, reader: BatchReader, sequence: int) -> None:
    account_id, key = reader.command(sequence, ACCOUNT_COMMAND)["account_id"], reader.content(sequence)
    if any(key):
        view.deliveries.reporter_keys[account_id] = key
    else:
        view.deliveries.reporter_keys.pop(account_id, None)


def _note_reason(view: MarketView, reader: BatchReader, sequence: int) -> None:
    view.correction_reason = reader.text(sequence)


def _change_allocation(view: MarketView, event: Fields) -> None:
    delivery = view.deliveries.by_id.get(event["allocation_id"])
    if delivery is None:
        delivery = DeliveryView(
            allocation_id=event["allocation_id"],
            instrument_id=event["instrument_id"],
            symbol=view.tranches[event["instrument_id"]].symbol,
            buyer_id=event["buyer_id"],
            provider_id=event["provider_id"],
            lots=event["lots"],
            bond_nano=event["bond_nano"],
        )
        view.deliveries.add(delivery)
    delivery.state = event["state"]
    delivery.delivered = event["delivered"]


def _dispute(view: MarketView, event: Fields) -> None:
    view.deliveries.by_id[event["allocation_id"]].is_disputed = True


def _settle_slot(view: MarketView, event: Fields) -> None:
    delivery = view.deliveries.by_id[event["allocation_id"]]
    delivery.outcomes.append(event["outcome"])
    delivery.delivered_lots.append(event["delivered_lots"])
    delivery.delivered += event["delivered_lots"]
    delivery.paid_nano += event["paid_nano"]
    delivery.refunded_nano += event["refunded_nano"]
    delivery.fee_nano += event["fee_nano"]


def _compensate(view: MarketView, event: Fields) -> None:
    delivery = view.deliveries.by_id[event["allocation_id"]]
    delivery.replacement_nano += event["replacement_nano"]
    delivery.shortfall_fee_nano += event["shortfall_fee_nano"]
    view.fund_nano += event["shortfall_fee_nano"]


def _correct(view: MarketView, event: Fields) -> None:
    terms = (event["allocation_id"], event["slot"], event["change_lots"], event["moved_nano"])
    correction = CorrectionView(event["sequence"], view.time_ns, *terms, view.correction_reason)
    view.deliveries.corrections.append(correction)
    delivery = view.deliveries.by_id[event["allocation_id"]]
    delivery.is_disputed = False
    delivery.delivered = event["delivered"]
    delivery.corrected_nano += event["moved_nano"]


def _set_reputation(view: MarketView, event: Fields) -> None:
    view.deliveries.reputations[event["account_id"]] = Reputation(*(event[name] for name in Reputation._fields))


BEGIN_DELIVERY_COMMAND: dict[int, Callable[[MarketView, BatchReader, int], None]] = {
    int(Command.REGISTER_REPORTER): _register_reporter,
    int(Command.CORRECT_DELIVERY): _note_reason,
}

APPLY_DELIVERY_EVENT: dict[int, tuple[np.dtype, Callable[[MarketView, Fields], None]]] = {
    Event.ALLOCATION_CHANGED: (ALLOCATION_EVENT, _change_allocation),
    Event.DISPUTED: (ALLOCATION_EVENT, _dispute),
    Event.SLOT_SETTLED: (SLOT_EVENT, _settle_slot),
    Event.SLOT_SHORT: (SHORT_EVENT, _compensate),
    Event.DELIVERY_CORRECTED: (CORRECTION_EVENT, _correct),
    Event.REPUTATION_SET: (REPUTATION_EVENT, _set_reputation),
}
"""The layout of each such event, and what it does."""
