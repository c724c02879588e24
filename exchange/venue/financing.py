"""Interest comes due: at each full hour of venue time, every account with cash below zero pays for the hour before it.

An hour begins with the rate, then each debtor pays in the order of ids, a step each. So a tick may pause after any of
them, and a late tick charges every hour that passed, each in its turn between the settlements before and after it, just
as timely ticks would have done: nobody pays more or less because the venue was down.
"""

import numpy as np

from exchange.venue.agenda import FINANCING_DUE, add_entry, drop_first
from exchange.venue.notes import note_if_short
from exchange.venue.schema import NANO_PER_S, Event
from kernels.compile import inlined, outlined
from matching.events import begin_event
from risk.financing import charge_interest, next_debtor, rate_at, utilisation_of_cash

HOUR_NS = 3_600 * NANO_PER_S
NOBODY = 0


@outlined
def step_financing(state, events, count):
    """Find the rate of an hour, let one account pay, or end the hour, whichever comes first."""
    financing = state.financing[0]
    if financing["next_account"] == NOBODY:
        financing["next_account"] = 1
        return find_rate(state, events, count)
    debtor_id = np.int64(NOBODY)
    if financing["rate_ppm"] != 0:
        debtor_id = next_debtor(state.ledger, np.int64(financing["next_account"]))
    if debtor_id != NOBODY:
        financing["next_account"] = debtor_id + 1
        return let_pay(state, debtor_id, events, count)
    financing["next_account"] = NOBODY
    drop_first(state)
    financing["due_ns"] = schedule_financing(state, financing["due_ns"])
    return count


@inlined
def find_rate(state, events, count):
    """The rate of an hour, told if it is another one than before."""
    financing = state.financing[0]
    utilisation_ppm, rate_ppm = current_rate(state)
    if utilisation_ppm == financing["utilisation_ppm"] and rate_ppm == financing["rate_ppm"]:
        return count
    financing["utilisation_ppm"] = utilisation_ppm
    financing["rate_ppm"] = rate_ppm
    return write_financing(state, Event.FINANCING_RATED, np.int64(NOBODY), np.int64(0), events, count)


@outlined
def current_rate(state):
    """How much of the cash is lent as things stand, and what it costs; nothing of it matters while it costs nothing."""
    financing = state.financing[0]
    optimum_ppm = np.int64(financing["optimum_ppm"])
    if optimum_ppm == 0:
        return np.int64(0), np.int64(0)
    slopes_ppm = np.int64(financing["slope_1_ppm"]), np.int64(financing["slope_2_ppm"])
    utilisation_ppm = utilisation_of_cash(state.ledger)
    base_ppm = np.int64(financing["base_ppm"])
    return utilisation_ppm, rate_at(utilisation_ppm, base_ppm, slopes_ppm[0], slopes_ppm[1], optimum_ppm)


@inlined
def let_pay(state, account_id, events, count):
    """An account pays for an hour, and may have less than it must afterwards."""
    paid_nano = charge_interest(state.ledger, account_id, np.int64(state.financing[0]["rate_ppm"]))
    note_if_short(state, account_id)
    return write_financing(state, Event.FINANCED, account_id, -paid_nano, events, count)


@inlined
def schedule_financing(state, time_ns):
    """Enter the next full hour after a time as the next that is charged, and return it; 0 while cash costs nothing."""
    if state.financing[0]["optimum_ppm"] == 0:
        return np.int64(0)
    due_ns = (np.int64(time_ns) // HOUR_NS + 1) * HOUR_NS
    add_entry(state, due_ns, FINANCING_DUE, np.int64(0))
    return due_ns


@inlined
def write_financing(state, kind, account_id, moved_nano, events, count):
    """Tell what cash costs, and what an account paid for it."""
    financing = state.financing[0]
    begin_event(state.book, events, count, kind)
    event = events.financings[count]
    event["reserved"] = 0
    event["reason"] = 0
    event["reserved_2"] = 0
    event["amount_nano"] = moved_nano
    event["cash_nano"] = state.ledger.accounts[account_id]["cash_nano"]
    event["account_id"] = account_id
    event["rate_ppm"] = financing["rate_ppm"]
    event["utilisation_ppm"] = financing["utilisation_ppm"]
    event["base_ppm"] = financing["base_ppm"]
    event["slope_1_ppm"] = financing["slope_1_ppm"]
    event["slope_2_ppm"] = financing["slope_2_ppm"]
    event["optimum_ppm"] = financing["optimum_ppm"]
    return count + 1
