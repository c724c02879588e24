"""All accounts at one moment: copied by the sequencer in one go, sorted and counted by who reads it.

Only the accounts are copied, bytes as they lie, into memory that its reader got ahead: the system takes longer to give
memory out than a copy does. Positions, losses and orders of any one account are read when somebody asks for them. Who
is in which region is read in slices, since that may be as much as all positions: a filter need not be of one moment.
"""

from functools import cached_property
from time import perf_counter_ns
from typing import NamedTuple

import numpy as np

from exchange.margin.condition import Condition
from exchange.venue.machine import Venue
from kernels.records import copied
from risk.schema import ACCOUNT, MAINTENANCE_PPM, PPM

SLICE = 1 << 17
"""Classes: three megabytes."""
FURTHEST_PPM = (1 << 62) - 1
"""The nearness of an account that needs nothing, in place of a number; below nothing for one that is bankrupt by it."""


class Census:
    """The accounts after one command. Nothing of it changes; what is worked out is kept."""

    def __init__(self, venue: Venue, room: np.ndarray) -> None:
        """Copy them, into `room` if there is enough. The venue must be at rest."""
        begin_ns = perf_counter_ns()
        ledger = venue.state.ledger
        count = int(ledger.totals[0]["accounts_end"])
        self.sequence = venue.sequence
        self.time_ns = venue.time_ns
        self._accounts = room[:count] if len(room) >= count else np.empty(count, ACCOUNT)
        np.copyto(self._accounts.view(np.uint8), ledger.accounts[:count].view(np.uint8))
        self.taken_ns = perf_counter_ns()
        self.pause_ns = self.taken_ns - begin_ns
        """How long the sequencer stood still for it."""

    @property
    def room_needed(self) -> int:
        """Rows to get ahead for the next one: some accounts more."""
        return len(self._accounts) + len(self._accounts) // 8 + 16

    def age_ms(self) -> int:
        """How long ago it was taken."""
        return (perf_counter_ns() - self.taken_ns) // 1_000_000

    @cached_property
    def open_ids(self) -> np.ndarray:
        """Every account that is open, in the order of ids."""
        return np.flatnonzero(self._accounts["is_open"])

    @property
    def open_accounts(self) -> np.ndarray:
        """ACCOUNT of each of them."""
        return self._accounts[self.open_ids]

    @cached_property
    def rows(self) -> "Rows":
        """Every account that is open, the nearest to liquidation first, then by id."""
        ids = self.open_ids
        names = ("cash_nano", "unsettled_nano", "margin_nano", "add_on_nano")
        cash, unsettled, margin, add_on = (self._accounts[name][ids] for name in names)
        equity = cash + unsettled
        maintenance = maintenance_of_all(margin - add_on)
        nearness = _nearness_ppm(equity, maintenance)
        order = np.lexsort((ids, nearness))
        columns = ids, cash, equity, margin, maintenance, nearness, conditions_of_all(equity, margin, maintenance)
        return Rows(*(column[order] for column in columns))


class Rows(NamedTuple):
    """Columns of one length."""

    account_id: np.ndarray
    cash_nano: np.ndarray
    equity_nano: np.ndarray
    margin_nano: np.ndarray
    maintenance_nano: np.ndarray
    nearness_ppm: np.ndarray
    """How far equity is above maintenance, in parts of a million of it: what the rows are sorted by."""
    condition: np.ndarray
    """The place of a `Condition` among all."""

    def chosen(self, mask: np.ndarray) -> "Rows":
        """Those of a mask, in their order."""
        return Rows(*(column[mask] for column in self))

    def first(self, count: int) -> "Rows":
        """So many, or all."""
        return Rows(*(column[:count] for column in self))


CONDITIONS = tuple(Condition)


def select(
    census: Census, condition: Condition | None, members: np.ndarray | None, after: tuple[int, int] | None
) -> Rows:
    """The rows that match: in a condition, among some accounts, behind one with this nearness and id."""
    rows = census.rows
    mask = np.ones(len(rows.account_id), np.bool_)
    if condition is not None:
        mask &= rows.condition == CONDITIONS.index(condition)
    if members is not None:
        mask &= np.isin(rows.account_id, members)
    if after is not None:
        nearness_ppm, account_id = after
        is_later = (rows.nearness_ppm == nearness_ppm) & (rows.account_id > account_id)
        mask &= (rows.nearness_ppm > nearness_ppm) | is_later
    return rows.chosen(mask)


def counts(census: Census) -> dict[str, int]:
    """How many accounts there are in each condition."""
    found = np.bincount(census.rows.condition, minlength=len(CONDITIONS)).tolist()
    return {str(condition): count for condition, count in zip(CONDITIONS, found, strict=True)}


def read_members(venue: Venue, first_slot: int) -> np.ndarray:
    """A slice of CLASS, who is in which region; one that is shorter than `SLICE` is the last."""
    ledger = venue.state.ledger
    end = int(ledger.totals[0]["fresh_class"])
    return copied(ledger.classes[first_slot : min(first_slot + SLICE, end)])


def members_of(slices: list[np.ndarray], region_id: int) -> np.ndarray:
    """The accounts that have positions or orders in a region."""
    found = [each["account_id"][(each["region_id"] == region_id) & (each["position_count"] > 0)] for each in slices]
    return np.concatenate(found)


def touched_room(rows: int) -> np.ndarray:
    """Memory for so many accounts, which the system has given out."""
    room = np.empty(rows, ACCOUNT)
    room.view(np.uint8).fill(0)
    return room


def maintenance_of_all(margin_nano: np.ndarray) -> np.ndarray:
    """`maintenance_of` for int64, in which a requirement times a million would wrap."""
    whole, rest = np.divmod(margin_nano, PPM)
    return whole * MAINTENANCE_PPM - (-rest * MAINTENANCE_PPM // PPM)


def conditions_of_all(equity_nano: np.ndarray, margin_nano: np.ndarray, maintenance_nano: np.ndarray) -> np.ndarray:
    """`condition_of` for columns: the places among `CONDITIONS`."""
    is_called = (equity_nano < margin_nano).astype(np.int64)
    return np.where(equity_nano < 0, 3, np.where(equity_nano < maintenance_nano, 2, is_called))


def _nearness_ppm(equity: np.ndarray, maintenance: np.ndarray) -> np.ndarray:
    """To sort by: exact to fifteen digits, which no order of accounts is lost by."""
    needs = maintenance > 0
    share = np.floor((equity - maintenance) / np.where(needs, maintenance, 1) * PPM)
    bounded = np.clip(share, -FURTHEST_PPM // 2, FURTHEST_PPM // 2).astype(np.int64)
    return np.where(needs, bounded, np.where(equity < 0, -FURTHEST_PPM, FURTHEST_PPM))
