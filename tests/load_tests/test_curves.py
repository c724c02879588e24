"""Each kind of point measures what it says, and the curves go as far as they promise."""

import sys
from pathlib import Path

import orjson
import pytest

from load_tests import cost_points
from load_tests.cost_points import with_accounts, with_levels
from load_tests.curves import CURVES, main


@pytest.fixture(autouse=True)
def few(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cost_points, "OPERATIONS", 2_000)
    monkeypatch.setattr(cost_points, "SWEPT_IN_ALL", 2_000)


def test_points_of_matching_and_of_the_venue_have_rates(tmp_path: Path) -> None:
    for point in (with_levels(10, tmp_path), with_accounts(20, tmp_path)):
        assert point.rate > 0
        assert point.memory_bytes >= 0


def test_full_curves_reach_the_sizes_that_are_promised() -> None:
    furthest = {name: curve.all_sizes(full=True)[-1] for name, curve in CURVES.items()}
    assert furthest == {
        "instruments": 50_000,
        "resting": 4_000_000,
        "accounts": 1_000_000,
        "subscribers": 2_000,
        "levels": 10_000,
    }
    assert all(list(curve.all_sizes(full=True)) == sorted(curve.all_sizes(full=True)) for curve in CURVES.values())


def test_points_are_shown_written_and_drawn(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("load_tests.curves.alone", lambda measure, size: measure(size, tmp_path))
    out = tmp_path / "curves.json"
    monkeypatch.setattr(sys, "argv", ["curves", "--only", "levels", "--charts", str(tmp_path), "--out", str(out)])
    main()
    assert list(orjson.loads(out.read_bytes())["levels"]) == ["1", "10", "100", "1000"]
    assert "levels swept by an order" in capsys.readouterr().out
    assert (tmp_path / "curves-rate-dark.svg").exists()


def test_an_unknown_curve_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "argv", ["curves", "--only", "nothing"])
    with pytest.raises(SystemExit) as ended:
        main()
    assert ended.value.code == 2
