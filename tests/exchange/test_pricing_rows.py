"""Rows on their way into the market: what holds them back, and what the core can take."""

from dataclasses import replace

import pytest

from exchange.parameters import Override, ParameterSettings, TradeInput, TrancheInput, TrancheParameters, compute
from exchange.pricing_rows import command_of, is_without_quorum, row_of, two_digits, with_mark
from exchange.standing import Standing
from exchange.venue.schema import PARAMETERS_COMMAND, SHOCKS
from risk.schema import PRICE_HEADROOM

NOW_NS = 1_800_000_000 * 10**9
HOUR_S = 3_600
STANDING = Standing(1_000, (0, *[100, -200] * 7, 50), 20, 4_567)


def tranche(number: int = 1, **terms: object) -> TrancheInput:
    start_ns = NOW_NS + number * HOUR_S * 10**9
    defaults = {"reference_ticks": 1_000, "mark_ticks": 1_000, "book_ns": NOW_NS}
    return TrancheInput(number, "eu-fra", 0, start_ns, start_ns, HOUR_S, **(defaults | terms))


def quoted(number: int = 1) -> TrancheInput:
    return tranche(number, best_bid_ticks=1_190, best_bid_lots=10, best_ask_ticks=1_210, best_ask_lots=10)


def rows(*inputs: TrancheInput, **settings: object) -> tuple[TrancheParameters, ...]:
    return compute(inputs, None, ParameterSettings(**settings), NOW_NS).rows


def test_a_price_is_without_a_quorum_where_nothing_but_its_reference_stands_behind_it():
    assert [is_without_quorum(row) for row in rows(tranche())] == [True]
    assert [is_without_quorum(row) for row in rows(quoted())] == [False]


def test_windows_around_and_people_stand_behind_a_price_too():
    assert [is_without_quorum(row) for row in rows(tranche(1), quoted(2))] == [False, False]
    override = Override(instrument_id=1, mark_ticks=900, who="risk", why="news", until_ns=NOW_NS + 1)
    assert [is_without_quorum(row) for row in rows(tranche(), overrides=(override,))] == [False]
    tighter = Override(instrument_id=1, shock_multiplier=2, who="risk", why="news", until_ns=NOW_NS + 1)
    assert [is_without_quorum(row) for row in rows(tranche(), overrides=(tighter,))] == [True]


def test_trades_alone_are_no_quorum_without_a_reference():
    trades = tuple(TradeInput(1_200, 20, NOW_NS, *pair) for pair in ((1, 2), (2, 3), (3, 1)))
    (row,) = rows(tranche(reference_ticks=None, trades=trades))
    assert is_without_quorum(row)


def test_a_mark_that_stays_loses_no_more_than_all_of_it():
    row = with_mark(row_of(1, STANDING), 150)
    assert (row.mark_ticks, min(row.shock_ticks), max(row.shock_ticks)) == (150, -150, 100)
    assert with_mark(row, None) == row


def test_a_command_says_what_the_row_says_and_charges_large_positions():
    head, shocks = command_of(row_of(1, STANDING), tranche(), 0.5)
    command = head.reshape(1).view(PARAMETERS_COMMAND)[0]
    told = [command[name] for name in ("instrument_id", "mark_ticks", "spread_ticks", "concentration_ticks")]
    assert (told, command["concentration_lots"]) == ([1, 1_000, 20, 100], 4_500)
    assert shocks.reshape(1).view(SHOCKS)[0]["shock_2_ticks"] == -200


def test_no_number_is_beyond_the_largest_price_of_a_contract():
    most_ticks = 1_000 * PRICE_HEADROOM
    row = replace(row_of(1, STANDING), mark_ticks=10**7, shock_ticks=(0, *[10**7, -(10**7)] * 7, 0))
    head, shocks = command_of(row, tranche(), 1.0)
    command = head.reshape(1).view(PARAMETERS_COMMAND)[0]
    assert command["mark_ticks"] == most_ticks == command["spread_ticks"] + command["concentration_ticks"]
    told = shocks.reshape(1).view(SHOCKS)[0]
    assert (told["shock_1_ticks"], told["shock_2_ticks"]) == (most_ticks, -most_ticks)


@pytest.mark.parametrize(("lots", "rounded"), [(0, 0), (7, 7), (99, 99), (101, 100), (4_567, 4_500)])
def test_lots_are_told_in_two_digits(lots, rounded):
    assert two_digits(lots) == rounded
