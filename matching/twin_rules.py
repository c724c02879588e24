"""What an order and an instrument are to the twin of the book, and each rule of acceptance as one plain function."""

from dataclasses import dataclass, field
from itertools import takewhile
from types import SimpleNamespace

import numpy as np
from sortedcontainers import SortedDict

from matching.schema import (
    PRICE_TICKS_MAX,
    ChangeFlag,
    CommandKind,
    OrderFlag,
    OrderReject,
    Phase,
    SelfTrade,
    Side,
    TimeInForce,
)

POST_ONLY_FLAGS = int(OrderFlag.POST_ONLY | OrderFlag.POST_ONLY_SLIDE)
NEEDS_EXTRA = int(OrderFlag.ICEBERG | OrderFlag.MINIMUM)
# Plain integers, because the complement of a flag enumeration leaves out every bit that it does not know.
ORDER_FLAGS = int(OrderFlag.MARKET | OrderFlag.REDUCE_ONLY) | POST_ONLY_FLAGS | NEEDS_EXTRA
NOT_IN_AUCTION_FLAGS = ORDER_FLAGS & ~int(OrderFlag.ICEBERG)
CHANGE_FLAGS = int(ChangeFlag.REQUEUE | ChangeFlag.NAMES_REMAINING)


@dataclass(eq=False)
class Order:
    """An order at work or at rest.

    `quantity_lots` is its total, less what self-trade prevention took, and `leaves_lots` what is left of it. While it
    rests `visible_lots` of them are shown, which is all unless it is an iceberg with clips of `display_lots`.
    """

    order_id: int
    account_id: int
    instrument_id: int
    side: int
    price_ticks: int
    quantity_lots: int
    leaves_lots: int
    time_in_force: int
    expires_ns: int
    flags: int
    self_trade: int
    client_id_high: int
    client_id_low: int
    label: int
    session_id: int
    visible_lots: int = 0
    display_lots: int = 0

    @property
    def reserve_lots(self) -> int:
        """What is left but not shown, of an order at rest."""
        return self.leaves_lots - self.visible_lots


@dataclass(eq=False)
class Instrument:
    """What an instrument allows, and both sides of its book: price to orders, oldest first."""

    price_step_ticks: int
    quantity_step_lots: int
    quantity_max_lots: int
    band_low_ticks: int
    band_high_ticks: int
    phase: Phase
    scope: int
    sides: tuple[SortedDict, SortedDict] = field(default_factory=lambda: (SortedDict(), SortedDict()))

    def best_first(self, side: int) -> list[tuple[int, list[Order]]]:
        """The levels of one side: highest bid first, lowest ask first."""
        levels = list(self.sides[side].items())
        return levels[::-1] if side == Side.BUY else levels

    def orders(self, side: int) -> list[Order]:
        """All orders of one side, in priority order."""
        return [order for _, queue in self.best_first(side) for order in queue]


def plain(record: np.void) -> SimpleNamespace:
    """A command as an object with plain integers."""
    return SimpleNamespace(**{name: int(record[name]) for name in record.dtype.fields or ()})


def leading(group: np.ndarray, kind: CommandKind, layout: np.dtype) -> list[SimpleNamespace]:
    """The records right behind the head of a group, as long as they are of one kind."""
    return [plain(row) for row in takewhile(lambda row: row["kind"] == kind, group[1:].view(layout))]


def new_order(command: SimpleNamespace, extra: SimpleNamespace | None, instrument: Instrument) -> Order:
    """The order that a command brings; a market order's limit is the edge of the band."""
    price_ticks = command.price_ticks
    if command.flags & OrderFlag.MARKET:
        price_ticks = instrument.band_high_ticks if command.side == Side.BUY else instrument.band_low_ticks
    return Order(
        order_id=command.order_id,
        account_id=command.account_id,
        instrument_id=command.instrument_id,
        side=command.side,
        price_ticks=price_ticks,
        quantity_lots=command.quantity_lots,
        leaves_lots=command.quantity_lots,
        time_in_force=command.time_in_force,
        expires_ns=command.expires_ns,
        flags=command.flags,
        self_trade=command.self_trade,
        client_id_high=command.client_id_high,
        client_id_low=command.client_id_low,
        label=command.label,
        session_id=command.session_id,
        display_lots=extra.display_lots if extra and command.flags & OrderFlag.ICEBERG else 0,
    )


def check_new(
    command: SimpleNamespace, extra: SimpleNamespace | None, instrument: Instrument | None
) -> OrderReject | None:
    """The first rule that a new order breaks by itself, whatever else is in the book."""
    if instrument is None:
        return OrderReject.UNKNOWN_INSTRUMENT
    is_market = bool(command.flags & OrderFlag.MARKET)
    return (
        check_phase(instrument)
        or check_terms(command)
        or check_extra(command, extra)
        or check_auction(command, instrument)
        or (None if is_market else check_price(instrument, command.price_ticks))
        or check_quantity(instrument, command.quantity_lots)
        or check_display(command, extra, instrument)
        or (None if is_market else check_band(instrument, command.side, command.price_ticks))
    )


