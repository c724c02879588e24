"""One array of commands, and one of events, in every layout that kernels read and write."""

from typing import ClassVar

import numpy as np

from exchange.venue.add_on_schema import ADD_ON_COMMAND, ADD_ON_EVENT
from exchange.venue.cancel_schema import CANCEL_AFTER_COMMAND, CANCEL_AFTER_EVENT
from exchange.venue.clearing.capacity_schema import CAPACITY_COMMAND, CAPACITY_EVENT, STAKE_EVENT
from exchange.venue.clearing.delivery_schema import (
    ALLOCATION_EVENT,
    CORRECTION_EVENT,
    DELIVERY_COMMAND,
    DOWNTIME_COMMAND,
    DOWNTIME_EVENT,
    INTERRUPTION_COMMAND,
    INTERRUPTION_EVENT,
    REPORT_EVENT,
    REPUTATION_EVENT,
    SHORT_EVENT,
    SLOT_EVENT,
)
from exchange.venue.clearing.gate_schema import ALLOCATED_EVENT, GATE_EVENT, TERMS_COMMAND, TERMS_EVENT
from exchange.venue.leverage_schema import FINANCING_COMMAND, FINANCING_EVENT, STRAIN_COMMAND, STRAIN_EVENT
from exchange.venue.schema import (
    ACCOUNT_COMMAND,
    ACCOUNT_EVENT,
    CLOCK_COMMAND,
    CLOCK_EVENT,
    INSTRUMENT_COMMAND,
    PARAMETERS_COMMAND,
    PARAMETERS_EVENT,
    REPEAT_EVENT,
    SERIES_COMMAND,
    STATE_EVENT,
    TRANCHE_EVENT,
)
from exchange.venue.staff_schema import LIMITS_COMMAND, LIMITS_EVENT, PROTECTION_COMMAND, PROTECTION_EVENT
from exchange.venue.supervision_schema import FUND_EVENT, STANDING_EVENT
from kernels.arrays import RecordViews
from matching.schema import ORDER_EVENT, Commands


class Batch(RecordViews):
    """One array of commands in every layout that kernels read."""

    layouts: ClassVar = Commands.layouts | {
        "clocks": CLOCK_COMMAND,
        "accounts": ACCOUNT_COMMAND,
        "series": SERIES_COMMAND,
        "instruments": INSTRUMENT_COMMAND,
        "parameters": PARAMETERS_COMMAND,
        "strains": STRAIN_COMMAND,
        "financings": FINANCING_COMMAND,
        "limits": LIMITS_COMMAND,
        "protections": PROTECTION_COMMAND,
        "cancel_afters": CANCEL_AFTER_COMMAND,
        "add_ons": ADD_ON_COMMAND,
        "capacities": CAPACITY_COMMAND,
        "terms": TERMS_COMMAND,
        "deliveries": DELIVERY_COMMAND,
        "interruptions": INTERRUPTION_COMMAND,
        "downtimes": DOWNTIME_COMMAND,
        "halves": np.dtype(np.int32),
        "words": np.dtype(np.uint64),
    }


class EventBuffer(RecordViews):
    """One array of events in every layout that kernels write."""

    layouts: ClassVar = {
        "orders": ORDER_EVENT,
        "clocks": CLOCK_EVENT,
        "accounts": ACCOUNT_EVENT,
        "tranches": TRANCHE_EVENT,
        "states": STATE_EVENT,
        "repeats": REPEAT_EVENT,
        "parameters": PARAMETERS_EVENT,
        "standings": STANDING_EVENT,
        "funds": FUND_EVENT,
        "strains": STRAIN_EVENT,
        "financings": FINANCING_EVENT,
        "limits": LIMITS_EVENT,
        "protections": PROTECTION_EVENT,
        "cancel_afters": CANCEL_AFTER_EVENT,
        "add_ons": ADD_ON_EVENT,
        "stakes": STAKE_EVENT,
        "capacities": CAPACITY_EVENT,
        "terms": TERMS_EVENT,
        "gates": GATE_EVENT,
        "allocated": ALLOCATED_EVENT,
        "changes": ALLOCATION_EVENT,
        "reports": REPORT_EVENT,
        "slots": SLOT_EVENT,
        "shortfalls": SHORT_EVENT,
        "corrections": CORRECTION_EVENT,
        "interruptions": INTERRUPTION_EVENT,
        "reputations": REPUTATION_EVENT,
        "downtimes": DOWNTIME_EVENT,
    }
