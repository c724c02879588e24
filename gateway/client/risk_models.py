"""Risk as typed values. Amounts are in USD; losses are by scenario, 0 to 15, gains negative."""

from decimal import Decimal

from gateway.client.models import Answer


class AccountRisk(Answer):
    """How an account stands, as the list has it."""

    account_id: int
    name: str
    standing: str
    cash: Decimal
    equity: Decimal
    margin: Decimal
    maintenance: Decimal
    free: Decimal
    distance: Decimal
    distance_ratio: Decimal | None


class RegionMargin(Answer):
    """What one region requires, and why."""

    region: str
    margin: Decimal
    worst_scenario: int
    worst_loss: Decimal
    spread_charge: Decimal
    concentration_charge: Decimal
    ramp: Decimal
    losses: list[Decimal]


class Contributor(Answer):
    """What the requirement would fall by without what an account has in one tranche."""

    symbol: str
    quantity: int
    open_buys: int
    open_sells: int
    effect: Decimal
    position_effect: Decimal
    orders_effect: Decimal


class MarginDetail(Answer):
    """What an account has, what it must have, and why."""

    standing: str
    cash: Decimal
    unsettled: Decimal
    equity: Decimal
    margin: Decimal
    maintenance: Decimal
    free: Decimal
    distance: Decimal
    distance_ratio: Decimal | None
    distance_move: Decimal | None
    spread_charge: Decimal
    concentration_charge: Decimal
    bond: Decimal
    add_on: Decimal
    ramp: Decimal
    losses: list[Decimal]
    regions: list[RegionMargin]
    contributors: list[Contributor]


class Margin(MarginDetail):
    """The same of an account as it is."""

    account_id: int
    name: str
    sequence: int
    time_ns: int


class MarginCall(Answer):
    """What is added to an account's requirement from now on, what was called for by it, and how the account stands."""

    account: str
    add_on: Decimal
    called: Decimal | None
    standing: str
    equity: Decimal
    margin: Decimal
    sequence: int
    time_ns: int


class ThoughtAnswer(Answer):
    """Whether the exchange would take an order."""

    symbol: str
    side: str
    price: Decimal
    quantity: int
    accepted: bool
    reason: str | None


class WhatIf(Answer):
    """What is, what would be, and what would become of each order."""

    account_id: int
    name: str
    mode: str
    before: MarginDetail
    after: MarginDetail
    orders: list[ThoughtAnswer]
    sequence: int
    time_ns: int
