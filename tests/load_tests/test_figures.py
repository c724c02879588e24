"""The compiled book makes of every generated flow what a book of plain maps in another language made of it."""

import json
from pathlib import Path

import pytest

from exchange.bench.match import run_match
from load_tests.reference import FIGURES
from load_tests.shapes import DEEP_ORDERS, SHAPES
from tests.load_tests.figures import DEEP_OPERATIONS, FILE, FLOWS, SEED, Flow

FACTS = {Flow(row["shape"], row["instruments"], row["operations"]): row for row in json.loads(FILE.read_text())}


@pytest.mark.parametrize("flow", FLOWS, ids=lambda flow: f"{flow.shape}-{flow.instruments}")
def test_a_flow_trades_and_rests_as_in_the_other_book(tmp_path: Path, flow: Flow) -> None:
    fact, path = FACTS[flow], tmp_path / "flow.bin"
    assert flow.write(path) == fact["checksum"], "another flow was made than the figures are of"
    result = run_match(path, flow.instruments)
    assert {name: str(result[name]) for name in FIGURES.values()} == {name: fact[name] for name in FIGURES.values()}


def test_every_shape_has_its_figures() -> None:
    assert {flow.shape for flow in FACTS} == set(SHAPES)
    assert list(FACTS) == FLOWS


def test_a_deep_book_is_a_million_orders_deep(tmp_path: Path) -> None:
    path = tmp_path / "flow.bin"
    SHAPES["deep"].make(DEEP_OPERATIONS, 1, SEED)[:DEEP_ORDERS].tofile(path)
    assert run_match(path, 1)["resting"] > 1_000_000
