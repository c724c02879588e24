"""A slow, obvious twin of gate closure: what it must tell, from what accounts had right before it."""

from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction

from exchange.venue.clearing.gate_schema import Cause

PPM = 1_000_000


@dataclass
class Holder:
    """An account with lots of the tranche, as its settlement left it."""

    account_id: int
    lots: int
    since: int
    cash_nano: int
    unsettled_nano: int  # of its other positions
    margin_nano: int  # of its other positions
    multiplier_ppm: int | None  # None if it has no capacity
    backed_lots: int = 0

    @property
    def bare_lots(self) -> int:
        return abs(self.lots) - self.backed_lots

    def signed(self, lots: int) -> int:
        return lots if self.lots > 0 else -lots


@dataclass(frozen=True)
class Prices:
    """What holds for everybody, in nano-USD of one lot."""

    final_nano: int
    replacement_nano: int
    shortfall_fee_ppm: int
    penalty_ppm: int

    def held(self, holder: Holder) -> int:
        if holder.lots > 0:
            return self.final_nano
        fee_nano = up(Fraction(self.final_nano * self.shortfall_fee_ppm, PPM))
        failure_nano = fee_nano + self.replacement_nano - self.final_nano
        return up(Fraction(failure_nano * (holder.multiplier_ppm or 0), PPM))

    def penalty(self, is_buyer: bool) -> int:
        if is_buyer:
            return up(Fraction(self.final_nano * self.penalty_ppm, PPM))
        return up(Fraction(self.replacement_nano * (PPM + self.penalty_ppm), PPM)) - self.final_nano


def fund_one(holder: Holder, prices: Prices) -> Iterator[tuple]:
    """Pay for as many lots as can be paid for."""
    free_nano = min(holder.cash_nano, holder.cash_nano + holder.unsettled_nano - holder.margin_nano)
    if holder.lots > 0 or holder.multiplier_ppm is not None:
        while holder.backed_lots < abs(holder.lots) and (holder.backed_lots + 1) * prices.held(holder) <= max(
            free_nano, 0
        ):
            holder.backed_lots += 1
    if holder.backed_lots:
        amount_nano = -holder.backed_lots * prices.held(holder)
        holder.cash_nano += amount_nano
        yield "escrowed", holder.account_id, holder.signed(holder.backed_lots), amount_nano, holder.cash_nano


def cash_out_and_assign(holders: list[Holder], prices: Prices, fund_nano: int) -> Iterator[tuple]:
    """All that follows once every position is settled and funded."""
    unfunded = sum(each.bare_lots for each in holders if each.lots > 0)
    uncovered = sum(each.bare_lots for each in holders if each.lots < 0)
    buyers_are_cut = uncovered > unfunded
    cut = shares(
        abs(uncovered - unfunded),
        {each.account_id: each.backed_lots for each in holders if (each.lots > 0) == buyers_are_cut},
    )
    for holder in holders:
        if holder.bare_lots:
            owed_nano = holder.bare_lots * prices.penalty(holder.lots > 0)
            paid_nano = min(owed_nano, max(holder.cash_nano + holder.unsettled_nano, 0))
            holder.cash_nano -= paid_nano
            fund_nano += paid_nano
            cause = Cause.UNFUNDED if holder.lots > 0 else Cause.UNCOVERED
            signed_lots = holder.signed(holder.bare_lots)
            yield "cashed_out", cause, holder.account_id, signed_lots, -paid_nano, -paid_nano, holder.cash_nano
            if paid_nano:
                yield "fund", holder.account_id, paid_nano, fund_nano
    paid_nano = min(fund_nano, sum(cut.values()) * prices.penalty(not buyers_are_cut))
    paid = shares(paid_nano, cut)
    for holder in holders:
        lots = cut.get(holder.account_id, 0)
        if lots:
            penalty_nano = paid[holder.account_id]
            amount_nano = lots * prices.held(holder) + penalty_nano
            holder.backed_lots -= lots
            holder.cash_nano += amount_nano
            fund_nano -= penalty_nano
            signed_lots = holder.signed(lots)
            told = (Cause.WENT_WITHOUT, holder.account_id, signed_lots, amount_nano, penalty_nano, holder.cash_nano)
            yield "cashed_out", *told
            if penalty_nano:
                yield "fund", holder.account_id, -penalty_nano, fund_nano
    yield from assign(holders, prices)


def assign(holders: list[Holder], prices: Prices) -> Iterator[tuple]:
    """Lot by lot, who came first gets from who came first; runs of the same pair are one allocation."""
    in_order = sorted(holders, key=lambda each: (each.since, each.account_id))
    bought = [each for each in in_order if each.lots > 0 for _ in range(each.backed_lots)]
    sold = [each for each in in_order if each.lots < 0 for _ in range(each.backed_lots)]
    assert len(bought) == len(sold), "bought is not sold"
    pairs: dict[tuple[int, int], tuple[Holder, Holder, int]] = {}
    for buyer, seller in zip(bought, sold, strict=True):
        *_, lots = pairs.get((buyer.account_id, seller.account_id), (buyer, seller, 0))
        pairs[buyer.account_id, seller.account_id] = buyer, seller, lots + 1
    for buyer, seller, lots in pairs.values():
        held_nano = lots * prices.held(buyer), lots * prices.held(seller)
        yield "allocated", buyer.account_id, seller.account_id, lots, *held_nano


def shares(amount: int, weights: dict[int, int]) -> dict[int, int]:
    """By largest remainder; of equal ones the lowest account's is rounded up first."""
    whole = sum(weights.values())
    if not amount:
        return dict.fromkeys(weights, 0)
    exact = {each: Fraction(amount * weight, whole) for each, weight in weights.items()}
    found = {each: int(share) for each, share in exact.items()}
    by_remainder = sorted(found, key=lambda each: (found[each] - exact[each], each))
    for each in by_remainder[: amount - sum(found.values())]:
        found[each] += 1
    return found


def up(fraction: Fraction) -> int:
    return -int(-fraction // 1)
