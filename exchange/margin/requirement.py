"""The requirement of one account in plain integers, by the rules of `risk.margin`, for who wants to know and to try.

Here each instrument keeps what it adds to the losses of its region, so that what it costs can be told apart. Nothing is
decided by it: the venue has figures of its own, and tests hold the two together to the nano-USD.
"""

from dataclasses import dataclass, field

from exchange.margin.terms import Terms
from exchange.venue.clearing.capacity_schema import PROVIDER_GROSS_NANO_MAX
from matching.schema import Side
from risk.schema import GROSS_NANO_MAX, PPM, SCENARIOS, RiskReject


@dataclass(slots=True)
class Holding:
    """What an account has in one instrument, and what it adds to the losses of the region."""

    terms: Terms
    lots: int = 0  # negative for a seller
    cost_nano: int = 0
    buy_lots: int = 0  # in open orders
    sell_lots: int = 0
    losses_nano: list[int] = field(default_factory=lambda: [0] * SCENARIOS)  # in each scenario, orders included

    @property
    def worst_lots(self) -> int:
        """The most lots that the position may come to have, either way."""
        return max(abs(self.lots + self.buy_lots), abs(self.lots - self.sell_lots))

    @property
    def gross_lots(self) -> int:
        """All lots that stand."""
        return abs(self.lots) + self.buy_lots + self.sell_lots

    @property
    def bond_base_nano(self) -> int:
        """What failing to deliver the most that may come to be sold would cost a provider."""
        return max(self.sell_lots - self.lots, 0) * self.terms.failure_nano

    @property
    def spread_nano(self) -> int:
        """Charged for every lot, because neighbouring windows can diverge."""
        return self.worst_lots * self.terms.spread_ticks * self.terms.tick_value_nano

    @property
    def concentration_nano(self) -> int:
        """Charged for lots beyond what is quickly closed."""
        beyond_lots = max(self.worst_lots - self.terms.concentration_lots, 0)
        return beyond_lots * self.terms.concentration_ticks * self.terms.tick_value_nano

    @property
    def ramp_nano(self) -> int:
        """Required as the gate comes near, of all that may be bought, and of all that may be sold."""
        long_ticks = max(self.lots + self.buy_lots, 0) * self.terms.long_ramp_ticks
        short_ticks = max(self.sell_lots - self.lots, 0) * self.terms.short_ramp_ticks
        return (long_ticks + short_ticks) * self.terms.tick_value_nano

    @property
    def charges_nano(self) -> int:
        """All that is required whatever the scenario."""
        return self.spread_nano + self.concentration_nano + self.ramp_nano

    @property
    def unsettled_nano(self) -> int:
        """What the position would bring at the mark beyond its cost."""
        return self.lots * self.terms.mark_ticks * self.terms.tick_value_nano - self.cost_nano


