"""The benches of the doors measure what they say, tell it in one line, and leave nothing behind."""

from pathlib import Path
from typing import Any

import orjson
import pytest
from typer.testing import CliRunner

from exchange.cli.bench import bench_app
from gateway import cli
from gateway.bench import feed, gateway, neighbours

GATEWAY_KEYS = [
    "seconds",
    "rounds",
    "cores",
    "json_orders_per_second",
    "json_echo_per_second",
    "json_orders_ratio",
    "ack_us_p50",
    "echo_us_p50",
    "commit_us_p50",
    "ack_extra_us",
    "half_orders_per_second",
    "p99_ms_at_half",
    "p99_ms_after_rest",
    "echo_p99_ms_at_half",
    "binary_orders_per_second",
    "rest_orders_per_second",
    "rest_echo_per_second",
    "rest_ratio",
]
FEED_KEYS = [
    "seconds",
    "rounds",
    "cores",
    "subscribers",
    "deltas_per_second",
    "broadcasts_per_second",
    "messages_per_second",
    "fanout_ratio",
    "delta_bytes",
    "bytes_per_idle_connection",
    "bare_bytes_per_idle_connection",
]

NEIGHBOURS_KEYS = [
    "seconds",
    "rounds",
    "cores",
    "subscribers",
    "outbox_messages_max",
    "changes_per_second",
    "push_p50_reading_ms",
    "push_p99_reading_ms",
    "push_p50_stopped_ms",
    "push_p99_stopped_ms",
    "push_p99_times_without",
    "stopped_closed",
    "stopped_close_code",
    "stopped_close_reason",
    "requests_per_second",
    "order_p50_alone_ms",
    "order_p99_alone_ms",
    "order_p50_attacked_ms",
    "order_p99_attacked_ms",
    "order_p99_times_without",
    "cancel_max_attacked_ms",
    "cancel_max_attacker_ms",
    "attacks_per_second",
    "attacks",
    "attacks_rate_limited",
]


def run(*arguments: str):
    assert cli.app.registered_groups, "the commands of the doors are entered with the others"
    return CliRunner().invoke(bench_app, arguments)


def result_of(outcome) -> dict[str, Any]:
    """What a bench that went well printed: one line of JSON."""
    assert outcome.exit_code == 0, outcome.output
    (line,) = outcome.stdout.splitlines()
    result: dict[str, Any] = orjson.loads(line)
    return result


def test_the_bench_of_the_gateway_prints_one_line_of_json_and_leaves_no_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(gateway, "ROUNDS", 2)
    outcome = run("gateway", "--directory", str(tmp_path), "--seconds", "0.01")
    result = result_of(outcome)
    assert list(result) == GATEWAY_KEYS
    assert (result["seconds"], result["rounds"]) == (0.01, 2)
    assert min(result[name] for name in GATEWAY_KEYS if name != "ack_extra_us") > 0
    assert result["half_orders_per_second"] == pytest.approx(result["json_orders_per_second"] / 2, abs=1)
    apart_us = result["ack_us_p50"] - result["echo_us_p50"] - result["commit_us_p50"]
    assert result["ack_extra_us"] == pytest.approx(apart_us, abs=0.3)
    assert list(tmp_path.iterdir()) == []


def test_the_bench_of_the_feed_prints_one_line_of_json_and_leaves_no_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(feed, "ROUNDS", 2)
    outcome = run("feed", "--directory", str(tmp_path), "--seconds", "0.01", "--subscribers", "20")
    result = result_of(outcome)
    assert list(result) == FEED_KEYS
    assert (result["seconds"], result["rounds"], result["subscribers"]) == (0.01, 2, 20)
    # Twenty connections may fit into pages that a server has already.
    assert min(result[name] for name in FEED_KEYS if "idle" not in name) > 0
    assert result["messages_per_second"] == pytest.approx(20 * result["deltas_per_second"], rel=0.01)
    assert list(tmp_path.iterdir()) == []


def test_the_bench_of_neighbours_tells_that_those_who_misbehave_were_stopped_by_name_and_leaves_no_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(neighbours, "ROUNDS", 2)
    monkeypatch.setattr(neighbours, "SUBSCRIBERS", 20)
    outcome = run("neighbours", "--directory", str(tmp_path), "--seconds", "0.01")
    result = result_of(outcome)
    assert list(result) == NEIGHBOURS_KEYS
    assert (result["seconds"], result["rounds"], result["subscribers"]) == (0.01, 2, 20)
    assert (result["stopped_closed"], result["stopped_close_code"]) == (2, 4008)
    assert result["stopped_close_reason"] == "slow_consumer"
    assert result["attacks"] == 2 * 500, "a tenth of a second each, ten times the budget"
    assert 0 < result["attacks_rate_limited"] <= result["attacks"]
    waits = [name for name in NEIGHBOURS_KEYS if name.endswith(("_ms", "_times_without"))]
    assert min(result[name] for name in waits) > 0
    for kind in ("reading", "stopped"):
        assert result[f"push_p50_{kind}_ms"] <= result[f"push_p99_{kind}_ms"]
    for kind in ("alone", "attacked"):
        assert result[f"order_p50_{kind}_ms"] <= result[f"order_p99_{kind}_ms"]
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        (["gateway", "--directory", "/nonexistent"], "No such file or directory"),
        (["gateway", "--seconds", "0"], "more than 0 and at most 10 seconds, not 0"),
        (["feed", "--directory", "/nonexistent"], "No such file or directory"),
        (["feed", "--seconds", "11"], "at most 10 seconds and 1 to 10,000 subscribers, not 11 and 1,000"),
        (["feed", "--subscribers", "0"], "not 1 and 0"),
        (["neighbours", "--directory", "/nonexistent"], "No such file or directory"),
        (["neighbours", "--seconds", "11"], "more than 0 and at most 10 seconds, not 11"),
    ],
)
def test_the_benches_of_the_doors_refuse_in_one_line(arguments: list[str], complaint: str) -> None:
    outcome = run(*arguments)
    assert outcome.exit_code == 2
    assert outcome.stdout == ""
    (line,) = outcome.stderr.splitlines()
    assert complaint in line
