"""Commands of providers: they post a stake, register capacity, and withdraw both as far as nothing needs them.

A stake stands for a provider's word: so much for each Mbps of the most that it has registered at any time. Who
registers becomes a provider, and from then on sells only what its capacity covers; so it cannot have sold before.
"""

import numpy as np

from exchange.venue.administration import refuse
from exchange.venue.clearing.capacity_schema import (
    CAPACITIES_OF_PROVIDER_MAX,
    CAPACITY_LOTS_MAX,
    EVERY_DAY,
    PROVIDER_GROSS_NANO_MAX,
    SLOT_NS,
    SLOT_S,
    SLOTS_PER_DAY,
    SLOTS_PER_WEEK,
    STAKE_NANO_PER_LOT,
)
from exchange.venue.clearing.commitments import sells_capacity
from exchange.venue.clearing.coverage import (
    DAYS_PER_WEEK,
    find_holding,
    free_holding,
    holding_of,
    is_unsold,
    weekday_of,
)
from exchange.venue.clearing.schema import MULTIPLIER_PPM_MAX, ClearingReject
from exchange.venue.schema import TIME_NS_MAX, Command, Event, Tier, VenueReject
from exchange.venue.state import is_region
from kernels.compile import inlined, outlined
from matching.events import begin_event
from matching.rules import NO_REJECT
from matching.schema import NIL
from risk.accounts import check_withdrawal
from risk.schema import AMOUNT_NANO_MAX, RiskReject

DAY_S = 86_400


@outlined
def run_provider(state, batch, index, events, count):
    """Run one command of this room, and write its outcome."""
    kind = batch.orders[index]["kind"]
    if kind == Command.POST_STAKE:
        return post_stake(state, batch.accounts[index], events, count)
    if kind == Command.WITHDRAW_STAKE:
        return withdraw_stake(state, batch.accounts[index], events, count)
    if kind == Command.REGISTER_CAPACITY:
        return register_capacity(state, batch.capacities[index], events, count)
    return withdraw_capacity(state, batch.capacities[index], events, count)


# Stakes.


@inlined
def post_stake(state, command, events, count):
    """Free cash becomes stake."""
    account_id, amount_nano = np.int64(command["account_id"]), command["amount_nano"]
    if amount_nano <= 0 or amount_nano > AMOUNT_NANO_MAX:
        return refuse(state, np.int64(RiskReject.AMOUNT_OUT_OF_RANGE), account_id, events, count)
    reject = check_withdrawal(state.ledger, account_id, amount_nano)
    if reject != NO_REJECT:
        return refuse(state, reject, account_id, events, count)
    return move_stake(state, account_id, amount_nano, events, count)


@inlined
def withdraw_stake(state, command, events, count):
    """Stake becomes free cash again, as far as no registered capacity needs it."""
    account_id, amount_nano = np.int64(command["account_id"]), command["amount_nano"]
    if amount_nano <= 0 or amount_nano > AMOUNT_NANO_MAX:
        return refuse(state, np.int64(RiskReject.AMOUNT_OUT_OF_RANGE), account_id, events, count)
    stake_nano = state.clearing.providers[account_id]["stake_nano"]
    if stake_nano == 0:
        return refuse(state, np.int64(ClearingReject.NOT_A_PROVIDER), account_id, events, count)
    if stake_nano - amount_nano < required_stake_nano(state, account_id):
        return refuse(state, np.int64(ClearingReject.STAKE_BOUND), account_id, events, count)
    if state.ledger.accounts[account_id]["cash_nano"] + amount_nano > AMOUNT_NANO_MAX:
        return refuse(state, np.int64(RiskReject.AMOUNT_OUT_OF_RANGE), account_id, events, count)
    return move_stake(state, account_id, -amount_nano, events, count)


