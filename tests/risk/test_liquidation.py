"""Maintenance, bankruptcy prices and counterparties: published figures, and what must hold of all."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from risk.accounts import set_add_on
from risk.liquidation import (
    bankruptcy_ticks,
    bearable_nano,
    due_standing,
    find_counterparty,
    maintenance_nano,
    owed_to_fund_nano,
    part_lots,
    relief_nano,
    with_fee,
    worst_ticks,
)
from risk.positions import NIL, find_position
from risk.schema import SCENARIOS, Standing
from tests.risk.books import INSTRUMENTS, REFERENCE_TICKS, TICK_VALUE_NANO, Books

ALICE, BOB, CAROL, DAVE = 1, 2, 3, 4
ONE_WAY = [0, 100, -100, *[0] * (SCENARIOS - 3)]
VALUE_NANO = REFERENCE_TICKS * TICK_VALUE_NANO


def books_with(lots: int, cost_ticks: int, mark_ticks: int, cash_nano: int) -> Books:
    """Alice has bought or sold so many lots at a price, and Bob is on the other side."""
    books = Books()
    books.set_shocks(0, ONE_WAY)
    contract = books.contract(0)
    contract["mark_ticks"], contract["spread_ticks"] = mark_ticks, 0
    books.fill(ALICE, 0, lots, lots * cost_ticks * TICK_VALUE_NANO)
    books.fill(BOB, 0, -lots, -lots * cost_ticks * TICK_VALUE_NANO)
    books.ledger.accounts[ALICE]["cash_nano"] = cash_nano
    return books


def closing_ticks(books: Books, lots: int) -> int:
    """The bankruptcy price of a part of Alice's position, without fees."""
    slot = find_position(books.ledger, ALICE, INSTRUMENTS[0])
    relief = relief_nano(books.ledger, slot, books.slot(0), np.int64(lots))
    bearable = bearable_nano(books.ledger, ALICE, relief)
    return int(bankruptcy_ticks(books.contract(0), np.int64(lots), bearable))


# Published figures: dYdX's bankruptcy quotes and its example of the fund and of deleveraging.


