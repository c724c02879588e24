"""What becomes of the insurance fund, in the read model. Forced orders and deleveraging go the way of all orders."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np

from exchange.venue.leverage_schema import FINANCING_EVENT
from exchange.venue.schema import FUND_EVENT, Event

if TYPE_CHECKING:
    from exchange.view.market import MarketView

Fields = dict[str, int]


def _move_fund(view: MarketView, event: Fields) -> None:
    view.fund_nano = event["fund_nano"]


def _take_interest(view: MarketView, event: Fields) -> None:
    view.fund_nano -= event["amount_nano"]


APPLY_FORCED_EVENT: dict[int, tuple[np.dtype, Callable[[MarketView, Fields], None]]] = {
    Event.FUND_MOVED: (FUND_EVENT, _move_fund),
    Event.FUND_ENDOWED: (FUND_EVENT, _move_fund),
    Event.SHORTFALL: (FUND_EVENT, _move_fund),
    Event.FINANCED: (FINANCING_EVENT, _take_interest),
}
"""The layout of each such event, and what it does. Standings come with the figures of accounts."""