@inlined
def move_stake(state, account_id, amount_nano, events, count):
    """So much of an account's cash becomes stake, or comes back when negative."""
    account, provider = state.ledger.accounts[account_id], state.clearing.providers[account_id]
    account["cash_nano"] -= amount_nano
    provider["stake_nano"] += amount_nano
    state.ledger.totals[0]["stakes_nano"] += amount_nano
    begin_event(state.book, events, count, Event.STAKED)
    event = events.stakes[count]
    event["reserved"] = 0
    event["reason"] = 0
    event["reserved_2"] = 0
    event["amount_nano"] = -amount_nano
    event["cash_nano"] = account["cash_nano"]
    event["account_id"] = account_id
    event["reserved_3"] = 0
    event["reserved_4"] = 0
    event["stake_nano"] = provider["stake_nano"]
    event["reserved_5"] = 0
    return count + 1


@inlined
def required_stake_nano(state, account_id):
    """What of a provider's stake must stay."""
    return most_registered(state, account_id) * STAKE_NANO_PER_LOT


@outlined
def most_registered(state, account_id):
    """The most lots that an account has registered at any time from now on, over all regions.

    The most is there within a week after one of those that are there with it was first there: a week later the same
    are there, or fewer.
    """
    clearing = state.clearing
    now_slot = state.clock[0]["time_ns"] // SLOT_NS
    most_lots = most_in_week(clearing, account_id, now_slot)
    since = np.int64(clearing.sellers[account_id]["first_capacity"])
    while since != NIL:
        first_slot = clearing.capacities[since]["first_ns"] // SLOT_NS
        if first_slot > now_slot:
            most_lots = max(most_lots, most_in_week(clearing, account_id, first_slot))
        since = np.int64(clearing.capacities[since]["next"])
    return most_lots


@outlined
def most_in_week(clearing, account_id, first_slot):
    """The most lots of an account in a slot of the week that begins with one."""
    for at in range(len(clearing.week)):
        clearing.week[at] = 0
    place = np.int64(clearing.sellers[account_id]["first_capacity"])
    while place != NIL:
        add_to_week(clearing, place, first_slot)
        place = np.int64(clearing.capacities[place]["next"])
    lots, most_lots = np.int64(0), np.int64(0)
    for at in range(len(clearing.week)):
        lots += clearing.week[at]
        most_lots = max(most_lots, lots)
    return most_lots


@inlined
def add_to_week(clearing, place, first_slot):
    """Enter by how many lots a capacity changes what there is, in the slots of a week in which it comes and goes."""
    capacity = clearing.capacities[place]
    if capacity["daily_length_s"] == 0:
        add_span(clearing, capacity, first_slot, first_slot, first_slot + SLOTS_PER_WEEK)
        return
    midnight_slot = first_slot // SLOTS_PER_DAY * SLOTS_PER_DAY
    for day in range(DAYS_PER_WEEK + 1):
        from_slot = midnight_slot + day * SLOTS_PER_DAY + np.int64(capacity["daily_from_s"]) // SLOT_S
        if np.int64(capacity["weekdays"]) >> weekday_of(from_slot) & 1:
            until_slot = from_slot + np.int64(capacity["daily_length_s"]) // SLOT_S
            add_span(clearing, capacity, first_slot, from_slot, until_slot)


