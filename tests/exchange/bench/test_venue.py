"""The bench of the venue: the same flow gives the same trades and the same book as matching alone."""

from pathlib import Path

import numpy as np
import orjson
import pytest
from typer.testing import CliRunner

from exchange.bench.match import run_match
from exchange.bench.venue import ACCOUNTS, SERIES_WINDOWS_MAX, open_venue, run_venue
from exchange.cli.bench import bench_app
from load_tests.shapes import SHAPES

OPERATIONS = 3_000
MEASURED = ("operations_per_second", "ns_per_operation", "peak_rss_bytes")


@pytest.fixture(params=[1, 100])
def instruments(request: pytest.FixtureRequest) -> int:
    return request.param


@pytest.fixture
def flow(tmp_path: Path, instruments: int) -> Path:
    SHAPES["plain"].make(OPERATIONS, instruments, 7).tofile(tmp_path / "flow.bin")
    return tmp_path / "flow.bin"


def test_counts_and_digests_are_those_of_matching_alone(flow: Path, instruments: int) -> None:
    told: list[tuple[int, int]] = []
    result = run_venue(flow, instruments, batch=512, on_progress=lambda done, total: told.append((done, total)))
    alone = run_match(flow, instruments)
    assert result["trades"] > 100
    assert {name: value for name, value in result.items() if name not in MEASURED} == {
        name: value for name, value in alone.items() if name not in MEASURED
    }
    assert result.keys() == alone.keys()
    assert told[-1] == (OPERATIONS, OPERATIONS)


def test_everybody_is_margined_under_sixteen_scenarios_and_pays_fees() -> None:
    venue, _ = open_venue(3)
    shocks = venue.state.ledger.shocks.reshape(-1, 16)[1:4]
    assert (len(np.unique(shocks[0])), (shocks == shocks[0]).all()) == (16, True)
    contracts = venue.state.ledger.contracts[1:4]
    assert contracts["taker_fee_ppm"].tolist() == [50] * 3
    assert contracts["spread_ticks"].all()
    assert (venue.figures_of_all()["cash_nano"] > 0).sum() == ACCOUNTS


def test_more_windows_than_a_calendar_reaches_are_listed_by_several() -> None:
    venue, _ = open_venue(SERIES_WINDOWS_MAX + 5)
    assert venue.state.clock[0]["series_count"] == 2


def test_the_command_prints_one_line_of_json(flow: Path, instruments: int) -> None:
    result = CliRunner().invoke(bench_app, ["venue", str(flow), "--instruments", str(instruments)])
    assert result.exit_code == 0
    assert orjson.loads(result.stdout)["operations"] == OPERATIONS


def test_more_instruments_than_the_venue_lists_are_refused(flow: Path, instruments: int) -> None:
    result = CliRunner().invoke(bench_app, ["venue", str(flow), "--instruments", str(70_000 + instruments)])
    assert result.exit_code != 0
    assert "65,536" in result.output
