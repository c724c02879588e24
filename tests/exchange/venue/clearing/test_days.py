"""From trades over the gate to the last settlement, whatever is bought, sold, reported and disputed."""

from hypothesis import given, settings

from tests.exchange.venue.clearing.days import DAYS, Day, lead


@settings(max_examples=10)
@given(day=DAYS)
def test_whatever_a_day_brings_the_gate_is_its_twins_the_books_add_up_and_every_allocation_ends(day: Day) -> None:
    assert lead(day) > 0
