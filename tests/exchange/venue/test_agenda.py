"""The heap of what falls due, against a sorted list."""

from hypothesis import given
from hypothesis import strategies as st

from exchange.venue.agenda import add_entry, drop_first
from exchange.venue.machine import Venue
from tests.exchange.venue.market import LIMITS

ENTRIES = st.tuples(st.integers(0, 5), st.sampled_from([1, 2, 3]), st.integers(1, 20))


@given(st.lists(st.one_of(ENTRIES, st.none()), max_size=60))
def test_what_is_due_first_comes_first_by_time_kind_and_id(steps: list[tuple[int, int, int] | None]) -> None:
    """None takes out the first entry."""
    state, expected = Venue(LIMITS).state, []
    for step in steps:
        if step is not None:
            add_entry(state, *step)
            expected.append(step)
        elif expected:
            drop_first(state)
            expected.remove(min(expected))
        entries = state.agenda[: int(state.clock[0]["agenda_count"])].tolist()
        assert sorted(entries) == sorted(expected)
        assert not expected or entries[0] == min(expected)
