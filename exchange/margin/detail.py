"""Why an account must have what it must have: the ladder of scenarios, the charges, and what contributes most.

The ladder holds for each region what positions and open orders lose in each of the 16 scenarios; the worst of each
region counts, and regions give each other no credit. What an instrument contributes is what the requirement would fall
by without it: offsets make the parts add up to something else than the whole, and one that hedges contributes less
than nothing.
"""

from typing import NamedTuple

from exchange.margin.condition import Condition, condition_of, distance_ppm
from exchange.margin.portfolio import Portfolio
from exchange.margin.requirement import Holding, Requirement, worst_loss
from exchange.view.records import maintenance_of
from risk.schema import PPM, SCENARIOS

CONTRIBUTORS_MAX = 100


class Rung(NamedTuple):
    """The ladder of one region."""

    region_id: int
    losses_nano: tuple[int, ...]  # in each scenario; a gain is negative
    worst_scenario: int
    worst_nano: int  # at least nothing
    spread_nano: int
    concentration_nano: int
    ramp_nano: int

    @property
    def margin_nano(self) -> int:
        """What the region requires."""
        return self.worst_nano + self.spread_nano + self.concentration_nano + self.ramp_nano


class Contributor(NamedTuple):
    """One instrument, and what the requirement would fall by without what is there."""

    instrument_id: int
    lots: int
    buy_lots: int  # in open orders
    sell_lots: int
    effect_nano: int  # of position and orders
    position_effect_nano: int  # of the position alone
    orders_effect_nano: int  # of the orders alone


class Detail(NamedTuple):
    """One account's risk."""

    cash_nano: int
    unsettled_nano: int
    margin_nano: int
    bond_nano: int  # of a provider, within the requirement
    add_on_nano: int  # what risk staff add to the requirement, within it
    ladder: tuple[Rung, ...]
    contributors: tuple[Contributor, ...]  # the largest first
    move_ppm: int | None
    """By so much all marks together would have to move until equity meets maintenance, the requirement as it is."""

    @property
    def equity_nano(self) -> int:
        """Cash, and what positions would bring at the marks beyond their cost."""
        return self.cash_nano + self.unsettled_nano

    @property
    def free_nano(self) -> int:
        """Equity that nothing requires; negative when there is less than there must be."""
        return self.equity_nano - self.margin_nano

    @property
    def maintenance_nano(self) -> int:
        """Below which equity positions are closed."""
        return maintenance_of(self.margin_nano - self.add_on_nano)

    @property
    def distance_nano(self) -> int:
        """How far equity is above maintenance."""
        return self.equity_nano - self.maintenance_nano

    @property
    def distance_ppm(self) -> int | None:
        """The same in parts of a million of maintenance."""
        return distance_ppm(self.equity_nano, self.maintenance_nano)

    @property
    def condition(self) -> Condition:
        """In a word."""
        return condition_of(self.equity_nano, self.margin_nano, self.maintenance_nano)

    @property
    def losses_nano(self) -> tuple[int, ...]:
        """Of the whole account, in each scenario."""
        return tuple(sum(rung.losses_nano[scenario] for rung in self.ladder) for scenario in range(SCENARIOS))

    @property
    def spread_nano(self) -> int:
        """Charged for every lot."""
        return sum(rung.spread_nano for rung in self.ladder)

    @property
    def concentration_nano(self) -> int:
        """Charged for lots beyond what is quickly closed."""
        return sum(rung.concentration_nano for rung in self.ladder)

    @property
    def ramp_nano(self) -> int:
        """Required because gates come near."""
        return sum(rung.ramp_nano for rung in self.ladder)


def detail_of(portfolio: Portfolio, contributors_max: int = CONTRIBUTORS_MAX) -> Detail:
    """The risk of an account as it is."""
    return explain(portfolio.requirement(), portfolio.cash_nano, contributors_max)


def explain(held: Requirement, cash_nano: int, contributors_max: int = CONTRIBUTORS_MAX) -> Detail:
    """The risk of any positions and orders, with so much cash."""
    distance_nano = cash_nano + held.unsettled_nano - maintenance_of(held.own_margin_nano)
    return Detail(
        cash_nano=cash_nano,
        unsettled_nano=held.unsettled_nano,
        margin_nano=held.margin_nano,
        bond_nano=held.bond_nano,
        add_on_nano=held.add_on_nano,
        ladder=tuple(_rung(held, region_id) for region_id in sorted(held.losses_nano)),
        contributors=_contributors(held)[:contributors_max],
        move_ppm=_move_ppm(held, distance_nano),
    )


def _rung(held: Requirement, region_id: int) -> Rung:
    losses_nano = held.losses_nano[region_id]
    inside = [holding for holding in held.holdings.values() if holding.terms.region_id == region_id]
    return Rung(
        region_id=region_id,
        losses_nano=tuple(losses_nano),
        worst_scenario=losses_nano.index(max(losses_nano)),
        worst_nano=worst_loss(losses_nano),
        spread_nano=sum(holding.spread_nano for holding in inside),
        concentration_nano=sum(holding.concentration_nano for holding in inside),
        ramp_nano=sum(holding.ramp_nano for holding in inside),
    )


def _contributors(held: Requirement) -> tuple[Contributor, ...]:
    found = [_contributor(held, holding) for holding in held.holdings.values() if holding.gross_lots]
    return tuple(sorted(found, key=lambda each: (-each.effect_nano, each.instrument_id)))


def _contributor(held: Requirement, holding: Holding) -> Contributor:
    terms = holding.terms
    position = Requirement()
    position.move_position(terms, holding.lots, 0)
    position_losses = position.holding(terms).losses_nano
    orders_losses = [whole - part for whole, part in zip(holding.losses_nano, position_losses, strict=True)]
    orders = Holding(terms, buy_lots=holding.buy_lots, sell_lots=holding.sell_lots)
    return Contributor(
        instrument_id=terms.instrument_id,
        lots=holding.lots,
        buy_lots=holding.buy_lots,
        sell_lots=holding.sell_lots,
        effect_nano=_fall(held, holding, holding.losses_nano, Holding(terms)),
        position_effect_nano=_fall(held, holding, position_losses, orders),
        orders_effect_nano=_fall(held, holding, orders_losses, Holding(terms, lots=holding.lots)),
    )


def _fall(held: Requirement, holding: Holding, gone_nano: list[int], left: Holding) -> int:
    """By how much the requirement falls when these losses go from a region, and so much is left to be charged for."""
    before_nano = held.losses_nano[holding.terms.region_id]
    after_nano = [whole - part for whole, part in zip(before_nano, gone_nano, strict=True)]
    bond_nano = held.bond_nano - held.bond_of(held.bond_base_nano - holding.bond_base_nano + left.bond_base_nano)
    charges_nano = holding.charges_nano - left.charges_nano
    return worst_loss(before_nano) - worst_loss(after_nano) + charges_nano + bond_nano


def _move_ppm(held: Requirement, distance_nano: int) -> int | None:
    """Rounded towards nothing; None where no move would do it, since none takes a price below zero."""
    worth_nano = sum(
        holding.lots * holding.terms.mark_ticks * holding.terms.tick_value_nano for holding in held.holdings.values()
    )
    if distance_nano <= 0:
        return 0
    if worth_nano == 0:
        return None
    move_ppm = distance_nano * PPM // abs(worth_nano)
    if worth_nano < 0:
        return move_ppm
    return -move_ppm if move_ppm <= PPM else None
