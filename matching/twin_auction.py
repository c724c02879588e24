"""The call auction in the twin of the book: the price at which most trades, and the uncrossing at that price."""

from collections.abc import Iterator
from typing import NamedTuple

from matching.schema import EventKind, Side
from matching.twin_rules import Instrument, Order
from matching.twin_state import TwinState


class Uncrossing(NamedTuple):
    """What an uncrossing would give: all 0 when no bid reaches an ask."""

    price_ticks: int
    volume_lots: int
    imbalance_lots: int


def price_auction(instrument: Instrument, reference_ticks: int) -> Uncrossing:
    """The price of the largest volume, then of the smallest imbalance, then nearest to the reference."""
    prices = candidates(instrument, reference_ticks)
    if not prices:
        return Uncrossing(0, 0, 0)
    best = max(rank(instrument, price_ticks, reference_ticks) for price_ticks in prices)
    equals = sorted(ticks for ticks in prices if rank(instrument, ticks, reference_ticks) == best)
    more_to_buy = all(imbalance_at(instrument, price_ticks) > 0 for price_ticks in equals)
    price_ticks = equals[-1] if more_to_buy else equals[0]
    return Uncrossing(price_ticks, volume_at(instrument, price_ticks), imbalance_at(instrument, price_ticks))


def candidates(instrument: Instrument, reference_ticks: int) -> list[int]:
    """The prices from the best ask to the best bid that can win.

    Between the prices of neighbouring orders nothing changes but the distance to the reference. So beside those prices
    and the next ones to them only the two around the reference can be better than all others.
    """
    bids, asks = instrument.sides
    if not bids or not asks:
        return []
    lowest_ticks, highest_ticks = asks.keys()[0], bids.keys()[-1]
    step_ticks = instrument.price_step_ticks
    below_reference_ticks = reference_ticks // step_ticks * step_ticks
    turning = {*bids, *asks}
    near = {ticks + distance for ticks in turning for distance in (-step_ticks, 0, step_ticks)}
    near |= {below_reference_ticks, below_reference_ticks + step_ticks}
    return sorted(ticks for ticks in near if lowest_ticks <= ticks <= highest_ticks)


def rank(instrument: Instrument, price_ticks: int, reference_ticks: int) -> tuple[int, int, int]:
    """The rules of the price, each the larger the better."""
    imbalance_lots = abs(imbalance_at(instrument, price_ticks))
    return volume_at(instrument, price_ticks), -imbalance_lots, -abs(price_ticks - reference_ticks)


def volume_at(instrument: Instrument, price_ticks: int) -> int:
    """How many lots would trade at a price."""
    return min(demand_at(instrument, price_ticks), supply_at(instrument, price_ticks))


def imbalance_at(instrument: Instrument, price_ticks: int) -> int:
    """How many lots more there are to buy than to sell at a price."""
    return demand_at(instrument, price_ticks) - supply_at(instrument, price_ticks)


def demand_at(instrument: Instrument, price_ticks: int) -> int:
    """All lots that buy at this price, shown or not."""
    return sum(order.leaves_lots for order in instrument.orders(Side.BUY) if order.price_ticks >= price_ticks)


def supply_at(instrument: Instrument, price_ticks: int) -> int:
    """All lots that sell at this price, shown or not."""
    return sum(order.leaves_lots for order in instrument.orders(Side.SELL) if order.price_ticks <= price_ticks)


def uncross(book: TwinState, instrument_id: int, reference_ticks: int) -> None:
    """Trade at one price, the best order of each side with that of the other, until the volume is reached."""
    instrument = book.instruments[instrument_id]
    price_ticks, volume_lots, imbalance_lots = price_auction(instrument, reference_ticks)
    buyers = allotments(book, instrument.orders(Side.BUY), volume_lots)
    sellers = allotments(book, instrument.orders(Side.SELL), volume_lots)
    untraded_lots, buying_lots, selling_lots = volume_lots, 0, 0
    while untraded_lots > 0:
        if buying_lots == 0:
            buyer, buying_lots = next(buyers)
        if selling_lots == 0:
            seller, selling_lots = next(sellers)
        lots = min(buying_lots, selling_lots)
        book.write(
            EventKind.AUCTION_TRADE, buyer, quantity_lots=lots, leaves_lots=0, counter=seller, price_ticks=price_ticks
        )
        buying_lots, selling_lots, untraded_lots = buying_lots - lots, selling_lots - lots, untraded_lots - lots
    book.append(
        kind=EventKind.UNCROSSED,
        instrument_id=instrument_id,
        price_ticks=price_ticks,
        quantity_lots=volume_lots,
        leaves_lots=imbalance_lots,
    )


def allotments(book: TwinState, orders: list[Order], volume_lots: int) -> Iterator[tuple[Order, int]]:
    """The orders of one side that trade, each with its part; a part leaves the book when it is asked for."""
    for order in orders:
        lots = min(order.leaves_lots, volume_lots)
        volume_lots -= lots
        allot(book, order, lots)
        yield order, lots


def allot(book: TwinState, order: Order, lots: int) -> None:
    """Take the part of an order that will trade out of the book, from its reserve as far as that goes."""
    from_reserve_lots = min(lots, order.reserve_lots)
    from_visible_lots = lots - from_reserve_lots
    order.leaves_lots -= from_reserve_lots
    if from_reserve_lots:
        book.write(EventKind.RESERVE_REMOVED, order, quantity_lots=from_reserve_lots, leaves_lots=order.leaves_lots)
    order.leaves_lots -= from_visible_lots
    order.visible_lots -= from_visible_lots
    if from_visible_lots:
        book.write(EventKind.ALLOTTED, order, quantity_lots=from_visible_lots, leaves_lots=order.leaves_lots)
    if order.leaves_lots == 0:
        book.unrest(order)
