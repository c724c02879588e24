"""What the exchange answers, as typed values. Fields that a newer exchange adds are passed over."""

from datetime import datetime
from decimal import Decimal
from typing import TypeVar

from pydantic import BaseModel, ConfigDict

AnswerT = TypeVar("AnswerT", bound="Answer")


class Answer(BaseModel):
    """Base of all answers."""

    model_config = ConfigDict(frozen=True, extra="ignore")


class Status(Answer):
    """How the exchange is doing."""

    phase: str
    sequence: int
    commands: int
    trades: int
    resting_orders: int
    open_instruments: int
    market_halted: bool
    journal_first_sequence: int
    journal_trimmed_until: datetime | None
    uptime_s: int
    version: str
    time: datetime
    time_ns: int


class Instrument(Answer):
    """One tranche. Prices in USD per Mbps-hour, quantities in lots."""

    symbol: str
    instrument_id: int
    region: str
    tier: str
    start: datetime
    end: datetime
    gate_closure: datetime
    state: str
    price_step: Decimal
    quantity_step: int
    quantity_max: int
    reference_price: Decimal
    band_low: Decimal
    band_high: Decimal
    best_bid: Decimal | None
    best_ask: Decimal | None
    best_bid_quantity: int | None
    best_ask_quantity: int | None
    last_price: Decimal | None
    final_price: Decimal | None
    replacement_price: Decimal | None
    delivery: "DeliveryTerms | None"
    traded_quantity: int
    indicative_price: Decimal | None
    indicative_quantity: int | None
    imbalance: int | None
    mark_price: Decimal
    spread_charge: Decimal
    margin_ramp_ppm: int
    maker_fee_ppm: int
    taker_fee_ppm: int


class DeliveryTerms(Answer):
    """How a tranche is delivered: over which slots it is measured, what counts, and what failing costs."""

    slot_s: int
    latency_max_us: int
    loss_max_ppm: int
    shortfall_fee_ppm: int
    clearing_fee_ppm: int
    burn_ppm: int
    penalty_ppm: int
    interruption_ppm: int
    grace_s: int
    dispute_s: int


class TrancheLife(Answer):
    """A tranche with its times, and where it is in its life."""

    symbol: str
    region: str
    tier: str
    start: datetime
    end: datetime
    gate_closure: datetime
    state: str
    was_listed: bool = True
    """Whether it was told of before; False of one that has just come."""


class TranchesUpdate(Answer):
    """All tranches that have not ended (`snapshot`), or those that were listed or are in another state."""

    type: str
    sequence: int
    instruments: list[TrancheLife]


class Allocation(Answer):
    """So many lots of a tranche that a provider owes a buyer, and what is held for them in USD."""

    id: int
    symbol: str
    buyer: str
    provider: str
    quantity: int
    price: Decimal
    escrow: Decimal
    bond: Decimal
    state: str
    created_ns: int


class Book(Answer):
    """The best levels of a book, best first, as (price, quantity)."""

    symbol: str
    sequence: int
    bids: list[tuple[Decimal, int]]
    asks: list[tuple[Decimal, int]]


class OrderChange(Answer):
    """One order of a book: `added` behind the others of its price, `changed`, or `removed`; what is shown of it now."""

    action: str
    order_id: int
    side: str
    price: Decimal
    quantity: int


class OrderBookUpdate(Answer):
    """A book order by order: all of them as (order id, price, quantity), the oldest of each price first (`snapshot`),
    or what happened since the message of `previous_sequence`, in order."""

    type: str
    sequence: int
    previous_sequence: int | None = None
    bids: list[tuple[int, Decimal, int]] = []
    asks: list[tuple[int, Decimal, int]] = []
    orders: list[OrderChange] = []


class Trade(Answer):
    """One trade, as everybody may see it."""

    id: str
    symbol: str
    price: Decimal
    quantity: int
    taker_side: str | None
    time: datetime
    time_ns: int
    sequence: int


class Fill(Answer):
    """One trade of the command that is answered."""

    id: str
    price: Decimal
    quantity: int
    fee: Decimal


class OtherWindow(Answer):
    """A window that has orders on the other side: the best price there, and how many lots are offered at it."""

    symbol: str
    price: Decimal
    quantity: int


class Alternatives(Answer):
    """What else there is: the largest quantity that would pass for want of margin, or windows for want of orders."""

    largest_quantity: int | None
    windows: list[OtherWindow]
    sequence: int


