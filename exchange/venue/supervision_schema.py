"""The records of what becomes of accounts that have too little, and of the insurance fund.

They share the places of what they have in common with the other records of the venue (`exchange.venue.schema`).
"""

from kernels.records import record

STANDING_EVENT = record(
    ("kind", "u1"),
    ("standing", "u1"),  # a Standing
    ("reason", "u2"),
    ("previous", "u4"),
    ("sequence", "u8"),
    ("equity_nano", "i8"),
    ("margin_nano", "i8"),
    ("account_id", "u4"),
    ("reserved", "u4"),
    ("reserved_2", "i4"),
    ("index", "u4"),
    ("maintenance_nano", "i8"),
    ("reserved_3", "i8"),
)

FUND_EVENT = record(
    ("kind", "u1"),
    ("reserved", "u1"),
    ("reason", "u2"),
    ("instrument_id", "u4"),
    ("sequence", "u8"),
    ("amount_nano", "i8"),  # what came into the insurance fund, or left it when negative
    ("fund_nano", "i8"),  # what is in it afterwards
    ("account_id", "u4"),
    ("reserved_2", "u4"),
    ("price_ticks", "i4"),  # SHORTFALL: the final price
    ("index", "u4"),
    ("shortfall_nano", "i8"),  # SHORTFALL: what losers of the settlement could not pay
    ("haircut_nano", "i8"),  # SHORTFALL: what the winners go without
)
