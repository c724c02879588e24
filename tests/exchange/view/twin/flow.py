"""What each event of matching does to the read model, in the slow, obvious way: objects in dictionaries.

The compiled code of `exchange.view.columns` is compared with it, batch by batch.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from exchange.venue.schema import Command, Event, Reason, Reject
from exchange.view.batches import OrderEvent
from exchange.view.records import CANCELLED, FILLED, KILLED, OPEN, REJECTED, OrderView, TradeView
from matching.schema import EventKind, OrderFlag, Side, TimeInForce, quote_order_id
from tests.exchange.view.twin.reader import TwinReader
from tests.exchange.view.twin.records import Execution, TwinAccount, TwinPosition, TwinTranche

if TYPE_CHECKING:
    from tests.exchange.view.twin.market import ViewTwin

_BUY = int(Side.BUY)
_NO_REASON = int(Reason.NONE)
_HAS_EXTRA = int(OrderFlag.ICEBERG | OrderFlag.MINIMUM)
_LOTS = OrderEvent._fields.index("quantity_lots")

# The client id of such a command belongs to an earlier one, or did not arrive whole.
_NAMELESS_REJECTS = frozenset({Reject.CLIENT_ID_REUSED, Reject.INCOMPLETE_GROUP})


def begin_order(view: ViewTwin, reader: TwinReader, sequence: int) -> None:
    """A new order was taken; its events follow."""
    view.orders.add(_new_order(view, reader, sequence))


def reject_order(view: ViewTwin, reader: TwinReader, event: OrderEvent) -> None:
    """A new order was refused: whoever asks for its client id learns why."""
    if event.reason in _NAMELESS_REJECTS or not reader.head(event.sequence).continuations:
        return
    order = _new_order(view, reader, event.sequence)
    if order.client_id:
        order.status = REJECTED
        order.reason = event.reason
        order.leaves_lots = 0
        view.orders.add_rejected(order)


def begin_quotes(view: ViewTwin, reader: TwinReader, sequence: int) -> None:
    """A mass quote was taken: its new quotes are orders from now on, those that rest take over its terms.

    A quote that loses its place starts anew: what was filled of it before counts no more.
    """
    head = reader.head(sequence)
    flags = head.flags | OrderFlag.QUOTE
    for quote in reader.entries(sequence, Command.QUOTE):
        for side, name in ((Side.BUY, "bid"), (Side.SELL, "ask")):
            price_ticks, lots = quote[f"{name}_ticks"], quote[f"{name}_lots"]
            order_id = quote_order_id(head.account_id, quote["instrument_id"], side)
            order = view.orders.find(order_id)
            if order is not None and order.status == OPEN:
                order.label, order.session_id, order.flags = head.label, head.session_id, flags
                keeps_place = order.price_ticks == price_ticks and order.leaves_lots >= lots
                order.filled_lots = order.filled_lots if keeps_place or not lots else 0
            elif lots:
                terms = (order_id, head.account_id, quote["instrument_id"], side, price_ticks, lots)
                described = (head.time_in_force, flags, head.label, head.session_id)
                view.orders.add(entered_order(view, sequence, (*terms, *described)))


def begin_basket(view: ViewTwin, reader: TwinReader, sequence: int) -> None:
    """A basket was taken: each leg is an order, filled before the command ends."""
    head = reader.head(sequence)
    for leg in reader.entries(sequence, Command.LEG):
        terms = (leg["order_id"], head.account_id, leg["instrument_id"], leg["side"])
        price = (leg["price_ticks"], leg["quantity_lots"])
        described = (head.time_in_force, leg["flags"], head.label, head.session_id)
        view.orders.add(entered_order(view, sequence, (*terms, *price, *described)))


def _new_order(view: ViewTwin, reader: TwinReader, sequence: int) -> OrderView:
    """The order that a PLACE brings."""
    (
        _,
        continuations,
        side,
        time_in_force,
        instrument_id,
        account_id,
        price_ticks,
        lots,
        order_id,
        _,
        _,
        _,
        label,
        session_id,
        flags,
        _,
    ) = reader.order(sequence)
    terms = (order_id, account_id, instrument_id, side, price_ticks, lots, time_in_force, flags, label, session_id)
    order = entered_order(view, sequence, terms)
    if continuations:
        order.client_id = reader.text(sequence)
        if flags & _HAS_EXTRA:
            for extra in reader.entries(sequence, Command.EXTRA)[:1]:
                order.display_lots, order.minimum_lots = extra["display_lots"], extra["minimum_lots"]
    return order


def entered_order(view: ViewTwin, sequence: int, terms: tuple[int, ...]) -> OrderView:
    """A new order, of which nothing has happened yet."""
    order_id, account_id, instrument_id, side, price_ticks, lots, time_in_force, flags, label, session_id = terms
    tranche = view.tranches.get(instrument_id)
    time_ns = view.time_ns
    # By place: names would take four times as long.
    return OrderView(
        order_id,
        account_id,
        instrument_id,
        tranche.symbol if tranche else "",
        "",  # client_id
        side,
        price_ticks,
        lots,
        0,  # filled_lots
        lots,  # leaves_lots
        OPEN,
        _NO_REASON,
        time_in_force,
        flags,
        time_ns,
        time_ns,
        sequence,
        0,  # display_lots
        0,  # minimum_lots
        label,
        session_id,
    )


def _rested(view: ViewTwin, event: tuple) -> None:
    """RESTED, REPLACED: an order joins the book, perhaps again."""
    _, side, _, instrument_id, sequence, order_id, _, account_id, _, price_ticks, _, lots, leaves_lots = event
    order = _changed_order(view, order_id, sequence)
    order.price_ticks = price_ticks
    order.leaves_lots = leaves_lots
    order.quantity_lots = order.filled_lots + leaves_lots
    view.accounts[account_id].orders[order_id] = order
    _move_level(view, instrument_id, side, price_ticks, lots, 1, sequence)


def _filled(view: ViewTwin, event: tuple) -> None:
    """Nothing is left of an incoming order; its trades came before."""
    _, _, reason, _, sequence, order_id, _, _, _, price_ticks, _, _, _ = event
    order = _changed_order(view, order_id, sequence)
    order.price_ticks = price_ticks
    order.quantity_lots = order.filled_lots
    _finish(view, order, FILLED, reason)


def _killed(view: ViewTwin, event: tuple) -> None:
    """The rest of an incoming order was given up."""
    _, _, reason, _, sequence, order_id, _, _, _, price_ticks, _, lots, _ = event
    order = _changed_order(view, order_id, sequence)
    order.price_ticks = price_ticks
    order.quantity_lots = order.filled_lots + lots
    _finish(view, order, KILLED, reason)


def _cancelled(view: ViewTwin, event: tuple) -> None:
    """A resting order left the book for good."""
    _, side, reason, instrument_id, sequence, order_id, _, _, _, price_ticks, _, lots, _ = event
    order = _changed_order(view, order_id, sequence)
    _move_level(view, instrument_id, side, price_ticks, -lots, -1, sequence)
    _finish(view, order, CANCELLED, reason)


def _withdrawn(view: ViewTwin, event: tuple) -> None:
    """A resting order left the book to be matched anew; it ends or rests again within the same command."""
    _, side, _, instrument_id, sequence, order_id, _, _, _, price_ticks, _, lots, _ = event
    _changed_order(view, order_id, sequence)
    _move_level(view, instrument_id, side, price_ticks, -lots, -1, sequence)


def _traded(view: ViewTwin, event: tuple) -> None:
    """The incoming order took lots from a resting one, at the resting one's price."""
    _, side, _, _, sequence, order_id, _, _, _, _, _, lots, _ = event
    taker = _changed_order(view, order_id, sequence)
    taker.filled_lots += lots
    maker = _take_from_maker(view, event)
    maker.filled_lots += lots
    if not maker.leaves_lots:
        _finish(view, maker, FILLED, _NO_REASON)
    _record_trade(view, event, side, taker, maker)


