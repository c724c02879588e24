"""The comparison of the book with its twin again, with bounds checks and as plain Python."""

import pytest

from tests.modes import FLAGS, ROOT, check_under

SELECTION = [
    ROOT / "tests/matching/test_kernels.py",
    ROOT / "tests/matching/test_icebergs.py",
    ROOT / "tests/matching/test_minimum.py",
    ROOT / "tests/matching/test_reduce_only.py",
    *sorted((ROOT / "tests/matching").glob("test_auction*.py")),
    *sorted((ROOT / "tests/matching").glob("test_twin*.py")),
    *sorted((ROOT / "tests/matching").glob("test_mass_*.py")),
    ROOT / "tests/matching/test_baskets.py",
]


@pytest.mark.parametrize("flag", FLAGS)
def test_the_kernels_pass_with_bounds_checks_and_as_plain_python(flag: str) -> None:
    check_under(flag, SELECTION)
