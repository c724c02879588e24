"""The records that enter and leave the venue, composed from those of matching and risk.

Every command and every event is 64 bytes. Layouts of one family share the places of what they have in common, so a
batch is one array that is viewed as whatever its `kind` says. A command that needs more than 64 bytes is a group: a
head whose `continuations` counts the CONTINUATION records behind it, journaled together or not at all.
"""

from enum import IntEnum

import numpy as np

from exchange.venue.add_on_schema import ADD_ON_COMMAND, ADD_ON_EVENT
from exchange.venue.cancel_schema import CANCEL_AFTER_COMMAND, CANCEL_AFTER_EVENT
from exchange.venue.clearing.capacity_schema import CAPACITY_COMMAND, CAPACITY_EVENT, STAKE_EVENT
from exchange.venue.clearing.delivery_schema import DELIVERY_LAYOUTS_OF_COMMANDS, DELIVERY_LAYOUTS_OF_EVENTS
from exchange.venue.clearing.gate_schema import ALLOCATED_EVENT, GATE_EVENT, TERMS_COMMAND, TERMS_EVENT
from exchange.venue.clearing.schema import ClearingReject
from exchange.venue.leverage_schema import FINANCING_COMMAND, FINANCING_EVENT, STRAIN_COMMAND, STRAIN_EVENT
from exchange.venue.parameters_schema import PARAMETERS_COMMAND, PARAMETERS_EVENT, SHOCKS
from exchange.venue.staff_schema import LIMITS_COMMAND, LIMITS_EVENT, PROTECTION_COMMAND, PROTECTION_EVENT
from exchange.venue.supervision_schema import FUND_EVENT, STANDING_EVENT
from kernels.records import RECORD_BYTES, offset_of, record
from matching.schema import (
    CHANGE_COMMAND,
    EXTRA,
    LEG,
    MASS_CANCEL_COMMAND,
    ORDER_COMMAND,
    ORDER_EVENT,
    QUOTE,
    QUOTES_MAX,
    SUMMARY_EVENT,
    CommandKind,
    EventKind,
    OrderReason,
    OrderReject,
)
from risk.schema import RiskReject

NANO_PER_S = 1_000_000_000
NANO_PER_TICK_PER_3_MINUTES = 50
"""One tick is 0.000001 USD per Mbps-hour, so 1,000 nano-USD for an hour and 50 for three minutes."""
WINDOW_STEP_S = 180
WINDOW_S_MAX = 86_400
REGION_CAPACITY = 4_096
SERIES_CAPACITY = 16_384
CLIENT_ID_CAPACITY = 1 << 20
CLIENT_ID_RETENTION_NS = 120 * 1_000_000_000
"""How long an answer is kept for a retry: twice the 60 s that a signed request lives. Ids of live orders stay longer.
"""
TEXT_RECORDS_MAX = 4
CONTINUATIONS_MAX = QUOTES_MAX + TEXT_RECORDS_MAX
"""The longest group: a mass quote with the text of its client id."""
TEXT_BYTES_MAX = 60
CLIENT_ID_LENGTH_MAX = 36
BASIS_POINTS = 10_000
TIME_NS_MAX = 1 << 62


class Tier(IntEnum):
    """Priority of a tranche, best first. A higher tier can stand in for a lower one, never the reverse."""

    EF = 0
    AF = 1
    BE = 2


