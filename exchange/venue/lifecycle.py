"""The life of a tranche, as one table: code, tests and documents read the same.

    listed -> (auction) -> open -> (closing_auction) -> gate_closed -> delivering -> (settling) -> settled
                            ^ |                                                 \\-> expired, if nobody held it
                            | v
                           halted, from any of the three that trade, and back

A move that is missing from the table does not exist. A halted tranche comes back through an auction where its series
has one, and so does an open one when the whole market was halted: a book that collected orders is never opened without
an uncrossing. What is delivered, and not settled in cash at its gate, is settling until its last allocation is settled.
"""

from enum import IntEnum

import numpy as np


class LifeState(IntEnum):
    """Where a tranche is in its life. Never renumber."""

    NONE = 0
    LISTED = 1
    OPEN = 2
    HALTED = 3
    GATE_CLOSED = 4
    DELIVERING = 5
    SETTLED = 6
    EXPIRED = 7
    AUCTION = 8
    CLOSING_AUCTION = 9
    SETTLING = 10
    """The window is over, and what was measured in it is not settled for all."""


class Trigger(IntEnum):
    """What moves a tranche on."""

    OPENING = 0
    HALT = 1
    RESUME = 2
    GATE = 3
    START = 4
    END_HELD = 5
    END_UNHELD = 6
    CALL = 7
    UNCROSS = 8
    CLOSING_CALL = 9
    END_DELIVERED = 10
    CLEARED = 11
    """Nothing is owed any more."""


NEXT_STATE: dict[LifeState, dict[Trigger, LifeState]] = {
    LifeState.NONE: {},
    LifeState.LISTED: {Trigger.OPENING: LifeState.OPEN, Trigger.CALL: LifeState.AUCTION},
    LifeState.AUCTION: {
        Trigger.UNCROSS: LifeState.OPEN,
        Trigger.CLOSING_CALL: LifeState.CLOSING_AUCTION,
        Trigger.HALT: LifeState.HALTED,
        Trigger.GATE: LifeState.GATE_CLOSED,
    },
    LifeState.OPEN: {
        Trigger.CALL: LifeState.AUCTION,
        Trigger.CLOSING_CALL: LifeState.CLOSING_AUCTION,
        Trigger.HALT: LifeState.HALTED,
        Trigger.GATE: LifeState.GATE_CLOSED,
    },
    LifeState.HALTED: {
        Trigger.RESUME: LifeState.OPEN,
        Trigger.CALL: LifeState.AUCTION,
        Trigger.CLOSING_CALL: LifeState.CLOSING_AUCTION,
        Trigger.GATE: LifeState.GATE_CLOSED,
    },
    LifeState.CLOSING_AUCTION: {Trigger.HALT: LifeState.HALTED, Trigger.GATE: LifeState.GATE_CLOSED},
    LifeState.GATE_CLOSED: {Trigger.START: LifeState.DELIVERING},
    LifeState.DELIVERING: {
        Trigger.END_HELD: LifeState.SETTLED,
        Trigger.END_UNHELD: LifeState.EXPIRED,
        Trigger.END_DELIVERED: LifeState.SETTLING,
    },
    LifeState.SETTLING: {Trigger.CLEARED: LifeState.SETTLED},
    LifeState.SETTLED: {},
    LifeState.EXPIRED: {},
}

AUCTION_STATES = frozenset({LifeState.AUCTION, LifeState.CLOSING_AUCTION})
FINAL_STATES = frozenset({LifeState.SETTLED, LifeState.EXPIRED})


def _as_array() -> np.ndarray:
    """The table as kernels read it: (states, triggers) of u1, NONE where there is no move."""
    array = np.zeros((len(LifeState), len(Trigger)), np.uint8)
    for state, moves in NEXT_STATE.items():
        for trigger, target in moves.items():
            array[state, trigger] = target
    return array


NEXT_STATE_ARRAY = _as_array()
