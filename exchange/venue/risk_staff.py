"""Commands of risk staff: the kill switch, limits of accounts, regions and instruments, market-maker protection.

The kill switch blocks first and cancels then: nothing new of the account comes in between. Pulled for everybody it is a
halt of the market with all orders gone. To pull it again does what is left to do.
"""

import numpy as np

from exchange.venue.absorbing import absorb_all
from exchange.venue.administration import refuse, write_account
from exchange.venue.limits import count_resting
from exchange.venue.schema import Command, Event, Reason, VenueReject
from exchange.venue.state import is_region, slot_of
from kernels.compile import inlined, outlined
from matching.events import begin_event
from matching.mass_cancel import BY_ACCOUNT, cancel_matching
from matching.rules import NO_REJECT, is_listed
from matching.schema import NIL, OrderReject
from matching.working import is_paused
from risk.accounts import is_account
from risk.limits import drop_empty_rule, find_rule, note_limits, rule_of
from risk.protection import reset
from risk.schema import RiskReject

INTERVAL_MS_MAX = 86_400_000
FROZEN_MS_MAX = 86_400_000


@outlined
def run_risk_staff(state, batch, index, events, count):
    """Run one command of this room to its outcome, or until the buffer is full."""
    kind = batch.orders[index]["kind"]
    if kind == Command.KILL_SWITCH:
        return pull_kill_switch(state, batch.mass_cancels[index], events, count)
    if kind == Command.LIFT_KILL_SWITCH:
        return lift_kill_switch(state, batch.accounts[index], events, count)
    if kind == Command.SET_ACCOUNT_LIMITS:
        return set_account_limits(state, batch.limits[index], events, count)
    if kind == Command.SET_REGION_LIMIT:
        return set_region_limit(state, batch.limits[index], events, count)
    if kind == Command.SET_INSTRUMENT_LIMITS:
        return set_instrument_limits(state, batch.limits[index], events, count)
    if kind == Command.SET_PROTECTION:
        return set_protection(state, batch.protections[index], events, count)
    return reset_protection(state, batch.protections[index], events, count)


# The kill switch.


@inlined
def pull_kill_switch(state, command, events, count):
    """No new orders from now on, and those there are go, in the order of their ids."""
    account_id = np.int64(command["account_id"])
    if not is_paused(state.book):
        reject = check_kill_switch(state, command)
        if reject != NO_REJECT:
            return refuse(state, reject, account_id, events, count)
        if command["flags"] & BY_ACCOUNT:
            state.ledger.accounts[account_id]["is_blocked"] = 1
        else:
            state.clock[0]["is_halted"] = 1
    first = count
    count = cancel_matching(state.book, command, np.int64(Reason.KILL_SWITCH), events, count)
    absorb_all(state, events, first, count)
    if not is_paused(state.book):
        events.orders[count - 1]["kind"] = Event.KILL_SWITCH_PULLED
    return count


@inlined
def check_kill_switch(state, command):
    """0, or why nothing is switched off: it takes all orders of one account or of everybody, never a part of them."""
    if np.int64(command["flags"]) & ~BY_ACCOUNT or command["scope_mask"] != 0:
        return np.int64(OrderReject.INVALID_ORDER_TERMS)
    if command["flags"] & BY_ACCOUNT and not is_account(state.ledger, np.int64(command["account_id"])):
        return np.int64(VenueReject.UNKNOWN_ACCOUNT)
    return np.int64(NO_REJECT)


@inlined
def lift_kill_switch(state, command, events, count):
    """An account has new orders again."""
    account_id = np.int64(command["account_id"])
    if not is_account(state.ledger, account_id):
        return refuse(state, np.int64(VenueReject.UNKNOWN_ACCOUNT), account_id, events, count)
    state.ledger.accounts[account_id]["is_blocked"] = 0
    return write_account(state, Event.KILL_SWITCH_LIFTED, command, np.int64(0), events, count)


# Limits.


