"""What accounts must have, worked out from nothing each time, in plain Python and without any vector.

The formula is that of `risk.margin`; every account's figures are recomputed from all its orders and positions, so that
whatever the venue keeps step by step must come to the same.
"""

from collections.abc import Iterable
from fractions import Fraction
from math import floor
from typing import NamedTuple

from exchange.venue.state import VenueLimits
from matching.schema import PRICE_TICKS_MAX, Side
from risk.contracts import UNKNOWN_SHOCKS_PERMILLE
from risk.schema import GROSS_NANO_MAX, SCENARIOS, RiskReject, Standing
from tests.exchange.venue.twin_books import TwinBooks
from tests.exchange.venue.twin_final_price import Bounds, final_price
from tests.exchange.venue.twin_parts import Order, Risk, Tranche


class Figures(NamedTuple):
    """An account's money, in nano-USD."""

    cash_nano: int
    unsettled_nano: int
    margin_nano: int
    gross_nano: int
    fees_nano: int
    add_on_nano: int

    @property
    def own_margin_nano(self) -> int:
        """Without what risk staff add."""
        return self.margin_nano - self.add_on_nano

    @property
    def equity_nano(self) -> int:
        return self.cash_nano + self.unsettled_nano

    @property
    def free_nano(self) -> int:
        return self.equity_nano - self.margin_nano


class Wanted(NamedTuple):
    """An order that is not there yet."""

    instrument_id: int
    side: int
    price_ticks: int
    leaves_lots: int


Open = Order | Wanted


class Strain(NamedTuple):
    """How a region is used, and between which caps that strains it, in ppm."""

    utilisation_ppm: int = 0
    low_ppm: int = 0
    high_ppm: int = 0

    @property
    def share(self) -> Fraction:
        """How far every shock is on its way to the whole mark."""
        if self.high_ppm == 0:
            return Fraction(0)
        return min(
            max(Fraction(self.utilisation_ppm - self.low_ppm, self.high_ppm - self.low_ppm), Fraction(0)), Fraction(1)
        )


