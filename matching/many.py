"""The commands that touch many orders: each is checked as a whole before anything happens, then carried out.

A caller that has questions of its own asks them between the parts, as the venue does: `check_...`, then its own, then
the rest. Each part after the checks may run out of room and is then called again.
"""

import numpy as np

from kernels.compile import inlined, outlined
from matching.basket import (
    NO_LEG,
    check_basket,
    fill_legs,
    find_unfillable_leg,
    write_basket_killed,
    write_basket_rejected,
)
from matching.execute import begin_command
from matching.mass_cancel import cancel_matching, check_mass_cancel, write_mass_cancel_rejected
from matching.mass_quote import check_mass_quote, quote_all, write_mass_quote_rejected
from matching.rules import NO_REJECT
from matching.schema import CommandKind, OrderReason
from matching.working import is_paused


@outlined
def execute_many(book, batch, index, events, count):
    """Run a mass cancel, a mass quote or a basket like `execute`, to its outcome or until the buffer is full."""
    at = np.int64(index)
    resumes = is_paused(book)
    if not resumes:
        begin_command(book)
    kind = batch.orders[at]["kind"]
    if kind == CommandKind.MASS_CANCEL:
        return mass_cancel(book, batch.mass_cancels[at], resumes, events, count)
    if kind == CommandKind.MASS_QUOTE:
        return mass_quote(book, batch, at, resumes, events, count)
    return basket(book, batch, at, resumes, events, count)


@inlined
def mass_cancel(book, command, resumes, events, count):
    """Cancel every order that matches."""
    if not resumes:
        reject = check_mass_cancel(book, command)
        if reject != NO_REJECT:
            return write_mass_cancel_rejected(book, command, reject, events, count)
    return cancel_matching(book, command, np.int64(OrderReason.MASS_CANCELLED), events, count)


@inlined
def mass_quote(book, batch, index, resumes, events, count):
    """Bring the quotes of an account to where the command wants them."""
    if not resumes:
        reject, entry = check_mass_quote(book, batch, index)
        if reject != NO_REJECT:
            return write_mass_quote_rejected(book, batch, index, reject, entry, events, count)
    return quote_all(book, batch, index, events, count)


@inlined
def basket(book, batch, index, resumes, events, count):
    """Fill all legs, or none."""
    if not resumes:
        reject, leg = check_basket(book, batch, index)
        if reject != NO_REJECT:
            return write_basket_rejected(book, batch, index, reject, leg, events, count)
        leg = find_unfillable_leg(book, batch, index)
        if leg != NO_LEG:
            return write_basket_killed(book, batch, index, leg, events, count)
    return fill_legs(book, batch, index, events, count)
