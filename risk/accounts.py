"""Accounts: their cash, what they have, what they must have.

Equity is cash and what positions would bring at the marks. It backs the requirement (`margin_nano`), which follows
every order and fill; what is above it is free. Only cash can leave, and only as far as it is free: gains that are not
settled back margin, but cannot be withdrawn. Risk staff may add to the requirement; whatever compares with it then sees
the sum, and only what closes positions, or pays for them, leaves the add-on out.
"""

from dataclasses import dataclass, replace

import numpy as np

from kernels.arrays import ArrayGroup
from kernels.bucket_table import TABLE_WORDS_MIN, grown_bucket_table
from kernels.compile import inlined
from kernels.memory import aligned_zeros
from kernels.table import ENTRY, TABLE_SIZE_MIN, grown_table
from risk import schema
from risk.schema import AMOUNT_NANO_MAX, SCENARIOS, TOTAL_NANO_MAX, RiskReject


@dataclass(frozen=True, eq=False)
class Ledger(ArrayGroup):
    """Everything that risk knows, as arrays."""

    totals: np.ndarray  # (1,) LEDGER
    waterfall: np.ndarray  # (1,) WATERFALL
    accounts: np.ndarray  # (accounts,) ACCOUNT, at the account's id
    positions: np.ndarray  # (positions + 1,) POSITION; slot 0 is never used
    since: np.ndarray  # (positions + 1,) SINCE, beside the positions
    position_table: np.ndarray  # (power of two,) u4, buckets: (account, instrument) to slot
    recent: np.ndarray  # (RECENT,) RECENT_POSITION: what an account used last, at its id modulo RECENT
    tags: np.ndarray  # (NOTED,) u4: the hashes under which look-ahead expects them, at a command's index modulo NOTED
    noted: np.ndarray  # (NOTED,) u4: the slots of positions that it found there
    near: np.ndarray  # (1,) u4: the one of the command at work
    classes: np.ndarray  # (positions + 1,) CLASS; slot 0 is never used
    class_table: np.ndarray  # (power of two,) ENTRY: (account, region) to slot
    losses: np.ndarray  # (16 x classes,) int64: what each class would lose in each scenario, orders included
    contracts: np.ndarray  # (instruments,) CONTRACT, at instrument id modulo their number
    ramps: np.ndarray  # (instruments,) RAMP, where the contract stands
    shocks: np.ndarray  # (16 x instruments,) int32: what a long lot gains in each scenario, in ticks
    base_shocks: np.ndarray  # (16 x instruments,) int32: the same as long as the region is not strained
    limits: np.ndarray  # (accounts,) ACCOUNT_LIMITS, at the account's id
    contract_limits: np.ndarray  # (instruments,) CONTRACT_LIMITS, where the contract stands
    rules: np.ndarray  # (rules + 1,) RULE; slot 0 is never used


def allocate(
    accounts: int = schema.ACCOUNT_CAPACITY,
    positions: int = schema.POSITION_CAPACITY,
    contracts: int = schema.CONTRACT_CAPACITY,
) -> Ledger:
    """A ledger without accounts. The number of contracts is a power of two."""
    totals = np.zeros(1, schema.LEDGER)
    totals["fresh_position"] = totals["fresh_class"] = totals["fresh_rule"] = totals["accounts_end"] = 1
    return Ledger(
        totals=totals,
        waterfall=np.zeros(1, schema.WATERFALL),
        accounts=aligned_zeros(accounts, schema.ACCOUNT),
        positions=aligned_zeros(positions + 1, schema.POSITION),
        since=aligned_zeros(positions + 1, schema.SINCE),
        position_table=aligned_zeros(TABLE_WORDS_MIN, np.uint32),
        recent=aligned_zeros(schema.RECENT, schema.RECENT_POSITION),
        tags=np.zeros(schema.NOTED, np.uint32),
        noted=np.zeros(schema.NOTED, np.uint32),
        near=np.zeros(1, np.uint32),
        classes=aligned_zeros(positions + 1, schema.CLASS),
        class_table=np.zeros(TABLE_SIZE_MIN, ENTRY),
        losses=aligned_zeros(SCENARIOS * (positions + 1), np.dtype(np.int64)),
        contracts=aligned_zeros(contracts, schema.CONTRACT),
        ramps=aligned_zeros(contracts, schema.RAMP),
        shocks=aligned_zeros(SCENARIOS * contracts, np.dtype(np.int32)),
        base_shocks=aligned_zeros(SCENARIOS * contracts, np.dtype(np.int32)),
        limits=aligned_zeros(accounts, schema.ACCOUNT_LIMITS),
        contract_limits=aligned_zeros(contracts, schema.CONTRACT_LIMITS),
        rules=aligned_zeros(schema.RULE_CAPACITY + 1, schema.RULE),
    )


