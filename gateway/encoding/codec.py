"""Requests become commands, and what the exchange answers becomes JSON.

A command is built once and sent as often as needed: nothing in it depends on the time of sending, so that a retry with
the same client id is the same command and finds its first answer.
"""

from collections.abc import Sequence
from decimal import ROUND_HALF_EVEN, Decimal
from typing import NamedTuple

import numpy as np

from exchange import commands
from exchange.service import Reply
from exchange.units import PRICE_DECIMALS, format_nano, format_ticks
from exchange.venue.schema import REPEAT_EVENT, Event, Reject
from exchange.view import MarketView, TradeView
from exchange.view.batches import KIND, OrderEvent, order_events
from exchange.view.fees import taker_fee_nano
from exchange.view.records import TRADES_KEPT
from gateway.encoding.fields import time_text
from gateway.encoding.order_faults import name_fault
from gateway.encoding.requests import CancelTerms, OrderTerms, ReplaceTerms, Target
from gateway.encoding.rows import SIDE_NAMES, Row, reason_name
from gateway.errors import ApiError, DoorError
from matching.schema import ChangeFlag, OrderFlag, SelfTrade, Side, TimeInForce

AVERAGE_PLACE = Decimal("0.000000001")

STATUS_OF_OUTCOME: dict[int, str] = {
    int(Event.RESTED): "open",
    int(Event.REPLACED): "open",
    int(Event.REDUCED): "open",
    int(Event.FILLED): "filled",
    int(Event.KILLED): "killed",
    int(Event.CANCELLED): "cancelled",
}
_REJECTED, _REPEATED, _TRADE, _KILLED = map(int, (Event.REJECTED, Event.REPEATED, Event.TRADE, Event.KILLED))
# Plain numbers: to add flags of an enumeration takes as long as to match an order.
POST_ONLY_FLAGS: dict[bool | str, int] = {
    False: 0,
    "reject": int(OrderFlag.POST_ONLY),
    "slide": int(OrderFlag.POST_ONLY_SLIDE),
}
_MARKET, _REDUCE_ONLY = int(OrderFlag.MARKET), int(OrderFlag.REDUCE_ONLY)
SIDES = {side.name.lower(): int(side) for side in Side}
LIFETIMES = {lifetime.name.lower(): int(lifetime) for lifetime in TimeInForce}
SELF_TRADES = {each.name.lower(): int(each) for each in SelfTrade}


class Outcome(NamedTuple):
    """The last event of a command, or of the earlier command that it repeats."""

    kind: int
    sequence: int
    reason: int
    order_id: int
    instrument_id: int
    price_ticks: int
    quantity_lots: int
    leaves_lots: int
    is_repeated: bool

    @property
    def is_open(self) -> bool:
        """Whether the order rests after it."""
        return STATUS_OF_OUTCOME.get(self.kind) == "open"


class Fill(NamedTuple):
    """One trade of a command, from its side."""

    trade_id: str
    price_ticks: int
    quantity_lots: int
    fee_nano: int


def place_command(view: MarketView, account_id: int, request: OrderTerms) -> np.ndarray:
    """The command of a new order. Raises ApiError for terms that no record can say."""
    is_market = request.type == "market"
    _check_terms(request, is_market)
    lifetime = request.time_in_force or ("ioc" if is_market else "gtc")
    return commands.place(
        account_id,
        instrument_id_of(view, request.symbol),
        SIDES[request.side],
        request.price or 0,
        request.quantity,
        client_id=request.client_id or "",
        time_in_force=LIFETIMES[lifetime],
        flags=POST_ONLY_FLAGS[request.post_only]
        | (_MARKET if is_market else 0)
        | (_REDUCE_ONLY if request.reduce_only else 0),
        self_trade=SELF_TRADES[request.self_trade],
        expires_ns=request.expires_time or 0,
        display_lots=request.display_quantity or 0,
        minimum_lots=request.minimum_quantity or 0,
        label=request.label,
        session_id=request.session,
    )


def cancel_command(account_id: int, target: Target, terms: CancelTerms) -> np.ndarray:
    """The command of a cancel. Raises ApiError unless the target has one name."""
    _check_target(target)
    return commands.cancel(
        account_id,
        order_id=target.order_id or 0,
        target_client_id=target.client_id or "",
        client_id=terms.retry_id or "",
    )