class Requirement:
    """Positions and open orders of one account, and what they require. It starts with none."""

    def __init__(self, multiplier_ppm: int = 0, add_on_nano: int = 0) -> None:
        """`multiplier_ppm` is that of a provider's bonds; `add_on_nano` is what risk staff add to the requirement."""
        self.multiplier_ppm = multiplier_ppm
        self.add_on_nano = add_on_nano
        self.bond_base_nano = 0
        self.holdings: dict[int, Holding] = {}
        self.losses_nano: dict[int, list[int]] = {}
        """Of each region, in each scenario."""
        self.unsettled_nano = 0
        self.gross_nano = 0
        self.charges_nano = 0

    @property
    def margin_nano(self) -> int:
        """The initial requirement: the worst loss of each region, the charges, a provider's bond, and the add-on."""
        return self.own_margin_nano + self.add_on_nano

    @property
    def own_margin_nano(self) -> int:
        """The same without the add-on."""
        return sum(worst_loss(losses) for losses in self.losses_nano.values()) + self.charges_nano + self.bond_nano

    @property
    def bond_nano(self) -> int:
        """For what a provider may come to have sold."""
        return self.bond_of(self.bond_base_nano)

    def bond_of(self, base_nano: int) -> int:
        """The bond when failing would cost so much."""
        return -(-base_nano * self.multiplier_ppm // PPM)

    @property
    def gross_nano_max(self) -> int:
        """What the gross may come to."""
        return PROVIDER_GROSS_NANO_MAX if self.multiplier_ppm else GROSS_NANO_MAX

    def move_order(self, terms: Terms, side: int, limit_ticks: int, lots: int) -> None:
        """So many lots more, or less when negative, are open on a side at a limit."""
        base_nano = certain_loss(terms, side, limit_ticks)
        sign = 1 if side == Side.BUY else -1
        unit_losses = [max(base_nano - sign * gain_nano, 0) for gain_nano in gains(terms)]
        buys, sells = (lots, 0) if side == Side.BUY else (0, lots)
        self._change(terms, [lots * loss_nano for loss_nano in unit_losses], buys, sells, 0, 0)

    def move_position(self, terms: Terms, lots: int, cost_nano: int) -> None:
        """A position changes by lots and their cost, both negative for a sale."""
        self._change(terms, [-lots * gain_nano for gain_nano in gains(terms)], 0, 0, lots, cost_nano)

    def holding(self, terms: Terms) -> Holding:
        """What there is in an instrument, which may be nothing."""
        return self.holdings.get(terms.instrument_id) or Holding(terms)

    def _change(
        self, terms: Terms, added_nano: list[int], buy_lots: int, sell_lots: int, lots: int, cost_nano: int
    ) -> None:
        holding = self.holdings.setdefault(terms.instrument_id, Holding(terms))
        in_region = self.losses_nano.setdefault(terms.region_id, [0] * SCENARIOS)
        self._count(holding, -1)
        holding.lots += lots
        holding.cost_nano += cost_nano
        holding.buy_lots += buy_lots
        holding.sell_lots += sell_lots
        assert min(holding.buy_lots, holding.sell_lots) >= 0, "more was taken off than was open"
        self._count(holding, 1)
        for scenario, loss_nano in enumerate(added_nano):
            holding.losses_nano[scenario] += loss_nano
            in_region[scenario] += loss_nano

    def _count(self, holding: Holding, sign: int) -> None:
        """Take an instrument's share into the sums, or out of them."""
        self.unsettled_nano += sign * holding.unsettled_nano
        self.charges_nano += sign * holding.charges_nano
        self.gross_nano += sign * holding.gross_lots * holding.terms.gross_nano
        self.bond_base_nano += sign * holding.bond_base_nano


def check_order(held: Requirement, cash_nano: int, terms: Terms, side: int, limit_ticks: int, lots: int) -> int:
    """0, or why an account cannot have one order more; but for the room that the market has for positions."""
    if limit_ticks > terms.price_max_ticks:
        return RiskReject.PRICE_ABOVE_MAXIMUM
    if lots > terms.lots_max or held.gross_nano + lots * terms.gross_nano > held.gross_nano_max:
        return RiskReject.NOTIONAL_OUT_OF_RANGE
    free_nano = cash_nano + held.unsettled_nano - held.margin_nano
    held.move_order(terms, side, limit_ticks, lots)
    is_covered = cash_nano + held.unsettled_nano - held.margin_nano >= 0
    closes = _closes_only(held.holding(terms), side)
    held.move_order(terms, side, limit_ticks, -lots)
    if is_covered or (closes and _closing_helps(held, cash_nano, terms, side, limit_ticks, lots, free_nano)):
        return 0
    return RiskReject.INSUFFICIENT_MARGIN


def _closes_only(holding: Holding, side: int) -> bool:
    """Whether all open orders of a side together close no more than there is."""
    if side == Side.BUY:
        return holding.buy_lots <= -holding.lots > 0
    return holding.sell_lots <= holding.lots > 0


def _closing_helps(
    held: Requirement, cash_nano: int, terms: Terms, side: int, limit_ticks: int, lots: int, free_nano: int
) -> bool:
    """Whether a fill at the limit lowers neither what is free nor equity below zero; it is tried and taken back."""
    signed_lots = lots if side == Side.BUY else -lots
    cost_nano = signed_lots * limit_ticks * terms.tick_value_nano
    held.move_position(terms, signed_lots, cost_nano)
    equity_nano = cash_nano + held.unsettled_nano - lots * worst_fee_nano(terms, limit_ticks)
    after_nano = equity_nano - held.margin_nano
    held.move_position(terms, -signed_lots, -cost_nano)
    return after_nano >= free_nano and equity_nano >= 0


def certain_loss(terms: Terms, side: int, limit_ticks: int) -> int:
    """What one lot of an order loses when it fills at its limit and nothing moves, the fee included."""
    is_buy = side == Side.BUY
    adverse_ticks = limit_ticks - terms.mark_ticks if is_buy else terms.mark_ticks - limit_ticks
    paid_ticks = limit_ticks if is_buy else max(limit_ticks, terms.mark_ticks)
    return max(adverse_ticks, 0) * terms.tick_value_nano + worst_fee_nano(terms, paid_ticks)


def worst_fee_nano(terms: Terms, price_ticks: int) -> int:
    """The fee of one lot at the rate that an order pays at worst, rounded up."""
    return -(-price_ticks * terms.tick_value_nano * terms.worst_fee_ppm // PPM)


def gains(terms: Terms) -> list[int]:
    """What a long lot gains in each scenario, in nano-USD."""
    return [shock_ticks * terms.tick_value_nano for shock_ticks in terms.shocks_ticks]


def worst_loss(losses_nano: list[int]) -> int:
    """The largest, or nothing where all scenarios bring gains."""
    return max(0, *losses_nano)