def grown_ledger(ledger: Ledger, additions: int) -> Ledger:
    """The same ledger with tables that have room for so many positions more, each in a margin class of its own."""
    totals = ledger.totals[0]
    position_table = grown_bucket_table(ledger.position_table, int(totals["live_positions"]), additions)
    class_table = grown_table(ledger.class_table, int(totals["live_classes"]), additions)
    if position_table is ledger.position_table and class_table is ledger.class_table:
        return ledger
    return replace(ledger, position_table=position_table, class_table=class_table)


@inlined
def is_account(ledger, account_id):
    """Whether an account of this id is open."""
    return account_id < len(ledger.accounts) and ledger.accounts[account_id]["is_open"] != 0


@inlined
def uses_reduce_only(ledger, account_id):
    """Whether an account may have reduce-only orders."""
    return ledger.accounts[account_id]["uses_reduce_only"] != 0


@inlined
def equity_nano(ledger, account_id):
    """Cash, and what positions would bring at the marks beyond their cost."""
    account = ledger.accounts[account_id]
    return account["cash_nano"] + account["unsettled_nano"]


@inlined
def is_watched(ledger, account_id):
    """Whether new orders of an account have more to pass than margin: limits, capacity, a switch."""
    account = ledger.accounts[account_id]
    flags = account["uses_reduce_only"] | account["is_blocked"] | account["has_limits"] | account["is_protected"]
    return (flags | account["is_provider"]) != 0


@inlined
def free_nano(ledger, account_id):
    """What of an account's equity no requirement binds; negative when it has less than it must."""
    account = ledger.accounts[account_id]
    return account["cash_nano"] + account["unsettled_nano"] - account["margin_nano"]


@inlined
def own_margin_nano(ledger, account_id):
    """What an account's positions and orders require, without what risk staff add."""
    account = ledger.accounts[account_id]
    return account["margin_nano"] - account["add_on_nano"]


@inlined
def set_add_on(ledger, account_id, add_on_nano):
    """Let risk staff add so much to the initial requirement, in place of what they added before."""
    account = ledger.accounts[account_id]
    account["margin_nano"] += add_on_nano - account["add_on_nano"]
    account["add_on_nano"] = add_on_nano


@inlined
def withdrawable_nano(ledger, account_id):
    """The cash that is free."""
    return min(free_nano(ledger, account_id), ledger.accounts[account_id]["cash_nano"])


@inlined
def payable_nano(ledger, account_id):
    """The cash that positions and orders leave free for what is held at a gate, whatever risk staff add."""
    account = ledger.accounts[account_id]
    return min(free_nano(ledger, account_id) + account["add_on_nano"], account["cash_nano"])


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
    if amount_nano > withdrawable_nano(ledger, account_id):
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


@inlined
def charge_fee(ledger, account_id, fee_nano):
    """A fee goes from an account to the exchange, or a rebate the other way when negative."""
    account = ledger.accounts[account_id]
    account["cash_nano"] -= fee_nano
    account["fees_nano"] += fee_nano
    ledger.totals[0]["fees_nano"] += fee_nano


@inlined
def pay_fund(ledger, account_id, amount_nano):
    """Money goes from an account to the insurance fund, or from the fund to the account when negative."""
    ledger.accounts[account_id]["cash_nano"] -= amount_nano
    ledger.totals[0]["fund_nano"] += amount_nano
