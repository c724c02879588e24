"""One account's positions and open orders with all that its risk depends on, as of one command."""

from collections import Counter
from dataclasses import replace
from typing import NamedTuple

from exchange.margin.requirement import Requirement
from exchange.margin.terms import Reading, Terms
from exchange.view import MarketView


class Position(NamedTuple):
    """What is held of one tranche."""

    lots: int  # negative for a seller
    cost_nano: int


class OpenOrders(NamedTuple):
    """All open orders of a tranche on one side at one limit."""

    instrument_id: int
    side: int
    limit_ticks: int
    lots: int


class Portfolio(NamedTuple):
    """Nothing of it changes after it was taken."""

    reading: Reading
    positions: dict[int, Position]  # by instrument
    orders: tuple[OpenOrders, ...]
    symbols: dict[int, str]
    regions: dict[int, str]

    @property
    def terms(self) -> dict[int, Terms]:
        """Of each instrument."""
        return self.reading.terms

    @property
    def cash_nano(self) -> int:
        """Cash of the account."""
        return self.reading.money.cash_nano

    def requirement(self) -> Requirement:
        """What it requires, worked out from nothing."""
        held = Requirement(self.reading.multiplier_ppm, self.reading.money.add_on_nano)
        for instrument_id, position in self.positions.items():
            held.move_position(self.terms[instrument_id], position.lots, position.cost_nano)
        for order in self.orders:
            held.move_order(self.terms[order.instrument_id], order.side, order.limit_ticks, order.lots)
        return held


def instruments_of(view: MarketView, account_id: int) -> set[int]:
    """Where an account has positions or orders."""
    held = {position.instrument_id for position in view.positions(account_id)}
    return held | {order.instrument_id for order in view.open_orders(account_id)}


def take_portfolio(view: MarketView, reading: Reading) -> Portfolio | None:
    """The account of a reading from a view of the same age; None if it has come to an instrument that was not read."""
    assert view.time_ns == reading.time_ns, "the view is of another age than the reading"
    account_id = reading.account_id
    lots: Counter[tuple[int, int, int]] = Counter()
    for order in view.open_orders(account_id):
        lots[order.instrument_id, order.side, order.price_ticks] += order.leaves_lots
    positions = {each.instrument_id: Position(each.lots, each.cost_nano) for each in view.positions(account_id)}
    was_read = set(reading.contracts["instrument_id"].tolist())
    if not positions.keys() | {instrument_id for instrument_id, _, _ in lots} <= was_read:
        return None
    return Portfolio(
        reading=replace(reading, sequence=view.sequence),
        positions=positions,
        orders=tuple(OpenOrders(*key, leaves_lots) for key, leaves_lots in lots.items()),
        symbols={instrument_id: view.tranches[instrument_id].symbol for instrument_id in was_read},
        regions={region_id: view.regions[region_id] for region_id in set(reading.contracts["region_id"].tolist())},
    )
