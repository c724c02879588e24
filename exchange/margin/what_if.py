"""What an account would have to have with other positions and orders, and whether it would get the orders.

Positions come first, as if they were held: at their cost, and without a fee. Then each order is checked as the venue
would check it, one after the other; one that is accepted stands for those behind it, as if it rested. An order that
would trade at once is checked alike, but what its trades would leave is not told here.
"""

from collections.abc import Iterable
from typing import NamedTuple

from exchange.margin.detail import Detail, explain
from exchange.margin.portfolio import Portfolio
from exchange.margin.requirement import Requirement, check_order
from exchange.margin.terms import Terms
from exchange.venue.schema import VenueReject
from matching.schema import PRICE_TICKS_MAX, OrderReject, Phase, Side
from risk.schema import RiskReject

NO_REJECT = 0


class Entry(NamedTuple):
    """A position or an order that somebody thinks of."""

    instrument_id: int
    side: int
    price_ticks: int
    lots: int


class Impossible(NamedTuple):
    """A position that no account can have."""

    index: int  # type: ignore[assignment]  # a field, not the method of tuples
    reject: int


class Outcome(NamedTuple):
    """What would be."""

    before: Detail
    after: Detail
    rejects: tuple[int, ...]
    """Of each order: 0, or why the venue would refuse it."""


def what_if(
    portfolio: Portfolio, positions: Iterable[Entry], orders: Iterable[Entry], *, replaces: bool = False
) -> Outcome | Impossible:
    """Add them to what there is; or put them in its place, its gains and losses realized at the marks."""
    held = portfolio.requirement()
    before = explain(held, portfolio.cash_nano)
    cash_nano = portfolio.cash_nano
    if replaces:
        cash_nano += held.unsettled_nano
        held = Requirement(held.multiplier_ppm, held.add_on_nano)
    for at, position in enumerate(positions):
        reject = _hold(held, portfolio.terms.get(position.instrument_id), position)
        if reject:
            return Impossible(at, reject)
    market = _Room(portfolio)
    rejects = tuple([_try(held, cash_nano, portfolio, market, order) for order in orders])
    return Outcome(before, explain(held, cash_nano), rejects)


class _Room:
    """What the market still has room for."""

    def __init__(self, portfolio: Portfolio) -> None:
        reading = portfolio.reading
        self.has_levels = reading.has_room_for_levels
        self.orders_left = reading.orders_left
        self.positions_left = reading.positions_left
        self.used = set(portfolio.positions) | {order.instrument_id for order in portfolio.orders}

    def take(self, instrument_id: int) -> None:
        """One order more."""
        self.orders_left -= 1
        self.positions_left -= instrument_id not in self.used
        self.used.add(instrument_id)


def _hold(held: Requirement, terms: Terms | None, position: Entry) -> int:
    """Take a position in; 0, or why no account can have it."""
    if terms is None:
        return OrderReject.UNKNOWN_INSTRUMENT
    if position.price_ticks > terms.price_max_ticks:
        return RiskReject.PRICE_ABOVE_MAXIMUM
    signed_lots = position.lots if position.side == Side.BUY else -position.lots
    held.move_position(terms, signed_lots, signed_lots * position.price_ticks * terms.tick_value_nano)
    return RiskReject.NOTIONAL_OUT_OF_RANGE if held.gross_nano > held.gross_nano_max else NO_REJECT


def _try(held: Requirement, cash_nano: int, portfolio: Portfolio, room: _Room, order: Entry) -> int:
    """Let an order stand if the venue would; 0, or why not."""
    terms = portfolio.terms.get(order.instrument_id)
    if portfolio.reading.is_halted:
        return VenueReject.MARKET_HALTED
    if terms is None:
        return OrderReject.UNKNOWN_INSTRUMENT
    reject = _check_book(terms, order, room)
    if reject == NO_REJECT:
        reject = _check_margin(held, cash_nano, terms, order, room)
    if reject == NO_REJECT:
        held.move_order(terms, order.side, order.price_ticks, order.lots)
        room.take(order.instrument_id)
    return reject


def _check_book(terms: Terms, order: Entry, room: _Room) -> int:
    """The rules of the book for a limit that may rest, in the order of `OrderReject`."""
    if terms.phase not in (Phase.OPEN, Phase.AUCTION):
        return OrderReject.INSTRUMENT_HALTED if terms.phase == Phase.HALTED else OrderReject.INSTRUMENT_CLOSED
    if not 1 <= order.price_ticks <= PRICE_TICKS_MAX:
        return OrderReject.PRICE_OUT_OF_RANGE
    if order.price_ticks % terms.price_step_ticks:
        return OrderReject.PRICE_OFF_TICK
    if not 1 <= order.lots <= terms.quantity_max_lots:
        return OrderReject.QUANTITY_OUT_OF_RANGE
    if order.lots % terms.quantity_step_lots:
        return OrderReject.QUANTITY_OFF_LOT
    is_buy = order.side == Side.BUY
    if order.price_ticks > terms.band_high_ticks if is_buy else order.price_ticks < terms.band_low_ticks:
        return OrderReject.PRICE_OUTSIDE_BAND
    if room.orders_left <= 0:
        return OrderReject.TOO_MANY_ORDERS
    return NO_REJECT if room.has_levels else OrderReject.TOO_MANY_PRICE_LEVELS


def _check_margin(held: Requirement, cash_nano: int, terms: Terms, order: Entry, room: _Room) -> int:
    """What risk says. Room for a position is asked for after the bounds, and before what is free."""
    reject = check_order(held, cash_nano, terms, order.side, order.price_ticks, order.lots)
    has_room = room.positions_left > 0 or order.instrument_id in room.used
    if reject in (NO_REJECT, RiskReject.INSUFFICIENT_MARGIN) and not has_room:
        return RiskReject.TOO_MANY_POSITIONS
    return reject
