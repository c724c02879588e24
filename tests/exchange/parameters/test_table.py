import math
from dataclasses import replace
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exchange.parameters.filling import Fill
from exchange.parameters.inputs import TradeInput
from exchange.parameters.overrides import Override
from exchange.parameters.scenarios import SCENARIOS
from exchange.parameters.settings import ParameterSettings
from exchange.parameters.sources import Reason, Source
from exchange.parameters.table import compute
from matching.schema import PRICE_TICKS_MAX
from tests.exchange.parameters.tranches import NOW_NS, NS, PRICE, quoted, region, three_trades, trade, tranche

SETTINGS = ParameterSettings()
MINUTE_NS = 60 * NS


def with_override(**changes):
    signed = {"who": "risk desk", "why": "fibre cut", "until_ns": NOW_NS + MINUTE_NS}
    return ParameterSettings(overrides=(Override(**(signed | changes)),))


def followed(inputs, previous, time_ns):
    """The inputs a moment later, with the marks that came out of the update before."""
    marks = {row.instrument_id: row.mark_ticks for row in previous.rows}
    age_ns = time_ns - previous.time_ns
    return [
        replace(each, book_ns=time_ns, mark_ticks=marks.get(each.instrument_id), mark_age_ns=age_ns) for each in inputs
    ]


def run(make_inputs, updates, settings=SETTINGS):
    """Updates a minute apart; `make_inputs` gives the inputs of each."""
    parameters = None
    for update in range(updates):
        time_ns = NOW_NS + update * MINUTE_NS
        inputs = make_inputs(update)
        if parameters is not None:
            inputs = followed(inputs, parameters, time_ns)
        parameters = compute(inputs, parameters, settings, time_ns)
        yield parameters


def test_a_quiet_region_has_marks_at_its_books_and_shocks_at_the_floors():
    parameters = compute(region(), None, SETTINGS, NOW_NS)
    assert [row.mark_ticks for row in parameters.rows] == [64_000] * 4 + [40_000] * 4 + [16_000] * 4
    assert all(row.quorum_met for row in parameters.rows)
    shocks_up = [row.shock_ticks[1] for row in parameters.rows]
    assert shocks_up == [math.ceil(mark * math.expm1(0.10)) for mark in [64_000] * 4 + [40_000] * 4 + [16_000] * 4]
    assert {row.spread_charge_ticks for row in parameters.rows[4:8]} == {math.ceil(40_000 * math.expm1(0.02) / 2)}


def test_a_tranche_that_is_there_twice_is_a_mistake():
    with pytest.raises(ValueError, match="twice"):
        compute([quoted(0), quoted(0)], None, SETTINGS, NOW_NS)


def test_nothing_in_is_nothing_out():
    parameters = compute([], None, SETTINGS, NOW_NS)
    assert (parameters.rows, parameters.unpriced) == ((), ())


def test_a_tranche_without_any_price_is_named_instead_of_guessed():
    parameters = compute([quoted(0), tranche(9, reference_ticks=None)], None, SETTINGS, NOW_NS)
    assert [row.instrument_id for row in parameters.rows] == [100]
    (unpriced,) = parameters.unpriced
    assert (unpriced.instrument_id, unpriced.filled_from) == (109, Fill.NOTHING)


def test_marks_follow_a_jump_in_bounded_steps_and_say_so():
    jumped = 2 * PRICE
    tables = run(lambda update: [quoted(0, PRICE if update == 0 else jumped)], 30)
    rows = [table.rows[0] for table in tables]
    for last, row in pairwise(rows):
        assert abs(row.mark_ticks - last.mark_ticks) <= 0.05 * last.mark_ticks
        assert row.explanation.mark_was_held_back is (row.mark_ticks != jumped)
    assert rows[-1].mark_ticks == jumped


def test_a_forged_print_and_a_lone_wild_quote_do_not_move_the_mark():
    forged = (trade(10 * PRICE, lots=10**6, groups=(8, 9)), trade(10 * PRICE, lots=10**6, groups=(9, 8)))
    inputs = [quoted(n, trades=forged if n == 2 else ()) for n in range(5)]
    inputs[3] = quoted(3, 5 * PRICE)
    rows = compute(inputs, None, SETTINGS, NOW_NS).rows
    assert [row.mark_ticks for row in rows] == [PRICE] * 5
    assert [row.quorum_met for row in rows] == [True, True, True, False, True]
    left_out = rows[2].explanation.forward.left_out
    assert [(each.source, each.reason) for each in left_out] == [(Source.TRADES, Reason.TOO_FEW_GROUPS)]


def test_below_the_quorum_the_mark_stands_and_the_row_says_so():
    calm, blind = run(lambda update: region() if update == 0 else [replace_book(each) for each in region()], 2)
    assert [row.mark_ticks for row in blind.rows] == [row.mark_ticks for row in calm.rows]
    assert not any(row.quorum_met for row in blind.rows)
    assert {row.explanation.forward.filled_from for row in blind.rows} == {Fill.REFERENCE}


def replace_book(each):
    return replace(each, best_bid_ticks=math.nan, best_ask_ticks=None)


def test_shocks_grow_with_volatility_by_bounded_steps():
    tables = list(run(lambda update: region() if update % 2 else region_at(1.1), 40))
    for last, table in pairwise(tables):
        for before, row in zip(last.rows, table.rows, strict=True):
            longest = max(1, 0.25 * max(map(abs, before.shock_ticks)))
            assert all(abs(a - b) <= longest for a, b in zip(row.shock_ticks, before.shock_ticks, strict=True))
    assert tables[-1].rows[0].shock_ticks[1] > 3 * tables[0].rows[0].shock_ticks[1]
    assert any(row.explanation.shocks_were_held_back for row in tables[2].rows)


