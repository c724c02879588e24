"""What an account can afford: a plain balance check, exact to the nano-USD.

A resting order holds its notional. A position holds what it could lose: a long one what it cost, a short one what it
was sold for, so that it is covered up to twice that price. Whatever is left of the cash is available. Holds follow
the events of matching one by one, so they are right at every moment and equal to a recomputation from the books.
"""

from dataclasses import dataclass

import numpy as np

from kernels.arrays import ArrayGroup
from kernels.compile import inlined
from kernels.intrinsics import rarely
from kernels.memory import aligned_zeros
from kernels.table import ENTRY, TABLE_SIZE_MIN
from risk import schema
from risk.schema import AMOUNT_NANO_MAX, TOTAL_NANO_MAX, RiskReject

HALF_AMOUNT_BITS = 30
assert 1 << 2 * HALF_AMOUNT_BITS <= AMOUNT_NANO_MAX


@dataclass(frozen=True, eq=False)
class Ledger(ArrayGroup):
    """Everything that risk knows, as arrays."""

    totals: np.ndarray  # (1,) LEDGER
    accounts: np.ndarray  # (accounts,) ACCOUNT, at the account's id
    positions: np.ndarray  # (positions + 1,) POSITION; slot 0 is never used
    position_table: np.ndarray  # (power of two,) ENTRY: (account, instrument) to slot


def allocate(accounts: int = schema.ACCOUNT_CAPACITY, positions: int = schema.POSITION_CAPACITY) -> Ledger:
    """A ledger without accounts."""
    totals = np.zeros(1, schema.LEDGER)
    totals["fresh_position"] = totals["accounts_end"] = 1
    return Ledger(
        totals=totals,
        accounts=aligned_zeros(accounts, schema.ACCOUNT),
        positions=aligned_zeros(positions + 1, schema.POSITION),
        position_table=np.zeros(TABLE_SIZE_MIN, ENTRY),
    )


@inlined
def is_account(ledger, account_id):
    """Whether an account of this id is open."""
    return account_id < len(ledger.accounts) and ledger.accounts[account_id]["is_open"] != 0


@inlined
def uses_reduce_only(ledger, account_id):
    """Whether an account may have reduce-only orders."""
    return ledger.accounts[account_id]["uses_reduce_only"] != 0


@inlined
def available_nano(ledger, account_id):
    """The cash that nothing holds."""
    account = ledger.accounts[account_id]
    return account["cash_nano"] - account["order_hold_nano"] - account["position_hold_nano"]


@inlined
def check_hold(ledger, account_id, price_ticks, lots, tick_value_nano, released_nano, makers_max):
    """Whether an account can hold a notional after something else was released; 0 or the refusal.

    Holding no more than before is always allowed. Beside the account, each of so many makers may need a position.
    """
    tick_nano = np.int64(price_ticks) * tick_value_nano
    # Two factors of half the bits are in range without a division, which would take as long as all the rest.
    if rarely((tick_nano | lots) >> HALF_AMOUNT_BITS != 0) and lots > AMOUNT_NANO_MAX // max(tick_nano, np.int64(1)):
        return np.int64(RiskReject.NOTIONAL_OUT_OF_RANGE)
    return check_amount(ledger, account_id, tick_nano * lots - released_nano, 1 + makers_max)


@inlined
def check_amount(ledger, account_id, more_nano, positions_max):
    """Whether an account can hold so much more, or less, and the ledger has room for so many positions."""
    if more_nano > max(available_nano(ledger, account_id), np.int64(0)):
        return np.int64(RiskReject.INSUFFICIENT_FUNDS)
    if ledger.totals[0]["live_positions"] + positions_max > len(ledger.positions) - 1:
        return np.int64(RiskReject.TOO_MANY_POSITIONS)
    return np.int64(0)


@inlined
def add_hold(ledger, account_id, amount_nano):
    """Hold more for resting orders, or less when negative."""
    account = ledger.accounts[account_id]
    account["order_hold_nano"] += amount_nano
    assert account["order_hold_nano"] >= 0, "more was released than was held"


@inlined
def check_deposit(ledger, account_id, amount_nano):
    """0, or why this money cannot come in."""
    if amount_nano <= 0 or amount_nano > AMOUNT_NANO_MAX:
        return np.int64(RiskReject.AMOUNT_OUT_OF_RANGE)
    totals = ledger.totals[0]
    if ledger.accounts[account_id]["cash_nano"] + amount_nano > AMOUNT_NANO_MAX:
        return np.int64(RiskReject.AMOUNT_OUT_OF_RANGE)
    if totals["deposits_nano"] + amount_nano > TOTAL_NANO_MAX:
        return np.int64(RiskReject.AMOUNT_OUT_OF_RANGE)
    return np.int64(0)


@inlined
def check_withdrawal(ledger, account_id, amount_nano):
    """0, or why this money cannot go out."""
    if amount_nano > available_nano(ledger, account_id):
        return np.int64(RiskReject.INSUFFICIENT_FUNDS)
    if amount_nano <= 0:
        return np.int64(RiskReject.AMOUNT_OUT_OF_RANGE)
    return np.int64(0)


@inlined
def move_cash(ledger, account_id, amount_nano):
    """Money in, or out when negative; the totals know."""
    ledger.accounts[account_id]["cash_nano"] += amount_nano
    if amount_nano >= 0:
        ledger.totals[0]["deposits_nano"] += amount_nano
    else:
        ledger.totals[0]["withdrawals_nano"] -= amount_nano
