"""Limits that risk staff set: how large positions and orders may be, and how many orders an account may have open.

    reach        the position with all open orders of the side that an order is on; what reduces a position reaches less
    region       over all positions of an account in a region: the most lots that each may come to have, added up
    open orders  a base, and one more for so much equity, up to a maximum

A limit on positions only asks of what grows: a pure reduction is never refused by it, and neither is what was there
before the limit. Rules of a region hang in a chain of their account; 0 is no limit everywhere.
"""

import numpy as np

from kernels.compile import inlined, outlined
from risk.accounts import equity_nano
from risk.margin import worst_of
from risk.positions import find_class
from risk.schema import RiskReject

NIL = 0
NO_REJECT = 0


@outlined
def check_size(ledger, contract_slot, account_id, price_ticks, lots):
    """0, or why an account cannot have an order of so many lots at a limit."""
    lot_nano = max(np.int64(price_ticks) * ledger.contracts[contract_slot]["tick_value_nano"], np.int64(1))
    own, common = ledger.limits[account_id], ledger.contract_limits[contract_slot]
    reject = check_size_against(own["order_lots"], own["order_nano"], lot_nano, lots)
    if reject == NO_REJECT:
        reject = check_size_against(common["order_lots"], common["order_nano"], lot_nano, lots)
    return reject


@inlined
def check_size_against(most_lots, most_nano, lot_nano, lots):
    """The same for the limits of an account or of an instrument."""
    if is_over(most_lots, lots):
        return np.int64(RiskReject.ORDER_SIZE_LIMIT)
    if most_nano != 0 and lots > most_nano // lot_nano:
        return np.int64(RiskReject.ORDER_NOTIONAL_LIMIT)
    return np.int64(NO_REJECT)


@inlined
def is_over(limit, value):
    """Whether there is a limit, and a value is above it."""
    return limit != 0 and value > limit


@outlined
def check_reach(ledger, contract_slot, account_id, lots, buy_before, sell_before, buy_after, sell_after, region_lots):
    """0, or why an account cannot have so many lots open on each side, when it had others before.

    `region_lots` are those of the region with the new ones among them.
    """
    reach_lots = np.int64(0)
    if buy_after > buy_before:
        reach_lots = lots + buy_after
    if sell_after > sell_before:
        reach_lots = max(reach_lots, sell_after - lots)
    if is_over(ledger.limits[account_id]["position_lots"], reach_lots):
        return np.int64(RiskReject.POSITION_LIMIT_ACCOUNT)
    grows = worst_of(lots, buy_after, sell_after) > worst_of(lots, buy_before, sell_before)
    rule = find_rule(ledger, account_id, ledger.contracts[contract_slot]["region_id"])
    if grows and rule != NIL and is_over(ledger.rules[rule]["position_lots"], region_lots):
        return np.int64(RiskReject.POSITION_LIMIT_REGION)
    if is_over(ledger.contract_limits[contract_slot]["position_lots"], reach_lots):
        return np.int64(RiskReject.POSITION_LIMIT_INSTRUMENT)
    return np.int64(NO_REJECT)


@inlined
def lots_in_region(ledger, account_id, region_id):
    """Over an account's positions in a region: the most lots that each may come to have, added up."""
    slot = find_class(ledger, account_id, region_id)
    return ledger.classes[slot]["worst_lots"] if slot != NIL else np.int64(0)


@outlined
def check_open_orders(ledger, account_id, more):
    """0, or OPEN_ORDER_LIMIT for so many open orders more."""
    limits = ledger.limits[account_id]
    if more > 0 and is_over(open_orders_cap(ledger, account_id), limits["open_orders"] + more):
        return np.int64(RiskReject.OPEN_ORDER_LIMIT)
    return np.int64(NO_REJECT)


@inlined
def open_orders_cap(ledger, account_id):
    """How many orders an account may have open with the equity that it has; 0 for as many as it likes."""
    limits = ledger.limits[account_id]
    cap = np.int64(limits["open_orders_base"])
    if limits["open_orders_step_nano"] != 0:
        cap += max(equity_nano(ledger, account_id), np.int64(0)) // limits["open_orders_step_nano"]
    most = np.int64(limits["open_orders_max"])
    return min(max(cap, np.int64(most != 0)), most)


@inlined
def note_limits(ledger, account_id):
    """Let the flags of an account say whether it has limits and protection; return whether it has limits."""
    limits, account = ledger.limits[account_id], ledger.accounts[account_id]
    has_limits = limits["position_lots"] | limits["order_lots"] | limits["order_nano"] != 0
    has_limits = has_limits or limits["open_orders_max"] != 0
    is_protected = False
    rule = np.int64(limits["first_rule"])
    while rule != NIL:
        has_limits = has_limits or ledger.rules[rule]["position_lots"] != 0
        is_protected = is_protected or ledger.rules[rule]["interval_ms"] != 0
        rule = np.int64(ledger.rules[rule]["next"])
    account["has_limits"] = 1 if has_limits else 0
    account["is_protected"] = 1 if is_protected else 0
    return has_limits


@inlined
def forget_contract_limits(ledger, contract_slot):
    """A new instrument comes without limits."""
    limits = ledger.contract_limits[contract_slot]
    limits["position_lots"] = 0
    limits["order_lots"] = 0
    limits["order_nano"] = 0


# The rules of regions.


@inlined
def find_rule(ledger, account_id, region_id):
    """The slot of what holds for an account in a region, or NIL."""
    rule = np.int64(ledger.limits[account_id]["first_rule"])
    while rule != NIL and ledger.rules[rule]["region_id"] != region_id:
        rule = np.int64(ledger.rules[rule]["next"])
    return rule


@outlined
def rule_of(ledger, account_id, region_id):
    """The same, made if there is none; NIL when no slot is left."""
    rule = find_rule(ledger, account_id, region_id)
    if rule != NIL:
        return rule
    totals = ledger.totals[0]
    rule = np.int64(totals["free_rule"])
    if rule != NIL:
        totals["free_rule"] = ledger.rules[rule]["next"]
    elif totals["fresh_rule"] < len(ledger.rules):
        rule = np.int64(totals["fresh_rule"])
        totals["fresh_rule"] += np.uint32(1)
    else:
        return rule
    made = ledger.rules[rule]
    made["account_id"] = account_id
    made["region_id"] = region_id
    made["next"] = ledger.limits[account_id]["first_rule"]
    ledger.limits[account_id]["first_rule"] = rule
    return rule


@outlined
def drop_empty_rule(ledger, rule):
    """Free a rule that says nothing any more. All that it says is 0 then, but for whom and where."""
    dropped = ledger.rules[rule]
    if dropped["position_lots"] != 0 or dropped["interval_ms"] != 0:
        return
    limits, totals = ledger.limits[dropped["account_id"]], ledger.totals[0]
    if np.int64(limits["first_rule"]) == rule:
        limits["first_rule"] = dropped["next"]
    else:
        before = np.int64(limits["first_rule"])
        while np.int64(ledger.rules[before]["next"]) != rule:
            before = np.int64(ledger.rules[before]["next"])
        ledger.rules[before]["next"] = dropped["next"]
    dropped["account_id"] = 0
    dropped["region_id"] = 0
    dropped["next"] = totals["free_rule"]
    totals["free_rule"] = rule