class Command(IntEnum):
    """Everything that changes state: the orders of matching, and from 16 on what the venue adds. Never renumber."""

    PLACE = CommandKind.PLACE
    CANCEL = CommandKind.CANCEL
    REPLACE = CommandKind.REPLACE
    MASS_CANCEL = CommandKind.MASS_CANCEL
    MASS_QUOTE = CommandKind.MASS_QUOTE
    BASKET = CommandKind.BASKET
    EXTRA = CommandKind.EXTRA
    QUOTE = CommandKind.QUOTE
    LEG = CommandKind.LEG
    TICK = 16
    OPEN_ACCOUNT = 17
    DEPOSIT = 18
    WITHDRAW = 19
    DEFINE_REGION = 20
    DEFINE_SERIES = 21
    SET_REFERENCE = 22
    HALT = 23
    RESUME = 24
    HALT_MARKET = 25
    RESUME_MARKET = 26
    SET_PARAMETERS = 27
    SET_FEES = 28
    ENDOW_FUND = 29
    SHOCKS = 30
    """What a long lot gains in scenarios 1 to 15, behind a SET_PARAMETERS."""
    CONTINUATION = 31
    SET_UTILISATION = 40
    SET_STRAIN = 41
    SET_FINANCING = 42
    KILL_SWITCH = 32
    """A MASS_CANCEL_COMMAND: no new orders of an account from now on, or of anybody, and those there are go."""
    LIFT_KILL_SWITCH = 33
    """For an account; a halted market is resumed."""
    SET_ACCOUNT_LIMITS = 34
    SET_REGION_LIMIT = 35
    SET_INSTRUMENT_LIMITS = 36
    SET_PROTECTION = 37
    RESET_PROTECTION = 38
    SET_CANCEL_AFTER = 39
    """All orders of an account or of a session go unless this comes again in time."""
    CALL_MARGIN = 43
    """An account must have so much more than its positions and orders require."""
    POST_STAKE = 44
    WITHDRAW_STAKE = 45
    REGISTER_CAPACITY = 46
    WITHDRAW_CAPACITY = 47
    SET_DELIVERY_TERMS = 48
    REGISTER_REPORTER = 49
    """With an Ed25519 public key behind it, under which the account reports; a key of zeros for no longer."""
    REPORT_DELIVERY = 50
    PROVISION = 51
    CORRECT_DELIVERY = 52
    DISPUTE = 53
    INTERRUPT = 54
    NOTE_DOWNTIME = 55


class Event(IntEnum):
    """Everything that happened: the events of matching, and from 32 on those of the venue. Never renumber."""

    RESTED = EventKind.RESTED
    FILLED = EventKind.FILLED
    KILLED = EventKind.KILLED
    CANCELLED = EventKind.CANCELLED
    REPLACED = EventKind.REPLACED
    REDUCED = EventKind.REDUCED
    REJECTED = EventKind.REJECTED
    TRADE = EventKind.TRADE
    PREVENTED = EventKind.PREVENTED
    WITHDRAWN = EventKind.WITHDRAWN
    REFRESHED = EventKind.REFRESHED
    RESERVE_REMOVED = EventKind.RESERVE_REMOVED
    TRIMMED = EventKind.TRIMMED
    ALLOTTED = EventKind.ALLOTTED
    AUCTION_TRADE = EventKind.AUCTION_TRADE
    UNCROSSED = EventKind.UNCROSSED
    INDICATIVE = EventKind.INDICATIVE
    MASS_CANCELLED = EventKind.MASS_CANCELLED
    MASS_QUOTED = EventKind.MASS_QUOTED
    BASKET_FILLED = EventKind.BASKET_FILLED
    BASKET_KILLED = EventKind.BASKET_KILLED
    TICKED = 32
    ACCOUNT_OPENED = 33
    DEPOSITED = 34
    WITHDREW = 35
    REGION_DEFINED = 36
    SERIES_DEFINED = 37
    TRANCHE_LISTED = 38
    STATE_CHANGED = 39
    REFERENCE_SET = 40
    POSITION_SETTLED = 41
    REPEATED = 42
    MARKET_HALTED = 43
    MARKET_RESUMED = 44
    LISTING_REFUSED = 45
    PARAMETERS_SET = 46
    FEES_SET = 47
    STANDING_CHANGED = 48
    FORCED_ORDER = 49
    DELEVERAGED = 50
    FUND_MOVED = 51
    SHORTFALL = 52
    FUND_ENDOWED = 53
    UTILISATION_SET = 66
    STRAIN_SET = 67
    FINANCING_SET = 68
    FINANCING_RATED = 69
    """Interest costs otherwise from this hour on."""
    FINANCED = 70
    """An account paid interest for an hour."""
    ADD_ON_SET = 71
    KILL_SWITCH_PULLED = 58
    """A SUMMARY_EVENT; account 0 is everybody, and the market is halted."""
    KILL_SWITCH_LIFTED = 59
    LIMITS_SET = 60
    PROTECTION_SET = 61
    PROTECTION_TRIGGERED = 62
    """A SUMMARY_EVENT before a command's outcome: all orders of the account in a region went. The region stands in the
    place of `counter_account_id`, the time until which no new ones are taken in that of `leaves_lots`."""
    PROTECTION_RESET = 63
    CANCEL_AFTER_SET = 64
    CANCELLED_AFTER = 65
    """Nobody renewed it in time: the orders went, in the events before this one."""
    STAKED = 72
    CAPACITY_SET = 73
    TERMS_SET = 74
    ESCROWED = 75
    CASHED_OUT = 76
    ALLOCATED = 77
    ALLOCATION_CHANGED = 78
    REPORTER_SET = 79
    REPORTED = 80
    SLOT_SETTLED = 81
    SLOT_SHORT = 82
    """Behind a SLOT_SETTLED: what is missing, and what the bond paid for it."""
    DELIVERY_CORRECTED = 83
    DISPUTED = 84
    INTERRUPTED = 85
    """One for each allocation that is cut, then one without an allocation for all."""
    REPUTATION_SET = 86
    DOWNTIME_NOTED = 87


