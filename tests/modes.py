"""Running tests again in the two other ways in which numba can run kernels: with bounds checks, and as plain Python."""

import os
import re
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
TIMEOUT_S = 1_200
# What is asked of the twin is not asked again: it is plain Python in every way.
OF_KERNELS = ["-k", "not [twin"]
# Plain Python warns where an integer of numpy wraps, which compiled code does in silence.
AS_ERRORS = ["-W", "error::RuntimeWarning"]
# Digests of client ids and contents wrap on purpose, modulo 2^64.
WRAPS_ON_PURPOSE = ["-W", "ignore::RuntimeWarning"]

MATCHING = [
    ROOT / "tests/matching/test_kernels.py",
    ROOT / "tests/matching/test_icebergs.py",
    ROOT / "tests/matching/test_minimum.py",
    ROOT / "tests/matching/test_reduce_only.py",
    *sorted((ROOT / "tests/matching").glob("test_auction*.py")),
    *sorted((ROOT / "tests/matching").glob("test_twin*.py")),
    *sorted((ROOT / "tests/matching").glob("test_mass_*.py")),
    ROOT / "tests/matching/test_baskets.py",
]
VENUE = [ROOT / "tests/exchange/venue/test_apply.py", ROOT / "tests/exchange/venue/test_trading.py"]


def check_under(flag: str, selection: Sequence[Path], warnings: Sequence[str] = AS_ERRORS) -> None:
    """Run test files in a process with this flag, on fewer examples; all must pass, and be more than their number."""
    run = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", *OF_KERNELS, *warnings, *map(str, selection)],
        cwd=ROOT,
        env=os.environ | {flag: "1", "BWX_HYPOTHESIS_PROFILE": "reduced"},
        capture_output=True,
        text=True,
        timeout=TIMEOUT_S,
        check=False,
    )
    assert run.returncode == 0, run.stdout + run.stderr
    passed = re.search(r"(\d+) passed", run.stdout)
    assert passed is not None, run.stdout
    assert int(passed[1]) > len(selection), "nearly nothing was run"
