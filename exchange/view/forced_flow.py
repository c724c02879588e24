"""What becomes of accounts that have too little, in the read model: forced orders, deleveraging, the insurance fund."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np

from exchange.venue.leverage_schema import FINANCING_EVENT
from exchange.venue.lifecycle import AUCTION_STATES
from exchange.venue.schema import FUND_EVENT, Event
from exchange.view.order_flow import entered_order, move_position
from matching.schema import ORDER_EVENT, Side, TimeInForce

if TYPE_CHECKING:
    from exchange.view.market import MarketView

Fields = dict[str, int]


def _send_forced_order(view: MarketView, event: Fields) -> None:
    """The venue brings an order of an account's; its trades and its end follow like those of any other.

    One that joins an auction waits there for the others.
    """
    is_collecting = view.tranches[event["instrument_id"]].state in AUCTION_STATES
    time_in_force = int(TimeInForce.GTC if is_collecting else TimeInForce.IOC)
    terms = (event["order_id"], event["account_id"], event["instrument_id"], event["side"])
    price = (event["price_ticks"], event["quantity_lots"])
    view.orders.add(entered_order(view, event["sequence"], (*terms, *price, time_in_force, 0, 0, 0)))


def _deleverage(view: MarketView, event: Fields) -> None:
    """Two positions shrink against each other, and nothing traded."""
    tranche = view.tranches[event["instrument_id"]]
    lots = event["quantity_lots"] if event["side"] == Side.BUY else -event["quantity_lots"]
    cost_nano = event["price_ticks"] * lots * tranche.tick_value_nano
    move_position(view.accounts[event["account_id"]], tranche, lots, cost_nano)
    move_position(view.accounts[event["counter_account_id"]], tranche, -lots, -cost_nano)


def _move_fund(view: MarketView, event: Fields) -> None:
    view.fund_nano = event["fund_nano"]


def _take_interest(view: MarketView, event: Fields) -> None:
    view.fund_nano -= event["amount_nano"]


APPLY_FORCED_EVENT: dict[int, tuple[np.dtype, Callable[[MarketView, Fields], None]]] = {
    Event.FORCED_ORDER: (ORDER_EVENT, _send_forced_order),
    Event.DELEVERAGED: (ORDER_EVENT, _deleverage),
    Event.FUND_MOVED: (FUND_EVENT, _move_fund),
    Event.FUND_ENDOWED: (FUND_EVENT, _move_fund),
    Event.SHORTFALL: (FUND_EVENT, _move_fund),
    Event.FINANCED: (FINANCING_EVENT, _take_interest),
}
"""The layout of each such event, and what it does. Standings come with the figures of accounts."""