def replace_command(account_id: int, target: Target, terms: ReplaceTerms) -> np.ndarray:
    """The command of a replace. Raises ApiError unless the target has one name."""
    _check_target(target)
    flags = ChangeFlag.REQUEUE if terms.requeue else ChangeFlag(0)
    if terms.quantity_is == "remaining":
        flags |= ChangeFlag.NAMES_REMAINING
    return commands.replace(
        account_id,
        terms.price,
        terms.quantity,
        order_id=target.order_id or 0,
        target_client_id=target.client_id or "",
        client_id=terms.retry_id or "",
        flags=flags,
    )


def account_id_of(view: MarketView, name: str) -> int:
    """The number of an account. Raises ApiError."""
    account_id = view.account_by_name.get(name)
    if account_id is None:
        raise ApiError(Reject.UNKNOWN_ACCOUNT)
    return account_id


def instrument_id_of(view: MarketView, symbol: str) -> int:
    """The tranche of a symbol. Raises ApiError."""
    instrument_id = view.tranche_by_symbol.get(symbol)
    if instrument_id is None:
        raise ApiError(Reject.UNKNOWN_INSTRUMENT)
    return instrument_id


def region_id_of(view: MarketView, code: str) -> int:
    """The number of a region. Raises ApiError."""
    for region_id, each in view.regions.items():
        if each == code:
            return region_id
    raise ApiError(Reject.UNKNOWN_REGION)


def outcome_of(reply: Reply) -> Outcome:
    """What became of a command. Raises ApiError for a refusal, also for one that is told again."""
    (row,) = order_events(reply.events[-1:].data)
    last = OrderEvent._make(row)
    outcome = _outcome_again(reply) if last.kind == _REPEATED else _outcome(last)
    if outcome.kind == _REJECTED:
        refusal = ApiError(Reject(outcome.reason))
        refusal.is_repeated = outcome.is_repeated
        raise refusal
    return outcome


def _outcome(last: OrderEvent) -> Outcome:
    return Outcome(
        last.kind,
        last.sequence,
        last.reason,
        last.order_id,
        last.instrument_id,
        last.price_ticks,
        last.quantity_lots,
        last.leaves_lots,
        False,
    )


def _outcome_again(reply: Reply) -> Outcome:
    last = reply.events[-1:].view(REPEAT_EVENT)[0]
    return Outcome(
        kind=int(last["original_kind"]),
        sequence=int(last["original_sequence"]),
        reason=int(last["reason"]),
        order_id=int(last["order_id"]),
        instrument_id=int(last["instrument_id"]),
        price_ticks=int(last["price_ticks"]),
        quantity_lots=int(last["quantity_lots"]),
        leaves_lots=int(last["leaves_lots"]),
        is_repeated=True,
    )


def told(reply: Reply) -> Row:
    """When and where in the sequence it happened. Raises ApiError when it was refused."""
    outcome = outcome_of(reply)
    row: Row = {"sequence": outcome.sequence, "time": time_text(reply.time_ns), "time_ns": reply.time_ns}
    if outcome.is_repeated:
        row["repeated"] = True
    return row


def place_answer(view: MarketView, request: OrderTerms, reply: Reply) -> Row:
    """What became of a new order. Raises ApiError when it was refused."""
    try:
        outcome = outcome_of(reply)
    except ApiError as refused:
        name_fault(view, request, refused)
        raise
    fills = _fills(view, outcome, reply)
    quantity_lots = _quantity_lots(request, outcome, fills)
    filled_lots = quantity_lots - _unfilled_lots(outcome) if fills is None else sum_lots(fills)
    return _answer(reply, outcome, fills) | {
        "client_id": request.client_id,
        "symbol": request.symbol,
        "side": request.side,
        "quantity": str(quantity_lots),
        "filled_quantity": str(filled_lots),
    }


def change_answer(view: MarketView, reply: Reply) -> Row:
    """What became of a cancel or a replace. Raises ApiError when it was refused."""
    outcome = outcome_of(reply)
    answer = _answer(reply, outcome, _fills(view, outcome, reply))
    order = view.order(outcome.order_id)
    if order is None:  # told again after the read model has forgotten the order
        return answer | dict.fromkeys(("client_id", "symbol", "side", "quantity", "filled_quantity"))
    # A later command of the same batch may have filled more: this answer is as of its own command.
    filled_lots = order.quantity_lots - outcome.leaves_lots if outcome.is_open else order.filled_lots
    return answer | {
        "client_id": order.client_id or None,
        "symbol": order.symbol,
        "side": SIDE_NAMES[order.side],
        "quantity": str(order.quantity_lots),
        "filled_quantity": str(filled_lots),
    }


