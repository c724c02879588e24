"""Losses that are added up from nothing are those that single steps led to."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from risk.positions import find_class
from risk.revaluing import add_losses_of_order, add_losses_of_position, clear_losses, likely_class, take_over_losses
from risk.schema import SCENARIOS
from tests.risk.books import ACCOUNTS, CONTRACTS, INSTRUMENTS, REGIONS, TICK_VALUE_NANO, Books, Open

ACCOUNT_IDS = st.integers(1, ACCOUNTS - 1)
PLACES = st.integers(0, CONTRACTS - 1)
ORDERS = st.builds(Open, ACCOUNT_IDS, PLACES, st.integers(0, 1), st.integers(800, 1_200), st.integers(1, 50))
FILLS = st.tuples(ACCOUNT_IDS, PLACES, st.integers(-50, 50))
SHOCKS = st.lists(st.integers(-500, 500), min_size=SCENARIOS - 1, max_size=SCENARIOS - 1)


def trade(books: Books, fills: list[tuple[int, int, int]], orders: list[Open]) -> None:
    for account_id, at, lots in fills:
        books.fill(account_id, at, lots, lots * 1_000 * TICK_VALUE_NANO)
    for order in orders:
        books.enter(order)


def live_classes(books: Books) -> list[int]:
    return np.flatnonzero(books.ledger.classes["position_count"]).tolist()


def add_up(books: Books, region_id: int) -> None:
    """All that stands in a region, from nothing."""
    ledger = books.ledger
    classes = [slot for slot in live_classes(books) if ledger.classes[slot]["region_id"] == region_id]
    for slot in classes:
        clear_losses(ledger, np.int64(slot))
    for slot in np.flatnonzero(ledger.positions["account_id"]).tolist():
        at = INSTRUMENTS.index(int(ledger.positions[slot]["instrument_id"]))
        if REGIONS[at] == region_id:
            add_losses_of_position(ledger, np.int64(slot), np.int64(books.slot(at)))
    for order in books.orders:
        if REGIONS[order.at] == region_id:
            slot = find_class(ledger, order.account_id, region_id)
            place = np.int64(slot), np.int64(books.slot(order.at)), np.int64(order.side)
            add_losses_of_order(ledger, *place, np.int64(order.limit_ticks), np.int64(order.lots))
    for slot in classes:
        take_over_losses(ledger, np.int64(slot))


def kept(books: Books) -> tuple[bytes, ...]:
    ledger = books.ledger
    return ledger.losses.tobytes(), ledger.classes.tobytes(), ledger.accounts.tobytes()


@given(st.lists(FILLS, max_size=12), st.lists(ORDERS, max_size=12))
def test_what_is_added_up_is_what_steps_led_to(fills: list[tuple[int, int, int]], orders: list[Open]) -> None:
    books = Books()
    trade(books, fills, orders)
    before = kept(books)
    for region_id in sorted(set(REGIONS)):
        add_up(books, region_id)
        assert kept(books) == before


@given(st.lists(FILLS, min_size=1, max_size=12), st.lists(ORDERS, max_size=12), SHOCKS)
def test_under_other_shocks_it_is_what_the_same_steps_would_have_led_to(
    fills: list[tuple[int, int, int]], orders: list[Open], shocks_ticks: list[int]
) -> None:
    books, fresh = Books(), Books()
    trade(books, fills, orders)
    for each in (books, fresh):
        each.set_shocks(0, [0, *shocks_ticks])
    trade(fresh, fills, orders)
    add_up(books, REGIONS[0])
    assert kept(books) == kept(fresh)


def test_the_likely_class_is_the_class_where_nothing_is_in_its_way() -> None:
    books = Books()
    trade(books, [(account_id, 0, 5) for account_id in range(1, ACCOUNTS)], [])
    for account_id in range(1, ACCOUNTS):
        found = find_class(books.ledger, account_id, REGIONS[0])
        assert likely_class(books.ledger, account_id, REGIONS[0]) == found != 0
    assert likely_class(books.ledger, 1, REGIONS[2]) == 0