assert {kind.name for kind in CommandKind} <= set(Command.__members__), "a command of matching is missing"
assert {kind.name for kind in EventKind} <= set(Event.__members__), "an event of matching is missing"


class VenueReject(IntEnum):
    """Why the venue itself refuses a command, before risk or matching look at it. Never renumber."""

    UNKNOWN_COMMAND = 301
    INCOMPLETE_GROUP = 302
    UNKNOWN_ACCOUNT = 303
    CLIENT_ID_REUSED = 304
    TOO_MANY_CLIENT_IDS = 305
    MARKET_HALTED = 306
    ACCOUNT_EXISTS = 307
    UNKNOWN_REGION = 308
    UNKNOWN_SERIES = 309
    INVALID_SERIES = 310
    ILLEGAL_STATE_CHANGE = 311
    TOO_MANY_INSTRUMENTS = 312
    TIME_OUT_OF_RANGE = 313
    ID_OUT_OF_ORDER = 314
    TOO_MANY_TIMERS = 315


class Reject(IntEnum):
    """Every refusal of the core, under the number that its room gave it."""

    NONE = 0
    UNKNOWN_INSTRUMENT = OrderReject.UNKNOWN_INSTRUMENT
    INSTRUMENT_CLOSED = OrderReject.INSTRUMENT_CLOSED
    INSTRUMENT_HALTED = OrderReject.INSTRUMENT_HALTED
    INVALID_ORDER_TERMS = OrderReject.INVALID_ORDER_TERMS
    PRICE_OUT_OF_RANGE = OrderReject.PRICE_OUT_OF_RANGE
    PRICE_OFF_TICK = OrderReject.PRICE_OFF_TICK
    QUANTITY_OUT_OF_RANGE = OrderReject.QUANTITY_OUT_OF_RANGE
    QUANTITY_OFF_LOT = OrderReject.QUANTITY_OFF_LOT
    PRICE_OUTSIDE_BAND = OrderReject.PRICE_OUTSIDE_BAND
    ALREADY_EXPIRED = OrderReject.ALREADY_EXPIRED
    UNKNOWN_ORDER = OrderReject.UNKNOWN_ORDER
    DUPLICATE_ORDER_ID = OrderReject.DUPLICATE_ORDER_ID
    TOO_MANY_ORDERS = OrderReject.TOO_MANY_ORDERS
    TOO_MANY_PRICE_LEVELS = OrderReject.TOO_MANY_PRICE_LEVELS
    POST_ONLY_WOULD_TRADE = OrderReject.POST_ONLY_WOULD_TRADE
    NOT_IN_AUCTION = OrderReject.NOT_IN_AUCTION
    REDUCE_ONLY_WITHOUT_POSITION = OrderReject.REDUCE_ONLY_WITHOUT_POSITION
    DUPLICATE_INSTRUMENT = OrderReject.DUPLICATE_INSTRUMENT
    QUOTE_CROSSED = OrderReject.QUOTE_CROSSED
    NOTIONAL_OUT_OF_RANGE = RiskReject.NOTIONAL_OUT_OF_RANGE
    INSUFFICIENT_FUNDS = RiskReject.INSUFFICIENT_FUNDS
    TOO_MANY_POSITIONS = RiskReject.TOO_MANY_POSITIONS
    AMOUNT_OUT_OF_RANGE = RiskReject.AMOUNT_OUT_OF_RANGE
    INSUFFICIENT_MARGIN = RiskReject.INSUFFICIENT_MARGIN
    PRICE_ABOVE_MAXIMUM = RiskReject.PRICE_ABOVE_MAXIMUM
    PARAMETERS_OUT_OF_RANGE = RiskReject.PARAMETERS_OUT_OF_RANGE
    FEES_OUT_OF_RANGE = RiskReject.FEES_OUT_OF_RANGE
    ACCOUNT_IN_LIQUIDATION = RiskReject.ACCOUNT_IN_LIQUIDATION
    STRAIN_OUT_OF_RANGE = RiskReject.STRAIN_OUT_OF_RANGE
    FINANCING_OUT_OF_RANGE = RiskReject.FINANCING_OUT_OF_RANGE
    ACCOUNT_BLOCKED = RiskReject.ACCOUNT_BLOCKED
    POSITION_LIMIT_ACCOUNT = RiskReject.POSITION_LIMIT_ACCOUNT
    POSITION_LIMIT_REGION = RiskReject.POSITION_LIMIT_REGION
    POSITION_LIMIT_INSTRUMENT = RiskReject.POSITION_LIMIT_INSTRUMENT
    ORDER_SIZE_LIMIT = RiskReject.ORDER_SIZE_LIMIT
    ORDER_NOTIONAL_LIMIT = RiskReject.ORDER_NOTIONAL_LIMIT
    OPEN_ORDER_LIMIT = RiskReject.OPEN_ORDER_LIMIT
    MARKET_MAKER_PROTECTED = RiskReject.MARKET_MAKER_PROTECTED
    LIMITS_OUT_OF_RANGE = RiskReject.LIMITS_OUT_OF_RANGE
    TOO_MANY_RULES = RiskReject.TOO_MANY_RULES
    PROTECTION_OUT_OF_RANGE = RiskReject.PROTECTION_OUT_OF_RANGE
    NOT_PROTECTED = RiskReject.NOT_PROTECTED
    UNKNOWN_COMMAND = VenueReject.UNKNOWN_COMMAND
    INCOMPLETE_GROUP = VenueReject.INCOMPLETE_GROUP
    UNKNOWN_ACCOUNT = VenueReject.UNKNOWN_ACCOUNT
    CLIENT_ID_REUSED = VenueReject.CLIENT_ID_REUSED
    TOO_MANY_CLIENT_IDS = VenueReject.TOO_MANY_CLIENT_IDS
    MARKET_HALTED = VenueReject.MARKET_HALTED
    ACCOUNT_EXISTS = VenueReject.ACCOUNT_EXISTS
    UNKNOWN_REGION = VenueReject.UNKNOWN_REGION
    UNKNOWN_SERIES = VenueReject.UNKNOWN_SERIES
    INVALID_SERIES = VenueReject.INVALID_SERIES
    ILLEGAL_STATE_CHANGE = VenueReject.ILLEGAL_STATE_CHANGE
    TOO_MANY_INSTRUMENTS = VenueReject.TOO_MANY_INSTRUMENTS
    TIME_OUT_OF_RANGE = VenueReject.TIME_OUT_OF_RANGE
    ID_OUT_OF_ORDER = VenueReject.ID_OUT_OF_ORDER
    TOO_MANY_TIMERS = VenueReject.TOO_MANY_TIMERS
    NOT_A_PROVIDER = ClearingReject.NOT_A_PROVIDER
    CAPACITY_EXCEEDED = ClearingReject.CAPACITY_EXCEEDED
    CAPACITY_SOLD = ClearingReject.CAPACITY_SOLD
    CAPACITY_OUT_OF_RANGE = ClearingReject.CAPACITY_OUT_OF_RANGE
    STAKE_TOO_SMALL = ClearingReject.STAKE_TOO_SMALL
    STAKE_BOUND = ClearingReject.STAKE_BOUND
    TERMS_OUT_OF_RANGE = ClearingReject.TERMS_OUT_OF_RANGE
    UNKNOWN_ALLOCATION = ClearingReject.UNKNOWN_ALLOCATION
    NOT_A_REPORTER = ClearingReject.NOT_A_REPORTER
    REPORTER_NOT_INDEPENDENT = ClearingReject.REPORTER_NOT_INDEPENDENT
    SLOT_OUT_OF_RANGE = ClearingReject.SLOT_OUT_OF_RANGE
    SLOT_NOT_OVER = ClearingReject.SLOT_NOT_OVER
    REPORT_OUT_OF_RANGE = ClearingReject.REPORT_OUT_OF_RANGE
    ILLEGAL_ALLOCATION_CHANGE = ClearingReject.ILLEGAL_ALLOCATION_CHANGE
    DISPUTE_WINDOW_OVER = ClearingReject.DISPUTE_WINDOW_OVER
    CORRECTION_OUT_OF_RANGE = ClearingReject.CORRECTION_OUT_OF_RANGE
    TOO_MANY_REPORTS = ClearingReject.TOO_MANY_REPORTS
    TOO_MANY_CAPACITIES = ClearingReject.TOO_MANY_CAPACITIES


