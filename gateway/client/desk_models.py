"""What the risk desk is told, as typed values. Amounts are in USD but for those of the channel, which say otherwise."""

from datetime import datetime
from decimal import Decimal
from typing import Annotated, Any

from pydantic import Field

from gateway.client.account_models import AccountEvent, ForcedOrder
from gateway.client.models import Answer, Order, Region
from gateway.client.risk_models import AccountRisk


class HeldWindow(Answer):
    """So many lots of a window."""

    symbol: str
    quantity: int


class Closing(AccountRisk):
    """An account in liquidation: its largest positions, how many are left, and the forced order that was sent last."""

    open_positions: int
    positions: list[HeldWindow]
    forced_order: ForcedOrder | None


class WindowExposure(Answer):
    """What all accounts hold and want of a window, and what of it those hold who have too little."""

    symbol: str
    region: str
    tier: str
    start: datetime
    end: datetime
    gross_quantity: int
    open_buys: int
    open_sells: int
    largest_quantity: int
    called_net_quantity: int
    called_gross_quantity: int


class Overview(Answer):
    """The market as risk staff see it."""

    market_halted: bool
    fund: Decimal
    counts: dict[str, int]
    regions: list[Region]
    queue: list[Closing]
    windows: list[WindowExposure]
    age_ms: int
    sequence: int


class FallenAccount(Answer):
    """An account that would not be sound."""

    account_id: int
    name: str
    standing: str
    standing_after: str
    equity: Decimal
    equity_after: Decimal
    margin_after: Decimal
    distance_after: Decimal
    distance_ratio_after: Decimal | None


class Shock(Answer):
    """What would become of all accounts if forwards moved."""

    before: dict[str, int]
    after: dict[str, int]
    fallen: int
    called: Decimal
    shortfall: Decimal
    debt: Decimal
    fund: Decimal
    uncovered: Decimal
    accounts: list[FallenAccount]
    sequence: int


class AccountOrders(Answer):
    """An account's open orders, and how many there are."""

    account: str
    orders: list[Order]
    open: int
    sequence: int


class RiskEventRow(Answer):
    """What happened to an account with too little; the rest is as on the channel `account`."""

    account: str
    kind: str
    sequence: int
    time: datetime
    time_ns: int


class RiskEvent(RiskEventRow):
    """The same with all that the channel tells of it."""

    event: Annotated[AccountEvent, Field(discriminator="kind")]


class RiskUpdate(Answer):
    """All accounts as columns (`snapshot`), or those that changed; money is in millionths of a USD, rounded down.

    A row of `names`, `figures` or `stakes` is what stands at the same place in each of its columns, `account_id` first.
    """

    type: str
    sequence: int
    accounts: int
    counts: dict[str, int]
    columns: dict[str, dict[str, list[Any]]]