@inlined
def add_span(clearing, capacity, first_slot, from_slot, until_slot):
    """The same for one span, as far as it is within the week and within the time of the capacity."""
    from_slot = max(max(from_slot, first_slot), capacity["first_ns"] // SLOT_NS)
    until_slot = min(min(until_slot, first_slot + SLOTS_PER_WEEK), capacity["end_ns"] // SLOT_NS)
    if from_slot < until_slot:
        clearing.week[from_slot - first_slot] += capacity["lots"]
        clearing.week[until_slot - first_slot] -= capacity["lots"]


# Capacity.


@inlined
def register_capacity(state, command, events, count):
    """An account can deliver so much, and may sell it from now on."""
    account_id = np.int64(command["account_id"])
    reject = check_capacity(state, command)
    if reject == NO_REJECT and not sells_capacity(state.ledger, account_id):
        reject = check_beginner(state, account_id)
    place = np.int64(NIL)
    if reject == NO_REJECT:
        place = find_place(state, account_id, np.int64(command["region_id"]))
        reject = np.int64(ClearingReject.TOO_MANY_CAPACITIES) if place == NIL else reject
    if reject == NO_REJECT:
        open_capacity(state, command, place)
        if state.clearing.providers[account_id]["stake_nano"] < required_stake_nano(state, account_id):
            unchain_capacity(state.clearing, place)
            state.clock[0]["last_capacity_id"] -= np.uint32(1)
            reject = np.int64(ClearingReject.STAKE_TOO_SMALL)
    if reject != NO_REJECT:
        return refuse(state, reject, account_id, events, count)
    holding_of(state, account_id, np.int64(command["region_id"]))
    if not sells_capacity(state.ledger, account_id):
        state.ledger.accounts[account_id]["is_provider"] = 1
        state.clearing.providers[account_id]["multiplier_ppm"] = MULTIPLIER_PPM_MAX
    return write_capacity(state, place, state.clearing.capacities[place]["lots"], events, count)


@inlined
def check_capacity(state, command):
    """0, or why there can be no such capacity."""
    if not is_region(state, np.int64(command["region_id"])):
        return np.int64(VenueReject.UNKNOWN_REGION)
    first_ns, end_ns = command["first_ns"], command["end_ns"]
    is_sound = command["tier"] <= Tier.BE and 0 < command["lots"] <= CAPACITY_LOTS_MAX
    is_sound = is_sound and 0 <= first_ns < end_ns <= TIME_NS_MAX and end_ns > state.clock[0]["time_ns"]
    is_sound = is_sound and first_ns % SLOT_NS == 0 and end_ns % SLOT_NS == 0
    if is_sound and is_span_sound(command):
        return np.int64(NO_REJECT)
    return np.int64(ClearingReject.CAPACITY_OUT_OF_RANGE)


@inlined
def is_span_sound(command):
    """Whether a daily span lies within the days of UTC, on some day, in whole slots; or there is none."""
    from_s, length_s = np.int64(command["daily_from_s"]), np.int64(command["daily_length_s"])
    weekdays = np.int64(command["weekdays"])
    if length_s == 0:
        return from_s == 0 and weekdays == 0
    is_in_day = from_s + length_s <= DAY_S and from_s % SLOT_S == 0 and length_s % SLOT_S == 0
    return is_in_day and 0 < weekdays <= EVERY_DAY


@outlined
def check_beginner(state, account_id):
    """0, or why an account cannot become a provider: nothing would cover what it has sold."""
    for at in range(1, np.int64(state.ledger.totals[0]["fresh_position"])):
        position = state.ledger.positions[at]
        if position["account_id"] == account_id and (position["lots"] < 0 or position["sell_lots"] > 0):
            return np.int64(ClearingReject.CAPACITY_EXCEEDED)
    if state.ledger.accounts[account_id]["gross_nano"] > PROVIDER_GROSS_NANO_MAX:
        return np.int64(RiskReject.NOTIONAL_OUT_OF_RANGE)
    return np.int64(NO_REJECT)


@outlined
def find_place(state, account_id, region_id):
    """A place for one capacity more of an account in a region, with its id made the next; NIL if there is none."""
    clearing = state.clearing
    if find_holding(clearing, account_id, region_id) == NIL and free_holding(clearing) == NIL:
        return np.int64(NIL)
    drop_past_capacities(state, account_id)
    count = np.int64(0)
    at = np.int64(clearing.sellers[account_id]["first_capacity"])
    while at != NIL:
        count += 1
        at = np.int64(clearing.capacities[at]["next"])
    return np.int64(NIL) if count >= CAPACITIES_OF_PROVIDER_MAX else free_place(state)


@outlined
def drop_past_capacities(state, account_id):
    """Free the places of capacities of an account that are over."""
    at = np.int64(state.clearing.sellers[account_id]["first_capacity"])
    while at != NIL:
        following = np.int64(state.clearing.capacities[at]["next"])
        if is_past(state, at):
            unchain_capacity(state.clearing, at)
        at = following


@inlined
def free_place(state):
    """Where the next capacity goes, its id made the next; of others' places those count whose capacity is over."""
    clearing, clock = state.clearing, state.clock[0]
    next_id = np.int64(clock["last_capacity_id"]) + 1
    for capacity_id in range(next_id, next_id + len(clearing.capacities)):
        place = np.int64(capacity_id % len(clearing.capacities))
        if place != NIL and (clearing.capacities[place]["capacity_id"] == 0 or is_past(state, place)):
            if clearing.capacities[place]["capacity_id"] != 0:
                unchain_capacity(clearing, place)
            clock["last_capacity_id"] = capacity_id - 1
            return place
    return np.int64(NIL)


@inlined
def is_past(state, place):
    """Whether a capacity is over."""
    return state.clearing.capacities[place]["end_ns"] <= state.clock[0]["time_ns"]


@inlined
def open_capacity(state, command, place):
    """Fill in a new capacity, first in its account's chain."""
    clearing = state.clearing
    state.clock[0]["last_capacity_id"] += np.uint32(1)
    capacity, seller = clearing.capacities[place], clearing.sellers[command["account_id"]]
    capacity["capacity_id"] = state.clock[0]["last_capacity_id"]
    capacity["account_id"] = command["account_id"]
    capacity["region_id"] = command["region_id"]
    capacity["next"] = seller["first_capacity"]
    capacity["lots"] = command["lots"]
    capacity["first_ns"] = command["first_ns"]
    capacity["end_ns"] = command["end_ns"]
    capacity["daily_from_s"] = command["daily_from_s"]
    capacity["daily_length_s"] = command["daily_length_s"]
    capacity["tier"] = command["tier"]
    capacity["weekdays"] = command["weekdays"]
    seller["first_capacity"] = place


@outlined
def unchain_capacity(clearing, place):
    """Take a capacity out of its account's chain, and free its place."""
    capacity = clearing.capacities[place]
    seller = clearing.sellers[capacity["account_id"]]
    if np.int64(seller["first_capacity"]) == place:
        seller["first_capacity"] = capacity["next"]
    else:
        before = np.int64(seller["first_capacity"])
        while np.int64(clearing.capacities[before]["next"]) != place:
            before = np.int64(clearing.capacities[before]["next"])
        clearing.capacities[before]["next"] = capacity["next"]
    capacity["capacity_id"] = 0
    capacity["account_id"] = 0
    capacity["next"] = NIL


@inlined
def withdraw_capacity(state, command, events, count):
    """A capacity is no longer there, if nothing that is sold or offered needs it."""
    account_id = np.int64(command["account_id"])
    place = np.int64(command["capacity_id"] % len(state.clearing.capacities))
    capacity = state.clearing.capacities[place]
    reject = np.int64(NO_REJECT)
    if not sells_capacity(state.ledger, account_id):
        reject = np.int64(ClearingReject.NOT_A_PROVIDER)
    elif place == NIL or capacity["capacity_id"] != command["capacity_id"] or capacity["account_id"] != account_id:
        reject = np.int64(ClearingReject.CAPACITY_OUT_OF_RANGE)
    elif not is_unsold(state, place):
        reject = np.int64(ClearingReject.CAPACITY_SOLD)
    if reject != NO_REJECT:
        return refuse(state, reject, account_id, events, count)
    count = write_capacity(state, place, np.int64(0), events, count)
    unchain_capacity(state.clearing, place)
    return count


@inlined
def write_capacity(state, place, lots, events, count):
    """Tell of a capacity; of one that is withdrawn with no lots."""
    capacity = state.clearing.capacities[place]
    begin_event(state.book, events, count, Event.CAPACITY_SET)
    event = events.capacities[count]
    event["tier"] = capacity["tier"]
    event["reason"] = 0
    event["region_id"] = capacity["region_id"]
    event["capacity_id"] = capacity["capacity_id"]
    event["first_ns"] = capacity["first_ns"]
    event["account_id"] = capacity["account_id"]
    event["daily_from_s"] = capacity["daily_from_s"]
    event["daily_length_s"] = capacity["daily_length_s"]
    event["lots"] = lots
    event["weekdays"] = capacity["weekdays"]
    event["end_ns"] = capacity["end_ns"]
    return count + 1
