"""The records of what makes leverage dearer: how regions are used and strained, and what cash costs.

They share the places of what they have in common with the other records of the venue (`exchange.venue.schema`).
"""

from kernels.records import record

STRAIN_COMMAND = record(
    ("kind", "u1"),
    ("continuations", "u1"),
    ("reserved", "u2"),
    ("region_id", "u4"),
    ("utilisation_ppm", "u4"),  # SET_UTILISATION alone
    ("low_ppm", "u4"),  # SET_STRAIN alone
    ("high_ppm", "u4"),
    ("reserved_2", "u4"),
    *((f"reserved_{n}", "i8") for n in range(3, 8)),
)

FINANCING_COMMAND = record(
    ("kind", "u1"),
    ("continuations", "u1"),
    ("reserved", "u2"),
    ("reserved_2", "u4"),
    ("base_ppm", "u4"),
    ("slope_1_ppm", "u4"),
    ("slope_2_ppm", "u4"),
    ("optimum_ppm", "u4"),
    *((f"reserved_{n}", "i8") for n in range(3, 8)),
)

STRAIN_EVENT = record(
    ("kind", "u1"),
    ("reserved", "u1"),
    ("reason", "u2"),
    ("region_id", "u4"),
    ("sequence", "u8"),
    ("utilisation_ppm", "u4"),
    ("low_ppm", "u4"),
    ("high_ppm", "u4"),
    ("tranches", "u4"),  # in so many of them shocks are others now
    ("reserved_2", "u4"),
    ("reserved_3", "u4"),
    ("reserved_4", "u4"),
    ("index", "u4"),
    ("reserved_5", "i8"),
    ("reserved_6", "i8"),
)

FINANCING_EVENT = record(
    ("kind", "u1"),
    ("reserved", "u1"),
    ("reason", "u2"),
    ("reserved_2", "u4"),
    ("sequence", "u8"),
    ("amount_nano", "i8"),  # FINANCED: what moved on the cash balance, never above zero
    ("cash_nano", "i8"),  # FINANCED: the balance afterwards
    ("account_id", "u4"),
    ("rate_ppm", "u4"),  # a year
    ("utilisation_ppm", "u4"),  # of the cash above zero
    ("index", "u4"),
    ("base_ppm", "u4"),
    ("slope_1_ppm", "u4"),
    ("slope_2_ppm", "u4"),
    ("optimum_ppm", "u4"),
)