@pytest.mark.parametrize(
    ("cash", "closed_lots", "quote"),
    [(-4_501, 100, 4_501), (-5_000, 50, 2_500), (-5_000, 100, 5_000)],
)
def test_a_tenth_of_a_bitcoin_at_fifty_thousand_is_closed_for_what_is_owed(cash: int, closed_lots: int, quote: int):
    # A lot is a thousandth of a coin, a tick two dollars of a coin.
    books = books_with(100, 0, 25_000, cash * 25_000 * TICK_VALUE_NANO // 50)
    books.contract(0)["price_max_ticks"] = 32_000
    ticks = closing_ticks(books, -closed_lots)
    assert ticks * closed_lots * 50 == quote * 25_000


def test_a_short_of_five_hundred_with_a_hundred_is_closed_at_one_and_a_fifth_when_the_price_doubles():
    books = books_with(-500, 1_000, 2_000, 100 * VALUE_NANO)
    assert closing_ticks(books, 500) == 1_200


def test_five_hundred_bought_at_one_with_a_hundred_and_filled_at_seventy_seven_cost_the_fund_fifteen():
    books = books_with(500, 1_000, 770, 100 * VALUE_NANO)
    bankrupt_ticks = closing_ticks(books, -500)
    assert bankrupt_ticks == 800
    owed = owed_to_fund_nano(books.contract(0), np.int64(-500), np.int64(770), np.int64(bankrupt_ticks))
    assert owed == -15 * VALUE_NANO


# Standings.


@pytest.mark.parametrize(
    ("equity_ticks", "standing"),
    [
        (100, Standing.SOUND),
        (99, Standing.CALLED),
        (60, Standing.CALLED),
        (59, Standing.CLOSING),
        (-1, Standing.CLOSING),
    ],
)
def test_an_account_stands_as_its_equity_against_initial_and_maintenance_says(equity_ticks: int, standing: Standing):
    books = books_with(10, REFERENCE_TICKS, REFERENCE_TICKS, 10 * equity_ticks * TICK_VALUE_NANO)
    assert due_standing(books.ledger, ALICE) == standing
    assert maintenance_nano(books.ledger, ALICE) == 10 * 60 * TICK_VALUE_NANO


@pytest.mark.parametrize(
    ("equity_ticks", "standing"),
    [(150, Standing.SOUND), (149, Standing.CALLED), (60, Standing.CALLED), (59, Standing.CLOSING)],
)
def test_what_risk_staff_add_calls_and_closes_nobody(equity_ticks: int, standing: Standing):
    books = books_with(10, REFERENCE_TICKS, REFERENCE_TICKS, 10 * equity_ticks * TICK_VALUE_NANO)
    before_ticks = closing_ticks(books, -10)
    set_add_on(books.ledger, ALICE, np.int64(10 * 50 * TICK_VALUE_NANO))
    assert due_standing(books.ledger, ALICE) == standing
    assert maintenance_nano(books.ledger, ALICE) == 10 * 60 * TICK_VALUE_NANO
    assert closing_ticks(books, -10) == before_ticks


def test_a_flat_account_needs_nothing_to_be_sound():
    books = Books()
    assert due_standing(books.ledger, ALICE) == Standing.SOUND


@pytest.mark.parametrize(
    ("lots", "is_bankrupt", "part"),
    [(100, False, -20), (-100, False, 20), (101, False, -21), (1_000, False, -200), (7, False, -7), (100, True, -100)],
)
def test_a_fifth_is_closed_at_a_time_but_no_crumbs_and_everything_of_who_is_bankrupt(lots, is_bankrupt, part):
    assert part_lots(np.int64(lots), is_bankrupt) == part


# What must hold.


@given(
    st.integers(-300, 300).filter(bool),
    st.integers(500, 1_500),
    st.integers(-3_000_000, 5_000_000),
    st.integers(0, 3_000),
)
def test_closing_at_the_bankruptcy_price_leaves_no_smaller_share_of_the_requirement(lots, mark_ticks, cash_nano, ppm):
    books = books_with(lots, REFERENCE_TICKS, mark_ticks, cash_nano)
    contract = books.contract(0)
    contract["taker_fee_ppm"] = ppm
    account = books.ledger.accounts[ALICE]
    before = int(account["cash_nano"] + account["unsettled_nano"]), int(account["margin_nano"])
    part = part_lots(np.int64(lots), False)
    price_ticks = int(with_fee(contract, part, np.int64(closing_ticks(books, int(part)))))
    if price_ticks < 1:
        return
    fee_nano = abs(int(part)) * -(-price_ticks * TICK_VALUE_NANO * ppm // 1_000_000)
    books.fill(ALICE, 0, int(part), int(part) * price_ticks * TICK_VALUE_NANO)
    equity_nano = int(account["cash_nano"] + account["unsettled_nano"]) - fee_nano
    assert equity_nano * before[1] >= before[0] * int(account["margin_nano"])


def test_the_fund_carries_a_price_no_further_than_it_can_pay_nor_than_maintenance_from_the_mark():
    books = books_with(100, REFERENCE_TICKS, 900, 0)
    contract, relief = books.contract(0), np.int64(100 * 100 * TICK_VALUE_NANO)
    ledger = books.ledger
    ledger.totals[0]["fund_nano"] = 10 * 100 * TICK_VALUE_NANO
    assert worst_ticks(ledger, contract, np.int64(-100), np.int64(880), relief) == 870
    ledger.totals[0]["fund_nano"] = 1_000 * 100 * TICK_VALUE_NANO
    assert worst_ticks(ledger, contract, np.int64(-100), np.int64(880), relief) == 840
    assert worst_ticks(ledger, contract, np.int64(100), np.int64(920), relief) == 960
    ledger.totals[0]["fund_nano"] = 0
    assert worst_ticks(ledger, contract, np.int64(-100), np.int64(880), relief) == 880


def test_who_gained_most_for_each_lot_is_deleveraged_first_and_nobody_without_a_gain():
    books = books_with(100, 1_000, 700, 0)  # Bob is short 100 at 1,000
    books.fill(CAROL, 0, -50, -50 * 1_100 * TICK_VALUE_NANO)
    books.fill(DAVE, 0, -50, -50 * 750 * TICK_VALUE_NANO)

    def counterparty(price_ticks: int) -> int:
        slot = find_counterparty(books.ledger, books.tranches[0], books.slot(0), np.int64(-100), np.int64(price_ticks))
        return int(books.ledger.positions[slot]["account_id"]) if slot != NIL else 0

    assert counterparty(740) == CAROL
    assert counterparty(1_100) == CAROL
    assert counterparty(1_101) == 0
    books.fill(CAROL, 0, 50, 50 * 700 * TICK_VALUE_NANO)
    assert counterparty(740) == BOB
    assert counterparty(1_001) == 0, "Bob would lose at this price"
