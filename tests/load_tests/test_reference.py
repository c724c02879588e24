"""Another book is believed only where it tells everything, and each figure that differs is named."""

from pathlib import Path

import pytest

from load_tests.reference import FIGURES, run_reference

RESULT: dict[str, int | float | str] = {ours: f"value of {ours}".replace(" ", "-") for ours in FIGURES.values()}


def program(folder: Path, told: dict[str, object], code: int = 0) -> Path:
    path = folder / "reference"
    line = " ".join(f"{name}={value}" for name, value in told.items())
    path.write_text(f'#!/bin/sh\n[ "$2" = 7 ] || exit 3\necho "{line}"\nexit {code}\n')
    path.chmod(0o755)
    return path


def agreeing() -> dict[str, object]:
    return {theirs: RESULT[ours] for theirs, ours in FIGURES.items()} | {"mops": 2.5, "peak": 1}


def test_a_book_that_tells_the_same_differs_in_nothing(tmp_path: Path) -> None:
    compared = run_reference(program(tmp_path, agreeing()), tmp_path / "flow", 7, RESULT)
    assert compared == (2.5e6, [])


@pytest.mark.parametrize("theirs", FIGURES)
def test_every_figure_is_compared(tmp_path: Path, theirs: str) -> None:
    compared = run_reference(program(tmp_path, agreeing() | {theirs: "other"}), tmp_path / "flow", 7, RESULT)
    assert compared.differences == [FIGURES[theirs]]


def test_a_book_that_fails_or_leaves_something_out_is_refused(tmp_path: Path) -> None:
    silent = agreeing()
    del silent["book"]
    for path in (program(tmp_path, agreeing(), code=1), program(tmp_path, silent)):
        with pytest.raises(ValueError, match="ended with"):
            run_reference(path, tmp_path / "flow", 7, RESULT)
    with pytest.raises(OSError, match="missing"):
        run_reference(tmp_path / "missing", tmp_path / "flow", 7, RESULT)
