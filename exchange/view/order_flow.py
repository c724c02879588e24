"""What each event of matching does to the read model: orders, levels of the book, holds, positions, the tape.

An order is entered when its command's first event is no refusal, and joins its account's resting orders when it rests.
What is left of an incoming order, and its total, are told by the outcome; until then only its fills are counted. Levels
follow `matching.schema.LEVEL_EFFECT`: each function below that moves a level says so by calling `_move_level`.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from exchange.venue.schema import Command, Reason, Reject
from exchange.view.batches import BatchReader, OrderCommand, OrderEvent
from exchange.view.records import (
    CANCELLED,
    FILLED,
    KILLED,
    OPEN,
    REJECTED,
    AccountView,
    OrderView,
    PositionView,
    TradeView,
)
from matching.schema import EventKind, OrderFlag, Side, quote_order_id

if TYPE_CHECKING:
    from exchange.view.market import MarketView

# The client id of such a command belongs to an earlier one, or did not arrive whole.
_NAMELESS_REJECTS = frozenset({Reject.CLIENT_ID_REUSED, Reject.INCOMPLETE_GROUP})


def begin_order(view: MarketView, reader: BatchReader, sequence: int) -> None:
    """A new order was taken; its events follow."""
    view.orders.add(_new_order(view, reader, sequence, OPEN, Reason.NONE))


def reject_order(view: MarketView, reader: BatchReader, event: OrderEvent) -> None:
    """A new order was refused: whoever asks for its client id learns why."""
    if event.reason in _NAMELESS_REJECTS or not reader.order(event.sequence).continuations:
        return
    order = _new_order(view, reader, event.sequence, REJECTED, event.reason)
    order.leaves_lots = 0
    if order.client_id:
        view.orders.add_rejected(order)


def begin_quotes(view: MarketView, reader: BatchReader, sequence: int) -> None:
    """A mass quote was taken: its new quotes are orders from now on, those that rest take over its terms.

    A quote that loses its place starts anew: what was filled of it before counts no more.
    """
    head = reader.order(sequence)
    flags = head.flags | OrderFlag.QUOTE
    for quote in reader.entries(sequence, Command.QUOTE):
        for side, name in ((Side.BUY, "bid"), (Side.SELL, "ask")):
            price_ticks, lots = quote[f"{name}_ticks"], quote[f"{name}_lots"]
            order_id = quote_order_id(head.account_id, quote["instrument_id"], side)
            order = view.orders.find(order_id, view.accounts)
            if order is not None and order.status == OPEN:
                order.label, order.session_id, order.flags = head.label, head.session_id, flags
                keeps_place = order.price_ticks == price_ticks and order.leaves_lots >= lots
                order.filled_lots = order.filled_lots if keeps_place or not lots else 0
            elif lots:
                terms = (order_id, quote["instrument_id"], side, price_ticks, lots)
                view.orders.add(_entered_order(view, head, sequence, *terms, flags))


def begin_basket(view: MarketView, reader: BatchReader, sequence: int) -> None:
    """A basket was taken: each leg is an order, filled before the command ends."""
    head = reader.order(sequence)
    for leg in reader.entries(sequence, Command.LEG):
        terms = (leg["order_id"], leg["instrument_id"], leg["side"], leg["price_ticks"], leg["quantity_lots"])
        view.orders.add(_entered_order(view, head, sequence, *terms, leg["flags"]))


def _new_order(view: MarketView, reader: BatchReader, sequence: int, status: str, reason: int) -> OrderView:
    command = reader.order(sequence)
    terms = (command.instrument_id, command.side, command.price_ticks, command.quantity_lots, command.flags)
    order = _entered_order(view, command, sequence, command.order_id, *terms)
    order.status = status
    order.reason = reason
    if command.continuations:
        order.client_id = reader.text(sequence)
        if command.flags & (OrderFlag.ICEBERG | OrderFlag.MINIMUM):
            for extra in reader.entries(sequence, Command.EXTRA)[:1]:
                order.display_lots, order.minimum_lots = extra["display_lots"], extra["minimum_lots"]
    return order


def _entered_order(
    view: MarketView,
    head: OrderCommand,
    sequence: int,
    order_id: int,
    instrument_id: int,
    side: int,
    price_ticks: int,
    quantity_lots: int,
    flags: int,
) -> OrderView:
    tranche = view.tranches.get(instrument_id)
    return OrderView(
        order_id=order_id,
        account_id=head.account_id,
        instrument_id=instrument_id,
        symbol=tranche.symbol if tranche else "",
        client_id="",
        side=side,
        price_ticks=price_ticks,
        quantity_lots=quantity_lots,
        filled_lots=0,
        leaves_lots=quantity_lots,
        status=OPEN,
        reason=Reason.NONE,
        time_in_force=head.time_in_force,
        flags=flags,
        created_ns=view.time_ns,
        updated_ns=view.time_ns,
        sequence=sequence,
        label=head.label,
        session_id=head.session_id,
    )


def _rested(view: MarketView, event: OrderEvent) -> None:
    """RESTED, REPLACED: an order joins the book, perhaps again."""
    order = _changed_order(view, event)
    order.price_ticks = event.price_ticks
    order.leaves_lots = event.leaves_lots
    order.quantity_lots = order.filled_lots + event.leaves_lots
    view.accounts[order.account_id].orders[order.order_id] = order
    _move_level(view, event, order, event.quantity_lots, orders=1)
    _hold(view, event, order, event.leaves_lots)


def _filled(view: MarketView, event: OrderEvent) -> None:
    """Nothing is left of an incoming order; its trades came before."""
    order = _changed_order(view, event)
    order.price_ticks = event.price_ticks
    order.quantity_lots = order.filled_lots
    _finish(view, order, FILLED, event.reason)


def _killed(view: MarketView, event: OrderEvent) -> None:
    """The rest of an incoming order was given up."""
    order = _changed_order(view, event)
    order.price_ticks = event.price_ticks
    order.quantity_lots = order.filled_lots + event.quantity_lots
    _finish(view, order, KILLED, event.reason)


def _cancelled(view: MarketView, event: OrderEvent) -> None:
    """A resting order left the book for good."""
    order = _changed_order(view, event)
    _move_level(view, event, order, -event.quantity_lots, orders=-1)
    _hold(view, event, order, -event.quantity_lots)
    _finish(view, order, CANCELLED, event.reason)


def _reduced(view: MarketView, event: OrderEvent) -> None:
    """A resting order became smaller, perhaps by nothing, and kept its place."""
    order = _changed_order(view, event)
    order.leaves_lots = event.leaves_lots
    order.quantity_lots = order.filled_lots + event.leaves_lots
    if event.quantity_lots:
        _move_level(view, event, order, -event.quantity_lots, orders=0)
        _hold(view, event, order, -event.quantity_lots)


def _withdrawn(view: MarketView, event: OrderEvent) -> None:
    """A resting order left the book to be matched anew; it ends or rests again within the same command."""
    order = _changed_order(view, event)
    _move_level(view, event, order, -event.quantity_lots, orders=-1)
    _hold(view, event, order, -event.quantity_lots)


def _refreshed(view: MarketView, event: OrderEvent) -> None:
    """The next clip of an iceberg: what it shows and what it holds in reserve are the same lots."""
    _move_level(view, event, _changed_order(view, event), event.quantity_lots, orders=0)


def _reserve_removed(view: MarketView, event: OrderEvent) -> None:
    """Lots of an iceberg went that no level showed."""
    order = _changed_order(view, event)
    order.leaves_lots = event.leaves_lots
    _hold(view, event, order, -event.quantity_lots)


def _trimmed(view: MarketView, event: OrderEvent) -> None:
    """An incoming reduce-only order became as small as the position."""
    order = _changed_order(view, event)
    order.leaves_lots = event.leaves_lots
    order.quantity_lots = order.filled_lots + event.leaves_lots


def _allotted(view: MarketView, event: OrderEvent) -> None:
    """Lots left the book to trade in an auction; the trades follow."""
    order = _changed_order(view, event)
    order.leaves_lots = event.leaves_lots
    _move_level(view, event, order, -event.quantity_lots, orders=0 if event.leaves_lots else -1)
    _hold(view, event, order, -event.quantity_lots)


def _auction_traded(view: MarketView, event: OrderEvent) -> None:
    """A buyer and a seller traded allotted lots at the auction's price."""
    for order_id in (event.order_id, event.counter_order_id):
        order = view.orders.find(order_id, view.accounts)
        assert order is not None, "an order of the book"
        _stamp(view, order, event.sequence)
        order.filled_lots += event.quantity_lots
        if order.leaves_lots == 0 and order.filled_lots == order.quantity_lots:
            _finish(view, order, FILLED, Reason.NONE)
    _record_trade(view, event, None)


