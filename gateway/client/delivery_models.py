"""What the client makes of answers about measured delivery."""

from datetime import datetime
from decimal import Decimal

from gateway.client.models import Answer


class Slot(Answer):
    """What was found of a slot: `measured`, `silent`, `out_of_bounds` or `interrupted`."""

    outcome: str
    delivered: int


class Delivery(Answer):
    """How an allocation is delivered; money is over all slots so far."""

    allocation: int
    symbol: str
    buyer: str
    provider: str
    quantity: int
    state: str
    is_disputed: bool
    delivered: int
    bond: Decimal
    paid: Decimal
    refunded: Decimal
    clearing_fee: Decimal
    replacement: Decimal
    shortfall_fee: Decimal
    corrected: Decimal
    slots: list[Slot]


class Provider(Answer):
    """What is known of a provider, a million for each allocation, and the multiplier of its bonds."""

    account: str
    good_ppm: int
    bad_ppm: int
    multiplier_ppm: int


class ReportAnswer(Answer):
    """What became of a report: `counted`, `duplicate`, `conflicting`, `late`, or `refused` with an error."""

    outcome: str
    sequence: int | None = None
    error: dict[str, object] | None = None


class DueAllocation(Answer):
    """What a reporter is to measure: whose equipment, where, how much it owes, and in which slots."""

    allocation: int
    symbol: str
    region: str
    provider: str
    endpoint: str
    quantity: int
    start: datetime
    slot_s: int
    slots: int
    settled_slots: int
    open_until: datetime


class TrancheDelivery(Answer):
    """What became of a tranche, over all of its allocations; `delivered_ppm` is of what was measured.

    `slot_measured` and `slot_delivered` are lots by slot, from `first_slot` on, as far as they were asked for.
    """

    symbol: str
    region: str
    tier: str
    start: datetime
    end: datetime
    state: str
    price: Decimal
    quantity: int
    allocations: int
    slots: int
    settled_slots: int
    delivered_ppm: int | None
    paid: Decimal
    refunded: Decimal
    replacement: Decimal
    shortfall_fee: Decimal
    corrected: Decimal
    disputed: int
    first_slot: int
    slot_measured: list[int]
    slot_delivered: list[int]
