"""The slow, obvious twin of a slot's money: fractions of what the whole window costs, rounded where it is said."""

from fractions import Fraction
from math import ceil, floor
from typing import NamedTuple

PPM = 1_000_000


class Deal(NamedTuple):
    """An allocation as a contract between two, in nano-USD for a lot over the whole window."""

    lots: int
    slots: int
    price_nano: int
    gap_nano: int
    """What replacing costs beyond the price."""
    shortfall_fee_ppm: int
    clearing_fee_ppm: int
    burn_ppm: int
    bond_nano: int


class SlotMoney(NamedTuple):
    paid_nano: int
    refunded_nano: int
    fee_nano: int
    replacement_nano: int
    shortfall_fee_nano: int
    released_nano: int


def settle(deal: Deal, delivered: list[int]) -> list[SlotMoney]:
    """What each slot brings, given how many lots of it were delivered; every slot was measured."""
    totals = [deal.lots * each for each in (deal.price_nano, deal.gap_nano, shortfall_fee(deal))]
    cuts = [cut(total, deal.slots) for total in totals]
    bond_nano, found = deal.bond_nano, []
    for slot, lots in enumerate(delivered):
        price, gap, fee = (each[slot] for each in cuts)
        needed = sum(cuts[1][slot + 1 :]) + sum(cuts[2][slot + 1 :])
        assert bond_nano >= needed + gap + fee, "the bond does not cover what remains"
        even = bond_nano // (deal.slots - slot)
        out = bond_nano if slot == deal.slots - 1 else min(even, bond_nano - needed)
        share = Fraction(lots, deal.lots)
        paid = floor(price * share)
        clearing_fee = floor(Fraction(paid * deal.clearing_fee_ppm, PPM))
        replacement, penalty = gap - floor(gap * share), fee - floor(fee * share)
        found.append(SlotMoney(paid, price - paid, clearing_fee, replacement, penalty, out - replacement - penalty))
        bond_nano -= out
    return found


def shortfall_fee(deal: Deal) -> int:
    return ceil(Fraction(deal.price_nano * deal.shortfall_fee_ppm, PPM))


def cut(total: int, slots: int) -> list[int]:
    """A total in even parts, the remainder in the last."""
    return [total // slots] * (slots - 1) + [total - total // slots * (slots - 1)]
