"""Positions against plain dictionaries: lots and costs exact, chains in order, slots used again."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kernels.bucket_table import grown_bucket_table
from risk.accounts import allocate
from risk.positions import NIL, find_class, find_position, position_of
from risk.schema import RECENT
from tests.risk.books import ACCOUNTS, INSTRUMENTS, REGIONS, TICK_VALUE_NANO, Books, Open

PRICES = st.integers(1, 2_000)
PLACES = st.tuples(st.integers(0, ACCOUNTS - 1), st.integers(0, len(INSTRUMENTS) - 1))
ORDERS = st.builds(
    lambda place, side, price, lots: Open(*place, side, price, lots),
    PLACES,
    st.integers(0, 1),
    PRICES,
    st.integers(1, 5),
)
FILLS = st.tuples(st.just("fill"), PLACES, st.integers(-5, 5), st.integers(-1_000, 1_000))
SETTLES = st.tuples(st.just("settle"), st.integers(0, len(INSTRUMENTS) - 1), st.integers(1, 100))
ENTERS = st.tuples(st.just("enter"), ORDERS)
DROPS = st.tuples(st.just("drop"), st.integers(0, 99))
STEPS = st.lists(st.one_of(FILLS, FILLS, ENTERS, ENTERS, DROPS, SETTLES), max_size=60)


def take(books: Books, step: tuple) -> None:
    """One step, unless there is nothing to do it with."""
    name, *arguments = step
    if name == "fill":
        place, lots, cost_nano = arguments
        books.fill(*place, lots, cost_nano)
    elif name == "enter":
        books.enter(arguments[0])
    elif name == "drop" and books.orders:
        books.drop(books.orders[arguments[0] % len(books.orders)])
    elif name == "settle" and any(key[1] == arguments[0] for key in books.positions):
        for order in [order for order in books.orders if order.at == arguments[0]]:
            books.drop(order)
        books.settle(*arguments)


def check(books: Books) -> None:
    """All positions by key, by instrument and by account; margin classes for just those that there are."""
    pairs = set(books.positions) | {(order.account_id, order.at) for order in books.orders}
    for account_id in range(ACCOUNTS):
        for at, instrument_id in enumerate(INSTRUMENTS):
            slot = find_position(books.ledger, account_id, instrument_id)
            if (account_id, at) not in pairs:
                assert slot == NIL
                continue
            position = books.ledger.positions[slot]
            held = books.positions.get((account_id, at), [0, 0])
            assert [position["lots"], position["cost_nano"]] == held
            own = [order for order in books.orders if (order.account_id, order.at) == (account_id, at)]
            for side, name in enumerate(("buy_lots", "sell_lots")):
                assert position[name] == sum(order.lots for order in own if order.side == side)
    totals, accounts = books.ledger.totals[0], books.ledger.accounts
    assert totals["live_positions"] == len(pairs)
    assert totals["live_classes"] == len({(account_id, REGIONS[at]) for account_id, at in pairs})
    assert accounts["position_count"].sum() == len(books.positions)
    assert accounts["cash_nano"].tolist() == list(books.cash_nano.values())
    for at in range(len(INSTRUMENTS)):
        assert by_instrument(books, at) == [key[0] for key in books.positions if key[1] == at]
    for account_id in range(ACCOUNTS):
        held_now = [INSTRUMENTS[key[1]] for key in books.positions if key[0] == account_id]
        assert by_account(books, account_id) == held_now[::-1]


def by_instrument(books: Books, at: int) -> list[int]:
    """The accounts of a tranche's positions, from the first to the last."""
    accounts, slot, last = [], int(books.tranches[at]["first_position"]), NIL
    while slot != NIL:
        accounts.append(int(books.ledger.positions[slot]["account_id"]))
        last, slot = slot, int(books.ledger.positions[slot]["next"])
    assert books.tranches[at]["last_position"] == last
    return accounts