def unknown_risk(reference_ticks: int) -> Risk:
    """The parameters of a tranche before any come."""
    shocks = [
        (-(-abs(int(permille)) * reference_ticks // 1_000)) * (1 if permille >= 0 else -1)
        for permille in UNKNOWN_SHOCKS_PERMILLE
    ]
    return Risk(reference_ticks, tuple(shocks), -(-reference_ticks // 5), 0, 0)


class TwinMargin(TwinBooks):
    """Figures of accounts, and whether an order is covered."""

    def __init__(self, limits: VenueLimits) -> None:
        super().__init__(limits)
        self.strains: dict[int, Strain] = {}

    def shocks_ticks(self, tranche: Tranche) -> list[int]:
        """What a long lot gains in each scenario, under the strain of its region."""
        share = self.strains.get(tranche.scope[0], Strain()).share
        mark_ticks = tranche.risk.mark_ticks
        grown = (floor((max(mark_ticks, abs(each)) - abs(each)) * share) for each in tranche.risk.shocks_ticks)
        return [
            (abs(base) + more) * (1 if base > 0 else -1) if base else 0
            for base, more in zip(tranche.risk.shocks_ticks, grown, strict=True)
        ]

    def final_ticks_of(self, tranche: Tranche) -> int:
        """The final price, once and for all: ask only of a tranche whose gate closes, or has."""
        if not tranche.final_ticks:
            worst_ticks = max(abs(ticks) for ticks in self.shocks_ticks(tranche))
            bounds = Bounds(tranche.risk.mark_ticks, worst_ticks, tranche.price_max_ticks, tranche.quantity_step_lots)
            in_auction = len(tranche.prints) - tranche.prints_before if tranche.was_uncrossed else 0
            tranche.final_ticks = final_price(tranche.prints, bounds, in_auction)
        return tranche.final_ticks

    def figures(self, account_id: int, orders: Iterable[Open] | None = None) -> Figures:
        """An account's figures, with its own orders or with others in their place."""
        account = self.accounts[account_id]
        orders = list(self.orders_of(account_id) if orders is None else orders)
        instruments = {order.instrument_id for order in orders} | set(self.held_by(account_id))
        losses: dict[int, list[int]] = {}
        charges_nano = gross_nano = unsettled_nano = 0
        for instrument_id in instruments:
            tranche = self.tranches[instrument_id]
            own = [order for order in orders if order.instrument_id == instrument_id]
            lots = self.position_lots(account_id, tranche)
            cost_nano = tranche.positions[account_id].cost_nano if account_id in tranche.positions else 0
            unsettled_nano += lots * tranche.risk.mark_ticks * tranche.tick_value_nano - cost_nano
            worst_lots, gross_lots = self.reach(lots, own)
            charges_nano += self.charge(tranche, worst_lots)
            gross_nano += gross_lots * tranche.price_max_ticks * tranche.tick_value_nano
            shocks_ticks = self.shocks_ticks(tranche)
            in_class = losses.setdefault(tranche.scope[0], [0] * SCENARIOS)
            for scenario in range(SCENARIOS):
                gain_nano = shocks_ticks[scenario] * tranche.tick_value_nano
                in_class[scenario] += sum(self.loss(tranche, order, gain_nano) for order in own) - lots * gain_nano
        margin_nano = sum(max(in_class) for in_class in losses.values()) + charges_nano + account.add_on_nano
        money = account.cash_nano, unsettled_nano, margin_nano, gross_nano, account.fees_nano
        return Figures(*money, account.add_on_nano)

    def orders_of(self, account_id: int) -> list[Order]:
        return [order for order in self.orders.values() if order.account_id == account_id]

    def held_by(self, account_id: int) -> list[int]:
        return [instrument_id for instrument_id, each in self.tranches.items() if account_id in each.positions]

    def reach(self, lots: int, orders: list[Open]) -> tuple[int, int]:
        """The most lots that a position may come to have, and all lots that stand."""
        buys, sells = (sum(order.leaves_lots for order in orders if order.side == side) for side in Side)
        return max(abs(lots + buys), abs(lots - sells)), abs(lots) + buys + sells

    def charge(self, tranche: Tranche, lots: int) -> int:
        risk = tranche.risk
        beyond_lots = max(lots - risk.concentration_lots, 0)
        return (lots * risk.spread_ticks + beyond_lots * risk.concentration_ticks) * tranche.tick_value_nano

    def loss(self, tranche: Tranche, order: Open, gain_nano: int) -> int:
        """What an order adds to the losses of a scenario in which a long lot gains so much."""
        mark_ticks, is_buy = tranche.risk.mark_ticks, order.side == Side.BUY
        adverse_ticks = max(order.price_ticks - mark_ticks if is_buy else mark_ticks - order.price_ticks, 0)
        paid_ticks = order.price_ticks if is_buy else max(order.price_ticks, mark_ticks)
        certain_nano = adverse_ticks * tranche.tick_value_nano + self.fee(tranche, paid_ticks, tranche.worst_fee_ppm)
        return order.leaves_lots * max(certain_nano - (gain_nano if is_buy else -gain_nano), 0)

    def fee(self, tranche: Tranche, price_ticks: int, fee_ppm: int) -> int:
        """Of one lot, rounded up."""
        return -(-price_ticks * tranche.tick_value_nano * fee_ppm // 1_000_000)

    # What may be refused.

    def margin_reject(
        self, account_id: int, wanted: list[Wanted], without: list[Order] | None = None, *, may_close: bool
    ) -> int:
        """0, or why an account cannot have some orders more, in the place of those `without` which it then is.

        A single order may be let in because it closes a position. What takes the place of others may always be less.
        """
        gone = without or []
        standing = [order for order in self.orders_of(account_id) if not any(order is each for each in gone)]
        open_orders: list[Open] = [*standing]
        for order in wanted:
            tranche = self.tranches[order.instrument_id]
            if order.price_ticks > tranche.price_max_ticks:
                return RiskReject.PRICE_ABOVE_MAXIMUM
            open_orders.append(order)
            if self.figures(account_id, open_orders).gross_nano > GROSS_NANO_MAX:
                return RiskReject.NOTIONAL_OUT_OF_RANGE
            if self.positions_needed(account_id, open_orders) > self.limits.positions:
                return RiskReject.TOO_MANY_POSITIONS
        shrinks = without is not None and self.only_shrinks(wanted, without)
        if self.figures(account_id, open_orders).free_nano >= 0 or shrinks:
            return 0
        if may_close and wanted and self.accounts[account_id].standing == Standing.CLOSING:
            return RiskReject.ACCOUNT_IN_LIQUIDATION
        if may_close and wanted and self.closes_well(account_id, wanted[0], standing):
            return 0
        return RiskReject.INSUFFICIENT_MARGIN

    def positions_needed(self, account_id: int, open_orders: list[Open]) -> int:
        held = {(each_id, owner) for each_id, tranche in self.tranches.items() for owner in tranche.positions}
        held |= {(order.instrument_id, order.account_id) for order in self.orders.values()}
        return len(held | {(order.instrument_id, account_id) for order in open_orders})

    def only_shrinks(self, wanted: list[Wanted], without: list[Order]) -> bool:
        """Whether each order has a place that it takes at the same price with no more lots."""
        places = {(order.instrument_id, order.side): (order.price_ticks, order.leaves_lots) for order in without}
        for order in wanted:
            price_ticks, lots = places.get((order.instrument_id, order.side), (0, 0))
            if order.price_ticks != price_ticks or order.leaves_lots > lots:
                return False
        return True

    def closes_well(self, account_id: int, order: Wanted, standing: list[Order]) -> bool:
        """The one exemption: it closes what there is and no more, and a fill at its limit leaves nobody worse off."""
        tranche = self.tranches[order.instrument_id]
        lots = self.position_lots(account_id, tranche)
        own = [each for each in standing if each.instrument_id == order.instrument_id]
        same_side = sum(each.leaves_lots for each in own if each.side == order.side)
        if order.leaves_lots + same_side > max(lots if order.side == Side.SELL else -lots, 0):
            return False
        before = self.figures(account_id, standing)
        signed_lots = order.leaves_lots if order.side == Side.BUY else -order.leaves_lots
        position, account = tranche.positions[account_id], self.accounts[account_id]
        fee_nano = order.leaves_lots * self.fee(tranche, order.price_ticks, tranche.worst_fee_ppm)
        cost_nano = signed_lots * order.price_ticks * tranche.tick_value_nano
        position.lots, position.cost_nano = position.lots + signed_lots, position.cost_nano + cost_nano
        account.cash_nano -= fee_nano
        after = self.figures(account_id, standing)
        account.cash_nano += fee_nano
        position.lots, position.cost_nano = position.lots - signed_lots, position.cost_nano - cost_nano
        return after.free_nano >= before.free_nano and after.equity_nano >= 0


def price_max(reference_ticks: int) -> int:
    """The highest price that risk reckons with in a tranche that was listed with a reference."""
    return min(32 * reference_ticks, PRICE_TICKS_MAX)
