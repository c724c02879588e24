"""What becomes of all accounts when the forwards of regions move: a what-if of the whole book.

Every mark of a region moves by the same share; shocks at ease and charges stay as they are. So it is what the venue
would find if new marks came with the parameters that are there: losses and gains of positions, orders whose limits are
further from the mark or nearer, shocks under strain, ramps before the gate, bonds of providers. What is outside of
these regions is what the venue keeps already. All in int64, by the rules and within the bounds of `risk`; the venue
decides nothing by it.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from exchange.margin.census import CONDITIONS, conditions_of_all, maintenance_of_all
from exchange.margin.condition import Condition
from exchange.margin.whole_book import Holdings, OpenOrders, WholeBook
from exchange.venue.clearing.ramp import RAMP_STEPS
from risk.schema import PPM, SCENARIOS

MOVE_PPM_MAX = 900_000
"""Marks fall by up to nine tenths, or rise by as much."""
CHUNK = 1 << 16
"""Orders whose losses are worked out at a time: 16 numbers each, before the move and after."""


@dataclass(frozen=True, eq=False)
class Shocked:
    """Columns over all open accounts, in the order of their ids: as it is, and as it would be."""

    account_id: np.ndarray
    equity_nano: np.ndarray
    margin_nano: np.ndarray
    equity_after_nano: np.ndarray
    margin_after_nano: np.ndarray
    add_on_nano: np.ndarray
    """What risk staff add to the requirement, before as after."""
    fund_nano: int

    @property
    def before(self) -> np.ndarray:
        """The place of a `Condition` among all."""
        maintenance_nano = maintenance_of_all(self.margin_nano - self.add_on_nano)
        return conditions_of_all(self.equity_nano, self.margin_nano, maintenance_nano)

    @property
    def after(self) -> np.ndarray:
        """The same after the move."""
        return conditions_of_all(self.equity_after_nano, self.margin_after_nano, self.maintenance_after_nano)

    @property
    def maintenance_after_nano(self) -> np.ndarray:
        """What keeps positions from being closed after the move."""
        return maintenance_of_all(self.margin_after_nano - self.add_on_nano)

    @property
    def called_nano(self) -> int:
        """What accounts would have to bring to cover their requirement, over all of them."""
        return _total(self.margin_after_nano - self.equity_after_nano)

    @property
    def shortfall_nano(self) -> int:
        """What they lack of maintenance."""
        return _total(self.maintenance_after_nano - self.equity_after_nano)

    @property
    def debt_nano(self) -> int:
        """What accounts would owe beyond all that they have: what the insurance fund would face."""
        return _total(-self.equity_after_nano)

    @property
    def uncovered_nano(self) -> int:
        """What of that the fund does not have."""
        return max(self.debt_nano - max(self.fund_nano, 0), 0)

    def counts(self, condition: np.ndarray) -> dict[str, int]:
        """How many accounts there are in each condition, `before` or `after`."""
        found = np.bincount(condition, minlength=len(CONDITIONS)).tolist()
        return {str(each): count for each, count in zip(CONDITIONS, found, strict=True)}

    def fallen(self) -> np.ndarray:
        """The places of accounts that would not be sound, the furthest below maintenance first, then by id."""
        places = np.flatnonzero(self.after != CONDITIONS.index(Condition.SOUND))
        lacking_nano = (self.maintenance_after_nano - self.equity_after_nano)[places]
        return places[np.argsort(-lacking_nano, kind="stable")]


def shock(book: WholeBook, moves_ppm: Mapping[int, int]) -> Shocked:
    """Move the marks of regions, by their ids."""
    account_ids = np.flatnonzero(book.accounts["is_open"])
    equity_nano = book.accounts["cash_nano"] + book.accounts["unsettled_nano"]
    margin_nano = book.accounts["margin_nano"]
    moved = _Moved(book, moves_ppm)
    gained_nano, required_nano = _changes(book, moved)
    return Shocked(
        account_id=account_ids,
        equity_nano=equity_nano[account_ids],
        margin_nano=margin_nano[account_ids],
        equity_after_nano=(equity_nano + gained_nano)[account_ids],
        margin_after_nano=(margin_nano + required_nano)[account_ids],
        add_on_nano=book.accounts["add_on_nano"][account_ids],
        fund_nano=book.fund_nano,
    )


class _Moved:
    """Columns over the slots of instruments, as they are and with the marks moved."""

    def __init__(self, book: WholeBook, moves_ppm: Mapping[int, int]) -> None:
        contracts = book.contracts
        self.value_nano = contracts["tick_value_nano"]
        self.most_ticks = contracts["price_max_ticks"].astype(np.int64)
        self.mark_ticks = contracts["mark_ticks"].astype(np.int64)
        self.fee_ppm = np.maximum(np.maximum(contracts["maker_fee_ppm"], contracts["taker_fee_ppm"]), 0).astype(
            np.int64
        )
        move_ppm = np.zeros(1 << 16, np.int64)
        for region_id, region_ppm in moves_ppm.items():
            move_ppm[region_id] = region_ppm
        self.is_moved = (move_ppm[contracts["region_id"]] != 0) & (contracts["instrument_id"] != 0)
        moved_ticks = self.mark_ticks * (PPM + move_ppm[contracts["region_id"]]) // PPM
        bounded_ticks = np.clip(moved_ticks, 1, np.maximum(self.most_ticks, 1))
        self.mark_after_ticks = np.where(self.is_moved, bounded_ticks, self.mark_ticks)
        self.shocks_ticks = book.shocks.reshape(-1, SCENARIOS).astype(np.int64)
        self.shocks_after_ticks = _strained(book, self)


def _strained(book: WholeBook, moved: _Moved) -> np.ndarray:
    """Shocks after the move, by the rule of `risk.strain`: what is not moved keeps its own."""
    base_ticks = book.base_shocks.reshape(-1, SCENARIOS).astype(np.int64)
    regions = book.regions[np.minimum(book.contracts["region_id"], len(book.regions) - 1)]
    used_ppm, low_ppm, high_ppm = (
        regions[name].astype(np.int64)[:, None] for name in ("utilisation_ppm", "low_ppm", "high_ppm")
    )
    size_ticks = np.abs(base_ticks)
    grows_ticks = np.maximum(moved.mark_after_ticks[:, None] - size_ticks, 0)
    within_ppm = np.clip(used_ppm - low_ppm, 0, np.maximum(high_ppm - low_ppm, 0))
    grown_ticks = size_ticks + grows_ticks * within_ppm // np.maximum(high_ppm - low_ppm, 1)
    after_ticks = np.where(size_ticks == 0, 0, np.sign(base_ticks) * np.where(high_ppm == 0, size_ticks, grown_ticks))
    return np.where(moved.is_moved[:, None], after_ticks, moved.shocks_ticks)


def _changes(book: WholeBook, moved: _Moved) -> tuple[np.ndarray, np.ndarray]:
    """By how much equity and requirement of each account grow, at the account's id."""
    held = book.holdings.chosen(moved.is_moved[book.holdings.instrument_slot])
    gained_nano = np.zeros(len(book.accounts), np.int64)
    unit_nano = (moved.mark_after_ticks - moved.mark_ticks) * moved.value_nano
    np.add.at(gained_nano, held.account_id, held.lots * unit_nano[held.instrument_slot])
    required_nano = _worst_changes(book, moved, held)
    required_nano += _ramp_changes(book, moved, held)
    required_nano += _bond_changes(book, moved, held)
    return gained_nano, required_nano