@inlined
def set_account_limits(state, command, events, count):
    """What an account may have at most, in place of what it was allowed before."""
    account_id = np.int64(command["account_id"])
    if not is_account(state.ledger, account_id):
        return refuse(state, np.int64(VenueReject.UNKNOWN_ACCOUNT), account_id, events, count)
    if not are_sizes_sound(command) or not is_cap_sound(command):
        return refuse(state, np.int64(RiskReject.LIMITS_OUT_OF_RANGE), account_id, events, count)
    limits = state.ledger.limits[account_id]
    limits["position_lots"] = command["position_lots"]
    limits["order_lots"] = command["order_lots"]
    limits["order_nano"] = command["order_nano"]
    limits["open_orders_step_nano"] = command["open_orders_step_nano"]
    limits["open_orders_base"] = command["open_orders_base"]
    limits["open_orders_max"] = command["open_orders_max"]
    settle_flags(state, account_id)
    return write_limits(state, command, account_id, events, count)


@inlined
def are_sizes_sound(command):
    """Whether no limit is below nothing."""
    return min(min(command["position_lots"], command["order_lots"]), command["order_nano"]) >= 0


@inlined
def is_cap_sound(command):
    """Whether a cap on open orders begins at its base, grows by equity if it can grow, and ends at its maximum."""
    step_nano = command["open_orders_step_nano"]
    base, most = command["open_orders_base"], command["open_orders_max"]
    if step_nano == 0:
        return base == most
    return step_nano > 0 and base <= most and most != 0


@inlined
def settle_flags(state, account_id):
    """Let an account's flags follow its limits, and count its open orders from when it has some."""
    had_limits = state.ledger.accounts[account_id]["has_limits"] != 0
    has_limits = note_limits(state.ledger, account_id)
    if not has_limits:
        state.ledger.limits[account_id]["open_orders"] = 0
    elif not had_limits:
        state.ledger.limits[account_id]["open_orders"] = count_resting(state.book, account_id)


@inlined
def set_region_limit(state, command, events, count):
    """How many lots an account may come to have in a region."""
    account_id, region_id = np.int64(command["account_id"]), np.int64(command["region_id"])
    reject = check_region(state, account_id, region_id)
    if reject == NO_REJECT and command["position_lots"] < 0:
        reject = np.int64(RiskReject.LIMITS_OUT_OF_RANGE)
    rule = np.int64(NIL)
    if reject == NO_REJECT:
        rule = rule_of(state.ledger, account_id, region_id)
        reject = np.int64(RiskReject.TOO_MANY_RULES) if rule == NIL else reject
    if reject != NO_REJECT:
        return refuse(state, reject, account_id, events, count)
    state.ledger.rules[rule]["position_lots"] = command["position_lots"]
    drop_empty_rule(state.ledger, rule)
    settle_flags(state, account_id)
    return write_limits(state, command, account_id, events, count)


@inlined
def check_region(state, account_id, region_id):
    """0, or which of an account and a region there is not."""
    if not is_account(state.ledger, account_id):
        return np.int64(VenueReject.UNKNOWN_ACCOUNT)
    if not is_region(state, region_id):
        return np.int64(VenueReject.UNKNOWN_REGION)
    return np.int64(NO_REJECT)


@inlined
def set_instrument_limits(state, command, events, count):
    """What everybody may have at most in an instrument."""
    if not is_listed(state.book, command["instrument_id"]):
        return refuse(state, np.int64(OrderReject.UNKNOWN_INSTRUMENT), np.int64(0), events, count)
    if not are_sizes_sound(command):
        return refuse(state, np.int64(RiskReject.LIMITS_OUT_OF_RANGE), np.int64(0), events, count)
    slot = slot_of(state, command["instrument_id"])
    limits = state.ledger.contract_limits[slot]
    limits["position_lots"] = command["position_lots"]
    limits["order_lots"] = command["order_lots"]
    limits["order_nano"] = command["order_nano"]
    has_limits = command["position_lots"] | command["order_lots"] | command["order_nano"] != 0
    state.book.instruments[slot]["has_limits"] = 1 if has_limits else 0
    return write_limits(state, command, np.int64(0), events, count)


