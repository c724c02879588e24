"""Shares of amounts beside Python's integers, which never wrap."""

from hypothesis import given
from hypothesis import strategies as st

from risk.shares import millionths_up, share_of

AMOUNTS = st.one_of(st.integers(0, (1 << 62) - 1), st.integers(0, 1_000))


@given(AMOUNTS, AMOUNTS, AMOUNTS)
def test_a_share_is_rounded_down_and_its_remainder_is_exact(amount: int, first: int, second: int):
    part, whole = sorted((first, second))
    whole = max(whole, 1)
    assert tuple(map(int, share_of(amount, part, whole))) == divmod(amount * part, whole)


@given(st.integers(0, (1 << 62) - 1), st.integers(0, 1_000_000))
def test_millionths_are_rounded_up(amount: int, ppm: int):
    assert int(millionths_up(amount, ppm)) == -(-amount * ppm // 1_000_000)
