"""What happens to an own account beside its orders, as typed values."""

from decimal import Decimal
from typing import Annotated, Any, Literal, get_args

from pydantic import BeforeValidator, Field

from gateway.client.delivery_models import Delivery
from gateway.client.models import Account, Answer, Balances, Position


class StandingChange(Answer):
    """The account was called, is being closed, or has enough again: `sound`, `margin_call` or `liquidation`."""

    kind: Literal["standing"]
    standing: str
    previous: str
    equity: Decimal
    margin: Decimal
    maintenance: Decimal


class AddOnChange(Answer):
    """Risk staff added to the requirement, so that `called` was missing of it, or set `add_on` outright."""

    kind: Literal["add_on"]
    add_on: Decimal
    called: Decimal | None
    standing: str
    equity: Decimal
    margin: Decimal


class ForcedOrder(Answer):
    """The exchange brought an order that closes a part of a position. What it traded comes with own orders."""

    kind: Literal["forced_order"]
    order_id: int
    symbol: str | None
    side: str
    price: Decimal
    quantity: int


class Deleveraging(Answer):
    """A position was closed against another without a trade: as the `liquidated` account, or its `counterparty`."""

    kind: Literal["deleveraging"]
    role: str
    symbol: str | None
    side: str
    price: Decimal
    quantity: int


class FundPayment(Answer):
    """What came from the insurance fund, or went there when negative."""

    kind: Literal["fund"]
    symbol: str | None
    amount: Decimal


class Interest(Answer):
    """What an hour of negative cash cost, below zero, at so many parts of a million a year."""

    kind: Literal["interest"]
    amount: Decimal
    rate_ppm: int


class Settlement(Answer):
    """A position became cash at its gate. `shortfall` is what of `amount` the account was let off a loss that it could
    not pay; negative, what it goes without of a gain."""

    kind: Literal["settlement"]
    symbol: str | None
    quantity: int
    price: Decimal
    amount: Decimal
    shortfall: Decimal


class Escrow(Answer):
    """What was paid for bought lots, or put as the bond for sold ones, whose quantity is negative; below zero."""

    kind: Literal["escrow"]
    symbol: str | None
    quantity: int
    price: Decimal
    amount: Decimal


class CashOut(Answer):
    """Lots that are not delivered: `unfunded` or `uncovered` ones of the account's own, or because the other side had
    such (`went_without`), or because there was `no_room`. `penalty` is what of `amount` was paid for it, or by it when
    negative; the rest of `amount` is what was held for the lots."""

    kind: Literal["cash_out"]
    cause: str
    symbol: str | None
    quantity: int
    price: Decimal
    amount: Decimal
    penalty: Decimal


class AllocationBegun(Answer):
    """What a provider owes a buyer from now on, as the one or the other."""

    kind: Literal["allocation"]
    role: str
    id: int
    symbol: str | None
    quantity: int
    price: Decimal
    escrow: Decimal
    bond: Decimal


class SlotSettlement(Answer):
    """What a slot of an allocation brought its buyer and its provider."""

    kind: Literal["slot"]
    allocation: int
    slot: int
    outcome: str
    delivered: int
    paid: Decimal
    refunded: Decimal
    fee: Decimal


class Shortfall(Answer):
    """What was missing in a slot, and what of the bond was paid for it."""

    kind: Literal["shortfall"]
    allocation: int
    slot: int
    outcome: str
    missing: int
    replacement: Decimal
    shortfall_fee: Decimal


class AllocationChange(Answer):
    """Where an allocation is in its life."""

    kind: Literal["allocation_state"]
    allocation: int
    symbol: str | None
    state: str
    previous: str
    delivered: int


class Dispute(Answer):
    """Somebody does not agree with what was measured."""

    kind: Literal["dispute"]
    allocation: int
    by: str


class Correction(Answer):
    """What risk staff corrected; the amount went from the buyer to the provider, the other way when negative."""

    kind: Literal["correction"]
    allocation: int
    slot: int
    change: int
    amount: Decimal


class Interruption(Answer):
    """An allocation gives way in a slot, for a compensation."""

    kind: Literal["interruption"]
    allocation: int
    slot: int


class ReputationChange(Answer):
    """What the past of the own account as a provider is worth."""

    kind: Literal["reputation"]
    good_ppm: int
    bad_ppm: int
    multiplier_ppm: int


_Delivery = SlotSettlement | Shortfall | AllocationChange | Dispute | Correction | Interruption | ReputationChange
_Gate = Escrow | CashOut | AllocationBegun
_Supervision = StandingChange | AddOnChange | ForcedOrder | Deleveraging | FundPayment
AccountEvent = _Supervision | Interest | Settlement | _Gate | _Delivery
_KINDS = {get_args(event.model_fields["kind"].annotation)[0] for event in get_args(AccountEvent)}


def known_events(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Events that a newer exchange adds are passed over, as fields are."""
    return [row for row in rows if row["kind"] in _KINDS]


class AccountUpdate(Account):
    """An own account as it is now, and what happened to it, in order. A snapshot has no events."""

    type: str
    events: Annotated[list[Annotated[AccountEvent, Field(discriminator="kind")]], BeforeValidator(known_events)]


class PositionsUpdate(Answer):
    """All positions (`snapshot`), or those that changed; one that was settled has a quantity of 0."""

    type: str
    sequence: int
    positions: list[Position]


class MarginUpdate(Answer):
    """How the account stands, and its money."""

    type: str
    sequence: int
    standing: str
    balances: Balances


class DeliveriesUpdate(Answer):
    """All allocations (`snapshot`), or those to which something happened, as they are now, and what that was."""

    type: str
    sequence: int
    deliveries: list[Delivery]
    events: Annotated[list[Annotated[AccountEvent, Field(discriminator="kind")]], BeforeValidator(known_events)]
