"""The logical state of the venue: what a digest covers, and what a snapshot holds.

Nothing here depends on memory: no slots, links, tables or heaps. Nothing is here that follows from the rest: what open
orders and positions require is worked out anew. Orders stand in their queues' order, positions in
the order in which they were opened, client ids in the order of time. Restoring an image gives a state that answers
every further command alike, and whose own image is the same, bit for bit.
"""

import hashlib
from collections.abc import Mapping
from dataclasses import replace

import numpy as np

from exchange.venue import layout
from exchange.venue.absorbing import enter_order
from exchange.venue.agenda import FINANCING_DUE, INDICATIVE_DUE, REVIEW_DUE, add_entry
from exchange.venue.calendar import is_closed, schedule
from exchange.venue.cancel_schema import CANCEL_ROW
from exchange.venue.cancel_timers import export_timers, restore_timers
from exchange.venue.clearing import capacity_image
from exchange.venue.clearing import image as clearing_image
from exchange.venue.clearing.capacity_image import restore_capacity, take_capacity
from exchange.venue.clearing.commitments import restore_commitments
from exchange.venue.clearing.deadlines import restore_deliveries
from exchange.venue.clearing.image import restore_clearing, take_clearing
from exchange.venue.clearing.ramp_steps import schedule_ramp
from exchange.venue.clients import client_tag
from exchange.venue.lifecycle import LifeState
from exchange.venue.listing import apply_strain, schedule_series
from exchange.venue.prints import export_prints, restore_prints
from exchange.venue.risk_staff import settle_flags
from exchange.venue.state import State, VenueLimits, allocate, slot_of
from kernels.compile import kernel
from kernels.records import joined, names_of, record
from kernels.table import insert_entry
from matching.export import export_orders
from matching.identifiers import grown
from matching.restore import restore_orders
from matching.schema import INSTRUMENT, RESTING
from risk.accounts import grown_ledger
from risk.margin import move_position
from risk.positions import chain_position, position_of
from risk.schema import ACCOUNT, CONTRACT, CONTRACT_LIMITS, POSITION, RULE, SCENARIOS, Standing

Image = Mapping[str, np.ndarray]

SET_OF_ACCOUNTS = (
    *("position_lots", "order_lots", "order_nano"),
    *("open_orders_step_nano", "open_orders_base", "open_orders_max"),
)
"""The limits of accounts that risk staff set; what else stands with them is found again."""

SUMMARY = record(
    ("sequence", "u8"),
    ("time_ns", "i8"),
    ("commands", "i8"),
    ("trades", "i8"),
    ("deposits_nano", "i8"),
    ("withdrawals_nano", "i8"),
    ("fees_nano", "i8"),
    ("fund_nano", "i8"),
    ("escrow_nano", "i8"),
    ("bonds_nano", "i8"),
    ("stakes_nano", "i8"),
    ("burned_nano", "i8"),
    ("forced_orders", "i8"),
    ("next_allocation_id", "u8"),
    ("last_capacity_id", "u8"),
    ("down_from_ns", "i8"),
    ("down_until_ns", "i8"),
    ("next_instrument_id", "u4"),
    ("region_count", "u4"),
    ("series_count", "u4"),
    ("is_halted", "u4"),
)

ACCOUNT_ROW = record(
    ("account_id", "u4"),
    ("group", "u4"),
    ("cash_nano", "i8"),
    ("fees_nano", "i8"),
    ("add_on_nano", "i8"),
    ("review_ns", "i8"),
    ("standing", "u4"),
    ("is_blocked", "u2"),
    ("is_provider", "u2"),
)

POSITION_ROW = record(*((name, POSITION[name].str[1:]) for name in names_of(POSITION)), ("since", "u8"))

ACCOUNT_NAMES = tuple(name for name in names_of(ACCOUNT_ROW) if name in names_of(ACCOUNT))

ACCOUNT_LIMITS_ROW = record(("account_id", "u8"), *((name, "i8") for name in SET_OF_ACCOUNTS))

CONTRACT_LIMITS_ROW = record(("instrument_id", "u8"), *((name, "i8") for name in names_of(CONTRACT_LIMITS)))

SHOCK_ROW = record(*((f"shock_{n}_ticks", "i4") for n in range(SCENARIOS)))
"""Shocks of a region at ease; what strain makes of them follows."""