@inlined
def write_limits(state, command, account_id, events, count):
    """Tell of limits; of an account also how many orders it has open, if that is counted."""
    begin_event(state.book, events, count, Event.LIMITS_SET)
    event = events.limits[count]
    event["reserved"] = 0
    event["reason"] = 0
    event["instrument_id"] = command["instrument_id"]
    event["position_lots"] = command["position_lots"]
    event["order_lots"] = command["order_lots"]
    event["account_id"] = account_id
    event["region_id"] = command["region_id"]
    event["open_orders_max"] = command["open_orders_max"]
    event["order_nano"] = command["order_nano"]
    event["open_orders"] = state.ledger.limits[account_id]["open_orders"]
    return count + 1


# Protection.


@inlined
def set_protection(state, command, events, count):
    """Protect an account in a region by new terms, or no longer; what was counted or frozen before is forgotten."""
    account_id, region_id = np.int64(command["account_id"]), np.int64(command["region_id"])
    reject = check_region(state, account_id, region_id)
    if reject == NO_REJECT and not is_protection_sound(command):
        reject = np.int64(RiskReject.PROTECTION_OUT_OF_RANGE)
    slot = np.int64(NIL)
    if reject == NO_REJECT:
        slot = rule_of(state.ledger, account_id, region_id)
        reject = np.int64(RiskReject.TOO_MANY_RULES) if slot == NIL else reject
    if reject != NO_REJECT:
        return refuse(state, reject, account_id, events, count)
    rule = state.ledger.rules[slot]
    rule["interval_ms"] = command["interval_ms"]
    rule["frozen_ms"] = command["frozen_ms"]
    rule["quantity_lots"] = command["quantity_lots"]
    rule["net_lots"] = command["net_lots"]
    rule["notional_nano"] = command["notional_nano"]
    reset(rule)
    drop_empty_rule(state.ledger, slot)
    settle_flags(state, account_id)
    return write_protection(state, Event.PROTECTION_SET, command, events, count)


@inlined
def is_protection_sound(command):
    """Whether there is an interval with a limit on what may be traded in it, or nothing of all that."""
    quantity_lots, net_lots, notional_nano = command["quantity_lots"], command["net_lots"], command["notional_nano"]
    if min(min(quantity_lots, net_lots), notional_nano) < 0:
        return False
    has_limit = quantity_lots | net_lots | notional_nano != 0
    if command["interval_ms"] == 0:
        return not has_limit and command["frozen_ms"] == 0
    return has_limit and command["interval_ms"] <= INTERVAL_MS_MAX and command["frozen_ms"] <= FROZEN_MS_MAX


@inlined
def reset_protection(state, command, events, count):
    """Take orders of an account in a region again, after its protection went off."""
    account_id, region_id = np.int64(command["account_id"]), np.int64(command["region_id"])
    reject = check_region(state, account_id, region_id)
    slot = np.int64(NIL)
    if reject == NO_REJECT:
        slot = find_rule(state.ledger, account_id, region_id)
        if slot == NIL or state.ledger.rules[slot]["interval_ms"] == 0:
            reject = np.int64(RiskReject.NOT_PROTECTED)
    if reject != NO_REJECT:
        return refuse(state, reject, account_id, events, count)
    reset(state.ledger.rules[slot])
    return write_protection(state, Event.PROTECTION_RESET, command, events, count)


@inlined
def write_protection(state, kind, command, events, count):
    """Tell of an account's protection in a region."""
    begin_event(state.book, events, count, kind)
    event = events.protections[count]
    event["reserved"] = 0
    event["reason"] = 0
    event["region_id"] = command["region_id"]
    event["quantity_lots"] = command["quantity_lots"]
    event["net_lots"] = command["net_lots"]
    event["account_id"] = command["account_id"]
    event["interval_ms"] = command["interval_ms"]
    event["frozen_ms"] = command["frozen_ms"]
    event["notional_nano"] = command["notional_nano"]
    event["reserved_2"] = 0
    return count + 1
