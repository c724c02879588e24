"""The records of measured delivery: reporters and reports, slots and what they bring, disputes, reputation, downtime.

They share the places of what they have in common with the other records of the venue (`exchange.venue.schema`).
"""

from enum import IntEnum

from kernels.records import record

REPORTERS_MIN = 3
"""A slot with fewer reports was measured by nobody: one that lies is then no minority."""
REPORTERS_MAX = 7
"""For each slot of an allocation."""
REPORT_CAPACITY = 1 << 20
"""Reports that wait for their slots to be settled."""
LATENCY_US_MAX = 60_000_000
PPM = 1_000_000
KEY_WORDS = 8
"""An Ed25519 public key, as int32."""
DISPUTE_OPEN_NS_MAX = 7 * 86_400 * 1_000_000_000
"""A dispute that nobody decides keeps its allocation for so long after the time for disputes, and no longer."""
DOWNTIMES_MERGED_NS = 86_400 * 1_000_000_000
"""Two downtimes with less in between count as one, so that a deadline that the first moved does not fall back."""

EVIDENCE_UNIT = 1_000_000
"""What one allocation adds to the evidence of its provider, good and bad together."""
FORGETTING_PPM = 990_000
"""What is left of earlier evidence when an allocation adds its own: a hundred allocations are all that ever counts."""
EVIDENCE_DOUBT = 10 * EVIDENCE_UNIT
"""The more of it, the longer a provider stays a newcomer: after so much good evidence half of the way is done."""


class SlotOutcome(IntEnum):
    """What was found of a slot. Never renumber."""

    MEASURED = 1
    SILENT = 2
    """Fewer than three reported: nobody is paid for what nobody measured, and nobody is punished."""
    OUT_OF_BOUNDS = 3
    """Measured, but too slow or with too much loss, so that nothing counts."""
    INTERRUPTED = 4


class ReportOutcome(IntEnum):
    """What becomes of a report. Never renumber."""

    COUNTED = 0
    DUPLICATE = 1
    """The reporter has said the same of the slot before."""
    CONFLICTING = 2
    """The reporter has said something else of the slot before; the first word stands."""
    LATE = 3
    """The slot is settled."""


class AllocationFlag(IntEnum):
    """Bits of an allocation's flags. Never renumber."""

    DISPUTED = 1


# State.

REPORT = record(
    ("allocation_id", "u8"),
    ("slot", "u4"),
    ("reporter_id", "u4"),  # 0: not a report, but a note that the allocation was interrupted in the slot
    ("measured_lots", "u4"),
    ("latency_us", "u4"),
    ("loss_ppm", "u4"),
    ("next", "u4"),  # in its bucket, or the next free place
)

DESK = record(
    ("live_reports", "i8"),
    ("free_report", "u4"),
    ("fresh_report", "u4"),
    ("least_cut_id", "u8"),  # from here to the end the command at work, which may have to wait for room, keeps things
    ("cut_lots", "i8"),
    ("next_place", "u4"),  # of the pool of allocations
    ("provider_id", "u4"),
    ("buyer_id", "u4"),
    ("reserved", "u4"),
    ("moved_nano", "i8"),
    ("delivered", "i8"),
)
"""What is counted, and what is at hand."""

# Commands.

DELIVERY_COMMAND = record(
    ("kind", "u1"),
    ("continuations", "u1"),
    ("with_replacement", "u1"),  # CORRECT_DELIVERY: 1 if the cost of replacement moves with the price
    ("reserved", "u1"),
    ("slot", "u4"),
    ("account_id", "u4"),
    ("reserved_2", "u4"),
    ("allocation_id", "u8"),
    ("change_lots", "i8"),  # CORRECT_DELIVERY alone; 0 dismisses a dispute
    ("measured_lots", "u4"),  # these three REPORT_DELIVERY alone; the median of what reporters measured, in Mbps
    ("latency_us", "u4"),
    ("loss_ppm", "u4"),
    ("reserved_3", "u4"),
    (
        "expected",
        "i8",
    ),  # CORRECT_DELIVERY: refused unless so many lots x slots, less one, are delivered so far; 0 for any
    ("reserved_4", "i8"),
)

INTERRUPTION_COMMAND = record(
    ("kind", "u1"),
    ("continuations", "u1"),
    ("reserved", "u2"),
    ("region_id", "u4"),
    ("reserved_2", "u4"),
    ("reserved_3", "u4"),
    ("lots", "i8"),  # so many in all, or the next more that whole allocations come to
    *((f"reserved_{n}", "i8") for n in range(4, 9)),
)

DOWNTIME_COMMAND = record(
    ("kind", "u1"),
    ("continuations", "u1"),
    ("reserved", "u2"),
    ("reserved_2", "u4"),
    ("reserved_3", "u4"),
    ("reserved_4", "u4"),
    ("from_ns", "i8"),
    ("until_ns", "i8"),
    *((f"reserved_{n}", "i8") for n in range(5, 9)),
)

# Events. Those of an allocation name its buyer and its provider where matching names two accounts.