LAYOUTS: dict[str, np.dtype] = {
    "summary": SUMMARY,
    "accounts": ACCOUNT_ROW,
    "instruments": INSTRUMENT,
    "tranches": layout.TRANCHE,
    "prints": layout.PRINT,
    "contracts": CONTRACT,
    "shocks": SHOCK_ROW,
    "series": layout.SERIES,
    "regions": layout.REGION,
    "financing": layout.FINANCING,
    "orders": RESTING,
    "positions": POSITION_ROW,
    "clients": layout.CLIENT_ENTRY,
    "account_limits": ACCOUNT_LIMITS_ROW,
    "contract_limits": CONTRACT_LIMITS_ROW,
    "rules": RULE,
    "cancel_timers": CANCEL_ROW,
    **clearing_image.LAYOUTS,
    **capacity_image.LAYOUTS,
}


def take_image(state: State) -> dict[str, np.ndarray]:
    """The logical state between two commands, as one array of records for each subject."""
    orders = np.zeros(int(state.book.counters[0]["resting_orders"]), RESTING)
    export_orders(state.book, orders)
    positions = np.zeros(int(state.ledger.accounts["position_count"].sum()), POSITION_ROW)
    live = state.tranches["state"] != LifeState.NONE
    export_positions(state, positions)
    tranches = state.tranches[live]
    tranches["first_position"] = tranches["last_position"] = 0
    return {
        "summary": _summary(state),
        "accounts": _accounts(state),
        "instruments": state.book.instruments[live],
        "tranches": tranches,
        "prints": export_prints(state),
        "contracts": state.ledger.contracts[live],
        "shocks": state.ledger.base_shocks.view(SHOCK_ROW)[live],
        "series": state.series[1 : _series_count(state) + 1].copy(),
        "regions": state.regions[1 : int(state.clock[0]["region_count"]) + 1].copy(),
        "financing": state.financing.copy(),
        "orders": orders,
        "positions": positions,
        "clients": joined(live_clients(state)),
        "account_limits": _account_limits(state),
        "contract_limits": _contract_limits(state),
        "rules": _rules(state),
        "cancel_timers": export_timers(state),
        **take_clearing(state.clearing, _series_count(state), live, _provider_ids(state)),
        **take_capacity(state.clearing),
    }


def digest(image: Image) -> bytes:
    """BLAKE2b-256 of an image."""
    summed = hashlib.blake2b(digest_size=32)
    for name in LAYOUTS:
        rows = image[name]
        assert rows.dtype == LAYOUTS[name], f"{name} has another layout"
        summed.update(f"{name}:{len(rows)}\n".encode())
        summed.update(np.ascontiguousarray(rows).view(np.uint8).data)
    return summed.digest()


def restore(image: Image, limits: VenueLimits) -> State:
    """The state that an image was taken of. Raises ValueError if the limits are too small for it."""
    _check_room(image, limits)
    state = allocate(limits)
    _restore_summary(state, image["summary"][0])
    _restore_accounts(state, image["accounts"])
    slots = image["tranches"]["instrument_id"] & (limits.instruments - 1)
    state.tranches[slots] = image["tranches"]
    state.book.instruments[slots] = image["instruments"]
    state.ledger.contracts[slots] = image["contracts"]
    state.ledger.base_shocks.view(SHOCK_ROW)[slots] = image["shocks"]
    state.series[1 : len(image["series"]) + 1] = image["series"]
    state.regions[1 : len(image["regions"]) + 1] = image["regions"]
    state.financing[: len(image["financing"])] = image["financing"]
    restore_prints(state, image["prints"])
    restore_clearing(state.clearing, image, slots)
    restore_capacity(state, image)
    restore_shocks(state)
    state = replace(
        state,
        book=grown(state.book, len(image["orders"])),
        ledger=grown_ledger(state.ledger, len(image["positions"]) + len(image["orders"])),
    )
    restore_orders(state.book, image["orders"])
    restore_positions(state, image["positions"])
    restore_open_orders(state, image["orders"])
    restore_commitments(state)
    restore_clients(state, image["clients"])
    _restore_limits(state, image)
    restore_agenda(state)
    restore_timers(state, image["cancel_timers"])
    restore_deliveries(state)
    return state


def _check_room(image: Image, limits: VenueLimits) -> None:
    """Price levels are not counted here: an image taken under the same limits has room for them."""
    if len(image["positions"]) + len(image["orders"]) > limits.positions:
        positions = len(np.unique(np.concatenate([_pairs(image["positions"]), _pairs(image["orders"])])))
        if positions > limits.positions:
            raise ValueError(f"an image of {positions} positions does not fit {limits}")
    room = {"orders": limits.orders, "clients": limits.client_ids}
    for name, capacity in room.items():
        if len(image[name]) > capacity:
            raise ValueError(f"an image of {len(image[name])} {name} does not fit {limits}")
    if image["accounts"]["account_id"].max(initial=0) >= limits.accounts:
        raise ValueError(f"an image with other accounts does not fit {limits}")
    slots = image["tranches"]["instrument_id"] & (limits.instruments - 1)
    if len(np.unique(slots)) < len(slots):
        raise ValueError(f"an image of {len(slots)} tranches does not fit {limits}")


