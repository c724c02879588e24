"""All accounts as columns of integers, and which of them differ from what was told last: what the channel `risk` tells.

Money is in micro-USD, rounded down, so that a browser's numbers hold any amount exactly. `figures` move with every mark
and every trade, `stakes` are looked at less often; each part is told of the accounts of which something in it moved.
"""

from typing import NamedTuple

import numpy as np

from exchange.margin.census import CONDITIONS, Census, conditions_of_all, maintenance_of_all
from exchange.margin.exposure import AccountExposure
from exchange.view import MarketView

NANO_PER_MICRO = 1_000
MONEY = ("cash_micro", "equity_micro", "margin_micro", "maintenance_micro", "add_on_micro")
FIGURES = (*MONEY, "state", "kind", "is_blocked")
STAKES = ("open_orders", "positions", "region_id", "instrument_id")
STATE, KIND = FIGURES.index("state"), FIGURES.index("kind")
REGION, INSTRUMENT = STAKES.index("region_id"), STAKES.index("instrument_id")
KINDS = ("trader", "market_maker", "provider")

Told = dict[str, list[object]]
"""Columns by their names, the first of which is the account's id."""


class Grid(NamedTuple):
    """A row for each open account, in the order of ids."""

    account_ids: np.ndarray
    figures: np.ndarray  # (accounts, FIGURES)
    stakes: np.ndarray  # (accounts, STAKES)


NOTHING = Grid(np.zeros(0, np.int64), np.zeros((0, len(FIGURES)), np.int64), np.zeros((0, len(STAKES)), np.int64))
"""Before anything was told."""


def grid_of(census: Census, exposure: AccountExposure) -> Grid:
    """All accounts; one that is newer than the exposure has nothing at stake yet."""
    accounts = census.open_accounts
    equity_nano = accounts["cash_nano"] + accounts["unsettled_nano"]
    margin_nano = accounts["margin_nano"]
    maintenance_nano = maintenance_of_all(margin_nano - accounts["add_on_nano"])
    money_nano = (accounts["cash_nano"], equity_nano, margin_nano, maintenance_nano, accounts["add_on_nano"])
    kinds = np.where(accounts["is_provider"] != 0, KINDS.index("provider"), accounts["is_protected"] != 0)
    marks = (conditions_of_all(equity_nano, margin_nano, maintenance_nano), kinds, accounts["is_blocked"])
    figures = np.stack([*(amount // NANO_PER_MICRO for amount in money_nano), *marks], axis=1, dtype=np.int64)
    columns = np.stack([getattr(exposure, name) for name in STAKES], axis=1)
    return Grid(census.open_ids, figures, _aligned(census.open_ids, exposure.account_id, columns))


def changed_names(view: MarketView, told: Grid, now: Grid) -> Told:
    """The accounts that are new, with their names and groups."""
    ids = now.account_ids[_is_new(told, now)].tolist()
    accounts = [view.accounts[account_id] for account_id in ids]
    return {"account_id": ids, "name": [each.name for each in accounts], "group": [each.group for each in accounts]}


def changed_figures(told: Grid, now: Grid) -> Told:
    """The accounts whose figures are others than those that were told."""
    before = _aligned(now.account_ids, told.account_ids, told.figures)
    is_other = _is_new(told, now) | (now.figures != before).any(axis=1)
    rows = now.figures[is_other]
    columns = _columns(now.account_ids[is_other], FIGURES, rows)
    columns["state"] = [CONDITIONS[each].value for each in rows[:, STATE].tolist()]
    columns["kind"] = [KINDS[each] for each in rows[:, KIND].tolist()]
    return columns


def changed_stakes(view: MarketView, told: Grid, now: Grid) -> Told:
    """The accounts that have something else at stake; a region or a tranche that is gone is none."""
    before = _aligned(now.account_ids, told.account_ids, told.stakes)
    is_other = _is_new(told, now) | (now.stakes != before).any(axis=1)
    rows = now.stakes[is_other]
    columns = _columns(now.account_ids[is_other], STAKES, rows)
    del columns["region_id"], columns["instrument_id"]
    columns["region"] = [view.regions.get(each) for each in rows[:, REGION].tolist()]
    tranches = (view.tranches.get(each) for each in rows[:, INSTRUMENT].tolist())
    columns["contributor"] = [None if each is None else each.symbol for each in tranches]
    return columns


def _is_new(told: Grid, now: Grid) -> np.ndarray:
    return ~_known(now.account_ids, told.account_ids)[1]


def _columns(ids: np.ndarray, names: tuple[str, ...], rows: np.ndarray) -> Told:
    return {"account_id": ids.tolist()} | dict(zip(names, rows.T.tolist(), strict=True))


def _aligned(ids: np.ndarray, known_ids: np.ndarray, rows: np.ndarray) -> np.ndarray:
    """The rows of accounts from those of some, in the order of ids; zeros for who is not among them."""
    if len(ids) == len(known_ids) and (ids == known_ids).all():
        return rows
    places, is_known = _known(ids, known_ids)
    found = np.zeros((len(ids), rows.shape[1]), np.int64)
    found[is_known] = rows[places[is_known]]
    return found


def _known(ids: np.ndarray, known_ids: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Where accounts stand among some that are in the order of ids, and whether they are there."""
    places = np.searchsorted(known_ids, ids)
    is_known = places < len(known_ids)
    is_known[is_known] = known_ids[places[is_known]] == ids[is_known]
    return places, is_known
