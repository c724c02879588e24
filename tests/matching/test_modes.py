"""The comparison with the twin again, in the two other ways in which numba can run the kernels."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
SELECTION = [
    ROOT / "tests/matching/test_kernels.py",
    *sorted((ROOT / "tests/matching").glob("test_twin*.py")),
]
TIMEOUT_SECONDS = 300
# Plain Python warns where an integer of numpy wraps, which compiled code does in silence.
AS_ERRORS = ["-W", "error::RuntimeWarning"]


@pytest.mark.parametrize("flag", ["NUMBA_BOUNDSCHECK", "NUMBA_DISABLE_JIT"])
def test_the_kernels_pass_with_bounds_checks_and_as_plain_python(flag: str) -> None:
    run = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", *AS_ERRORS, *map(str, SELECTION)],
        cwd=ROOT,
        env=os.environ | {flag: "1", "BWX_HYPOTHESIS_PROFILE": "reduced"},
        capture_output=True,
        text=True,
        timeout=TIMEOUT_SECONDS,
        check=False,
    )
    assert run.returncode == 0, run.stdout + run.stderr
    passed = re.search(r"(\d+) passed", run.stdout)
    assert passed is not None, run.stdout
    assert int(passed[1]) > len(SELECTION), "nearly nothing was run"
