"""Positions against a plain dictionary: lots, costs and holds exact, chains in order, slots used again."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from exchange.venue.schema import TRANCHE
from kernels.table import grown_table
from risk.accounts import Ledger, allocate
from risk.positions import NIL, fill_position, find_position, position_hold, position_of, settle_first

CAPACITY = 24
ACCOUNTS = 6
TICK_VALUE_NANO = 50
INSTRUMENTS = (1, 2, 9, 4_000_000_000)

Key = tuple[int, int]


class Books:
    """A ledger with some tranches, beside what it ought to hold."""

    def __init__(self) -> None:
        self.ledger: Ledger = allocate(ACCOUNTS, CAPACITY)
        self.tranches = np.zeros(len(INSTRUMENTS), TRANCHE)
        self.tranches["instrument_id"] = INSTRUMENTS
        self.tranches["tick_value_nano"] = TICK_VALUE_NANO
        self.expected: dict[Key, list[int]] = {}
        self.cash_nano = dict.fromkeys(range(ACCOUNTS), 0)

    def fill(self, account_id: int, tranche: int, lots: int, cost_nano: int) -> None:
        slot = position_of(self.ledger, self.tranches[tranche], account_id, INSTRUMENTS[tranche])
        fill_position(self.ledger, slot, lots, cost_nano)
        position = self.expected.setdefault((account_id, tranche), [0, 0])
        position[0] += lots
        position[1] += cost_nano

    def settle(self, tranche: int, final_ticks: int) -> tuple[int, int, int]:
        """Settle the first position of a tranche, which there is."""
        told = settle_first(self.ledger, self.tranches[tranche], final_ticks)
        key = next(key for key in self.expected if key[1] == tranche)
        lots, cost_nano = self.expected.pop(key)
        amount_nano = lots * final_ticks * TICK_VALUE_NANO - cost_nano
        assert told == (key[0], lots, amount_nano), "the first opened is the first settled"
        self.cash_nano[key[0]] += amount_nano
        return told

    def check(self) -> None:
        """All positions, by key and by chain, and what the accounts hold for them."""
        holds_nano = dict.fromkeys(range(ACCOUNTS), 0)
        for account_id in range(ACCOUNTS):
            for tranche, instrument_id in enumerate(INSTRUMENTS):
                slot = find_position(self.ledger, account_id, instrument_id)
                if (account_id, tranche) not in self.expected:
                    assert slot == NIL
                    continue
                position = self.ledger.positions[slot]
                lots, cost_nano = self.expected[account_id, tranche]
                assert (position["lots"], position["cost_nano"]) == (lots, cost_nano)
                holds_nano[account_id] += abs(cost_nano) if lots < 0 else max(cost_nano, 0)
        accounts = self.ledger.accounts
        assert accounts["position_hold_nano"].tolist() == list(holds_nano.values())
        assert accounts["cash_nano"].tolist() == list(self.cash_nano.values())
        assert self.ledger.totals[0]["live_positions"] == len(self.expected) == accounts["position_count"].sum()
        for tranche in range(len(INSTRUMENTS)):
            assert self.chain(tranche) == [key[0] for key in self.expected if key[1] == tranche]

    def chain(self, tranche: int) -> list[int]:
        """The accounts of a tranche's positions, from the first to the last."""
        accounts, slot = [], int(self.tranches[tranche]["first_position"])
        last = NIL
        while slot != NIL:
            accounts.append(int(self.ledger.positions[slot]["account_id"]))
            last, slot = slot, int(self.ledger.positions[slot]["next"])
        assert self.tranches[tranche]["last_position"] == last
        return accounts


FILLS = st.tuples(
    st.just("fill"),
    st.integers(0, ACCOUNTS - 1),
    st.integers(0, len(INSTRUMENTS) - 1),
    st.integers(-5, 5),
    st.integers(-1_000, 1_000),
)
SETTLES = st.tuples(st.just("settle"), st.integers(0, len(INSTRUMENTS) - 1), st.integers(1, 100))


@given(st.lists(st.one_of(FILLS, FILLS, SETTLES), max_size=60))
def test_positions_are_what_a_dictionary_says(steps: list[tuple]) -> None:
    books = Books()
    for name, *arguments in steps:
        if name == "fill":
            books.fill(*arguments)
        elif any(key[1] == arguments[0] for key in books.expected):
            books.settle(*arguments)
        books.check()


@pytest.mark.parametrize(
    ("lots", "cost_nano", "hold_nano"),
    [
        (5, 700, 700),
        (5, -700, 0),
        (0, 700, 700),
        (0, -700, 0),
        (0, 0, 0),
        (-5, -700, 700),
        (-5, 700, 700),
        (-5, 0, 0),
    ],
)
def test_a_long_holds_its_cost_and_a_short_what_it_was_sold_for(lots: int, cost_nano: int, hold_nano: int) -> None:
    assert position_hold(lots, cost_nano) == hold_nano


@given(st.lists(st.tuples(st.integers(0, 5), st.integers(0, 5), st.integers(1, 9), st.integers(1, 99)), max_size=20))
def test_settling_to_any_price_moves_nothing_in_total(trades: list[tuple[int, int, int, int]]) -> None:
    books = Books()
    for buyer, seller, lots, price_ticks in trades:
        cost_nano = lots * price_ticks * TICK_VALUE_NANO
        books.fill(buyer, 0, lots, cost_nano)
        books.fill(seller, 0, -lots, -cost_nano)
    while books.expected:
        books.settle(0, 77)
    books.check()
    assert sum(books.cash_nano.values()) == 0


def test_a_full_ledger_is_emptied_and_filled_again() -> None:
    books = Books()
    keys = [(account_id, tranche) for tranche in range(len(INSTRUMENTS)) for account_id in range(ACCOUNTS)]
    assert len(keys) == CAPACITY
    for _ in range(3):
        for account_id, tranche in keys:
            books.fill(account_id, tranche, 1, 10)
        books.check()
        for tranche in range(len(INSTRUMENTS)):
            for _ in range(ACCOUNTS):
                books.settle(tranche, 10)
        books.check()
    assert books.ledger.totals[0]["fresh_position"] == CAPACITY + 1, "slots were used again"


def test_one_position_more_than_there_is_room_for_is_a_bug() -> None:
    ledger = allocate(ACCOUNTS, 1)
    tranche = np.zeros(1, TRANCHE)
    position_of(ledger, tranche[0], 1, 1)
    with pytest.raises(AssertionError, match="no position slot is left"):
        position_of(ledger, tranche[0], 2, 1)


def test_positions_are_found_in_a_table_that_has_grown() -> None:
    books = Books()
    for account_id in range(ACCOUNTS):
        books.fill(account_id, 2, account_id + 1, 10)
    larger = grown_table(books.ledger.position_table, ACCOUNTS, len(books.ledger.position_table))
    assert len(larger) > len(books.ledger.position_table)
    books.ledger = replace(books.ledger, position_table=larger)
    books.check()
