"""All accounts at one moment, the nearest to liquidation first."""

import numpy as np
from hypothesis import given

from exchange import commands
from exchange.margin.census import (
    CONDITIONS,
    FURTHEST_PPM,
    Census,
    counts,
    members_of,
    read_members,
    select,
    touched_room,
)
from exchange.margin.condition import Condition, condition_of, distance_ppm
from exchange.view.records import maintenance_of
from tests.exchange.venue.market import ALICE, BOB, BUY, CAROL, CASH_NANO, SELL, Market, open_market
from tests.exchange.venue.streams import STEPS, Session, rehearse, sessions

TERMS = {"shocks_ticks": [0, *[100, -100] * 7, 50], "spread_ticks": 10}


def census_of(market: Market) -> Census:
    return Census(market.venue, touched_room(0))


def fallen(mark_ticks: int = 850) -> Market:
    """Bob bought with leverage, and the mark fell to where he has less than he must, in a halt; Alice gained it."""
    market = open_market()
    market.send(commands.set_parameters(1, mark_ticks=1_000, **TERMS))
    market.place(ALICE, SELL, 1_000, 1_000)
    market.place(BOB, BUY, 1_000, 1_000)
    market.send(commands.halt_market(), commands.set_parameters(1, mark_ticks=mark_ticks, **TERMS))
    return market


def test_the_nearest_comes_first_and_who_needs_nothing_last() -> None:
    rows = census_of(fallen()).rows
    assert rows.account_id.tolist() == [BOB, ALICE, CAROL]
    assert rows.nearness_ppm[-1] == FURTHEST_PPM
    assert rows.cash_nano.tolist() == [CASH_NANO] * 3


@given(sessions(40, STEPS))
def test_the_rows_say_what_the_figures_do(session: Session) -> None:
    market = rehearse(session)
    rows = census_of(market).rows
    assert sorted(rows.account_id.tolist()) == sorted(market.twin.accounts)
    for at, account_id in enumerate(rows.account_id.tolist()):
        figures = market.figures(account_id)
        equity_nano, margin_nano = figures.equity_nano, figures.margin_nano
        assert (rows.equity_nano[at], rows.margin_nano[at]) == (equity_nano, margin_nano)
        maintenance_nano = maintenance_of(figures.own_margin_nano)
        assert rows.maintenance_nano[at] == maintenance_nano
        assert CONDITIONS[rows.condition[at]] == condition_of(equity_nano, margin_nano, maintenance_nano)
        exact = distance_ppm(equity_nano, maintenance_nano)
        assert exact is None or abs(int(rows.nearness_ppm[at]) - exact) <= max(1, abs(exact) >> 50)
    assert (np.diff(rows.nearness_ppm) >= 0).all()


def test_accounts_are_chosen_by_condition_and_region() -> None:
    market = fallen()
    census = census_of(market)
    assert select(census, Condition.LIQUIDATION, None, None).account_id.tolist() == [BOB]
    assert counts(census) == {"sound": 2, "margin_call": 0, "liquidation": 1, "bankrupt": 0}
    members = members_of([read_members(market.venue, 1)], 1)
    assert select(census, None, members, None).account_id.tolist() == [BOB, ALICE]
    assert len(members_of([read_members(market.venue, 1)], 2)) == 0


def test_pages_follow_each_other_without_a_gap() -> None:
    rows = census_of(fallen()).rows
    after = None
    walked = []
    for _ in range(4):
        rest = select(census_of(fallen()), None, None, after)
        if not len(rest.account_id):
            break
        after = int(rest.nearness_ppm[0]), int(rest.account_id[0])
        walked.append(after[1])
    assert walked == rows.account_id.tolist()


def test_it_stays_as_it_was_taken() -> None:
    market = fallen()
    census = Census(market.venue, touched_room(100))
    before = census.rows.equity_nano.tolist()
    market.send(commands.deposit(CAROL, 5))
    assert census.rows.equity_nano.tolist() == before
    late = Census(market.venue, touched_room(2))
    market.send(commands.deposit(CAROL, 5))
    assert late.rows.cash_nano.tolist()[-1] == CASH_NANO + 5


def test_who_has_less_than_nothing_comes_before_all_others() -> None:
    rows = census_of(fallen(700)).rows
    assert CONDITIONS[rows.condition[0]] == Condition.BANKRUPT
    assert rows.account_id[0] == BOB
