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
    end, held = len(book.accounts), book.holdings
    live = np.flatnonzero(book.classes["position_count"])
    required_nano, region_ids = (book.classes[name][live] for name in ("margin_nano", "region_id"))
    contracts = book.contracts
    most_ticks = contracts["worst_shock_ticks"].astype(np.int64) + contracts["spread_ticks"]
    most_nano = held.worst_lots * (most_ticks * contracts["tick_value_nano"])[held.instrument_slot]
    instrument_ids = contracts["instrument_id"][held.instrument_slot]
    columns = (
        np.bincount(book.open_orders.account_id, minlength=end),
        np.bincount(held.account_id[held.lots != 0], minlength=end),
        _largest(book.classes["account_id"][live], required_nano, region_ids, end),
        _largest(held.account_id, most_nano, instrument_ids, end),
    )
    return AccountExposure(account_ids, *(column[account_ids] for column in columns))


def exposure_by_window(book: WholeBook) -> WindowExposure:
    """What all accounts together have at stake in each window."""
    held = book.holdings
    at, lots, end = held.instrument_slot, held.lots, len(book.contracts)
    is_short = book.accounts["cash_nano"] + book.accounts["unsettled_nano"] < book.accounts["margin_nano"]
    is_called = is_short[held.account_id]
    called_at, called_lots = at[is_called], lots[is_called]
    largest = np.zeros(end, np.int64)
    np.maximum.at(largest, at, np.abs(lots))
    columns = (
        _summed(at, np.maximum(lots, 0), end),
        _summed(at, held.buy_lots, end),
        _summed(at, held.sell_lots, end),
        largest,
        _summed(called_at, called_lots, end),
        _summed(called_at, np.abs(called_lots), end),
    )
    slots = np.flatnonzero(columns[0] + columns[1] + columns[2])
    return WindowExposure(book.contracts["instrument_id"][slots], *(column[slots] for column in columns))


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