def check_change(command: SimpleNamespace, order: Order, instrument: Instrument) -> OrderReject | None:
    """The first rule that a replace of a known order breaks by itself."""
    if reject := check_phase(instrument):
        return reject
    if command.flags & ~CHANGE_FLAGS:
        return OrderReject.INVALID_ORDER_TERMS
    return (
        check_price(instrument, command.price_ticks)
        or check_quantity(instrument, command.quantity_lots)
        or check_band(instrument, order.side, command.price_ticks)
    )


def check_phase(instrument: Instrument) -> OrderReject | None:
    """Only an open book and an auction take orders."""
    return {
        Phase.CLOSED: OrderReject.INSTRUMENT_CLOSED,
        Phase.HALTED: OrderReject.INSTRUMENT_HALTED,
        Phase.OPEN: None,
        Phase.AUCTION: None,
    }[instrument.phase]


def check_terms(command: SimpleNamespace) -> OrderReject | None:
    """Every choice must be a known one, and the choices must go together."""
    is_market = bool(command.flags & OrderFlag.MARKET)
    makes_only = bool(command.flags & POST_ONLY_FLAGS)
    is_immediate = command.time_in_force in (TimeInForce.IOC, TimeInForce.FOK)
    is_gtd = command.time_in_force == TimeInForce.GTD
    broken = (
        command.order_id == 0,
        command.side not in set(Side),
        command.time_in_force not in set(TimeInForce),
        command.self_trade not in set(SelfTrade),
        command.flags & ~ORDER_FLAGS != 0,
        command.flags & POST_ONLY_FLAGS == POST_ONLY_FLAGS,
        makes_only and (is_immediate or is_market),
        is_market and not is_immediate,
        is_market and command.price_ticks != 0,
        is_gtd and command.expires_ns <= 0,
        not is_gtd and command.expires_ns != 0,
    )
    return OrderReject.INVALID_ORDER_TERMS if any(broken) else None


def check_extra(command: SimpleNamespace, extra: SimpleNamespace | None) -> OrderReject | None:
    """Further terms must be there for a flag that asks for them, and only for such a flag."""
    if not command.flags & NEEDS_EXTRA:
        return None
    if extra is None:
        return OrderReject.INVALID_ORDER_TERMS
    is_iceberg = bool(command.flags & OrderFlag.ICEBERG)
    has_minimum = bool(command.flags & OrderFlag.MINIMUM)
    may_rest = command.time_in_force in (TimeInForce.GTC, TimeInForce.GTD)
    broken = (
        is_iceberg and not may_rest,
        is_iceberg and not 1 <= extra.display_lots <= command.quantity_lots,
        not is_iceberg and extra.display_lots != 0,
        has_minimum and command.time_in_force == TimeInForce.FOK,
        has_minimum and bool(command.flags & POST_ONLY_FLAGS),
        has_minimum and not 1 <= extra.minimum_lots <= command.quantity_lots,
        not has_minimum and extra.minimum_lots != 0,
    )
    return OrderReject.INVALID_ORDER_TERMS if any(broken) else None


def check_auction(command: SimpleNamespace, instrument: Instrument) -> OrderReject | None:
    """An auction takes limit orders that may rest, plain ones or icebergs."""
    may_rest = command.time_in_force in (TimeInForce.GTC, TimeInForce.GTD)
    fits = may_rest and not command.flags & NOT_IN_AUCTION_FLAGS
    return OrderReject.NOT_IN_AUCTION if instrument.phase == Phase.AUCTION and not fits else None


def check_display(
    command: SimpleNamespace, extra: SimpleNamespace | None, instrument: Instrument
) -> OrderReject | None:
    """What an iceberg shows is in whole lots of the instrument."""
    is_iceberg = extra is not None and command.flags & OrderFlag.ICEBERG
    off_lot = extra is not None and extra.display_lots % instrument.quantity_step_lots != 0
    return OrderReject.QUANTITY_OFF_LOT if is_iceberg and off_lot else None


def check_price(instrument: Instrument, price_ticks: int) -> OrderReject | None:
    """A price that a level may have."""
    if not 1 <= price_ticks <= PRICE_TICKS_MAX:
        return OrderReject.PRICE_OUT_OF_RANGE
    return OrderReject.PRICE_OFF_TICK if price_ticks % instrument.price_step_ticks else None


def check_quantity(instrument: Instrument, quantity_lots: int) -> OrderReject | None:
    """A quantity that an order may have."""
    if not 1 <= quantity_lots <= instrument.quantity_max_lots:
        return OrderReject.QUANTITY_OUT_OF_RANGE
    return OrderReject.QUANTITY_OFF_LOT if quantity_lots % instrument.quantity_step_lots else None


def check_band(instrument: Instrument, side: int, price_ticks: int) -> OrderReject | None:
    """The band bounds what an order may pay, never what it may hope for."""
    too_high = side == Side.BUY and price_ticks > instrument.band_high_ticks
    too_low = side == Side.SELL and price_ticks < instrument.band_low_ticks
    return OrderReject.PRICE_OUTSIDE_BAND if too_high or too_low else None


def reaches(side: int, limit_ticks: int, price_ticks: int) -> bool:
    """Whether an order of this side and limit trades at a price of the other side."""
    return price_ticks <= limit_ticks if side == Side.BUY else price_ticks >= limit_ticks