def _told_of_auction(view: MarketView, event: OrderEvent) -> None:
    """INDICATIVE, UNCROSSED: what an auction would give now; when it is over, nothing."""
    tranche = view.tranches[event.instrument_id]
    is_over = event.kind == EventKind.UNCROSSED
    tranche.indicative_ticks = 0 if is_over else event.price_ticks
    tranche.indicative_lots = 0 if is_over else event.quantity_lots
    tranche.imbalance_lots = 0 if is_over else event.leaves_lots
    view.changed[tranche.instrument_id] = tranche


def _traded(view: MarketView, event: OrderEvent) -> None:
    """The incoming order took lots from a resting one, at the resting one's price."""
    taker = _changed_order(view, event)
    taker.filled_lots += event.quantity_lots
    maker = _known_order(view, event.counter_order_id)
    maker.filled_lots += event.quantity_lots
    if _take_from_maker(view, event, maker):
        _finish(view, maker, FILLED, Reason.NONE)
    _record_trade(view, event, event.side)


def _record_trade(view: MarketView, event: OrderEvent, taker_side: int | None) -> None:
    """The tape, and the positions of both accounts."""
    tranche = view.tranches[event.instrument_id]
    tranche.last_trade_ticks = event.price_ticks
    tranche.traded_lots += event.quantity_lots
    trade = TradeView(
        event.sequence,
        event.index,
        event.instrument_id,
        tranche.symbol,
        event.price_ticks,
        event.quantity_lots,
        taker_side,
        view.time_ns,
    )
    tranche.trades.append(trade)
    view.tape.append(trade)
    view.trades += 1
    lots = event.quantity_lots if event.side == Side.BUY else -event.quantity_lots
    cost_nano = event.price_ticks * lots * tranche.tick_value_nano
    _fill(view.accounts[event.account_id], event.instrument_id, lots, cost_nano)
    _fill(view.accounts[event.counter_account_id], event.instrument_id, -lots, -cost_nano)