assert len(Reject) == 1 + sum(map(len, (OrderReject, RiskReject, VenueReject, ClearingReject))), "a refusal is missing"

Reason = OrderReason

CLOCK_COMMAND = record(
    ("kind", "u1"),
    ("continuations", "u1"),
    ("reserved", "u2"),
    ("reserved_2", "u4"),
    ("time_ns", "i8"),
    *((f"reserved_{n}", "i8") for n in range(3, 9)),
)

ACCOUNT_COMMAND = record(
    ("kind", "u1"),
    ("continuations", "u1"),
    ("reserved", "u2"),
    ("group", "u4"),
    ("account_id", "u4"),
    ("reserved_2", "u4"),
    ("amount_nano", "i8"),
    ("reserved_3", "u8"),
    ("client_id_high", "u8"),
    ("client_id_low", "u8"),
    ("reserved_4", "i8"),
    ("reserved_5", "i8"),
)

SERIES_COMMAND = record(
    ("kind", "u1"),
    ("continuations", "u1"),
    ("tier", "u1"),
    ("reserved", "u1"),
    ("series_id", "u4"),
    ("region_id", "u4"),
    ("reference_ticks", "i4"),
    ("first_start_ns", "i8"),
    ("duration_s", "u4"),
    ("gate_lead_s", "u4"),  # gate closure this long before the window starts
    ("horizon_s", "u4"),  # listed this long before the window starts
    ("price_step_ticks", "i4"),
    ("quantity_step_lots", "i8"),
    ("quantity_max_lots", "i8"),
    ("band_bps", "u4"),  # how far from the reference an order may pay, in hundredths of a per cent
    ("opening_auction_s", "u2"),  # how long orders collect before trading begins, or begins again; 0 for no auction
    ("closing_auction_s", "u2"),  # how long before its gate a tranche goes into its last auction; 0 for none
)

