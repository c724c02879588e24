"""The records of risk parameters and fees.

They share the places of what they have in common with the other records of the venue (`exchange.venue.schema`).
"""

from kernels.records import record
from risk.schema import SCENARIOS

PARAMETERS_COMMAND = record(
    ("kind", "u1"),
    ("continuations", "u1"),
    ("reserved", "u2"),
    ("instrument_id", "u4"),  # SET_PARAMETERS alone
    ("series_id", "u4"),  # SET_FEES alone
    ("mark_ticks", "i4"),
    ("spread_ticks", "i4"),
    ("concentration_ticks", "i4"),
    ("concentration_lots", "i8"),
    ("maker_fee_ppm", "i4"),  # SET_FEES alone; negative for a rebate
    ("taker_fee_ppm", "i4"),
    *((f"reserved_{n}", "i8") for n in range(2, 5)),
)

SHOCKS = record(
    ("kind", "u1"),
    ("continuations", "u1"),
    ("reserved", "u2"),
    *((f"shock_{n}_ticks", "i4") for n in range(1, SCENARIOS)),
)
"""In scenario 0 nothing moves."""

PARAMETERS_EVENT = record(
    ("kind", "u1"),
    ("reserved", "u1"),
    ("reason", "u2"),
    ("instrument_id", "u4"),
    ("sequence", "u8"),
    ("concentration_lots", "i8"),
    ("ramp_step", "u4"),  # of the margin ramp before a gate; 0 before the first, and where nothing is delivered
    ("reserved_2", "u4"),
    ("mark_ticks", "i4"),
    ("spread_ticks", "i4"),
    ("worst_shock_ticks", "i4"),
    ("index", "u4"),
    ("concentration_ticks", "i4"),
    ("series_id", "u4"),
    ("maker_fee_ppm", "i4"),
    ("taker_fee_ppm", "i4"),
)