def _record_trade(
    view: ViewTwin, event: tuple, taker_side: int | None, order: OrderView, counter_order: OrderView
) -> None:
    """The tape, the fills and the positions of both accounts."""
    _, side, _, instrument_id, sequence, _, _, account_id, counter_account_id, price_ticks, index, lots, _ = event
    tranche = view.tranches[instrument_id]
    tranche.last_trade_ticks = price_ticks
    tranche.traded_lots += lots
    trade = TradeView(sequence, index, instrument_id, tranche.symbol, price_ticks, lots, taker_side, view.time_ns)
    tranche.trades.append(trade)
    view.tape.append(trade)
    view.trades += 1
    view.candles.add(instrument_id, view.time_ns, price_ticks, lots)
    # By place, as everything that happens with every trade.
    view.fills.add(
        Execution(
            trade,
            side,
            order.order_id,
            counter_order.order_id,
            account_id,
            counter_account_id,
            order.client_id,
            counter_order.client_id,
            tranche.tick_value_nano,
            tranche.maker_fee_ppm,
            tranche.taker_fee_ppm,
        )
    )
    bought_lots = lots if side == _BUY else -lots
    cost_nano = price_ticks * bought_lots * tranche.tick_value_nano
    move_position(view.accounts[account_id], tranche, bought_lots, cost_nano)
    move_position(view.accounts[counter_account_id], tranche, -bought_lots, -cost_nano)


