"""The records of the state of the venue, beyond books and accounts."""

from kernels.records import record

TRANCHE = record(
    ("instrument_id", "u4"),
    ("series_id", "u4"),
    ("region_id", "u4"),
    ("tier", "u1"),
    ("state", "u1"),
    ("was_held", "u1"),  # 1 when anybody held it at gate closure
    ("is_apportioned", "u1"),  # 1 when it is known who cannot pay at its settlement
    ("auction_end_ns", "i8"),  # of an opening auction: when it uncrosses
    ("indicative_due_ns", "i8"),  # when an auction is to tell its indicative price again; 0 outside of auctions
    ("indicative_lots", "i8"),  # what it told last
    ("indicative_ticks", "i4"),
    ("opening_auction_s", "u2"),
    ("closing_auction_s", "u2"),
    ("start_ns", "i8"),
    ("end_ns", "i8"),
    ("gate_ns", "i8"),
    ("tick_value_nano", "i8"),  # nano-USD of one tick of one lot
    ("traded_lots", "i8"),
    ("prints", "i8"),  # trades that may speak for the final price, of which the last few are kept
    ("final_ticks", "i4"),  # what positions are settled at; 0 before gate closure
    ("reference_ticks", "i4"),
    ("band_bps", "u4"),
    ("duration_s", "u4"),
    ("first_position", "u4"),
    ("last_position", "u4"),
)

PRINTS_KEPT = 8
"""A power of two."""

PRINT = record(
    ("lots", "i8"),
    ("instrument_id", "u4"),
    ("account_id", "u4"),
    ("counter_account_id", "u4"),
    ("price_ticks", "i4"),
)
"""A trade that may speak for the final price of its tranche."""

SERIES = record(
    ("next_start_ns", "i8"),
    ("quantity_step_lots", "i8"),
    ("quantity_max_lots", "i8"),
    ("duration_s", "u4"),
    ("gate_lead_s", "u4"),
    ("horizon_s", "u4"),
    ("region_id", "u4"),
    ("price_step_ticks", "i4"),
    ("reference_ticks", "i4"),
    ("band_bps", "u4"),
    ("tier", "u4"),
    ("opening_auction_s", "u2"),
    ("closing_auction_s", "u2"),
    ("maker_fee_ppm", "i2"),  # of windows that are listed from now on
    ("taker_fee_ppm", "i2"),
)

REGION = record(
    ("utilisation_ppm", "u4"),  # of the capacity that it can deliver, as telemetry told it last
    ("low_ppm", "u4"),  # strain grows from here ...
    ("high_ppm", "u4"),  # ... to here; both 0 for no strain
    ("reserved", "u4"),
)

FINANCING = record(
    ("due_ns", "i8"),  # when interest is charged next; 0 when it is not
    ("base_ppm", "u4"),
    ("slope_1_ppm", "u4"),
    ("slope_2_ppm", "u4"),
    ("optimum_ppm", "u4"),  # 0 when cash costs nothing
    ("rate_ppm", "u4"),  # a year, in force
    ("utilisation_ppm", "u4"),  # of the cash above zero, as the rate was found
    ("next_account", "u4"),  # whose turn it is in the hour being charged; 0 between two hours
    ("reserved", "u4"),
)

AGENDA_ENTRY = record(("due_ns", "i8"), ("kind", "u4"), ("subject", "u4"))

CLIENT_ENTRY = record(
    ("client_id_high", "u8"),
    ("client_id_low", "u8"),
    ("content", "u8"),  # digest of the command's content
    ("sequence", "u8"),
    ("order_id", "u8"),
    ("time_ns", "i8"),
    ("quantity_lots", "i8"),
    ("leaves_lots", "i8"),
    ("account_id", "u4"),
    ("instrument_id", "u4"),
    ("price_ticks", "i4"),
    ("reason", "u2"),
    ("outcome", "u1"),
    ("reserved", "u1"),
)

CLOCK = record(
    ("time_ns", "i8"),
    ("commands", "i8"),
    ("agenda_count", "i8"),
    ("oldest_client", "u8"),  # ring positions: entries from here ...
    ("newest_client", "u8"),  # ... to just before here are kept
    ("next_instrument_id", "u4"),
    ("region_count", "u4"),
    ("series_count", "u4"),
    ("is_paused", "u1"),  # the command at work must be run again
    ("is_halted", "u1"),  # the whole market
    ("are_orders_due", "u1"),  # orders of accounts that have too little are to be cancelled before the command ends
    ("protection", "u1"),  # a stage of what protection does in a command that made it go off; else 0
    ("strained", "u4"),  # tranches that the command at work has valued anew
    ("last_capacity_id", "u4"),
    ("forced_orders", "i8"),
    ("next_allocation_id", "u8"),
    ("down_from_ns", "i8"),  # the venue was down from here ...
    ("down_until_ns", "i8"),  # ... to here, last: deadlines in between move
    ("target_ns", "i8"),  # the time to which the command at work carries the venue
    ("fresh_timer", "u4"),  # timers of cancels from here on were never in use; 0 for none yet
    ("free_timer", "u4"),  # the first of those that are free again
)

FORCED = record(
    ("instrument_id", "u4"),
    ("stage", "u4"),
    ("order_id", "u8"),
    ("lots", "i8"),  # signed, of the order at work
    ("bankruptcy_ticks", "i8"),
    ("owed_nano", "i8"),  # what the account owes the insurance fund for what was traded so far
)
"""The forced order at work, which may have to wait for room."""