ALLOCATION_EVENT = record(
    ("kind", "u1"),
    ("state", "u1"),  # an AllocationState
    ("reason", "u2"),
    ("instrument_id", "u4"),
    ("sequence", "u8"),
    ("allocation_id", "u8"),
    ("lots", "i8"),
    ("buyer_id", "u4"),
    ("provider_id", "u4"),
    ("detail", "u4"),  # ALLOCATION_CHANGED: the state before; DISPUTED: the account that disputes
    ("index", "u4"),
    ("bond_nano", "i8"),  # as far as it is still held
    ("delivered", "i8"),  # lots x slots
)

REPORT_EVENT = record(
    ("kind", "u1"),
    ("outcome", "u1"),  # a ReportOutcome
    ("reason", "u2"),
    ("slot", "u4"),
    ("sequence", "u8"),
    ("allocation_id", "u8"),
    ("measured_lots", "i8"),
    ("account_id", "u4"),  # the reporter
    ("reserved", "u4"),
    ("latency_us", "u4"),
    ("index", "u4"),
    ("loss_ppm", "i8"),
    ("reserved_2", "i8"),
)

SLOT_EVENT = record(
    ("kind", "u1"),
    ("outcome", "u1"),  # a SlotOutcome
    ("reason", "u2"),
    ("slot", "u4"),
    ("sequence", "u8"),
    ("allocation_id", "u8"),
    ("refunded_nano", "i8"),  # SLOT_SETTLED: of the escrow, to the buyer
    ("buyer_id", "u4"),
    ("provider_id", "u4"),
    ("delivered_lots", "u4"),  # no report tells of more than fits here
    ("index", "u4"),
    ("paid_nano", "i8"),  # of the escrow, to the provider; SLOT_SETTLED: the clearing fee included
    ("fee_nano", "i8"),  # SLOT_SETTLED: the clearing fee, what is burned of it included
)

SHORT_EVENT = record(
    ("kind", "u1"),
    ("outcome", "u1"),
    ("reason", "u2"),
    ("slot", "u4"),
    ("sequence", "u8"),
    ("allocation_id", "u8"),
    ("replacement_nano", "i8"),  # of the bond, to the buyer; after an interruption the compensation
    ("buyer_id", "u4"),
    ("provider_id", "u4"),
    ("missing_lots", "u4"),
    ("index", "u4"),
    ("shortfall_fee_nano", "i8"),  # of the bond, to the insurance fund
    ("bond_nano", "i8"),  # what is left of the bond for later slots
)

CORRECTION_EVENT = record(
    ("kind", "u1"),
    ("with_replacement", "u1"),
    ("reason", "u2"),
    ("slot", "u4"),
    ("sequence", "u8"),
    ("allocation_id", "u8"),
    ("change_lots", "i8"),
    ("buyer_id", "u4"),
    ("provider_id", "u4"),
    ("reserved", "u4"),
    ("index", "u4"),
    ("moved_nano", "i8"),  # from the buyer to the provider, the other way when negative
    ("delivered", "i8"),  # lots x slots, afterwards
)

INTERRUPTION_EVENT = record(
    ("kind", "u1"),
    ("reserved", "u1"),
    ("reason", "u2"),
    ("slot", "u4"),
    ("sequence", "u8"),
    ("allocation_id", "u8"),  # 0 in the outcome
    ("lots", "i8"),  # of the allocation; in the outcome of all that were cut
    ("buyer_id", "u4"),
    ("provider_id", "u4"),
    ("region_id", "u4"),
    ("index", "u4"),
    ("reserved_2", "i8"),
    ("reserved_3", "i8"),
)

REPUTATION_EVENT = record(
    ("kind", "u1"),
    ("reserved", "u1"),
    ("reason", "u2"),
    ("reserved_2", "u4"),
    ("sequence", "u8"),
    ("good", "i8"),  # evidence, EVIDENCE_UNIT for one allocation
    ("bad", "i8"),
    ("account_id", "u4"),
    ("reserved_3", "u4"),
    ("multiplier_ppm", "u4"),
    ("index", "u4"),
    ("allocation_id", "u8"),  # which brought it
    ("reserved_4", "i8"),
)

DOWNTIME_EVENT = record(
    ("kind", "u1"),
    ("reserved", "u1"),
    ("reason", "u2"),
    ("reserved_2", "u4"),
    ("sequence", "u8"),
    ("from_ns", "i8"),
    ("until_ns", "i8"),
    ("reserved_3", "u4"),
    ("reserved_4", "u4"),
    ("reserved_5", "u4"),
    ("index", "u4"),
    ("reserved_6", "i8"),
    ("reserved_7", "i8"),
)
"""From a downtime to its end, as it counts: together with one shortly before."""

DELIVERY_LAYOUTS_OF_COMMANDS = (DELIVERY_COMMAND, INTERRUPTION_COMMAND, DOWNTIME_COMMAND)
DELIVERY_LAYOUTS_OF_EVENTS = (
    ALLOCATION_EVENT,
    REPORT_EVENT,
    SLOT_EVENT,
    SHORT_EVENT,
    CORRECTION_EVENT,
    INTERRUPTION_EVENT,
    REPUTATION_EVENT,
    DOWNTIME_EVENT,
)