def region_at(factor):
    return [quoted(each.instrument_id - 100 * each.tier, factor * each.reference_ticks, each.tier) for each in region()]


def test_an_override_of_a_mark_wins_at_once_and_is_told():
    first = compute(region(), None, SETTINGS, NOW_NS)
    settings = with_override(instrument_id=101, mark_ticks=90_000)
    inputs = followed(region(), first, NOW_NS)
    rows = {row.instrument_id: row for row in compute(inputs, first, settings, NOW_NS).rows}
    assert rows[101].mark_ticks == 90_000
    assert rows[101].shock_ticks[1] == math.ceil(90_000 * math.expm1(0.10))
    assert rows[101].spread_charge_ticks == math.ceil(90_000 * math.expm1(0.02) / 2)
    assert rows[101].explanation.overrides == settings.overrides
    assert not rows[101].explanation.mark_was_held_back
    assert rows[102].mark_ticks == PRICE
    assert rows[102].explanation.overrides == ()


def test_an_override_prices_a_tranche_of_which_nothing_is_known():
    settings = with_override(region="eu-fra", tier=1, mark_ticks=7)
    (row,) = compute([tranche(reference_ticks=None)], None, settings, NOW_NS).rows
    assert (row.mark_ticks, row.quorum_met) == (7, False)


def test_a_multiplier_of_a_series_doubles_its_shocks_again_and_again_the_same():
    settings = with_override(region="eu-fra", tier=0, shock_multiplier=2)
    tables = list(run(lambda update: region(), 3, settings.model_copy(update={"overrides": until_late(settings)})))
    plain = compute(region(), None, SETTINGS, NOW_NS)
    for table in tables:
        doubled, same = table.rows[0], table.rows[4]
        assert doubled.shock_ticks[1] == math.ceil(2 * 64_000 * math.expm1(0.10))
        assert same.shock_ticks == plain.rows[4].shock_ticks


def until_late(settings):
    return tuple(each.model_copy(update={"until_ns": NOW_NS + 10 * MINUTE_NS}) for each in settings.overrides)


def test_after_an_override_the_numbers_come_back_in_steps():
    settings = with_override(instrument_id=100, mark_ticks=80_000, shock_multiplier=2)
    during, after = run(lambda update: [quoted(0)], 2, settings)
    assert during.rows[0].mark_ticks == 80_000
    assert after.rows[0].mark_ticks == 76_000
    assert after.rows[0].explanation.overrides == ()
    assert 0.9 * during.rows[0].shock_ticks[1] < after.rows[0].shock_ticks[1] < during.rows[0].shock_ticks[1]


ANY_PRICE = st.one_of(
    st.none(),
    st.integers(-1, PRICE_TICKS_MAX + 1),
    st.floats(),
    st.sampled_from([1, PRICE, PRICE_TICKS_MAX, math.nan, math.inf]),
)
ANY_TIME = st.integers(NOW_NS - 4_000 * NS, NOW_NS + NS)
ANY_TRADE = st.builds(
    TradeInput, ANY_PRICE, st.integers(-1, 10**6), ANY_TIME, st.integers(0, 4), st.integers(0, 4), st.booleans()
)
ANY_TRANCHE = st.builds(
    tranche,
    number=st.integers(0, 5),
    tier=st.integers(0, 2),
    region=st.sampled_from(["eu-fra", "us-iad"]),
    reference_ticks=ANY_PRICE,
    best_bid_ticks=ANY_PRICE,
    best_bid_lots=st.integers(0, 100),
    best_ask_ticks=ANY_PRICE,
    best_ask_lots=st.integers(0, 100),
    book_ns=ANY_TIME,
    trades=st.lists(ANY_TRADE, max_size=6).map(tuple),
    mark_ticks=ANY_PRICE,
    mark_age_ns=st.integers(0, 2_000 * NS),
)


@given(st.lists(st.lists(ANY_TRANCHE, max_size=8, unique_by=lambda each: each.instrument_id), min_size=1, max_size=3))
def test_whatever_comes_in_what_comes_out_is_whole_and_in_bounds(updates):
    parameters = None
    for number, inputs in enumerate(updates):
        parameters = compute(inputs, parameters, SETTINGS, NOW_NS + number * MINUTE_NS)
        named = [row.instrument_id for row in parameters.rows] + [each.instrument_id for each in parameters.unpriced]
        assert sorted(named) == sorted(each.instrument_id for each in inputs)
        for row in parameters.rows:
            integers = (row.mark_ticks, row.spread_charge_ticks, row.concentration_threshold_lots, *row.shock_ticks)
            assert all(type(each) is int for each in integers)
            assert 1 <= row.mark_ticks <= PRICE_TICKS_MAX
            assert 1 <= row.spread_charge_ticks <= PRICE_TICKS_MAX
            assert len(row.shock_ticks) == len(SCENARIOS)
            assert row.shock_ticks[0] == 0
            assert -row.mark_ticks <= min(row.shock_ticks) <= max(row.shock_ticks) <= PRICE_TICKS_MAX
            assert row.quorum_met is (
                row.explanation.forward.filled_from is Fill.OWN and len(row.explanation.forward.used) >= 2
            )


def test_the_same_inputs_give_the_same_parameters():
    inputs = [replace(each, trades=three_trades(each.reference_ticks)) for each in region()]
    assert compute(inputs, None, SETTINGS, NOW_NS) == compute(list(inputs), None, SETTINGS, NOW_NS)
