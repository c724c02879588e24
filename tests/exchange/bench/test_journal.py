"""The bench of the journal commits what it says, tells it in one line, and leaves nothing behind."""

from pathlib import Path

import orjson
import pytest
from typer.testing import CliRunner

from exchange.bench import journal as bench
from exchange.bench.journal import BareTable, run_journal
from exchange.cli.bench import bench_app
from exchange.journal import Journal

KEYS = [
    "batches",
    "records_per_batch",
    "journal_commits_per_second",
    "journal_records_per_second",
    "bare_commits_per_second",
    "ratio",
    "ratio_with_the_same_pages",
    "append_us_p50",
    "append_us_p99",
    "bare_us_p50",
    "bare_us_p99",
    "bare_with_the_same_pages_us_p50",
    "bare_with_the_same_pages_us_p99",
    "hash_us_p50",
]


def test_every_batch_goes_into_the_journal_and_into_both_bare_tables(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    journaled: list[tuple[int, int, bytes]] = []
    bare: list[tuple[int, int, bytes]] = []
    monkeypatch.setattr(Journal, "append", lambda self, *batch: journaled.append(batch))
    monkeypatch.setattr(BareTable, "append", lambda self, *batch: bare.append(batch))
    run_journal(tmp_path, batches=5, records=3)
    assert [(first, len(payload)) for first, _, payload in journaled] == [(at, 192) for at in (1, 4, 7, 10, 13)]
    assert sorted(bare) == sorted(2 * journaled)


def test_a_bare_table_is_as_durable_as_the_journal(tmp_path: Path) -> None:
    table = BareTable(tmp_path / "bare.db", bench.SQLITE_PAGE_BYTES)
    table.append(1, 0, bytes(128))
    pragmas = [table._connection.pragma(name) for name in ("journal_mode", "synchronous", "page_size")]
    assert pragmas == ["wal", 2, 4_096]
    assert table._connection.execute("SELECT count, payload FROM bare").fetchall() == [(2, bytes(128))]
    table.close()


def test_the_command_prints_one_line_of_json_and_leaves_no_file(tmp_path: Path) -> None:
    arguments = ["journal", "--directory", str(tmp_path), "--batches", "20", "--records", "10"]
    outcome = CliRunner().invoke(bench_app, arguments)
    assert outcome.exit_code == 0
    (line,) = outcome.stdout.splitlines()
    result = orjson.loads(line)
    assert list(result) == KEYS
    assert (result["batches"], result["records_per_batch"]) == (20, 10)
    assert min(result.values()) > 0
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        (["--directory", "/nonexistent"], "No such file or directory"),
        (["--batches", "0"], "at least 1 batch"),
        (["--records", "0"], "1 to 1,048,576 records, not 2,000 of 0"),
    ],
)
def test_the_command_refuses_in_one_line(arguments: list[str], complaint: str) -> None:
    outcome = CliRunner().invoke(bench_app, ["journal", *arguments])
    assert outcome.exit_code == 2
    assert outcome.stdout == ""
    (line,) = outcome.stderr.splitlines()
    assert complaint in line
