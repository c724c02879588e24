"""Market-maker protection: what others take of an account's resting orders in a region is counted, up to a limit.

An interval begins with a trade and lasts `interval_ms`; the first trade after it begins another. Protection goes off
with the trade that brings the lots, the difference of bought and sold lots, or the notional to their limit. From then
on the account has no new orders there until it is reset, or until `frozen_ms` have passed. Trades of an account with
itself count for nothing.
"""

import numpy as np

from kernels.compile import inlined, outlined
from risk.limits import NIL, find_rule

NANO_PER_MS = 1_000_000
FOR_EVER_NS = (1 << 63) - 1
SUM_MAX = 1 << 61
"""Sums stop here; one trade more always fits."""
BUY = 0


@outlined
def note_fill(ledger, contract_slot, account_id, side, lots, price_ticks, time_ns):
    """Count a trade of an account's resting order on a side; return whether protection went off by it."""
    contract = ledger.contracts[contract_slot]
    slot = find_rule(ledger, account_id, contract["region_id"])
    if slot == NIL or ledger.rules[slot]["interval_ms"] == 0:
        return False
    rule = ledger.rules[slot]
    if is_frozen(rule, time_ns):
        return False
    if time_ns >= rule["until_ns"]:
        begin_interval(rule, time_ns + np.int64(rule["interval_ms"]) * NANO_PER_MS)
    rule["traded_lots"] = min(rule["traded_lots"] + lots, np.int64(SUM_MAX))
    rule["traded_net_lots"] += lots if side == BUY else -lots
    notional_nano = lots * np.int64(price_ticks) * contract["tick_value_nano"]
    rule["traded_nano"] = min(rule["traded_nano"] + notional_nano, np.int64(SUM_MAX))
    if not has_reached(rule):
        return False
    begin_interval(rule, np.int64(0))
    frozen_ns = np.int64(rule["frozen_ms"]) * NANO_PER_MS
    rule["frozen_until_ns"] = time_ns + frozen_ns if frozen_ns != 0 else np.int64(FOR_EVER_NS)
    enter_due(ledger, slot)
    return True


@inlined
def begin_interval(rule, until_ns):
    """Count from nothing, until a time; 0 for not at all."""
    rule["until_ns"] = until_ns
    rule["traded_lots"] = 0
    rule["traded_net_lots"] = 0
    rule["traded_nano"] = 0


@inlined
def has_reached(rule):
    """Whether one of the sums is at its limit."""
    return (
        is_at(rule["quantity_lots"], rule["traded_lots"])
        or is_at(rule["net_lots"], abs(rule["traded_net_lots"]))
        or is_at(rule["notional_nano"], rule["traded_nano"])
    )


@inlined
def is_at(limit, value):
    """Whether there is a limit, and a value is no less."""
    return limit != 0 and value >= limit


@inlined
def is_frozen(rule, time_ns):
    """Whether protection went off, and neither a reset nor time has ended it."""
    return time_ns < rule["frozen_until_ns"]


@inlined
def is_frozen_in(ledger, account_id, region_id, time_ns):
    """The same for an account in a region."""
    rule = find_rule(ledger, account_id, region_id)
    return rule != NIL and is_frozen(ledger.rules[rule], time_ns)


@inlined
def reset(rule):
    """Take orders again, and count from nothing."""
    begin_interval(rule, np.int64(0))
    rule["frozen_until_ns"] = 0


@inlined
def enter_due(ledger, slot):
    """Put a rule behind all others whose protection went off in this command."""
    totals = ledger.totals[0]
    ledger.rules[slot]["next_due"] = NIL
    if totals["first_due"] == NIL:
        totals["first_due"] = slot
    else:
        ledger.rules[totals["last_due"]]["next_due"] = slot
    totals["last_due"] = slot


@inlined
def drop_due(ledger):
    """Take the first of them out."""
    totals = ledger.totals[0]
    slot = np.int64(totals["first_due"])
    totals["first_due"] = ledger.rules[slot]["next_due"]
    ledger.rules[slot]["next_due"] = NIL
