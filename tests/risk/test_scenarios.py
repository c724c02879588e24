"""All scenarios at once: the vectors against one after the other."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from risk.scenarios import NARROW_MAX, add_losses, add_losses_twin
from risk.schema import SCENARIOS

EDGES = [0, 1, -1, 7, NARROW_MAX, -NARROW_MAX]


def numbers(most: int) -> st.SearchStrategy[int]:
    return st.one_of(st.integers(-most, most), st.sampled_from([edge for edge in EDGES if abs(edge) <= most]))


@given(
    st.lists(numbers(1 << 28), min_size=SCENARIOS, max_size=SCENARIOS),
    st.integers(50, 24_000),
    numbers(1 << 30).map(abs),
    st.booleans(),
    numbers(1 << 16),
    numbers(1 << 16),
    st.lists(numbers(1 << 60), min_size=2 * SCENARIOS, max_size=2 * SCENARIOS),
    st.sampled_from([0, 4, 9]),
)
def test_vectors_add_what_a_loop_adds(
    shocks: list[int],
    tick_value_nano: int,
    base_nano: int,
    is_sell: bool,
    order_lots: int,
    lots: int,
    losses: list,
    narrowing: int,
) -> None:
    """Narrow numbers and wide ones, at places that no vector is aligned to."""
    shocks = [shock >> narrowing * 2 for shock in shocks]
    found, expected = np.array(losses, np.int64) >> 2, np.array(losses, np.int64) >> 2
    held = np.array([9, *shocks], np.int32)
    terms = np.int64(tick_value_nano), np.int64(base_nano), np.int64(is_sell)
    most_nano = base_nano + max(abs(shock) for shock in shocks) * tick_value_nano
    worst = add_losses(
        found, np.int64(3), held, np.int64(1), *terms, np.int64(most_nano), np.int64(order_lots), np.int64(lots)
    )
    twin = add_losses_twin(expected, 3, held, 1, *terms, order_lots, lots)
    assert worst == twin
    assert found.tolist() == expected.tolist()