def _pairs(rows: np.ndarray) -> np.ndarray:
    """Account and instrument of each row as one number: whoever has lots or orders somewhere has a position there."""
    return rows["account_id"].astype(np.uint64) << np.uint64(32) | rows["instrument_id"]


@kernel
def restore_shocks(state):
    """Work the shocks of every live tranche out of its base shocks and the strain of its region."""
    for slot in range(len(state.tranches)):
        if state.tranches[slot]["state"] != LifeState.NONE:
            apply_strain(state, slot)


@kernel
def restore_agenda(state):
    """Enter the next deadline of every live tranche, the next step of its ramp, and so on for all that falls due."""
    for slot in range(len(state.tranches)):
        tranche = state.tranches[slot]
        if tranche["state"] != LifeState.NONE:
            schedule(state, tranche)
            if not is_closed(tranche["state"]):
                schedule_ramp(state, slot)
            if tranche["indicative_due_ns"] != 0:
                add_entry(state, tranche["indicative_due_ns"], INDICATIVE_DUE, tranche["instrument_id"])
    for series_id in range(1, np.int64(state.clock[0]["series_count"]) + 1):
        schedule_series(state, series_id)
    for account_id in range(np.int64(state.ledger.totals[0]["accounts_end"])):
        account = state.ledger.accounts[account_id]
        if account["standing"] != Standing.SOUND:
            add_entry(state, state.reviews[account_id], REVIEW_DUE, account_id)
    if state.financing[0]["due_ns"] != 0:
        add_entry(state, state.financing[0]["due_ns"], FINANCING_DUE, np.int64(0))


@kernel
def export_positions(state, rows):
    """Fill POSITION_ROW records by tranche slot and the order in which they were opened."""
    count = np.int64(0)
    for slot in range(len(state.tranches)):
        at = np.int64(state.tranches[slot]["first_position"])
        while at != 0:
            position = state.ledger.positions[at]
            row = rows[count]
            row["account_id"] = position["account_id"]
            row["instrument_id"] = position["instrument_id"]
            row["lots"] = position["lots"]
            row["cost_nano"] = position["cost_nano"]
            row["reduce_only_sides"] = position["reduce_only_sides"]
            row["since"] = state.ledger.since[at]["sequence"]
            count += 1
            at = np.int64(position["next"])


@kernel
def restore_positions(state, rows):
    """Open every position again, in its tranche's chain."""
    ledger = state.ledger
    for at in range(len(rows)):
        row = rows[at]
        contract_slot = slot_of(state, row["instrument_id"])
        region_id = ledger.contracts[contract_slot]["region_id"]
        slot = position_of(ledger, row["account_id"], row["instrument_id"], region_id)
        chain_position(ledger, state.tranches[contract_slot], slot)
        move_position(ledger, np.int64(row["account_id"]), slot, contract_slot, row["lots"], row["cost_nano"])
        ledger.positions[slot]["reduce_only_sides"] = row["reduce_only_sides"]
        ledger.since[slot]["sequence"] = row["since"]
        if row["reduce_only_sides"]:
            ledger.accounts[row["account_id"]]["uses_reduce_only"] = 1


@kernel
def restore_open_orders(state, rows):
    """Enter every resting order into the requirement of its account."""
    for at in range(len(rows)):
        row = rows[at]
        slot, side = slot_of(state, row["instrument_id"]), np.int64(row["side"])
        enter_order(state, slot, np.int64(row["account_id"]), side, row["price_ticks"], row["leaves_lots"])


@kernel
def restore_clients(state, rows):
    """Lay the ring out from its start."""
    for at in range(len(rows)):
        state.clients[at] = rows[at]
        tag = client_tag(rows[at]["account_id"], rows[at]["client_id_high"], rows[at]["client_id_low"])
        insert_entry(state.client_table, tag, at + 1)
    state.clock[0]["oldest_client"] = 0
    state.clock[0]["newest_client"] = len(rows)


def _summary(state: State) -> np.ndarray:
    clock, counters, totals = state.clock[0], state.book.counters[0], state.ledger.totals[0]
    summary = np.zeros(1, SUMMARY)
    for name in SUMMARY.names or ():
        source = next(row for row in (clock, counters, totals) if name in row.dtype.names)
        summary[name] = source[name]
    return summary


def _restore_summary(state: State, summary: np.void) -> None:
    for name in SUMMARY.names or ():
        for rows in (state.clock, state.book.counters, state.ledger.totals):
            if name in (rows.dtype.names or ()):
                rows[name] = summary[name]


