"""The life of an allocation, as one table: code, tests and documents read the same.

    reserved -> (provisioned) -> delivering -> delivered | short | failed -> settled

A move that is missing from the table does not exist.
"""

from enum import IntEnum

import numpy as np


class AllocationState(IntEnum):
    """Where an allocation is in its life. Never renumber."""

    NONE = 0
    RESERVED = 1
    PROVISIONED = 2
    DELIVERING = 3
    DELIVERED = 4
    """Every slot was delivered in full."""
    SHORT = 5
    """Something is missing."""
    FAILED = 6
    """Nothing was delivered."""
    SETTLED = 7


class AllocationTrigger(IntEnum):
    """What moves an allocation on."""

    PROVISION = 0
    """The provider says that its equipment is ready."""
    START = 1
    END_WHOLE = 2
    END_PART = 3
    END_NOTHING = 4
    FINISH = 5
    """The time for disputes is over."""


NEXT_ALLOCATION_STATE: dict[AllocationState, dict[AllocationTrigger, AllocationState]] = {
    AllocationState.NONE: {},
    AllocationState.RESERVED: {
        AllocationTrigger.PROVISION: AllocationState.PROVISIONED,
        AllocationTrigger.START: AllocationState.DELIVERING,
    },
    AllocationState.PROVISIONED: {AllocationTrigger.START: AllocationState.DELIVERING},
    AllocationState.DELIVERING: {
        AllocationTrigger.END_WHOLE: AllocationState.DELIVERED,
        AllocationTrigger.END_PART: AllocationState.SHORT,
        AllocationTrigger.END_NOTHING: AllocationState.FAILED,
    },
    AllocationState.DELIVERED: {AllocationTrigger.FINISH: AllocationState.SETTLED},
    AllocationState.SHORT: {AllocationTrigger.FINISH: AllocationState.SETTLED},
    AllocationState.FAILED: {AllocationTrigger.FINISH: AllocationState.SETTLED},
    AllocationState.SETTLED: {},
}


def _as_array() -> np.ndarray:
    """The table as kernels read it: (states, triggers) of u1, NONE where there is no move."""
    array = np.zeros((len(AllocationState), len(AllocationTrigger)), np.uint8)
    for state, moves in NEXT_ALLOCATION_STATE.items():
        for trigger, target in moves.items():
            array[state, trigger] = target
    return array


NEXT_ALLOCATION_STATE_ARRAY = _as_array()
