"""Who holds what: of each account how much stands and what requires most of it, and of each window all accounts' lots.

It follows from positions and open orders alone, so it needs a copy of the whole book, and is asked for less often than
the list of accounts.
"""

from typing import NamedTuple

import numpy as np

from exchange.margin.whole_book import WholeBook


class AccountExposure(NamedTuple):
    """Columns over all open accounts, in the order of their ids."""

    account_id: np.ndarray
    open_orders: np.ndarray
    positions: np.ndarray
    region_id: np.ndarray
    """Where most is required of it; 0 where nothing is."""
    instrument_id: np.ndarray
    """What could require most by itself: lots and open orders at the worst shock, and charges; 0 for nothing."""


NOTHING_AT_STAKE = AccountExposure(*[np.zeros(0, np.int64)] * len(AccountExposure._fields))
"""Of no account."""


class WindowExposure(NamedTuple):
    """Columns over the instruments in which somebody has lots or orders."""

    instrument_id: np.ndarray
    gross_lots: np.ndarray
    """Held long, and as many short: over all accounts lots add up to nothing."""
    buy_lots: np.ndarray
    """Of open orders."""
    sell_lots: np.ndarray
    largest_lots: np.ndarray
    """The most that one account holds, either way."""
    called_net_lots: np.ndarray
    """Net, of accounts that have less than they must: what would come to be sold, or bought when negative."""
    called_gross_lots: np.ndarray


def exposure_of_accounts(book: WholeBook) -> AccountExposure:
    """What each account has at stake."""
    account_ids = np.flatnonzero(book.accounts["is_open"])
    end = len(book.accounts)
    held = book.positions[book.held]
    has_lots = held["lots"] != 0
    live = book.classes[book.classes["position_count"] > 0]
    at = _slots(book, held)
    contracts = book.contracts[at]
    worst_lots = np.maximum(np.abs(held["lots"] + held["buy_lots"]), np.abs(held["lots"] - held["sell_lots"]))
    most_ticks = contracts["worst_shock_ticks"].astype(np.int64) + contracts["spread_ticks"]
    most_nano = worst_lots * most_ticks * contracts["tick_value_nano"]
    columns = (
        np.bincount(book.open_orders.account_id, minlength=end),
        np.bincount(held["account_id"][has_lots], minlength=end),
        _largest(live["account_id"], live["margin_nano"], live["region_id"], end),
        _largest(held["account_id"], most_nano, held["instrument_id"], end),
    )
    return AccountExposure(account_ids, *(column[account_ids] for column in columns))


def exposure_by_window(book: WholeBook) -> WindowExposure:
    """What all accounts together have at stake in each window."""
    held = book.positions[book.held]
    lots = held["lots"]
    at = _slots(book, held)
    end = len(book.contracts)
    accounts = book.accounts[held["account_id"]]
    is_called = accounts["cash_nano"] + accounts["unsettled_nano"] < accounts["margin_nano"]
    largest = np.zeros(end, np.int64)
    np.maximum.at(largest, at, np.abs(lots))
    columns = (
        _summed(at, np.maximum(lots, 0), end),
        _summed(at, held["buy_lots"], end),
        _summed(at, held["sell_lots"], end),
        largest,
        _summed(at, np.where(is_called, lots, 0), end),
        _summed(at, np.where(is_called, np.abs(lots), 0), end),
    )
    slots = np.flatnonzero(columns[0] + columns[1] + columns[2])
    return WindowExposure(book.contracts["instrument_id"][slots], *(column[slots] for column in columns))


def _slots(book: WholeBook, held: np.ndarray) -> np.ndarray:
    return held["instrument_id"].astype(np.int64) & (book.slots_end - 1)


def _largest(account_ids: np.ndarray, amounts_nano: np.ndarray, names: np.ndarray, end: int) -> np.ndarray:
    """Of each account the name with the largest amount, the smallest of equals; 0 where there is none above nothing."""
    is_some = amounts_nano > 0
    account_ids, amounts_nano, names = account_ids[is_some], amounts_nano[is_some], names[is_some]
    order = np.lexsort((-names.astype(np.int64), amounts_nano))
    found = np.zeros(end, np.int64)
    found[account_ids[order]] = names[order]  # of those that come twice, the last one stays
    return found


def _summed(at: np.ndarray, lots: np.ndarray, end: int) -> np.ndarray:
    sums = np.zeros(end, np.int64)
    np.add.at(sums, at, lots)
    return sums
