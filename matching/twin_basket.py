"""Baskets in the twin of the book: legs in many instruments, all filled at once or none."""

from types import SimpleNamespace

from matching.schema import (
    LEGS_MAX,
    EventKind,
    OrderFlag,
    OrderReason,
    OrderReject,
    Phase,
    SelfTrade,
    Side,
    TimeInForce,
)
from matching.twin_matching import is_fillable, work
from matching.twin_rules import Instrument, Order, check_band, check_phase, check_price, check_quantity
from matching.twin_state import Refusal, TwinState


def basket(book: TwinState, head: SimpleNamespace, legs: list[SimpleNamespace]) -> None:
    """Fill every leg, or do nothing and name the first that cannot be filled."""
    refusal = check_head(head, legs) or check_legs(book, legs)
    if refusal:
        return book.refuse(head.account_id, refusal)
    orders = [leg_order(head, leg) for leg in legs]
    for number, order in enumerate(orders, 1):
        is_allowed = not order.flags & OrderFlag.REDUCE_ONLY or order.leaves_lots <= book.reducible[number]
        if not is_allowed or not is_fillable(book, order, order.leaves_lots):
            return book.write(
                EventKind.BASKET_KILLED,
                order,
                quantity_lots=order.leaves_lots,
                leaves_lots=0,
                reason=OrderReason.NOT_FILLABLE,
            )
    for order in orders:
        work(book, order, EventKind.RESTED)
        assert order.leaves_lots == 0, "a leg of a basket was not filled"
    return book.summarise(
        EventKind.BASKET_FILLED, head.account_id, len(orders), sum(order.quantity_lots for order in orders)
    )


def check_head(head: SimpleNamespace, legs: list[SimpleNamespace]) -> Refusal | None:
    """What holds for all legs must be known, and there must be some."""
    broken = (
        head.time_in_force != TimeInForce.FOK,
        head.flags != 0,
        head.self_trade not in set(SelfTrade),
        not 1 <= len(legs) <= LEGS_MAX,
    )
    return Refusal(OrderReject.INVALID_ORDER_TERMS) if any(broken) else None


def check_legs(book: TwinState, legs: list[SimpleNamespace]) -> Refusal | None:
    """The first rule that a leg breaks."""
    for number, leg in enumerate(legs):
        reject = check_leg(book, leg, legs[:number])
        if reject:
            return Refusal(reject, leg.instrument_id, leg.order_id, leg.side, leg.price_ticks)
    return None


def check_leg(book: TwinState, leg: SimpleNamespace, earlier: list[SimpleNamespace]) -> OrderReject | None:
    """The first rule that one leg breaks, with those before it."""
    instrument = book.instruments.get(leg.instrument_id)
    if instrument is None:
        return OrderReject.UNKNOWN_INSTRUMENT
    if any(leg.instrument_id == other.instrument_id for other in earlier):
        return OrderReject.DUPLICATE_INSTRUMENT
    reject = (
        check_open(instrument)
        or check_form(leg)
        or check_price(instrument, leg.price_ticks)
        or check_quantity(instrument, leg.quantity_lots)
        or check_band(instrument, leg.side, leg.price_ticks)
    )
    is_taken = leg.order_id in book.resting or any(leg.order_id == other.order_id for other in earlier)
    return reject or (OrderReject.DUPLICATE_ORDER_ID if is_taken else None)


def check_open(instrument: Instrument) -> OrderReject | None:
    """A leg trades at once, so the book must be open."""
    return OrderReject.NOT_IN_AUCTION if instrument.phase == Phase.AUCTION else check_phase(instrument)


def check_form(leg: SimpleNamespace) -> OrderReject | None:
    """The choices of a leg must be known ones."""
    broken = (leg.side not in set(Side), leg.flags & ~OrderFlag.REDUCE_ONLY.value != 0, leg.order_id == 0)
    return OrderReject.INVALID_ORDER_TERMS if any(broken) else None


def leg_order(head: SimpleNamespace, leg: SimpleNamespace) -> Order:
    """The order that a leg is."""
    return Order(
        order_id=leg.order_id,
        account_id=head.account_id,
        instrument_id=leg.instrument_id,
        side=leg.side,
        price_ticks=leg.price_ticks,
        quantity_lots=leg.quantity_lots,
        leaves_lots=leg.quantity_lots,
        time_in_force=TimeInForce.FOK,
        expires_ns=0,
        flags=leg.flags,
        self_trade=head.self_trade,
        client_id_high=head.client_id_high,
        client_id_low=head.client_id_low,
        label=head.label,
        session_id=head.session_id,
    )