INSTRUMENT_COMMAND = record(
    ("kind", "u1"),
    ("continuations", "u1"),
    ("reserved", "u2"),
    ("instrument_id", "u4"),
    ("region_id", "u4"),  # DEFINE_REGION alone
    ("price_ticks", "i4"),  # SET_REFERENCE alone
    *((f"reserved_{n}", "i8") for n in range(2, 8)),
)

TIER_BITS = 8
"""The scope of an instrument, by which a mass cancel may go, is its region's id above so many bits of its tier."""

CONTINUATION = np.dtype(
    [("kind", "u1"), ("position", "u1"), ("length", "u1"), ("reserved", "u1"), ("text", f"S{TEXT_BYTES_MAX}")]
)

CLOCK_EVENT = record(
    ("kind", "u1"),
    ("reserved", "u1"),
    ("reason", "u2"),
    ("reserved_2", "u4"),
    ("sequence", "u8"),
    ("time_ns", "i8"),
    ("reserved_3", "i8"),
    ("reserved_4", "i8"),
    ("reserved_5", "u4"),
    ("index", "u4"),
    ("reserved_6", "i8"),
    ("reserved_7", "i8"),
)

ACCOUNT_EVENT = record(
    ("kind", "u1"),
    ("reserved", "u1"),
    ("reason", "u2"),
    ("instrument_id", "u4"),
    ("sequence", "u8"),
    ("amount_nano", "i8"),  # what moved on the cash balance
    ("cash_nano", "i8"),  # the balance afterwards
    ("account_id", "u4"),
    ("group", "u4"),
    ("price_ticks", "i4"),  # POSITION_SETTLED: the final price
    ("index", "u4"),
    ("lots", "i8"),  # POSITION_SETTLED: the position
    ("moved_nano", "i8"),  # POSITION_SETTLED: what it was let off, or went without when negative, of a shortfall
)

