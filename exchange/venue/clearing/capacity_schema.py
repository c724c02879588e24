"""The records of capacity: what providers can deliver, what they may come to have sold of it, and their stakes.

Capacity is held in slots of 15 minutes of UTC. They share the places of what they have in common with the other
records of the venue (`exchange.venue.schema`).
"""

from kernels.records import record
from risk.schema import GROSS_NANO_MAX

SLOT_S = 900
SLOT_NS = SLOT_S * 1_000_000_000
SLOTS_PER_DAY = 86_400 // SLOT_S
SLOTS_PER_WEEK = 7 * SLOTS_PER_DAY
RING_SLOTS = 2_048
"""Capacity can be sold so many slots ahead: three weeks."""
TIERS = 3
CAPACITIES_MAX = 1 << 14
HOLDINGS_MAX = 1 << 11
CAPACITIES_OF_PROVIDER_MAX = 64
"""How many an account may have registered at a time, over all regions."""
CAPACITY_LOTS_MAX = 1_000_000_000
STAKE_NANO_PER_LOT = 100_000_000
"""0.10 USD for each Mbps of the most that a provider has registered at any time."""
PROVIDER_GROSS_NANO_MAX = GROSS_NANO_MAX // 4
"""The gross of a provider is bounded closer, so that no sum wraps with its bond among them."""
EVERY_DAY = 0b111_1111
"""A bit for each weekday, Monday first."""

CAPACITY = record(
    ("capacity_id", "u4"),  # 0 for a place that is free
    ("account_id", "u4"),
    ("region_id", "u4"),
    ("next", "u4"),  # the provider's next capacity
    ("lots", "i8"),
    ("first_ns", "i8"),
    ("end_ns", "i8"),
    ("daily_from_s", "u4"),  # of the days of UTC
    ("daily_length_s", "u4"),  # 0: all the time from first_ns to end_ns
    ("tier", "u1"),
    ("weekdays", "u1"),  # a bit for each day on which a recurring capacity is there, Monday first
    ("reserved", "u2"),
    ("reserved_2", "u4"),
)
"""What a provider can deliver. It stands at its id modulo the number of places."""

HOLDING = record(
    ("account_id", "u4"),  # 0 for a place that is free
    ("region_id", "u4"),
    ("first_slot", "i8"),  # since 1970: the ring knows of slots from here on
    ("next", "u4"),  # the provider's next holding
    ("reserved", "u4"),
)
"""A provider in a region. What it has sold in each slot stands in a ring of its own."""

SELLER = record(("first_capacity", "u4"), ("first_holding", "u4"))
"""Where the capacities and holdings of an account begin."""

COMMITMENT = record(
    ("lots", "i8"),  # the most that the position may come to be short of
    ("bond_base_nano", "i8"),  # what failing with them would cost
)
"""What a position of a provider counts for, at the place of the position."""

CAPACITY_COMMAND = record(
    ("kind", "u1"),
    ("continuations", "u1"),
    ("tier", "u1"),
    ("weekdays", "u1"),
    ("region_id", "u4"),
    ("account_id", "u4"),
    ("capacity_id", "u4"),  # WITHDRAW_CAPACITY alone, which has nothing else
    ("lots", "i8"),
    ("daily_from_s", "u4"),
    ("daily_length_s", "u4"),
    ("client_id_high", "u8"),
    ("client_id_low", "u8"),
    ("first_ns", "i8"),
    ("end_ns", "i8"),
)

CAPACITY_EVENT = record(
    ("kind", "u1"),
    ("tier", "u1"),
    ("reason", "u2"),
    ("region_id", "u4"),
    ("sequence", "u8"),
    ("capacity_id", "u8"),
    ("first_ns", "i8"),
    ("account_id", "u4"),
    ("daily_from_s", "u4"),
    ("daily_length_s", "u4"),
    ("index", "u4"),
    ("lots", "u4"),  # 0 for one that was withdrawn
    ("weekdays", "u4"),
    ("end_ns", "i8"),
)

STAKE_EVENT = record(
    ("kind", "u1"),
    ("reserved", "u1"),
    ("reason", "u2"),
    ("reserved_2", "u4"),
    ("sequence", "u8"),
    ("amount_nano", "i8"),  # what moved on the cash balance: less for a stake, more for one given back
    ("cash_nano", "i8"),  # the balance afterwards
    ("account_id", "u4"),
    ("reserved_3", "u4"),
    ("reserved_4", "u4"),
    ("index", "u4"),
    ("stake_nano", "i8"),  # the stake afterwards
    ("reserved_5", "i8"),
)
