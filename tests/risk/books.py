"""A ledger with some contracts, led by plain calls, beside plain dictionaries of what it ought to hold."""

from typing import NamedTuple

import numpy as np

from exchange.venue.layout import TRANCHE
from matching.schema import PRICE_TICKS_MAX
from risk.accounts import Ledger, allocate
from risk.contracts import list_contract
from risk.margin import move_order, move_position
from risk.positions import chain_position, drop_unused, find_position, position_of
from risk.schema import SCENARIOS
from risk.settlement import settle_first

CONTRACTS = 4
ACCOUNTS = 6
TICK_VALUE_NANO = 50
REFERENCE_TICKS = 1_000
INSTRUMENTS = (1, 2, 7, 4_000_000_000)
"""Each in a slot of its own."""
REGIONS = (1, 1, 2, 1)

Key = tuple[int, int]


class Open(NamedTuple):
    """An open order."""

    account_id: int
    at: int
    """Of its instrument among INSTRUMENTS."""
    side: int
    limit_ticks: int
    lots: int


class Books:
    """Accounts that may do as they like: nothing is checked here."""

    def __init__(self, positions: int = 24) -> None:
        self.ledger: Ledger = allocate(ACCOUNTS, positions, CONTRACTS)
        self.tranches = np.zeros(CONTRACTS, TRANCHE)
        self.positions: dict[Key, list[int]] = {}
        """Lots and cost of every position that ever held lots, in the order in which they came."""
        self.orders: list[Open] = []
        self.cash_nano = dict.fromkeys(range(ACCOUNTS), 0)
        self.shocks_ticks = np.zeros((CONTRACTS, SCENARIOS), np.int64)
        for at, (instrument_id, region_id) in enumerate(zip(INSTRUMENTS, REGIONS, strict=True)):
            reference, most = np.int64(REFERENCE_TICKS), np.int64(PRICE_TICKS_MAX)
            slot, tick_value_nano = self.slot(at), np.int64(TICK_VALUE_NANO)
            list_contract(self.ledger, slot, instrument_id, region_id, tick_value_nano, reference, most)
            self.shocks_ticks[at] = self.ledger.shocks[slot * SCENARIOS : (slot + 1) * SCENARIOS]

    def slot(self, at: int) -> int:
        return INSTRUMENTS[at] % CONTRACTS

    def contract(self, at: int) -> np.void:
        return self.ledger.contracts[self.slot(at)]

    def set_shocks(self, at: int, shocks_ticks: list[int]) -> None:
        """For a contract in which nothing stands."""
        self.shocks_ticks[at] = shocks_ticks
        self.ledger.shocks[self.slot(at) * SCENARIOS : (self.slot(at) + 1) * SCENARIOS] = shocks_ticks
        self.contract(at)["worst_shock_ticks"] = max(abs(ticks) for ticks in shocks_ticks)

    def enter(self, order: Open) -> None:
        self.move(order, order.lots)
        self.orders.append(order)

    def drop(self, order: Open) -> None:
        self.move(order, -order.lots)
        self.orders.remove(order)
        drop_unused(self.ledger, find_position(self.ledger, order.account_id, INSTRUMENTS[order.at]))

    def move(self, order: Open, lots: int) -> None:
        slot = position_of(self.ledger, order.account_id, INSTRUMENTS[order.at], REGIONS[order.at])
        place = slot, self.slot(order.at), np.int64(order.side), np.int64(order.limit_ticks)
        move_order(self.ledger, order.account_id, *place, np.int64(lots))

    def fill(self, account_id: int, at: int, lots: int, cost_nano: int) -> None:
        slot = position_of(self.ledger, account_id, INSTRUMENTS[at], REGIONS[at])
        if (account_id, at) not in self.positions:
            chain_position(self.ledger, self.tranches[at], slot)
        move_position(self.ledger, account_id, slot, self.slot(at), np.int64(lots), np.int64(cost_nano))
        position = self.positions.setdefault((account_id, at), [0, 0])
        position[0] += lots
        position[1] += cost_nano

    def settle(self, at: int, final_ticks: int) -> None:
        """Settle the first position of a tranche, which there is, and in which no orders are."""
        told = settle_first(self.ledger, self.tranches[at], self.slot(at), np.int64(final_ticks), np.int64(0))
        account_id, _ = next(key for key in self.positions if key[1] == at)
        lots, cost_nano = self.positions.pop((account_id, at))
        amount_nano = lots * final_ticks * TICK_VALUE_NANO - cost_nano
        assert told == (account_id, lots, amount_nano), "the first that came is the first settled"
        self.cash_nano[account_id] += amount_nano

    def margin_nano(self, account_id: int) -> int:
        return int(self.ledger.accounts[account_id]["margin_nano"])
