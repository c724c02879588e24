"""A slow, obvious twin of the auction at a gate: who joins it by force, what it trades, what its price is."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import NamedTuple

from exchange.venue.schema import Event, Reason
from matching.schema import Side
from tests.exchange.venue.clearing.twin_gate import Holder, Prices, fund_one

FORCED_ID_BIT = 1 << 51


@dataclass
class Waiting:
    """An order in the auction."""

    order_id: int
    account_id: int
    side: int
    price_ticks: int
    lots: int

    def comes_before(self, other: "Waiting") -> bool:
        return self.price_ticks > other.price_ticks if self.side == Side.BUY else self.price_ticks < other.price_ticks


class Trade(NamedTuple):
    buyer: Waiting
    seller: Waiting
    price_ticks: int
    lots: int

    @property
    def is_forced(self) -> bool:
        return bool((self.buyer.order_id | self.seller.order_id) & FORCED_ID_BIT)


@dataclass(frozen=True)
class Frame:
    """What bounds the prices of a tranche, and where its auction leans to."""

    tick_value_nano: int
    step_ticks: int
    band_ticks: tuple[int, int]
    price_max_ticks: int
    reference_ticks: int


def bare_lots(holder: Holder, prices: Prices) -> int:
    """What it could not pay for, or deliver, if it were settled at these prices."""
    for _ in fund_one(holder, prices):
        pass
    return holder.bare_lots


def limit_ticks(is_buyer: bool, prices: Prices, frame: Frame) -> int:
    """Every price of the grid in the band is tried: the furthest that is no worse than a cash-out, or 0."""
    low_ticks, high_ticks = frame.band_ticks
    worst_nano = prices.final_nano + (prices.penalty(is_buyer=False) if is_buyer else -prices.penalty(is_buyer=True))
    good = []
    for ticks in range(frame.step_ticks, frame.price_max_ticks + 1, frame.step_ticks):
        price_nano = ticks * frame.tick_value_nano
        if is_buyer and ticks <= high_ticks and price_nano <= worst_nano:
            good.append(ticks)
        if not is_buyer and ticks >= low_ticks and price_nano >= worst_nano:
            good.append(ticks)
    return 0 if not good else max(good) if is_buyer else min(good)


class LastAuction:
    """The orders of an auction, each side in the order of its queue, and all that happens to them."""

    def __init__(self, orders: list[Waiting], groups: dict[int, int], forced_orders: int) -> None:
        self.sides: tuple[list[Waiting], list[Waiting]] = ([], [])
        self.groups, self.forced_orders = groups, forced_orders
        self.trades: list[Trade] = []
        for order in orders:
            self.enter(order)

    def enter(self, order: Waiting) -> None:
        """Behind all at its price."""
        queue = self.sides[order.side]
        behind = [at for at, other in enumerate(queue) if order.comes_before(other)]
        queue.insert(behind[0] if behind else len(queue), order)

    def join(self, joiners: list[tuple[int, int, int]]) -> Iterator[tuple]:
        """Accounts with signed lots and a limit; their own orders go first, in the order of ids."""
        accounts = {account_id for account_id, _, _ in joiners}
        own = [order for queue in self.sides for order in queue if order.account_id in accounts]
        for order in sorted(own, key=lambda each: each.order_id):
            self.sides[order.side].remove(order)
            yield Event.CANCELLED, order.order_id, Reason.MARGIN_CALL
        for account_id, lots, ticks in joiners:
            self.forced_orders += 1
            side = Side.BUY if lots > 0 else Side.SELL
            order = Waiting(FORCED_ID_BIT | self.forced_orders, account_id, side, ticks, abs(lots))
            yield Event.FORCED_ORDER, order.order_id, account_id, side, ticks, abs(lots)
            for other in [each for each in self.sides[1 - side] if self.must_not_trade(order, each)]:
                self.sides[1 - side].remove(other)
                yield Event.CANCELLED, other.order_id, Reason.SELF_TRADE
            self.enter(order)
            yield Event.RESTED, order.order_id, abs(lots)

    def must_not_trade(self, order: Waiting, other: Waiting) -> bool:
        group = self.groups[order.account_id]
        crosses = (order.price_ticks - other.price_ticks) * (1 if order.side == Side.BUY else -1) >= 0
        return crosses and group != 0 and group == self.groups[other.account_id]

    def uncross(self, frame: Frame) -> tuple[int, int]:
        """The price that trades most, leaves least and is nearest to the reference; and how much it trades."""
        bids, asks = self.sides
        if not bids or not asks:
            return 0, 0
        ranked = []
        for ticks in range(asks[0].price_ticks, bids[0].price_ticks + 1, frame.step_ticks):
            demand = sum(each.lots for each in bids if each.price_ticks >= ticks)
            supply = sum(each.lots for each in asks if each.price_ticks <= ticks)
            preference = -ticks if demand > supply else ticks
            rank = -min(demand, supply), abs(demand - supply), abs(ticks - frame.reference_ticks), preference
            ranked.append((rank, ticks))
        if not ranked:
            return 0, 0
        (traded, *_), ticks = min(ranked)
        self.trade(ticks, -traded)
        return ticks, -traded

    def trade(self, ticks: int, lots: int) -> None:
        """Both sides from the best on; a pair trades what both still may."""
        left = dict.fromkeys(Side, lots)
        at = dict.fromkeys(Side, 0)
        may = dict.fromkeys(Side, 0)
        while lots:
            for side in Side:
                if may[side] == 0:
                    may[side] = min(self.sides[side][at[side]].lots, left[side])
                    left[side] -= may[side]
            part = min(may.values())
            buyer, seller = (self.sides[side][at[side]] for side in Side)
            self.trades.append(Trade(buyer, seller, ticks, part))
            lots -= part
            for side in Side:
                may[side] -= part
                at[side] += may[side] == 0
