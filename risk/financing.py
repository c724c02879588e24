"""Financing: who has negative cash has borrowed it, and pays for it by the hour.

The rate follows how much of the cash that others have is lent out, with a kink at an optimum (Aave's curve):

    utilisation = what is below zero / what is above it, over the cash of all accounts
    rate = base + slope_1 x utilisation / optimum                                up to the optimum
           base + slope_1 + slope_2 x (utilisation - optimum) / (1 - optimum)    above it

All of it is in parts of a million, rates a year. What is paid goes to the insurance fund, so no cash is made or lost.
"""

import numpy as np

from kernels.compile import inlined, outlined
from risk.schema import AMOUNT_NANO_MAX, PPM, RATE_PPM_MAX, TOTAL_NANO_MAX, RiskReject

HOURS_PER_YEAR = 8_760
INTEREST_DIVISOR = PPM * HOURS_PER_YEAR


@inlined
def check_curve(base_ppm, slope_1_ppm, slope_2_ppm, optimum_ppm):
    """0, or why cash cannot cost so much. All rates 0 mean that it costs nothing, and then the optimum is 0 too."""
    most_ppm = np.int64(base_ppm) + np.int64(slope_1_ppm) + np.int64(slope_2_ppm)
    if most_ppm > RATE_PPM_MAX or optimum_ppm > PPM or (most_ppm == 0) != (optimum_ppm == 0):
        return np.int64(RiskReject.FINANCING_OUT_OF_RANGE)
    return np.int64(0)


@inlined
def rate_at(utilisation_ppm, base_ppm, slope_1_ppm, slope_2_ppm, optimum_ppm):
    """What cash costs a year at a utilisation from 0 to 1,000,000 ppm, rounded down."""
    if utilisation_ppm <= optimum_ppm:
        return base_ppm + slope_1_ppm * utilisation_ppm // max(optimum_ppm, np.int64(1))
    return base_ppm + slope_1_ppm + slope_2_ppm * (utilisation_ppm - optimum_ppm) // (PPM - optimum_ppm)


@outlined
def utilisation_of_cash(ledger):
    """How much of the cash above zero is lent to accounts below it, in ppm; 1,000,000 if there is no more than that."""
    borrowed_nano = np.int64(0)
    lent_nano = np.int64(0)
    for account_id in range(np.int64(ledger.totals[0]["accounts_end"])):
        cash_nano = np.int64(ledger.accounts[account_id]["cash_nano"])
        if cash_nano < 0:
            borrowed_nano = bounded_sum(borrowed_nano, -cash_nano)
        else:
            lent_nano = bounded_sum(lent_nano, cash_nano)
    return share_ppm(borrowed_nano, lent_nano)


@inlined
def bounded_sum(total_nano, more_nano):
    """A sum of amounts, or the largest total if it is above that."""
    more_nano = min(more_nano, np.int64(TOTAL_NANO_MAX))
    return min(total_nano, TOTAL_NANO_MAX - more_nano) + more_nano


@inlined
def share_ppm(part, whole):
    """A part of a whole in ppm, rounded down, at most 1,000,000.

    It is found bit by bit, because a million times the part may not fit.
    """
    if part >= whole:
        return np.int64(PPM) if part > 0 else np.int64(0)
    quotient = np.int64(0)
    rest = np.int64(0)
    for bit in range(19, -1, -1):
        quotient *= 2
        if rest >= whole - rest:
            quotient += 1
            rest -= whole - rest
        else:
            rest += rest
        if (PPM >> bit) & 1:
            if rest >= whole - part:
                quotient += 1
                rest -= whole - part
            else:
                rest += part
    return quotient


@inlined
def interest_nano(debt_nano, rate_ppm):
    """What a debt costs for an hour at a rate a year, rounded up."""
    whole = debt_nano // INTEREST_DIVISOR
    rest = debt_nano % INTEREST_DIVISOR
    return whole * rate_ppm + (rest * rate_ppm + INTEREST_DIVISOR - 1) // INTEREST_DIVISOR


@inlined
def charge_interest(ledger, account_id, rate_ppm):
    """An account below zero pays for an hour to the insurance fund; return how much. No debt grows past the largest
    balance."""
    account = ledger.accounts[account_id]
    debt_nano = -np.int64(account["cash_nano"])
    paid_nano = min(interest_nano(debt_nano, rate_ppm), max(AMOUNT_NANO_MAX - debt_nano, np.int64(0)))
    account["cash_nano"] -= paid_nano
    ledger.totals[0]["fund_nano"] += paid_nano
    return paid_nano


@inlined
def next_debtor(ledger, account_id):
    """The first account from an id on whose cash is below zero; 0 if there is none."""
    for each_id in range(account_id, np.int64(ledger.totals[0]["accounts_end"])):
        if ledger.accounts[each_id]["cash_nano"] < 0:
            return np.int64(each_id)
    return np.int64(0)