class OrderAnswer(Answer):
    """What a place, cancel or replace came to. A repeated answer may lack what is no longer remembered."""

    sequence: int
    time_ns: int
    order_id: int
    client_id: str | None
    symbol: str | None
    side: str | None
    status: str
    reason: str | None
    price: Decimal
    quantity: int | None
    filled_quantity: int | None
    remaining_quantity: int
    average_price: Decimal | None
    trades: list[Fill] | None
    repeated: bool = False
    alternatives: Alternatives | None = None
    """Of an order that was killed for want of orders on the other side, and asked to be told."""


class Order(Answer):
    """One own order."""

    order_id: int
    client_id: str | None
    symbol: str
    side: str
    type: str
    time_in_force: str
    post_only: bool | str
    reduce_only: bool
    forced: bool
    display_quantity: int | None
    minimum_quantity: int | None
    label: int
    session: int = 0
    price: Decimal | None
    quantity: int
    filled_quantity: int
    remaining_quantity: int
    status: str
    reason: str | None
    created_ns: int
    updated_ns: int
    sequence: int


class OwnFill(Answer):
    """One trade of an own order."""

    id: str
    symbol: str
    price: Decimal
    quantity: int
    side: str
    order_id: int
    client_id: str | None
    liquidity: str
    fee: Decimal
    time_ns: int
    sequence: int


class OrdersUpdate(Answer):
    """What happened to own orders: each as it is now, and each trade. A snapshot has all open ones, and no trades; a
    replay what happened after the sequence that was asked for."""

    type: str
    sequence: int
    orders: list[Order]
    fills: list[OwnFill]


class FillsUpdate(Answer):
    """Own trades: those of a batch, those that were asked for again (`replay`), or none (`snapshot`)."""

    type: str
    sequence: int
    fills: list[OwnFill]


class Balances(Answer):
    """An account's money in USD. Equity is cash and unsettled gains; margin binds some of it, the rest is free.

    With equity below margin an account is called; below maintenance the exchange closes its positions.
    """

    cash: Decimal
    equity: Decimal
    margin: Decimal
    maintenance: Decimal
    free: Decimal
    withdrawable: Decimal
    fees: Decimal
    add_on: Decimal
    """What risk staff add to `margin`; nothing of it is in `maintenance`."""


class Position(Answer):
    """What an account holds of one tranche; negative for a seller."""

    symbol: str
    quantity: int
    cost: Decimal
    mark_price: Decimal
    unsettled: Decimal


class Account(Answer):
    """An account's money and positions. It stands as `sound`, `margin_call` or `liquidation`."""

    account_id: int
    name: str
    standing: str
    balances: Balances
    positions: list[Position]
    sequence: int


class Region(Answer):
    """How a region is used, and how far that makes leverage dearer, in parts of a million."""

    region: str
    utilisation_ppm: int
    low_ppm: int
    high_ppm: int
    strain_ppm: int


class RegionsUpdate(Answer):
    """All regions (`snapshot`), or those that are used or strained otherwise than was told."""

    type: str
    sequence: int
    regions: list[Region]


class Financing(Answer):
    """What negative cash costs a year, in parts of a million: the curve, and the rate in force."""

    base_ppm: int
    slope_1_ppm: int
    slope_2_ppm: int
    optimum_ppm: int
    rate_ppm: int
    utilisation_ppm: int


class Regions(Answer):
    """All regions, and what cash costs."""

    regions: list[Region]
    financing: Financing


class InsuranceFund(Answer):
    """What there is to pay for those who cannot, in USD."""

    balance: Decimal
    sequence: int


class Protection(Answer):
    """Market-maker protection in a region; None is no limit."""

    interval_ms: int
    frozen_ms: int
    quantity: int | None
    net_quantity: int | None
    notional: Decimal | None
    is_frozen: bool
    frozen_until: datetime | None


class RegionLimits(Answer):
    """What holds for an account in a region."""

    region: str
    position: int | None
    protection: Protection | None


class Budget(Answer):
    """What is left of the budget of requests, and when it is full again."""

    limit: int
    remaining: int
    reset_ms: int


class Activity(Answer):
    """What an account sent and traded in the last hour; `order_to_trade` is messages for each fill."""

    window_s: int
    orders: int
    replaces: int
    cancels: int
    fills: int
    order_to_trade: Decimal | None


class Limits(Answer):
    """What an account may have at most, and whether it may have new orders; None is no limit."""

    account: str
    is_blocked: bool
    position: int | None
    order_quantity: int | None
    order_notional: Decimal | None
    open_orders_base: int | None
    open_orders_max: int | None
    open_orders_step: Decimal | None
    regions: list[RegionLimits]
    budget: Budget
    activity: Activity
