"""What a provider's past is worth: evidence with forgetting, and the multiplier of its bonds that follows from it.

    multiplier = most - (most - least) x max(0, good - bad) / (good + bad + doubt)

So much is certain of it, and tested:

- A newcomer has the most. More good evidence never raises it, more bad evidence never lowers it, and who did as much
  bad as good, or worse, has the most as well: a bad history is never better than none, and none never better than any.
- Splitting a history over accounts, none of which did worse than a newcomer, with the business in proportion to the
  evidence, never makes all bonds together smaller. Splitting it into parts none of which is better than the whole does
  not either, whatever business each gets: so a history of good alone is worth most in one piece.
- What no function of the past can keep anybody from is to fail in one account and to go on with another. That is why
  no multiplier is below one: a bond always covers what failing costs.
"""

import numpy as np

from exchange.venue.clearing.commitments import set_multiplier
from exchange.venue.clearing.delivery_schema import EVIDENCE_DOUBT, EVIDENCE_UNIT, FORGETTING_PPM, PPM
from exchange.venue.clearing.schema import MULTIPLIER_PPM_MAX, MULTIPLIER_PPM_MIN
from exchange.venue.schema import Event
from kernels.compile import inlined, outlined
from matching.events import begin_event
from risk.shares import share_of


@outlined
def multiplier_of(good, bad):
    """The multiplier in millionths, rounded up."""
    reach_ppm = MULTIPLIER_PPM_MAX - MULTIPLIER_PPM_MIN
    better = max(np.int64(good) - np.int64(bad), np.int64(0))
    return np.int64(MULTIPLIER_PPM_MAX) - reach_ppm * better // (np.int64(good) + np.int64(bad) + EVIDENCE_DOUBT)


@inlined
def after_forgetting(evidence, addition):
    """Evidence after one allocation more."""
    return evidence * FORGETTING_PPM // PPM + addition


@inlined
def are_strangers(state, account_id, other_id):
    """Whether two accounts are not one, and in no group together."""
    groups = state.book.groups
    return account_id != other_id and (groups[account_id] == 0 or groups[account_id] != groups[other_id])


@outlined
def learn(state, allocation, events, count):
    """Let a provider's reputation follow from an allocation that is over; nothing is learned where nobody measured."""
    provider_id, buyer_id = np.int64(allocation["provider_id"]), np.int64(allocation["buyer_id"])
    measured = allocation["lots"] * np.int64(allocation["measured_slots"])
    if measured == 0 or not are_strangers(state, provider_id, buyer_id):
        return count
    good, _ = share_of(np.int64(EVIDENCE_UNIT), min(allocation["delivered"], measured), measured)
    provider = state.clearing.providers[provider_id]
    provider["good"] = after_forgetting(provider["good"], good)
    provider["bad"] = after_forgetting(provider["bad"], EVIDENCE_UNIT - good)
    set_multiplier(state, provider_id, multiplier_of(provider["good"], provider["bad"]))
    begin_event(state.book, events, count, Event.REPUTATION_SET)
    event = events.reputations[count]
    event["reserved"] = 0
    event["reason"] = 0
    event["reserved_2"] = 0
    event["good"] = provider["good"]
    event["bad"] = provider["bad"]
    event["account_id"] = provider_id
    event["reserved_3"] = 0
    event["multiplier_ppm"] = provider["multiplier_ppm"]
    event["allocation_id"] = allocation["allocation_id"]
    event["reserved_4"] = 0
    return count + 1