def _accounts(state: State) -> np.ndarray:
    ids = np.flatnonzero(state.ledger.accounts["is_open"])
    rows = np.zeros(len(ids), ACCOUNT_ROW)
    rows["account_id"] = ids
    rows["group"] = state.book.groups[ids]
    rows["review_ns"] = state.reviews[ids]
    for name in ACCOUNT_NAMES:
        rows[name] = state.ledger.accounts[name][ids]
    return rows


def _restore_accounts(state: State, rows: np.ndarray) -> None:
    ids = rows["account_id"]
    state.ledger.accounts["is_open"][ids] = 1
    state.ledger.totals["accounts_end"] = ids.max(initial=0) + 1
    state.book.groups[ids] = rows["group"]
    state.reviews[ids] = rows["review_ns"]
    for name in ACCOUNT_NAMES:
        state.ledger.accounts[name][ids] = rows[name]
    state.ledger.accounts["margin_nano"][ids] = rows["add_on_nano"]  # what positions and orders require comes to it


def _series_count(state: State) -> int:
    """How many series there are."""
    return int(state.clock[0]["series_count"])


def _provider_ids(state: State) -> np.ndarray:
    """Of accounts that are providers, or have a stake by which they may become one."""
    accounts = state.ledger.accounts["is_provider"]
    return np.flatnonzero((accounts != 0) | (state.clearing.providers["stake_nano"][: len(accounts)] != 0))


def _account_limits(state: State) -> np.ndarray:
    """Of accounts that have any, in the order of ids."""
    limits = state.ledger.limits
    ids = np.flatnonzero(np.any([limits[name] != 0 for name in SET_OF_ACCOUNTS], axis=0))
    rows = np.zeros(len(ids), ACCOUNT_LIMITS_ROW)
    rows["account_id"] = ids
    for name in SET_OF_ACCOUNTS:
        rows[name] = limits[name][ids]
    return rows


def _contract_limits(state: State) -> np.ndarray:
    """Of live instruments that have any, in the order of slots."""
    live = state.tranches["state"] != LifeState.NONE
    slots = np.flatnonzero(live & (state.book.instruments["has_limits"] != 0))
    rows = np.zeros(len(slots), CONTRACT_LIMITS_ROW)
    rows["instrument_id"] = state.tranches["instrument_id"][slots]
    for name in names_of(CONTRACT_LIMITS):
        rows[name] = state.ledger.contract_limits[name][slots]
    return rows


def _rules(state: State) -> np.ndarray:
    """By account and region, without their chains."""
    rules = state.ledger.rules[1 : int(state.ledger.totals[0]["fresh_rule"])]
    rows = rules[rules["account_id"] != 0]
    rows["next"] = rows["next_due"] = 0
    return rows[np.lexsort((rows["region_id"], rows["account_id"]))]


def _restore_limits(state: State, image: Image) -> None:
    """Limits and rules, the flags that follow from them, and how many orders those accounts have open."""
    ledger, rows = state.ledger, image["account_limits"]
    ids = rows["account_id"].astype(np.int64)
    for name in SET_OF_ACCOUNTS:
        ledger.limits[name][ids] = rows[name]
    rows = image["contract_limits"]
    slots = rows["instrument_id"].astype(np.int64) & (len(state.tranches) - 1)
    for name in names_of(CONTRACT_LIMITS):
        ledger.contract_limits[name][slots] = rows[name]
    rules = image["rules"]
    ledger.rules[1 : len(rules) + 1] = rules
    ledger.totals["fresh_rule"] = len(rules) + 1
    restore_flags(state, np.unique(np.concatenate([ids, rules["account_id"].astype(np.int64)])), len(rules))


@kernel
def restore_flags(state, account_ids, rule_count):
    """Chain the rules to their accounts, and let flags and counts follow."""
    ledger = state.ledger
    for rule in range(rule_count, 0, -1):
        limits = ledger.limits[ledger.rules[rule]["account_id"]]
        ledger.rules[rule]["next"] = limits["first_rule"]
        limits["first_rule"] = rule
    for at in range(len(account_ids)):
        settle_flags(state, account_ids[at])


def live_clients(state: State) -> tuple[np.ndarray, np.ndarray]:
    """The ring of client ids in order of time, as its two straight parts."""
    clock, size = state.clock[0], len(state.clients)
    oldest = int(clock["oldest_client"]) & (size - 1)
    end = oldest + int(clock["newest_client"] - clock["oldest_client"])
    return state.clients[oldest : min(end, size)], state.clients[: max(end - size, 0)]
