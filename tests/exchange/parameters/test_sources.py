import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exchange.parameters.settings import ForwardSettings
from exchange.parameters.sources import (
    LeftOut,
    Quote,
    Reason,
    Source,
    eligible_trades,
    is_price,
    mark_so_far,
    quotes_of,
    trimmed_mean_ticks,
)
from matching.schema import PRICE_TICKS_MAX
from tests.exchange.parameters.tranches import NOW_NS, NS, PRICE, quoted, three_trades, trade, tranche

SETTINGS = ForwardSettings()


def reasons(source, left_out):
    return [each.reason for each in left_out if each.source is source]


@pytest.mark.parametrize(
    ("price_ticks", "expected"),
    [
        (1, True),
        (PRICE_TICKS_MAX, True),
        (0.5, False),
        (0, False),
        (-1, False),
        (PRICE_TICKS_MAX + 1, False),
        (10**400, False),
        (math.nan, False),
        (math.inf, False),
        (-math.inf, False),
        (None, False),
    ],
)
def test_only_a_number_that_the_book_could_hold_is_a_price(price_ticks, expected):
    assert is_price(price_ticks) is expected


def test_trades_book_and_reference_are_three_quotes():
    quotes, left_out = quotes_of(quoted(trades=three_trades(41_000)), SETTINGS, NOW_NS)
    assert [quote.source for quote in quotes] == [Source.TRADES, Source.BOOK, Source.REFERENCE]
    assert [quote.price_ticks for quote in quotes] == pytest.approx([41_000, PRICE, PRICE])
    assert left_out == ()


@pytest.mark.parametrize(
    ("bad", "reason"),
    [
        (trade(math.nan), Reason.NOT_A_PRICE),
        (trade(0), Reason.NOT_A_PRICE),
        (trade(lots=0), Reason.NOT_A_PRICE),
        (trade(lots=math.nan), Reason.NOT_A_PRICE),
        (trade(time_ns=NOW_NS + 1), Reason.FROM_THE_FUTURE),
        (trade(time_ns=NOW_NS - 1_801 * NS), Reason.STALE),
        (trade(groups=(7, 7)), Reason.WITHIN_A_GROUP),
        (trade(was_forced=True), Reason.FORCED),
    ],
)
def test_a_trade_that_proves_nothing_is_left_out_by_name(bad, reason):
    trades, left_out = eligible_trades(tranche(trades=(*three_trades(), bad, bad)), SETTINGS, NOW_NS)
    assert trades == list(three_trades())
    assert left_out == (LeftOut(Source.TRADES, reason, count=2),)


def test_trades_of_one_group_and_forced_ones_do_not_move_the_price():
    pushed = trade(60_000, lots=100_000, groups=(5, 5)), trade(60_000, lots=100_000, groups=(5, 6), was_forced=True)
    quotes, _ = quotes_of(tranche(trades=three_trades() + pushed), SETTINGS, NOW_NS)
    assert Quote(Source.TRADES, PRICE) in quotes


def test_two_groups_cannot_make_a_price_however_much_they_trade():
    two = tuple(trade(lots=10**6, groups=groups) for groups in ((1, 2), (2, 1), (1, 2)))
    quotes, left_out = quotes_of(tranche(trades=two), SETTINGS, NOW_NS)
    assert Source.TRADES not in [quote.source for quote in quotes]
    assert reasons(Source.TRADES, left_out) == [Reason.TOO_FEW_GROUPS]


def test_the_volume_of_the_busiest_pair_does_not_count_towards_the_least_volume():
    trades = (trade(lots=10**6, groups=(1, 2)), trade(lots=9, groups=(2, 3)))
    _, left_out = quotes_of(tranche(trades=trades), SETTINGS, NOW_NS)
    assert reasons(Source.TRADES, left_out) == [Reason.TOO_SMALL]
    quotes, _ = quotes_of(tranche(trades=(*trades, trade(lots=1, groups=(3, 1)))), SETTINGS, NOW_NS)
    assert Source.TRADES in [quote.source for quote in quotes]


