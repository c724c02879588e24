"""The bench of recovery replays, restarts and takes snapshots of the very market that it wrote."""

from pathlib import Path

import numpy as np
import orjson
import pytest
from typer.testing import CliRunner

from exchange.bench import market, recover
from exchange.cli.bench import bench_app
from exchange.venue.machine import Venue
from exchange.venue.schema import Event
from exchange.venue.state import VenueLimits
from matching.schema import OrderReject

KEYS = [
    "replayed_commands",
    "replay_commands_per_second",
    "replay_s",
    "replay_read_s",
    "replay_hash_s",
    "view_commands_per_second",
    "resting_orders",
    "snapshot_bytes",
    "restart_load_s",
    "restart_restore_s",
    "restart_digest_s",
    "restart_view_s",
    "restart_s",
    "snapshots",
    "snapshot_pause_ms",
    "snapshot_pause_ms_median",
    "reply_ms_p50",
    "reply_ms_slowest",
    "peak_rss_bytes",
]
START_NS = 1_800_000_000 * 10**9


def opened() -> tuple[Venue, int]:
    venue, first = Venue(VenueLimits(instruments=1_024)), market.opening(START_NS)
    events = venue.apply(first, 1)
    assert (events["kind"] != Event.REJECTED).all()
    assert (events["kind"] == Event.TRANCHE_LISTED).sum() >= market.WINDOWS
    return venue, len(first) + 1


def test_resting_orders_all_rest() -> None:
    venue, sequence = opened()
    for batch in market.batches(market.resting_orders(5_000, sequence), 999, START_NS + 2):
        venue.apply(batch, sequence)
        sequence += len(batch)
    assert len(venue.image()["orders"]) == 5_000


def test_a_plain_flow_trades_rests_and_is_refused_only_for_orders_that_are_gone() -> None:
    venue, sequence = opened()
    flow = market.plain_flow(20_000, sequence)
    kinds, counts = np.unique(flow["kind"], return_counts=True)
    assert kinds.tolist() == [1, 2, 3]
    assert np.abs(counts / len(flow) - [0.55, 0.40, 0.05]).max() < 0.02
    events = venue.apply(np.concatenate(market.batches(flow, 1_000, START_NS + 2)), sequence)
    refused = events["reason"][events["kind"] == Event.REJECTED]
    assert set(refused.tolist()) == {OrderReject.UNKNOWN_ORDER}
    assert len(refused) < 5_000
    for kind in (Event.TRADE, Event.RESTED, Event.CANCELLED, Event.REPLACED, Event.KILLED):
        assert (events["kind"] == kind).sum() > 100


def test_the_command_prints_one_line_of_json_and_leaves_no_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(recover, "SNAPSHOT_EVERY", 200)
    outcome = CliRunner().invoke(
        bench_app, ["recover", "--directory", str(tmp_path), "--replayed", "9000", "--resting", "3000"]
    )
    assert outcome.exit_code == 0, outcome.stderr
    (line,) = outcome.stdout.splitlines()
    result = orjson.loads(line)
    assert list(result) == KEYS
    assert result["replayed_commands"] > 9_000
    assert result["resting_orders"] == 3_000
    assert result["snapshots"] >= recover.SNAPSHOTS
    assert min(result[name] for name in KEYS if "per_second" in name or name.endswith(("bytes", "ms"))) > 0
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        (["--directory", "/nonexistent"], "No such file or directory"),
        (["--replayed", "0"], "at least 1 command"),
        (["--resting", "2000001"], "1 to 2,000,000 orders"),
    ],
)
def test_the_command_refuses_in_one_line(arguments: list[str], complaint: str) -> None:
    outcome = CliRunner().invoke(bench_app, ["recover", *arguments])
    assert outcome.exit_code == 2
    assert outcome.stdout == ""
    (line,) = outcome.stderr.splitlines()
    assert complaint in line