# Losses in the scenarios.


def _worst_changes(book: WholeBook, moved: _Moved, held: Holdings) -> np.ndarray:
    """By how much the worst losses of an account's regions grow."""
    losses_nano = book.losses.reshape(-1, SCENARIOS).copy()
    grown_nano = (moved.shocks_after_ticks - moved.shocks_ticks) * moved.value_nano[:, None]
    strained = held.chosen(grown_nano.any(axis=1)[held.instrument_slot])
    lost_nano = -strained.lots[:, None] * grown_nano[strained.instrument_slot]
    _add_rows(losses_nano, strained.class_slot, lost_nano)
    orders = book.open_orders
    is_moved = moved.is_moved[orders.instrument_slot]
    orders = OpenOrders(*(column[is_moved] for column in orders))
    class_slots = _classes_of(book, orders)
    for first in range(0, len(class_slots), CHUNK):
        chunk = OpenOrders(*(column[first : first + CHUNK] for column in orders))
        unit_nano = _unit_losses(moved, chunk, after=True) - _unit_losses(moved, chunk, after=False)
        _add_rows(losses_nano, class_slots[first : first + CHUNK], chunk.lots[:, None] * unit_nano)
    live = np.flatnonzero(book.classes["position_count"])
    worst_nano = np.maximum(losses_nano[live].max(axis=1, initial=0), 0)
    change_nano = np.zeros(len(book.accounts), np.int64)
    np.add.at(change_nano, book.classes["account_id"][live], worst_nano - book.classes["margin_nano"][live])
    return change_nano


