import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exchange.parameters.filling import Fill
from exchange.parameters.forward import bounded_mark_ticks, forward_curves, weighted_mean_ticks
from exchange.parameters.settings import ForwardSettings
from exchange.parameters.sources import Quote, Reason, Source
from matching.schema import PRICE_TICKS_MAX
from tests.exchange.parameters.tranches import NOW_NS, NS, PRICE, quoted, three_trades, trade, tranche

SETTINGS = ForwardSettings()


def forwards(*inputs):
    return forward_curves(inputs, {}, SETTINGS, NOW_NS).forwards


def reasons(forward, source):
    return [each.reason for each in forward.left_out if each.source is source]


def test_the_forward_is_the_mean_of_the_sources_by_their_weights():
    (forward,) = forwards(quoted(trades=three_trades(42_000), reference_ticks=38_000))
    assert forward.price_ticks == pytest.approx(0.6 * 42_000 + 0.35 * PRICE + 0.05 * 38_000)
    assert forward.quorum_met
    assert forward.filled_from is Fill.OWN


def test_weights_are_shared_out_among_the_sources_that_are_there():
    quotes = [Quote(Source.BOOK, 40_000), Quote(Source.REFERENCE, 48_000)]
    assert weighted_mean_ticks(quotes, SETTINGS) == pytest.approx((0.35 * 40_000 + 0.05 * 48_000) / 0.40)


def test_a_source_far_from_the_median_of_all_is_left_out_by_name():
    (forward,) = forwards(quoted(trades=three_trades(), reference_ticks=400_000))
    assert [quote.source for quote in forward.used] == [Source.TRADES, Source.BOOK]
    assert reasons(forward, Source.REFERENCE) == [Reason.FAR_FROM_OTHERS]
    assert forward.price_ticks == pytest.approx(PRICE)
    assert forward.quorum_met


def test_the_last_mark_decides_between_two_that_contradict_each_other():
    (forward,) = forwards(quoted(reference_ticks=100_000, mark_ticks=PRICE))
    assert [quote.source for quote in forward.used] == [Source.BOOK]
    assert forward.price_ticks == pytest.approx(PRICE)
    assert not forward.quorum_met


def test_nobody_is_believed_when_two_contradict_each_other_without_a_witness():
    (forward,) = forwards(quoted(reference_ticks=100_000))
    assert forward.used == ()
    assert not forward.quorum_met


def test_a_stale_mark_is_named_and_does_not_testify():
    (forward,) = forwards(quoted(reference_ticks=100_000, mark_ticks=PRICE, mark_age_ns=901 * NS))
    assert reasons(forward, Source.MARK) == [Reason.STALE]
    assert forward.used == ()


@pytest.mark.parametrize("absurd", [math.nan, math.inf, -1, 0, 1e300])
def test_an_absurd_input_is_left_out_and_the_rest_goes_on(absurd):
    (forward,) = forwards(
        quoted(
            trades=(*three_trades(), trade(absurd)), best_bid_ticks=absurd, reference_ticks=absurd, mark_ticks=absurd
        )
    )
    assert forward.price_ticks == PRICE
    assert [each.source for each in forward.left_out if each.reason is Reason.NOT_A_PRICE] == [
        Source.TRADES,
        Source.BOOK,
        Source.REFERENCE,
        Source.MARK,
    ]
    assert not forward.quorum_met


def test_one_source_is_below_the_quorum():
    assert not forwards(tranche())[0].quorum_met
    assert not forwards(tranche(trades=three_trades(), reference_ticks=None))[0].quorum_met
    assert forwards(tranche(trades=three_trades()))[0].quorum_met


def test_a_window_far_from_the_curve_around_it_is_left_out_and_filled_from_it():
    pushed = quoted(2, 3 * PRICE)
    curve = forwards(*(quoted(number) for number in (0, 1)), pushed, *(quoted(number) for number in (3, 4)))
    assert reasons(curve[2], Source.BOOK) == [Reason.FAR_FROM_NEIGHBOURS]
    assert curve[2].price_ticks == pytest.approx(PRICE)
    assert curve[2].filled_from is Fill.NEIGHBOURS
    assert not curve[2].quorum_met
    assert all(forward.quorum_met for number, forward in enumerate(curve) if number != 2)


def test_a_steep_curve_has_no_outliers():
    curve = forwards(*(quoted(number, 10_000 * 1.6**number) for number in range(8)))
    assert all(forward.quorum_met for forward in curve)


def test_two_neighbours_are_too_few_to_overrule_a_window():
    curve = forwards(quoted(0), quoted(1, 3 * PRICE), quoted(2))
    assert all(forward.quorum_met for forward in curve)


@given(st.permutations(range(6)), st.sampled_from([0.2, 0.9, 1.0, 1.2, 5.0]))
def test_the_order_of_the_inputs_decides_nothing(order, factor):
    inputs = [quoted(number, PRICE * (factor if number == 2 else 1 + number / 10)) for number in range(5)]
    inputs.append(tranche(5))
    straight = {forward.instrument_id: forward for forward in forwards(*inputs)}
    mixed = {forward.instrument_id: forward for forward in forwards(*(inputs[place] for place in order))}
    assert mixed == straight


@given(st.integers(1, PRICE_TICKS_MAX), st.integers(1, PRICE_TICKS_MAX))
def test_a_mark_goes_towards_its_goal_and_never_further_than_a_step(goal_ticks, mark_ticks):
    moved = bounded_mark_ticks(goal_ticks, mark_ticks, SETTINGS)
    assert min(goal_ticks, mark_ticks) <= moved <= max(goal_ticks, mark_ticks)
    assert abs(moved - mark_ticks) <= max(1, 0.05 * mark_ticks)
    assert moved != mark_ticks or goal_ticks == mark_ticks


def test_marks_reach_a_price_three_times_as_high_after_23_steps():
    mark_ticks, steps = PRICE, 0
    while mark_ticks != 3 * PRICE:
        mark_ticks, steps = bounded_mark_ticks(3 * PRICE, mark_ticks, SETTINGS), steps + 1
    assert steps == math.ceil(math.log(3) / math.log(1.05))


def test_a_reference_alone_is_no_quorum_even_where_one_source_is_enough():
    lenient = ForwardSettings(quorum_sources=1)
    assert not forward_curves([tranche()], {}, lenient, NOW_NS).forwards[0].quorum_met
    assert forward_curves([quoted(reference_ticks=None)], {}, lenient, NOW_NS).forwards[0].quorum_met
