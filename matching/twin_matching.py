"""How the twin of the book works an order: what it could get, whom it meets, and what becomes of the rest.

In an auction an order trades with nobody on entry. It then meets none but those orders of the other side that
self-trade prevention keeps from it.
"""

from matching.schema import (
    PRICE_TICKS_MAX,
    EventKind,
    OrderFlag,
    OrderReason,
    Phase,
    SelfTrade,
    Side,
    TimeInForce,
)
from matching.twin_rules import POST_ONLY_FLAGS, Order, reaches
from matching.twin_state import TwinState


def limit_after_post_only(book: TwinState, order: Order, price_ticks: int) -> int | None:
    """The limit of an order that must not take: as it is, a step away from the other side, or none."""
    instrument = book.instruments[order.instrument_id]
    opposite = instrument.best_first(1 - order.side)
    if not order.flags & POST_ONLY_FLAGS or not opposite or instrument.phase == Phase.AUCTION:
        return price_ticks
    best_ticks, _ = opposite[0]
    if not reaches(order.side, price_ticks, best_ticks):
        return price_ticks
    if order.flags & OrderFlag.POST_ONLY:
        return None
    step_ticks = instrument.price_step_ticks
    slid_ticks = best_ticks - step_ticks if order.side == Side.BUY else best_ticks + step_ticks
    return slid_ticks if 1 <= slid_ticks <= PRICE_TICKS_MAX else None


def trim(book: TwinState, order: Order, allowed_lots: int) -> None:
    """Give up what an incoming reduce-only order has more than the position allows."""
    excess_lots = order.leaves_lots - allowed_lots
    if order.flags & OrderFlag.REDUCE_ONLY and excess_lots > 0:
        book.shrink(order, excess_lots)
        book.write(
            EventKind.TRIMMED,
            order,
            quantity_lots=excess_lots,
            leaves_lots=order.leaves_lots,
            reason=OrderReason.REDUCE_ONLY,
        )


def is_fillable(book: TwinState, taker: Order, wanted_lots: int) -> bool:
    """Whether an order would trade so many lots, less what self-trade prevention takes away.

    A level without an order that ends the count yields all that its orders have, since an iceberg's next clip comes
    before the next level; in front of such an order there is only what is shown.
    """
    found_lots = 0
    for price_ticks, queue in book.instruments[taker.instrument_id].best_first(1 - taker.side):
        if not reaches(taker.side, taker.price_ticks, price_ticks):
            break
        own = [order for order in queue if book.must_not_trade(taker, order)]
        if own and taker.self_trade != SelfTrade.CANCEL_OLDEST:
            found_lots += sum(order.visible_lots for order in queue[: queue.index(own[0])])
            break
        found_lots += sum(order.leaves_lots for order in queue if order not in own)
    return found_lots >= wanted_lots


def work(book: TwinState, taker: Order, kind_at_rest: EventKind) -> None:
    """Match an order and say what became of it."""
    if not match(book, taker):
        book.kill(taker, OrderReason.SELF_TRADE)
    elif taker.leaves_lots == 0:
        book.write(EventKind.FILLED, taker, quantity_lots=0, leaves_lots=0)
    elif taker.time_in_force in (TimeInForce.IOC, TimeInForce.FOK):
        book.kill(taker, OrderReason.IMMEDIATE_REMAINDER)
    else:
        book.rest(taker)
        book.write(kind_at_rest, taker, quantity_lots=taker.visible_lots, leaves_lots=taker.leaves_lots)


def match(book: TwinState, taker: Order) -> bool:
    """Meet makers while lots and makers are left; False when self-trade prevention ended it."""
    while taker.leaves_lots > 0:
        maker = next_met(book, taker)
        if maker is None:
            return True
        if not book.must_not_trade(taker, maker):
            meet(book, taker, maker, EventKind.TRADE)
        elif not prevent(book, taker, maker):
            return False
    return True


def next_met(book: TwinState, taker: Order) -> Order | None:
    """The next order that this one trades with or is kept from trading with."""
    in_auction = book.instruments[taker.instrument_id].phase == Phase.AUCTION
    for maker in book.crossing(taker):
        if not in_auction or book.must_not_trade(taker, maker):
            return maker
    return None


def prevent(book: TwinState, taker: Order, maker: Order) -> bool:
    """Do what the taker's mode says instead of a trade; False when that ends it."""
    if taker.self_trade == SelfTrade.CANCEL_NEWEST:
        return False
    if taker.self_trade == SelfTrade.DECREMENT:
        meet(book, taker, maker, EventKind.PREVENTED)
        return taker.leaves_lots > 0
    book.leave(maker, OrderReason.SELF_TRADE, counter=taker)
    return taker.self_trade == SelfTrade.CANCEL_OLDEST


def meet(book: TwinState, taker: Order, maker: Order, kind: EventKind) -> None:
    """Take what two orders show each other off both: a trade at the maker's price, or one that is prevented."""
    lots = min(taker.leaves_lots, maker.visible_lots)
    for order in (taker, maker):
        order.leaves_lots -= lots
        if kind == EventKind.PREVENTED:
            order.quantity_lots -= lots
    maker.visible_lots -= lots
    book.write(
        kind,
        taker,
        quantity_lots=lots,
        leaves_lots=taker.leaves_lots,
        reason=OrderReason.SELF_TRADE if kind == EventKind.PREVENTED else OrderReason.NONE,
        counter=maker,
        price_ticks=maker.price_ticks,
    )
    if maker.visible_lots == 0:
        book.use_up(maker)
