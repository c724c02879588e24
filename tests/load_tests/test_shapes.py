"""Each generated flow is what its name says, and compiled and slow matching agree on every trade and order of it."""

import sys
from pathlib import Path

import numpy as np
import pytest

from exchange.bench.flow import Flow
from exchange.bench.match import book_digest, new_tally, run_match, tally_events
from load_tests.flow import CANCEL, NEW, REPLACE
from load_tests.flow import main as write_flow
from load_tests.shapes import SHAPES, scattered
from matching.twin import TwinBook

OPERATIONS = 3_000
INSTRUMENTS = 3


def made(name: str, operations: int = OPERATIONS, seed: int = 1) -> np.ndarray:
    return SHAPES[name].make(operations, INSTRUMENTS, seed)


def resting_at_most(flow: np.ndarray) -> int:
    """The most orders that could rest at once, if nothing traded."""
    return int(np.cumsum((flow["kind"] == NEW).astype(int) - (flow["kind"] == CANCEL)).max())


@pytest.mark.parametrize("name", SHAPES)
def test_the_twin_trades_and_rests_the_same(tmp_path: Path, name: str) -> None:
    path = tmp_path / "flow.bin"
    made(name).tofile(path)
    twin, tally = TwinBook(), new_tally()
    for instrument_id in range(INSTRUMENTS):
        twin.list_instrument(instrument_id)
    for commands in Flow(path, INSTRUMENTS).commands(OPERATIONS):
        events = twin.execute(commands)
        tally_events(events, len(events), tally)
    result = run_match(path, INSTRUMENTS, batch=64)
    assert result["trades"] == tally[0]["trades"] > 0
    assert result["rejected"] == tally[0]["rejected"]
    assert result["trade_digest"] == f"{int(tally[0]['trade_digest']):016x}"
    assert result["book_digest"] == f"{book_digest(twin.orders()):016x}"


@pytest.mark.parametrize("name", SHAPES)
def test_a_seed_gives_one_flow_of_the_length_asked_for(name: str) -> None:
    assert made(name).tobytes() == made(name).tobytes()
    assert made(name, seed=2).tobytes() != made(name).tobytes()
    assert [len(made(name, operations)) for operations in (1, 2, 999)] == [1, 2, 999]


def test_a_deep_book_stands_before_the_first_cancel() -> None:
    flow, standing = made("deep"), OPERATIONS * 3 // 5
    assert (flow["kind"][:standing] == NEW).all()
    assert set(flow["kind"][standing:].tolist()) == {NEW, CANCEL, REPLACE}


def test_one_order_sweeps_all_prices_then_all_orders_of_one() -> None:
    swept = OPERATIONS // 4
    flow = made("sweeps")
    sweep, again = flow[swept], flow[2 * swept + 1]
    assert sweep["quantity_lots"] == flow["quantity_lots"][:swept].sum()
    assert len(set(flow["price_ticks"][:swept].tolist())) == swept
    assert again["quantity_lots"] == flow["quantity_lots"][swept + 1 : 2 * swept + 1].sum()
    assert len(set(flow["price_ticks"][swept + 1 : 2 * swept + 1].tolist())) == 1


def test_scattered_ids_differ_and_fill_all_bits() -> None:
    ids = made("random-ids")["order_id"]
    assert ids.max() > np.uint64(1 << 63)
    assert len(np.unique(scattered(np.arange(100_000, dtype=np.uint64)))) == 100_000
    assert (made("random-ids")["kind"] == made("plain")["kind"]).all()


def test_a_storm_cancels_every_order_of_its_wave_and_some_twice() -> None:
    wave = OPERATIONS // 4
    flow = made("storms")
    storm = flow[wave : wave + wave + wave // 10]
    assert (storm["kind"] == CANCEL).all()
    assert np.unique(storm["order_id"]).tolist() == flow["order_id"][:wave].tolist()
    assert resting_at_most(flow) == wave


def test_most_operations_of_a_replace_heavy_flow_are_replaces() -> None:
    assert 0.8 < (made("replaces")["kind"] == REPLACE).mean() < 0.9


def test_jumping_prices_are_thousands_of_ticks_apart() -> None:
    prices = made("jumps")["price_ticks"]
    first = made("jumps")["instrument_id"] == 0
    steps = np.abs(np.diff(prices[first & (prices > 0)].astype(np.int64)))
    assert np.median(steps) > 1_000
    assert prices.max() > 490_000_000


def test_everything_is_at_one_price() -> None:
    flow = made("one-price")
    for instrument_id in range(INSTRUMENTS):
        priced = (flow["instrument_id"] == instrument_id) & (flow["kind"] != CANCEL)
        assert len(np.unique(flow["price_ticks"][priced])) == 1
        assert set(flow["side"][priced].tolist()) == {0, 1}


def test_the_command_writes_the_shape_that_it_is_asked_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "flow.bin"
    options = ["--shape", "jumps", "--operations", "500", "--instruments", "3", "--seed", "4"]
    monkeypatch.setattr(sys, "argv", ["flow", str(path), *options])
    write_flow()
    assert path.read_bytes() == made("jumps", 500, seed=4).tobytes()