def _prevented(view: MarketView, event: OrderEvent) -> None:
    """Self-trade prevention took lots off both orders instead of a trade."""
    maker = _known_order(view, event.counter_order_id)
    maker.quantity_lots -= event.quantity_lots
    if _take_from_maker(view, event, maker):
        _finish(view, maker, CANCELLED, Reason.SELF_TRADE)


APPLY_ORDER_EVENT: dict[int, Callable[[MarketView, OrderEvent], None]] = {
    EventKind.RESTED: _rested,
    EventKind.REPLACED: _rested,
    EventKind.FILLED: _filled,
    EventKind.KILLED: _killed,
    EventKind.CANCELLED: _cancelled,
    EventKind.REDUCED: _reduced,
    EventKind.WITHDRAWN: _withdrawn,
    EventKind.TRADE: _traded,
    EventKind.PREVENTED: _prevented,
    EventKind.REFRESHED: _refreshed,
    EventKind.RESERVE_REMOVED: _reserve_removed,
    EventKind.TRIMMED: _trimmed,
    EventKind.ALLOTTED: _allotted,
    EventKind.AUCTION_TRADE: _auction_traded,
    EventKind.UNCROSSED: _told_of_auction,
    EventKind.INDICATIVE: _told_of_auction,
}


def _changed_order(view: MarketView, event: OrderEvent) -> OrderView:
    order = _known_order(view, event.order_id)
    _stamp(view, order, event.sequence)
    return order


def _known_order(view: MarketView, order_id: int) -> OrderView:
    order = view.order(order_id)
    assert order is not None, f"order {order_id} rests, and the view does not know it"
    return order


def _stamp(view: MarketView, order: OrderView, sequence: int) -> None:
    order.updated_ns = view.time_ns
    order.sequence = sequence


def _take_from_maker(view: MarketView, event: OrderEvent, maker: OrderView) -> bool:
    """Take lots off a resting order and its level; return whether nothing is left of it."""
    _stamp(view, maker, event.sequence)
    maker.leaves_lots -= event.quantity_lots
    is_gone = maker.leaves_lots == 0
    _move_level(view, event, maker, -event.quantity_lots, orders=-1 if is_gone else 0)
    _hold(view, event, maker, -event.quantity_lots)
    return is_gone


def _move_level(view: MarketView, event: OrderEvent, order: OrderView, lots: int, orders: int) -> None:
    """Change the level that `order` rests on, and the count of resting orders."""
    tranche = view.tranches[event.instrument_id]
    tranche.book.change(order.side, event.price_ticks, lots, orders)
    tranche.book.sequence = event.sequence
    view.resting_orders += orders
    view.changed[tranche.instrument_id] = tranche


def _hold(view: MarketView, event: OrderEvent, order: OrderView, lots: int) -> None:
    """Change what an account holds for its resting orders."""
    tick_value_nano = view.tranches[event.instrument_id].tick_value_nano
    view.accounts[order.account_id].order_hold_nano += event.price_ticks * lots * tick_value_nano


def _finish(view: MarketView, order: OrderView, status: str, reason: int) -> None:
    order.status = status
    order.reason = reason
    order.leaves_lots = 0
    view.accounts[order.account_id].orders.pop(order.order_id, None)
    view.orders.finish(order)


def _fill(account: AccountView, instrument_id: int, lots: int, cost_nano: int) -> None:
    position = account.positions.get(instrument_id)
    if position is None:
        position = account.positions[instrument_id] = PositionView(instrument_id)
    position.lots += lots
    position.cost_nano += cost_nano
