"""Auctions for tests: books that collect, and the price found by trying every one."""

from collections.abc import Iterable
from typing import Any

import numpy as np

from matching.book import OrderBook
from matching.schema import Phase, Side
from tests.matching.commands import PLAIN, Book, Command, records, told

Lots = dict[int, int]
"""Lots by price."""


def collecting(book: Book, *commands: Command) -> Book:
    """The same book after these commands, with PLAIN in an auction."""
    book.set_phase(PLAIN, Phase.AUCTION)
    book.execute(records(*commands))
    return book


def uncrossed(book: Book, reference_ticks: int = 100) -> list[dict[str, Any]]:
    """The events of an uncrossing of PLAIN, which is open afterwards."""
    events = told(book.uncross(PLAIN, reference_ticks))
    book.set_phase(PLAIN, Phase.OPEN)
    return events


def check(book: Book) -> None:
    """See that a compiled book keeps its promises; the twin has no structures that could break any."""
    if isinstance(book, OrderBook):
        book.check()


def lots_by_price(orders: np.ndarray, side: Side) -> Lots:
    """What rests on a side of PLAIN, in all."""
    lots: Lots = {}
    for order in orders[(orders["instrument_id"] == PLAIN) & (orders["side"] == side)]:
        price_ticks = int(order["price_ticks"])
        lots[price_ticks] = lots.get(price_ticks, 0) + int(order["leaves_lots"])
    return lots


def best_of(prices: Iterable[int], bids: Lots, asks: Lots, reference_ticks: int) -> tuple[int, int, int]:
    """The price of an auction among some that include the right one, with its volume and its imbalance."""
    if not bids or not asks or max(bids) < min(asks):
        return 0, 0, 0
    outcomes = {price_ticks: demand_and_supply(bids, asks, price_ticks) for price_ticks in prices}
    merits = {
        price_ticks: (-min(demand, supply), abs(demand - supply), abs(price_ticks - reference_ticks))
        for price_ticks, (demand, supply) in outcomes.items()
    }
    best = min(merits.values())
    equals = sorted(price_ticks for price_ticks, merit in merits.items() if merit == best)
    all_have_more_to_buy = all(outcomes[price_ticks][0] > outcomes[price_ticks][1] for price_ticks in equals)
    price_ticks = equals[-1] if all_have_more_to_buy else equals[0]
    demand, supply = outcomes[price_ticks]
    return price_ticks, min(demand, supply), demand - supply


def demand_and_supply(bids: Lots, asks: Lots, price_ticks: int) -> tuple[int, int]:
    """What would be bought and sold at a price, if it found a counterpart."""
    demand = sum(lots for limit_ticks, lots in bids.items() if limit_ticks >= price_ticks)
    supply = sum(lots for limit_ticks, lots in asks.items() if limit_ticks <= price_ticks)
    return demand, supply