def _check_terms(request: OrderTerms, is_market: bool) -> None:
    if not is_market and request.price is None:
        raise ApiError(DoorError.MISSING_FIELD, "price: a limit order needs one", "price")
    if is_market and request.price is not None:
        raise ApiError(Reject.INVALID_ORDER_TERMS, "price: a market order takes none; the band bounds it", "price")
    for name in ("display_quantity", "minimum_quantity"):
        if getattr(request, name) == 0:
            raise ApiError(Reject.INVALID_ORDER_TERMS, f"{name}: leave it out, or ask for at least 1", name)
    is_timed = request.time_in_force == "gtd"
    if is_timed and request.expires_time is None:
        raise ApiError(DoorError.MISSING_FIELD, "expires_time: a gtd order needs one", "expires_time")
    if not is_timed and request.expires_time is not None:
        raise ApiError(Reject.INVALID_ORDER_TERMS, "expires_time: only a gtd order takes one", "expires_time")


def _check_target(target: Target) -> None:
    if (target.order_id is None) == (target.client_id is None):
        raise ApiError(DoorError.MISSING_FIELD, "name the order by order_id or by client_id, one of them", "order_id")


def _answer(reply: Reply, outcome: Outcome, fills: list[Fill] | None) -> Row:
    """What the answers to all orders and changes have in common."""
    answer: Row = {
        "sequence": outcome.sequence,
        "time": time_text(reply.time_ns),
        "time_ns": reply.time_ns,
        "order_id": outcome.order_id,
        "status": STATUS_OF_OUTCOME[outcome.kind],
        "reason": reason_name(outcome.reason, is_rejected=False),
        "price": format_ticks(outcome.price_ticks),
        "remaining_quantity": str(outcome.leaves_lots if outcome.is_open else 0),
        "average_price": average_price(fills) if fills else None,
        "trades": None if fills is None else [command_fill_row(fill) for fill in fills],
    }
    if outcome.is_repeated:
        answer["repeated"] = True
    return answer


def _fills(view: MarketView, outcome: Outcome, reply: Reply) -> list[Fill] | None:
    """All trades of the command, or None when it is told again and they are no longer remembered."""
    if not outcome.is_repeated:
        trades = [OrderEvent._make(row) for row in reply.rows if row[KIND] == _TRADE]
        return [fill_of(view, f"{trade.sequence}-{trade.index}", trade) for trade in trades]
    tranche = view.tranches.get(outcome.instrument_id)
    if tranche is None or not reaches_back_to(tranche.trades, outcome.sequence):
        return None
    return [fill_of(view, trade.trade_id, trade) for trade in tranche.trades if trade.sequence == outcome.sequence]


def fill_of(view: MarketView, trade_id: str, trade: OrderEvent | TradeView) -> Fill:
    """A trade from the side of the order that came in."""
    price_ticks, lots = trade.price_ticks, trade.quantity_lots
    return Fill(trade_id, price_ticks, lots, taker_fee_nano(view.tranches[trade.instrument_id], price_ticks, lots))


def reaches_back_to(trades: Sequence[TradeView], sequence: int) -> bool:
    """Whether no trade of a command has been forgotten."""
    return len(trades) < TRADES_KEPT or trades[0].sequence < sequence


def _unfilled_lots(outcome: Outcome) -> int:
    """What an order had not filled when it was first answered, unless self-trade prevention decremented it."""
    return outcome.leaves_lots + (outcome.quantity_lots if outcome.kind == _KILLED else 0)


def _quantity_lots(request: OrderTerms, outcome: Outcome, fills: list[Fill] | None) -> int:
    """What was asked for; of a reduce-only order what the position left of it, as long as its trades are remembered."""
    if not request.reduce_only or fills is None:
        return request.quantity
    return sum_lots(fills) + _unfilled_lots(outcome)


def sum_lots(fills: list[Fill]) -> int:
    """All that a command traded."""
    return sum(fill.quantity_lots for fill in fills)


def average_price(fills: list[Fill]) -> str:
    """Of all trades of a command."""
    return average_text(sum(fill.price_ticks * fill.quantity_lots for fill in fills), sum_lots(fills))


def average_text(notional: int, lots: int) -> str:
    """So many ticks x lots for each of so many lots, to nine places, half to even."""
    average = Decimal(notional).scaleb(-PRICE_DECIMALS) / lots
    return str(average.quantize(AVERAGE_PLACE, ROUND_HALF_EVEN))


def command_fill_row(fill: Fill) -> Row:
    """One trade in the answer to its command."""
    return {
        "id": fill.trade_id,
        "price": format_ticks(fill.price_ticks),
        "quantity": str(fill.quantity_lots),
        "fee": format_nano(fill.fee_nano),
    }
