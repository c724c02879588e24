"""What may be asked about measured delivery."""

from typing import Annotated, Literal

from pydantic import BaseModel, Field

from gateway.encoding.fields import PAGE_ROWS_MAX, PageLimit, QuantityLots, Sequence, query_integer
from gateway.encoding.requests import NoQuery, ReadQuery, ShortText, SmallNumber

REPORTS_AT_ONCE_MAX = 256
PAGE_DELIVERIES_MAX = 100
SUMMARY_TRANCHES_MAX = 100
SUMMARY_TRANCHES = 20
SUMMARY_SLOTS_MAX = 96
REASON_LENGTH_MAX = 200
ALLOCATION_ID_MAX = (1 << 53) - 1
"""Ids stay within what JSON keeps exact."""

AllocationId = Annotated[int, Field(ge=0, le=ALLOCATION_ID_MAX)]
Hex32 = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
Hex64 = Annotated[str, Field(pattern=r"^[0-9a-f]{128}$")]
Reason = Annotated[str, Field(pattern=r"^[ -~]*$", max_length=REASON_LENGTH_MAX)]


class _Model(BaseModel):
    model_config = NoQuery.model_config


class Report(_Model):
    """What was measured of a slot of an allocation."""

    allocation: AllocationId
    slot: SmallNumber
    quantity: SmallNumber
    latency_us: SmallNumber
    loss_ppm: SmallNumber
    signature: Hex64


class ReportsRequest(_Model):
    """Many reports at once; each is answered for itself."""

    reports: Annotated[list[Report], Field(min_length=1, max_length=REPORTS_AT_ONCE_MAX)]


class ReporterRequest(_Model):
    """Who reports, under which Ed25519 key; null takes it away."""

    account: ShortText
    public_key: Hex32 | None


class CorrectionRequest(_Model):
    """So many lots of a slot more were delivered than was measured, or fewer; 0 dismisses a dispute.

    With `delivered` it is made only if so much, over all slots, is delivered so far.
    """

    allocation: AllocationId
    slot: SmallNumber
    change: Annotated[int, Field(gt=-(1 << 53), lt=1 << 53)]
    delivered: Annotated[int, Field(ge=0, lt=1 << 53)] | None = None
    with_replacement: bool = False
    reason: Reason = ""


class InterruptionRequest(_Model):
    """How much interruptible traffic a region gives up in the slot that runs."""

    region: ShortText
    quantity: QuantityLots


class DeliveriesQuery(ReadQuery):
    """Which allocations, by tranche or by whether they are disputed."""

    symbol: ShortText | None = None
    disputed: Literal["true", "false"] | None = None
    limit: PageLimit = PAGE_DELIVERIES_MAX
    cursor: Sequence = 0


class SummaryQuery(ReadQuery):
    """How many tranches, and how many slots of each, the latest."""

    limit: Annotated[int, query_integer(1, SUMMARY_TRANCHES_MAX)] = SUMMARY_TRANCHES
    latest_slots: Annotated[int, query_integer(0, SUMMARY_SLOTS_MAX)] = 0


class DueQuery(ReadQuery):
    """Which allocations."""

    limit: PageLimit = PAGE_ROWS_MAX
    cursor: Sequence = 0