def by_account(books: Books, account_id: int) -> list[int]:
    """The instruments of an account's positions, the newest first."""
    instruments, slot, newer = [], int(books.ledger.accounts[account_id]["first_position"]), NIL
    while slot != NIL:
        position = books.ledger.positions[slot]
        assert newer in (NIL, position["newer"])
        instruments.append(int(position["instrument_id"]))
        newer, slot = slot, int(position["older"])
    return instruments


@given(STEPS)
def test_positions_are_what_dictionaries_say(steps: list[tuple]) -> None:
    books = Books()
    for step in steps:
        take(books, step)
        check(books)


@given(STEPS)
def test_without_orders_and_lots_nothing_is_required(steps: list[tuple]) -> None:
    books = Books()
    for step in steps:
        take(books, step)
    for order in list(books.orders):
        books.drop(order)
    while books.positions:
        books.settle(next(iter(books.positions))[1], 77)
    for name in ("margin_nano", "gross_nano", "unsettled_nano"):
        assert not books.ledger.accounts[name].any()
    check(books)


@given(st.lists(st.tuples(st.integers(0, 5), st.integers(0, 5), st.integers(1, 9), st.integers(1, 99)), max_size=20))
def test_settling_to_any_price_moves_nothing_in_total(trades: list[tuple[int, int, int, int]]) -> None:
    books = Books()
    for buyer, seller, lots, price_ticks in trades:
        cost_nano = lots * price_ticks * TICK_VALUE_NANO
        books.fill(buyer, 0, lots, cost_nano)
        books.fill(seller, 0, -lots, -cost_nano)
    while books.positions:
        books.settle(0, 77)
    check(books)
    assert sum(books.cash_nano.values()) == 0


def test_a_full_ledger_is_emptied_and_filled_again() -> None:
    books = Books()
    keys = [(account_id, at) for at in range(len(INSTRUMENTS)) for account_id in range(ACCOUNTS)]
    for _ in range(3):
        for account_id, at in keys:
            books.fill(account_id, at, 1, 10)
        check(books)
        for at in range(len(INSTRUMENTS)):
            for _ in range(ACCOUNTS):
                books.settle(at, 10)
        check(books)
    assert books.ledger.totals[0]["fresh_position"] == len(keys) + 1, "slots were used again"


def test_one_position_more_than_there_is_room_for_is_a_bug() -> None:
    ledger = allocate(ACCOUNTS, 1, 1)
    position_of(ledger, 1, 1, 1)
    with pytest.raises(AssertionError, match="no position slot is left"):
        position_of(ledger, 2, 1, 1)


def test_a_position_that_was_freed_is_not_found_by_what_was_noted_of_it() -> None:
    books = Books()
    order = Open(1, 0, 0, 100, 3)
    books.enter(order)
    slot = find_position(books.ledger, 1, INSTRUMENTS[0])
    books.ledger.near[0] = slot
    books.drop(order)
    assert find_position(books.ledger, 1, INSTRUMENTS[0]) == NIL
    books.enter(Open(2, 1, 0, 100, 3))
    assert find_position(books.ledger, 2, INSTRUMENTS[1]) == slot, "the slot is used again"
    assert find_position(books.ledger, 1, INSTRUMENTS[0]) == NIL


def test_accounts_that_share_a_place_find_their_own_positions() -> None:
    ledger = allocate(accounts=RECENT + 2, positions=8, contracts=2)
    accounts = (1, RECENT + 1)
    slots = [position_of(ledger, account_id, 1, 1) for account_id in accounts]
    assert len(set(slots)) == len(accounts)
    for _ in range(2):
        assert [find_position(ledger, account_id, 1) for account_id in accounts] == slots
    classes = [int(ledger.positions[slot]["class_slot"]) for slot in slots]
    assert [find_class(ledger, account_id, 1) for account_id in accounts] == classes


def test_positions_are_found_in_a_table_that_has_grown() -> None:
    books = Books()
    for account_id in range(ACCOUNTS):
        books.fill(account_id, 2, account_id + 1, 10)
    larger = grown_bucket_table(books.ledger.position_table, ACCOUNTS, len(books.ledger.position_table))
    assert len(larger) > len(books.ledger.position_table)
    books.ledger = replace(books.ledger, position_table=larger)
    check(books)
