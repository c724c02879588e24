"""The suite measures what it is asked for, keeps every round, and writes what people read."""

import sys
from pathlib import Path

import pytest

from load_tests.bench.__main__ import main
from load_tests.bench.parts import PARTS, QUICK, Options, measure_match
from load_tests.bench.report import BEGIN, END, write_report
from load_tests.bench.results import Figure, Results, describe_machine


def run(monkeypatch: pytest.MonkeyPatch, folder: Path, *arguments: str) -> None:
    options = ["--directory", str(folder), "--out", str(folder / "bench.json"), "--quick", *arguments]
    monkeypatch.setattr(sys, "argv", ["load_tests.bench", *options])
    main()


def test_two_calls_are_kept_shown_and_compared(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run(monkeypatch, tmp_path, "--parts", "journal", "--rounds", "2")
    (tmp_path / "bench.json").rename(tmp_path / "earlier.json")
    run(monkeypatch, tmp_path, "--parts", "journal", "--rounds", "2", "--compare", str(tmp_path / "earlier.json"))
    results = Results.read(tmp_path / "bench.json")
    assert {len(figure.samples) for figure in results.figures.values()} == {2}
    assert results.figures["journal_records_per_second"].median > 0
    assert results.machine == describe_machine()
    told = capsys.readouterr().out
    assert "beside the earlier results" in told
    assert any(verdict in told for verdict in ("faster", "slower", "noise"))


def test_matching_is_measured_beside_the_twin(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr("load_tests.bench.parts.INSTRUMENTS", (1, 10))
    figures = measure_match(Options(tmp_path, QUICK._replace(operations=2_000)), lambda *_: None)
    assert len(figures) == 4
    assert all(value > 0 for value in figures.values())


@pytest.mark.parametrize("arguments", [("--parts", "nothing"), ("--parts", ""), ("--rounds", "0")])
def test_what_cannot_be_measured_is_refused(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, arguments: tuple[str, ...]
) -> None:
    with pytest.raises(SystemExit) as ended:
        run(monkeypatch, tmp_path, *arguments)
    assert ended.value.code == 2


def test_a_file_of_something_else_is_no_result(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "other.json").write_text("[]")
    with pytest.raises(SystemExit) as ended:
        run(monkeypatch, tmp_path, "--parts", "journal", "--compare", str(tmp_path / "other.json"))
    assert ended.value.code == 2


def test_a_report_replaces_the_figures_and_nothing_else(tmp_path: Path) -> None:
    page = tmp_path / "PERFORMANCE.md"
    page.write_text(f"before\n\n{BEGIN}\nold\n{END}\n\nafter\n")
    asked = {"rounds": 1, "size": "quick", "parts": list(PARTS)}
    figures = {"match_1_per_second": Figure((2e7,)), "journal_ratio": Figure((0.9, 1.0))}
    write_report(page, Results(describe_machine(), asked, figures))
    text = page.read_text()
    assert text.startswith(f"before\n\n{BEGIN}")
    assert text.endswith(f"{END}\n\nafter\n")
    assert "old" not in text
    assert "| `match_1_per_second` | 20,000,000 | 0% |" in text
    assert all((tmp_path / f"performance-{theme}.svg").read_text().startswith("<svg") for theme in ("light", "dark"))
    with pytest.raises(ValueError, match="no place"):
        write_report(tmp_path / "performance-light.svg", Results(describe_machine(), asked, figures))
