"""The bench of a whole region valued anew: what it measures is what it says."""

import orjson
import pytest
from typer.testing import CliRunner

from exchange.bench.revalue import WINDOWS, run_revalue
from exchange.cli.bench import bench_app

FIGURES = ("region_ms", "region_ms_slowest", "window_ms", "copy_ms", "region_ratio")


def test_accounts_have_the_positions_and_orders_that_were_asked_for() -> None:
    told: list[tuple[int, int]] = []
    result = run_revalue(40, 5, 300, rounds=2, on_progress=lambda done, total: told.append((done, total)))
    assert (result["accounts"], result["positions"], result["orders"]) == (40, 200, 300)
    assert all(result[name] > 0 for name in FIGURES)
    assert told[-1] == (500, 500)


@pytest.mark.parametrize(
    "sizes", [(3, 5, 10, 1), (0, 5, 10, 1), (40, 0, 10, 1), (40, WINDOWS + 1, 10, 1), (40, 5, -1, 1), (40, 5, 10, 0)]
)
def test_sizes_that_make_no_sense_are_refused(sizes: tuple[int, int, int, int]) -> None:
    with pytest.raises(ValueError, match=r"pairs|positions|orders|round"):
        run_revalue(*sizes)


def test_the_command_prints_one_line_of_json() -> None:
    sizes = ["--accounts", "40", "--positions", "5", "--orders", "100", "--rounds", "1"]
    result = CliRunner().invoke(bench_app, ["revalue", *sizes])
    assert result.exit_code == 0
    assert orjson.loads(result.stdout)["orders"] == 100


def test_the_command_says_what_is_wrong_with_sizes() -> None:
    result = CliRunner().invoke(bench_app, ["revalue", "--accounts", "3"])
    assert (result.exit_code, "pairs" in result.stderr) == (2, True)
