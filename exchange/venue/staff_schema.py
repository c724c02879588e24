"""The records of what risk staff send and are told: limits and market-maker protection. 0 is no limit everywhere."""

from kernels.records import record

LIMITS_COMMAND = record(
    ("kind", "u1"),
    ("continuations", "u1"),
    ("reserved", "u2"),
    ("instrument_id", "u4"),  # SET_INSTRUMENT_LIMITS alone
    ("account_id", "u4"),  # all but SET_INSTRUMENT_LIMITS
    ("region_id", "u4"),  # SET_REGION_LIMIT alone, which has `position_lots` and no more
    ("position_lots", "i8"),
    ("order_lots", "i8"),
    ("order_nano", "i8"),
    ("open_orders_step_nano", "i8"),  # SET_ACCOUNT_LIMITS alone, like the next two
    ("open_orders_base", "u4"),
    ("open_orders_max", "u4"),
    ("reserved_2", "i8"),
)

PROTECTION_COMMAND = record(
    ("kind", "u1"),
    ("continuations", "u1"),
    ("reserved", "u2"),
    ("region_id", "u4"),
    ("account_id", "u4"),
    ("interval_ms", "u4"),  # SET_PROTECTION alone, like all that follows; 0 takes protection away
    ("frozen_ms", "u4"),  # 0 until a reset
    ("reserved_2", "u4"),
    ("quantity_lots", "i8"),
    ("net_lots", "i8"),
    ("notional_nano", "i8"),
    ("reserved_3", "i8"),
    ("reserved_4", "i8"),
)

LIMITS_EVENT = record(
    ("kind", "u1"),
    ("reserved", "u1"),
    ("reason", "u2"),
    ("instrument_id", "u4"),
    ("sequence", "u8"),
    ("position_lots", "i8"),
    ("order_lots", "i8"),
    ("account_id", "u4"),
    ("region_id", "u4"),
    ("open_orders_max", "u4"),
    ("index", "u4"),
    ("order_nano", "i8"),
    ("open_orders", "i8"),  # how many there are, if that is limited
)

PROTECTION_EVENT = record(
    ("kind", "u1"),
    ("reserved", "u1"),
    ("reason", "u2"),
    ("region_id", "u4"),
    ("sequence", "u8"),
    ("quantity_lots", "i8"),
    ("net_lots", "i8"),
    ("account_id", "u4"),
    ("interval_ms", "u4"),
    ("frozen_ms", "u4"),
    ("index", "u4"),
    ("notional_nano", "i8"),
    ("reserved_2", "i8"),
)