def _unit_losses(moved: _Moved, orders: OpenOrders, *, after: bool) -> np.ndarray:
    """What one lot of each order would lose in each scenario, by the rule of `risk.margin`."""
    at = orders.instrument_slot
    mark_ticks = (moved.mark_after_ticks if after else moved.mark_ticks)[at]
    shocks_ticks = (moved.shocks_after_ticks if after else moved.shocks_ticks)[at]
    value_nano = moved.value_nano[at]
    adverse_ticks = np.where(orders.is_sell, mark_ticks - orders.limit_ticks, orders.limit_ticks - mark_ticks)
    paid_ticks = np.where(orders.is_sell, np.maximum(orders.limit_ticks, mark_ticks), orders.limit_ticks)
    fee_nano = -(-paid_ticks * value_nano * moved.fee_ppm[at] // PPM)
    certain_nano = np.maximum(adverse_ticks, 0) * value_nano + fee_nano
    gains_nano = shocks_ticks * np.where(orders.is_sell, -value_nano, value_nano)[:, None]
    return np.maximum(certain_nano[:, None] - gains_nano, 0)


def _classes_of(book: WholeBook, orders: OpenOrders) -> np.ndarray:
    """Where the account of each order stands among the classes, for its region."""
    live = np.flatnonzero(book.classes["position_count"])
    keys = _class_key(book.classes["account_id"][live], book.classes["region_id"][live])
    order = np.argsort(keys)
    wanted = _class_key(orders.account_id, book.contracts["region_id"][orders.instrument_slot])
    return live[order][np.searchsorted(keys, wanted, sorter=order)]


def _class_key(account_ids: np.ndarray, region_ids: np.ndarray) -> np.ndarray:
    return account_ids.astype(np.int64) << 16 | region_ids.astype(np.int64)


def _add_rows(sums: np.ndarray, slots: np.ndarray, rows: np.ndarray) -> None:
    """Add rows to those at `slots`, of which any may come many times."""
    if len(slots) == 0:
        return
    order = np.argsort(slots, kind="stable")
    ordered = slots[order]
    firsts = np.flatnonzero(np.concatenate([[True], ordered[1:] != ordered[:-1]]))
    sums[ordered[firsts]] += np.add.reduceat(rows[order], firsts, axis=0)


# Ramps before the gate, and the bonds of providers.


def _ramp_changes(book: WholeBook, moved: _Moved, held: Holdings) -> np.ndarray:
    """By how much the ramps require more, by the rule of `exchange.venue.clearing.ramp`."""
    long_ticks, short_ticks = _ramps_after(book, moved)
    long_nano = (long_ticks - book.ramps["long_ticks"]) * moved.value_nano
    short_nano = (short_ticks - book.ramps["short_ticks"]) * moved.value_nano
    is_provider = book.accounts["is_provider"][held.account_id] != 0
    bought_nano = np.maximum(held.lots + held.buy_lots, 0) * long_nano[held.instrument_slot]
    sold_nano = np.where(is_provider, 0, held.short_lots * short_nano[held.instrument_slot])
    change_nano = np.zeros(len(book.accounts), np.int64)
    np.add.at(change_nano, held.account_id, bought_nano + sold_nano)
    return change_nano


def _ramps_after(book: WholeBook, moved: _Moved) -> tuple[np.ndarray, np.ndarray]:
    contracts = book.contracts
    steps = contracts["ramp_step"].astype(np.int64)
    worst_ticks = np.abs(moved.shocks_after_ticks).max(axis=1, initial=0)
    required_ticks = worst_ticks + contracts["spread_ticks"] + contracts["concentration_ticks"]
    penalty_ppm = PPM + book.deliveries["penalty_ppm"].astype(np.int64)
    buy_in_ticks = _millionths_up(_replacement_ticks(moved, worst_ticks), penalty_ppm)
    lacking_long = np.maximum(moved.mark_after_ticks - required_ticks, 0)
    lacking_short = np.maximum(buy_in_ticks - moved.mark_after_ticks - required_ticks, 0)
    return -(-lacking_long * steps // RAMP_STEPS), -(-lacking_short * steps // RAMP_STEPS)


def _bond_changes(book: WholeBook, moved: _Moved, held: Holdings) -> np.ndarray:
    """By how much the bonds of providers require more, by the rule of `exchange.venue.clearing.bonds`."""
    held = held.chosen(book.accounts["is_provider"][held.account_id] != 0)
    worst_after_ticks = np.abs(moved.shocks_after_ticks).max(axis=1, initial=0)
    before_nano = _failure_nano(book, moved, moved.mark_ticks, book.contracts["worst_shock_ticks"].astype(np.int64))
    after_nano = _failure_nano(book, moved, moved.mark_after_ticks, worst_after_ticks)
    base_nano = book.providers["bond_base_nano"].copy()
    np.add.at(base_nano, held.account_id, held.short_lots * (after_nano - before_nano)[held.instrument_slot])
    bond_nano = _millionths_up(base_nano, book.providers["multiplier_ppm"].astype(np.int64))
    return bond_nano - book.providers["bond_margin_nano"]


def _failure_nano(book: WholeBook, moved: _Moved, mark_ticks: np.ndarray, worst_ticks: np.ndarray) -> np.ndarray:
    """What failing to deliver a lot costs; nothing where nothing is delivered."""
    fee_nano = _millionths_up(mark_ticks * moved.value_nano, book.deliveries["shortfall_fee_ppm"].astype(np.int64))
    dearest_ticks = np.minimum(mark_ticks + worst_ticks, moved.most_ticks)
    failure_nano = fee_nano + np.maximum(dearest_ticks - mark_ticks, 0) * moved.value_nano
    return np.where(book.deliveries["slot_s"] == 0, 0, failure_nano)


def _replacement_ticks(moved: _Moved, worst_ticks: np.ndarray) -> np.ndarray:
    return np.minimum(moved.mark_after_ticks + worst_ticks, moved.most_ticks)


def _millionths_up(amount: np.ndarray, ppm: np.ndarray) -> np.ndarray:
    """So many millionths of an amount, rounded up; the product may be larger than int64 holds."""
    whole, rest = np.divmod(amount, PPM)
    return whole * ppm - (-rest * ppm // PPM)


def _total(lacking_nano: np.ndarray) -> int:
    """Of what is lacking, where something is: in Python's integers, for the sum of many may wrap."""
    return sum(lacking_nano[lacking_nano > 0].tolist())