def _prevented(view: ViewTwin, event: tuple) -> None:
    """Self-trade prevention took lots off both orders instead of a trade."""
    maker = _take_from_maker(view, event)
    maker.quantity_lots -= event[_LOTS]
    if not maker.leaves_lots:
        _finish(view, maker, CANCELLED, int(Reason.SELF_TRADE))


def _reduced(view: ViewTwin, event: OrderEvent) -> None:
    """A resting order became smaller, perhaps by nothing, and kept its place."""
    order = _changed_order(view, event.order_id, event.sequence)
    order.leaves_lots = event.leaves_lots
    order.quantity_lots = order.filled_lots + event.leaves_lots
    if event.quantity_lots:
        _move_by_event(view, event, orders=0)


def _refreshed(view: ViewTwin, event: OrderEvent) -> None:
    """The next clip of an iceberg: what it shows and what it holds in reserve are the same lots."""
    _changed_order(view, event.order_id, event.sequence)
    _move_level(view, event.instrument_id, event.side, event.price_ticks, event.quantity_lots, 0, event.sequence)


def _reserve_removed(view: ViewTwin, event: OrderEvent) -> None:
    """Lots of an iceberg went that no level showed."""
    order = _changed_order(view, event.order_id, event.sequence)
    order.leaves_lots = event.leaves_lots


def _trimmed(view: ViewTwin, event: OrderEvent) -> None:
    """An incoming reduce-only order became as small as the position."""
    order = _changed_order(view, event.order_id, event.sequence)
    order.leaves_lots = event.leaves_lots
    order.quantity_lots = order.filled_lots + event.leaves_lots


def _allotted(view: ViewTwin, event: OrderEvent) -> None:
    """Lots left the book to trade in an auction; the trades follow."""
    order = _changed_order(view, event.order_id, event.sequence)
    order.leaves_lots = event.leaves_lots
    _move_by_event(view, event, orders=0 if event.leaves_lots else -1)


def _auction_traded(view: ViewTwin, event: OrderEvent) -> None:
    """A buyer and a seller traded allotted lots at the auction's price."""
    bought = _changed_order(view, event.order_id, event.sequence)
    sold = _changed_order(view, event.counter_order_id, event.sequence)
    for order in (bought, sold):
        order.filled_lots += event.quantity_lots
        if order.leaves_lots == 0 and order.filled_lots == order.quantity_lots:
            _finish(view, order, FILLED, _NO_REASON)
    _record_trade(view, event, None, bought, sold)


def _told_of_auction(view: ViewTwin, event: OrderEvent) -> None:
    """INDICATIVE, UNCROSSED: what an auction would give now; when it is over, nothing."""
    tranche = view.tranches[event.instrument_id]
    is_over = event.kind == EventKind.UNCROSSED
    tranche.indicative_ticks = 0 if is_over else event.price_ticks
    tranche.indicative_lots = 0 if is_over else event.quantity_lots
    tranche.imbalance_lots = 0 if is_over else event.leaves_lots
    view.changed[tranche.instrument_id] = tranche


def _by_name(apply: Callable[[ViewTwin, OrderEvent], None]) -> Callable[[ViewTwin, tuple], None]:
    return lambda view, event: apply(view, OrderEvent._make(event))