TRANCHE_EVENT = record(
    ("kind", "u1"),
    ("tier", "u1"),
    ("reason", "u2"),
    ("instrument_id", "u4"),
    ("sequence", "u8"),
    ("start_ns", "i8"),
    ("gate_ns", "i8"),
    ("series_id", "u4"),
    ("region_id", "u4"),
    ("reference_ticks", "i4"),
    ("index", "u4"),
    ("duration_s", "u4"),
    ("price_step_ticks", "i4"),
    ("band_low_ticks", "i4"),
    ("band_high_ticks", "i4"),
)

STATE_EVENT = record(
    ("kind", "u1"),
    ("state", "u1"),  # a LifeState
    ("reason", "u2"),
    ("instrument_id", "u4"),
    ("sequence", "u8"),
    ("due_ns", "i8"),
    ("traded_lots", "i8"),
    ("previous_state", "u4"),
    ("replacement_ticks", "i4"),  # the replacement price, from gate closure on; 0 if nothing is delivered
    ("final_ticks", "i4"),  # the final price, from gate closure on
    ("index", "u4"),
    ("reserved_2", "i8"),
    ("reserved_3", "i8"),
)

REPEAT_EVENT = record(
    ("kind", "u1"),
    ("original_kind", "u1"),  # the outcome that the first command with this client id had
    ("reason", "u2"),
    ("instrument_id", "u4"),
    ("sequence", "u8"),
    ("order_id", "u8"),  # DEPOSITED, WITHDREW: the amount that moved
    ("original_sequence", "u8"),
    ("account_id", "u4"),
    ("reserved", "u4"),
    ("price_ticks", "i4"),
    ("index", "u4"),
    ("quantity_lots", "i8"),
    ("leaves_lots", "i8"),
)

LAYOUTS = (
    *(ORDER_COMMAND, CHANGE_COMMAND, MASS_CANCEL_COMMAND, EXTRA, QUOTE, LEG),
    *(CLOCK_COMMAND, ACCOUNT_COMMAND, SERIES_COMMAND, INSTRUMENT_COMMAND),
    *(PARAMETERS_COMMAND, SHOCKS, STRAIN_COMMAND, FINANCING_COMMAND),
    *(LIMITS_COMMAND, PROTECTION_COMMAND, CANCEL_AFTER_COMMAND, ADD_ON_COMMAND),
    CAPACITY_COMMAND,
    TERMS_COMMAND,
    *DELIVERY_LAYOUTS_OF_COMMANDS,
    CONTINUATION,
    ORDER_EVENT,
    SUMMARY_EVENT,
    CLOCK_EVENT,
    ACCOUNT_EVENT,
    TRANCHE_EVENT,
    STATE_EVENT,
    REPEAT_EVENT,
    PARAMETERS_EVENT,
    STRAIN_EVENT,
    FINANCING_EVENT,
    STANDING_EVENT,
    FUND_EVENT,
    *(LIMITS_EVENT, PROTECTION_EVENT, CANCEL_AFTER_EVENT, ADD_ON_EVENT),
    STAKE_EVENT,
    CAPACITY_EVENT,
    TERMS_EVENT,
    GATE_EVENT,
    ALLOCATED_EVENT,
    *DELIVERY_LAYOUTS_OF_EVENTS,
)
for _layout in LAYOUTS:
    assert _layout.itemsize == RECORD_BYTES
for _layout in LAYOUTS[LAYOUTS.index(ORDER_EVENT) :]:
    for _field in ("kind", "reason", "sequence", "index"):
        assert offset_of(_layout, _field) == offset_of(ORDER_EVENT, _field), "events share their head"
