"""Baskets: orders in different tranches that are all filled at once, or none of them."""

from collections import defaultdict
from collections.abc import Sequence
from functools import partial

from exchange import commands
from exchange.service import Reply
from exchange.venue.schema import Event
from exchange.view import MarketView
from exchange.view.batches import OrderEvent
from gateway.encoding import codec
from gateway.encoding.codec import Fill, Outcome, average_price, command_fill_row, fill_of, reaches_back_to
from gateway.encoding.rows import Row, reason_name
from gateway.orders.entry import Entry, OrderOperation, at_place, instruments_of, one_reply
from gateway.orders.requests import BasketRequest, LegEntry
from matching.schema import SelfTrade, Side

FILLED, KILLED = "filled", "killed"


def basket(view: MarketView, account_id: int, request: BasketRequest) -> Entry:
    """One command for all legs."""
    instrument_ids = instruments_of(view, "legs", [leg.symbol for leg in request.legs])
    legs = [
        commands.Leg(instrument_id, Side[leg.side.upper()], leg.price, leg.quantity, leg.reduce_only)
        for instrument_id, leg in zip(instrument_ids, request.legs, strict=True)
    ]
    command = commands.basket(
        account_id,
        legs,
        client_id=request.client_id or "",
        self_trade=SelfTrade[request.self_trade.upper()],
        label=request.label,
        session_id=request.session,
    )
    answer = partial(_answer, view, request, instrument_ids)
    return Entry([command], one_reply(lambda reply: at_place("legs", instrument_ids, reply, answer)))


BASKET = OrderOperation(BasketRequest, basket)


def _answer(view: MarketView, request: BasketRequest, instrument_ids: Sequence[int], reply: Reply) -> Row:
    """All legs with their fills, or the leg that could not be filled. Raises ApiError when it was refused."""
    happened = codec.told(reply)
    outcome = codec.outcome_of(reply)
    is_filled = outcome.kind == Event.BASKET_FILLED
    fills = _fills(view, outcome, reply, instrument_ids) if is_filled else [[] for _ in instrument_ids]
    legs = zip(request.legs, fills, strict=True)
    return {
        "client_id": request.client_id,
        "status": FILLED if is_filled else KILLED,
        "reason": reason_name(outcome.reason, is_rejected=False),
        "killed_leg": None if is_filled else instrument_ids.index(outcome.instrument_id),
        "legs": [_leg_row(outcome.sequence + 1 + at if is_filled else None, *each) for at, each in enumerate(legs)],
    } | happened


def _leg_row(order_id: int | None, leg: LegEntry, fills: list[Fill] | None) -> Row:
    """A leg under the order id that its place behind the head gave it."""
    return {
        "symbol": leg.symbol,
        "side": leg.side,
        "order_id": order_id,
        "quantity": str(leg.quantity),
        "average_price": average_price(fills) if fills else None,
        "trades": None if fills is None else [command_fill_row(fill) for fill in fills],
    }


def _fills(view: MarketView, outcome: Outcome, reply: Reply, instrument_ids: Sequence[int]) -> list[list[Fill] | None]:
    """The trades of each leg; None of one whose tape has forgotten them when the answer is told again."""
    if outcome.is_repeated:
        return [_remembered(view, instrument_id, outcome.sequence) for instrument_id in instrument_ids]
    found: defaultdict[int, list[Fill] | None] = defaultdict(list)
    for event in map(OrderEvent._make, reply.rows):
        if event.kind == Event.TRADE:
            fill = fill_of(view, f"{event.sequence}-{event.index}", event)
            found[event.instrument_id] = [*(found[event.instrument_id] or ()), fill]
    return [found[instrument_id] for instrument_id in instrument_ids]


def _remembered(view: MarketView, instrument_id: int, sequence: int) -> list[Fill] | None:
    tranche = view.tranches.get(instrument_id)
    if tranche is None or not reaches_back_to(tranche.trades, sequence):
        return None
    return [fill_of(view, trade.trade_id, trade) for trade in tranche.trades if trade.sequence == sequence]