def test_a_trade_weighs_half_after_a_half_life():
    plain = ForwardSettings(trade_trim_fraction=0)
    old = trade(30_000, time_ns=NOW_NS - 300 * NS)
    assert trimmed_mean_ticks([old, trade(60_000)], plain) == pytest.approx(50_000)


def test_a_tenth_of_the_weight_is_cut_off_at_each_end():
    trades = [trade(1, lots=10), trade(100, lots=40), trade(200, lots=40), trade(10**9, lots=10)]
    assert trimmed_mean_ticks(trades, SETTINGS) == pytest.approx(150)


def test_a_trade_across_a_cut_counts_in_part():
    trades = [trade(100, lots=20), trade(200, lots=80)]
    assert trimmed_mean_ticks(trades, SETTINGS) == pytest.approx((10 * 100 + 70 * 200) / 80)


def test_old_trades_keep_their_mean_however_short_the_half_life():
    short = ForwardSettings(trade_half_life_s=1e-3, trade_trim_fraction=0)
    trades = [trade(price, time_ns=NOW_NS - 1_700 * NS) for price in (100, 200)]
    assert trimmed_mean_ticks(trades, short) == pytest.approx(150)


@given(st.lists(st.tuples(st.integers(1, 10**6), st.integers(1, 10**6), st.integers(0, 1_800)), min_size=1))
def test_a_trimmed_mean_lies_between_the_extremes_and_asks_for_no_order(rows):
    trades = [trade(price, lots, time_ns=NOW_NS - age * NS) for price, lots, age in rows]
    mean = trimmed_mean_ticks(trades, SETTINGS)
    prices = [price for price, _, _ in rows]
    assert min(prices) * (1 - 1e-9) <= mean <= max(prices) * (1 + 1e-9)
    assert trimmed_mean_ticks(trades[::-1], SETTINGS) == pytest.approx(mean)


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"best_bid_ticks": None}, Reason.MISSING),
        ({"best_ask_ticks": None}, Reason.MISSING),
        ({"best_bid_ticks": math.nan}, Reason.NOT_A_PRICE),
        ({"best_ask_ticks": math.inf}, Reason.NOT_A_PRICE),
        ({"best_bid_ticks": 41_000}, Reason.CROSSED),
        ({"best_bid_lots": 4}, Reason.TOO_SMALL),
        ({"best_ask_lots": math.nan}, Reason.TOO_SMALL),
        ({"best_bid_ticks": 36_000}, Reason.TOO_WIDE),
        ({"book_ns": NOW_NS - 61 * NS}, Reason.STALE),
        ({"book_ns": NOW_NS + 1}, Reason.FROM_THE_FUTURE),
    ],
)
def test_a_book_that_says_little_is_left_out_by_name(changes, reason):
    quotes, left_out = quotes_of(quoted(**changes), SETTINGS, NOW_NS)
    assert Source.BOOK not in [quote.source for quote in quotes]
    assert reasons(Source.BOOK, left_out) == [reason]


@pytest.mark.parametrize(
    ("mark_ticks", "age_s", "reason"),
    [(None, 0, Reason.MISSING), (math.nan, 0, Reason.NOT_A_PRICE), (PRICE, 901, Reason.STALE)],
)
def test_a_mark_that_is_missing_absurd_or_old_does_not_testify(mark_ticks, age_s, reason):
    found = mark_so_far(tranche(mark_ticks=mark_ticks, mark_age_ns=age_s * NS), SETTINGS)
    assert isinstance(found, LeftOut)
    assert found.reason is reason


def test_a_fresh_mark_testifies():
    assert mark_so_far(tranche(mark_ticks=PRICE, mark_age_ns=900 * NS), SETTINGS) == Quote(Source.MARK, PRICE)
