"""What the client makes of answers about measured delivery."""

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