APPLY_ORDER_EVENT: dict[int, Callable[[ViewTwin, tuple], None]] = {
    int(kind): apply
    for kind, apply in {
        EventKind.RESTED: _rested,
        EventKind.REPLACED: _rested,
        EventKind.FILLED: _filled,
        EventKind.KILLED: _killed,
        EventKind.CANCELLED: _cancelled,
        EventKind.REDUCED: _by_name(_reduced),
        EventKind.WITHDRAWN: _withdrawn,
        EventKind.TRADE: _traded,
        EventKind.PREVENTED: _prevented,
        EventKind.REFRESHED: _by_name(_refreshed),
        EventKind.RESERVE_REMOVED: _by_name(_reserve_removed),
        EventKind.TRIMMED: _by_name(_trimmed),
        EventKind.ALLOTTED: _by_name(_allotted),
        EventKind.AUCTION_TRADE: _by_name(_auction_traded),
        EventKind.UNCROSSED: _by_name(_told_of_auction),
        EventKind.INDICATIVE: _by_name(_told_of_auction),
    }.items()
}


def _changed_order(view: ViewTwin, order_id: int, sequence: int) -> OrderView:
    order = view.orders.by_id.get(order_id)
    assert order is not None, f"order {order_id} rests, and the view does not know it"
    order.updated_ns = view.time_ns
    order.sequence = sequence
    return order


def _take_from_maker(view: ViewTwin, event: tuple) -> OrderView:
    """Take lots off a resting order and its level."""
    _, side, _, instrument_id, sequence, _, maker_id, _, _, price_ticks, _, lots, _ = event
    maker = _changed_order(view, maker_id, sequence)
    maker.leaves_lots -= lots
    orders = 0 if maker.leaves_lots else -1
    _move_level(view, instrument_id, 1 - side, price_ticks, -lots, orders, sequence)
    return maker


def _move_by_event(view: ViewTwin, event: OrderEvent, orders: int) -> None:
    """Take an event's lots off the level of its own order."""
    lots = -event.quantity_lots
    _move_level(view, event.instrument_id, event.side, event.price_ticks, lots, orders, event.sequence)


def _move_level(
    view: ViewTwin, instrument_id: int, side: int, price_ticks: int, lots: int, orders: int, sequence: int
) -> None:
    """Change a level, and the count of resting orders."""
    tranche = view.changed[instrument_id] = view.tranches[instrument_id]
    tranche.sides[side].change(price_ticks, lots, orders)
    tranche.book_sequence = sequence
    view.resting_orders += orders


def _finish(view: ViewTwin, order: OrderView, status: str, reason: int) -> None:
    order.status = status
    order.reason = reason
    order.leaves_lots = 0
    view.accounts[order.account_id].orders.pop(order.order_id, None)
    view.orders.finish(order)


def move_position(account: TwinAccount, tranche: TwinTranche, lots: int, cost_nano: int) -> None:
    """An account gets lots of a tranche, or gives them when negative, at their signed cost."""
    position = account.positions.get(tranche.instrument_id)
    if position is None:
        position = account.positions[tranche.instrument_id] = TwinPosition(tranche)
    position.lots += lots
    position.cost_nano += cost_nano


def send_forced_order(view: ViewTwin, event: OrderEvent) -> None:
    """The venue brings an order of an account's; one that joins an auction waits there for the others."""
    is_collecting = view.tranches[event.instrument_id].is_collecting
    time_in_force = int(TimeInForce.GTC if is_collecting else TimeInForce.IOC)
    terms = (event.order_id, event.account_id, event.instrument_id, event.side)
    price = (event.price_ticks, event.quantity_lots)
    view.orders.add(entered_order(view, event.sequence, (*terms, *price, time_in_force, 0, 0, 0)))


def deleverage(view: ViewTwin, event: OrderEvent) -> None:
    """Two positions shrink against each other, and nothing traded."""
    tranche = view.tranches[event.instrument_id]
    lots = event.quantity_lots if event.side == Side.BUY else -event.quantity_lots
    cost_nano = event.price_ticks * lots * tranche.tick_value_nano
    move_position(view.accounts[event.account_id], tranche, lots, cost_nano)
    move_position(view.accounts[event.counter_account_id], tranche, -lots, -cost_nano)


def settle_position(view: ViewTwin, event: OrderEvent) -> None:
    """A position is gone."""
    del view.accounts[event.account_id].positions[event.instrument_id]


APPLY_ORDER_EVENT |= {
    int(Event.FORCED_ORDER): _by_name(send_forced_order),
    int(Event.DELEVERAGED): _by_name(deleverage),
    int(Event.POSITION_SETTLED): _by_name(settle_position),
}
