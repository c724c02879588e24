"""The bench on flows of its own, against a book so slow and plain that it can be believed."""

import struct
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import NamedTuple

import numpy as np
import orjson
import pytest
from typer.testing import CliRunner

from exchange.bench.flow import FlowError
from exchange.bench.match import run_match
from exchange.cli.bench import bench_app

NEW, CANCEL, REPLACE = 1, 2, 3
BUY, SELL = 0, 1
GOOD_TILL_CANCELLED, IMMEDIATE = 0, 1
WRAP = 1 << 64
OPERATION = struct.Struct("<BBBBIQIiq")
INSTRUMENTS = 3
KEYS = [
    "operations",
    "trades",
    "traded_quantity",
    "resting",
    "resting_quantity",
    "rejected",
    "trade_digest",
    "book_digest",
    "operations_per_second",
    "ns_per_operation",
    "peak_rss_bytes",
]


class Operation(NamedTuple):
    """One operation of a flow, in the order of its fields in the file."""

    kind: int
    side: int = BUY
    time_in_force: int = GOOD_TILL_CANCELLED
    pad: int = 0
    instrument: int = 0
    order_id: int = 1
    account: int = 0
    price: int = 0
    quantity: int = 0


class SlowBook:
    """Price-time priority with lists and dictionaries, and both digests by their definitions."""

    def __init__(self) -> None:
        self.resting: dict[int, list[int]] = {}  # id: [instrument, side, price, quantity], by age
        self.trades = self.traded_quantity = self.rejected = 0
        self.trade_digest = 0xCBF29CE484222325

    def run(self, operations: Iterable[Operation]) -> dict[str, int | str]:
        for operation in operations:
            self.apply(operation)
        return {
            "trades": self.trades,
            "traded_quantity": self.traded_quantity,
            "resting": len(self.resting),
            "resting_quantity": sum(order[3] for order in self.resting.values()),
            "rejected": self.rejected,
            "trade_digest": f"{self.trade_digest:016x}",
            "book_digest": f"{self.book_digest():016x}",
        }

    def apply(self, operation: Operation) -> None:
        known = operation.order_id in self.resting
        if operation.kind == NEW:
            if known or operation.price <= 0 or operation.quantity <= 0:
                self.rejected += 1
            else:
                self.match(operation, operation.side)
        elif not known:
            self.rejected += 1
        else:
            instrument, side, _, _ = self.resting.pop(operation.order_id)
            if operation.kind == REPLACE:
                self.match(operation._replace(instrument=instrument), side)

    def match(self, operation: Operation, side: int) -> None:
        left = operation.quantity
        while left and (maker_id := self.best_maker(operation, side)):
            maker = self.resting[maker_id]
            traded = min(left, maker[3])
            left -= traded
            maker[3] -= traded
            self.record(operation.order_id, maker_id, maker[2], traded)
            if not maker[3]:
                del self.resting[maker_id]
        if left and operation.time_in_force == GOOD_TILL_CANCELLED:
            self.resting[operation.order_id] = [operation.instrument, side, operation.price, left]

    def best_maker(self, operation: Operation, side: int) -> int:
        sign = 1 if side == BUY else -1
        crossing = [
            (sign * price, age, order_id)
            for age, (order_id, (instrument, maker_side, price, _)) in enumerate(self.resting.items())
            if instrument == operation.instrument and maker_side != side and sign * price <= sign * operation.price
        ]
        return min(crossing)[2] if crossing else 0

    def record(self, *numbers: int) -> None:
        self.trades += 1
        self.traded_quantity += numbers[3]
        for number in numbers:
            self.trade_digest = (self.trade_digest ^ number) * 0x100000001B3 % WRAP

    def book_digest(self) -> int:
        total = 0
        for order_id, (instrument, _, price, quantity) in self.resting.items():
            mixed = order_id * 0x9E3779B97F4A7C15 % WRAP
            mixed ^= mixed >> 29
            total += mixed * quantity + (price << 20 | instrument) * (mixed | 1)
        return total % WRAP


def random_flow(seed: int, count: int) -> list[Operation]:
    """Crossing orders of few accounts under ids from all of u64, some used again while they rest or afterwards."""
    random = np.random.default_rng(seed)
    placed: list[Operation] = []
    flow: list[Operation] = []
    for _ in range(count):
        named = placed[random.integers(max(0, len(placed) - 40), len(placed))] if placed else None
        if named is None or random.random() < 0.6:
            operation = random_order(random, named)
            placed.append(operation)
        else:
            operation = random_change(random, named)
        flow.append(operation)
    return flow


def random_order(random: np.random.Generator, named: Operation | None) -> Operation:
    fresh = named is None or random.random() < 0.9
    return Operation(
        NEW,
        side=int(random.integers(2)),
        time_in_force=int(random.random() < 0.1),
        instrument=int(random.integers(INSTRUMENTS)),
        order_id=int(random.integers(1, WRAP, dtype=np.uint64)) if fresh else named.order_id,
        account=int(random.integers(1 << 32)),
        price=int(random.integers(-1, 30)),
        quantity=int(random.integers(0, 60) << random.choice([0, 0, 34])),
    )


def random_change(random: np.random.Generator, named: Operation) -> Operation:
    unknown = random.random() < 0.05
    change = named._replace(
        kind=CANCEL if random.random() < 0.6 else REPLACE,
        order_id=int(random.integers(1, WRAP, dtype=np.uint64)) if unknown else named.order_id,
        time_in_force=GOOD_TILL_CANCELLED,
        account=0,
    )
    return change._replace(price=int(random.integers(1, 30)), quantity=int(random.integers(1, 60)))


def write_flow(folder: Path, operations: Iterable[Operation]) -> Path:
    path = folder / "flow.bin"
    path.write_bytes(b"".join(OPERATION.pack(*operation) for operation in operations))
    return path


def figures(result: dict[str, int | float | str]) -> dict[str, int | float | str]:
    """What does not depend on the machine."""
    return {key: result[key] for key in KEYS[1:8]}


@pytest.mark.parametrize("seed", range(3))
def test_every_count_and_digest_equals_the_slow_book(tmp_path: Path, seed: int) -> None:
    flow = random_flow(seed, 3_000)
    result = run_match(write_flow(tmp_path, flow), INSTRUMENTS)
    expected = SlowBook().run(flow)
    assert figures(result) == expected
    assert min(expected["trades"], expected["resting"], expected["rejected"]) > 20


def test_the_size_of_a_batch_changes_nothing(tmp_path: Path) -> None:
    path = write_flow(tmp_path, random_flow(5, 2_000))
    assert figures(run_match(path, INSTRUMENTS, batch=7)) == figures(run_match(path, INSTRUMENTS))


def test_a_batch_with_more_events_than_the_buffer_holds_loses_none(tmp_path: Path) -> None:
    makers = 70_000
    sells = [Operation(NEW, SELL, order_id=order_id, price=10, quantity=1) for order_id in range(1, makers + 1)]
    sweep = Operation(NEW, BUY, order_id=makers + 1, price=10, quantity=makers + 5)
    result = run_match(write_flow(tmp_path, [*sells, sweep]), 1)
    assert (result["trades"], result["traded_quantity"]) == (makers, makers)
    assert (result["resting"], result["resting_quantity"]) == (1, 5)


def test_a_replace_goes_to_the_back_with_what_shall_remain(tmp_path: Path) -> None:
    flow = [
        Operation(NEW, SELL, order_id=1, price=10, quantity=5),
        Operation(NEW, SELL, order_id=2, price=10, quantity=5),
        Operation(NEW, BUY, order_id=3, price=10, quantity=2),
        Operation(REPLACE, SELL, order_id=1, price=10, quantity=3),
        Operation(NEW, BUY, order_id=4, price=10, quantity=4),
    ]
    result = run_match(write_flow(tmp_path, flow), 1)
    by_hand = SlowBook()
    for trade in ((3, 1, 10, 2), (4, 2, 10, 4)):
        by_hand.record(*trade)
    assert result["trade_digest"] == f"{by_hand.trade_digest:016x}"
    assert result["resting_quantity"] == 1 + 3


def test_a_flow_without_a_new_order_is_rejected_whole(tmp_path: Path) -> None:
    result = run_match(write_flow(tmp_path, [Operation(CANCEL), Operation(REPLACE, price=1, quantity=1)]), 1)
    assert (result["operations"], result["rejected"], result["resting"]) == (2, 2, 0)
    assert result["book_digest"] == "0" * 16


def test_progress_reaches_the_number_of_operations(tmp_path: Path) -> None:
    told: list[tuple[int, int]] = []
    run_match(write_flow(tmp_path, random_flow(1, 600)), INSTRUMENTS, 1, lambda *progress: told.append(progress))
    assert told == [(0, 600), (256, 600), (512, 600), (600, 600)]


@pytest.mark.parametrize(
    ("operation", "complaint"),
    [
        (Operation(9), "operation 1 .*op code 9"),
        (Operation(0), "operation 1 .*op code 0"),
        (Operation(CANCEL, instrument=INSTRUMENTS), "operation 1 .*instrument 3 is not below 3"),
        (Operation(NEW, side=2), "operation 1 .*side 2"),
        (Operation(NEW, time_in_force=2), "operation 1 .*time in force 2"),
        (Operation(NEW, order_id=0), "operation 1 .*id 0"),
    ],
)
def test_a_bad_operation_is_named_by_its_place(tmp_path: Path, operation: Operation, complaint: str) -> None:
    path = write_flow(tmp_path, [Operation(NEW, price=1, quantity=1), operation])
    with pytest.raises(FlowError, match=complaint):
        run_match(path, INSTRUMENTS)


@pytest.mark.parametrize(
    ("content", "instruments", "complaint"),
    [
        (b"", 1, "is empty"),
        (bytes(33), 1, "33 bytes.*not a whole number"),
        (OPERATION.pack(*Operation(CANCEL)), 0, "1 to 1,048,576, not 0"),
        (OPERATION.pack(*Operation(CANCEL)), 1 << 21, "not 2,097,152"),
    ],
)
def test_a_file_that_is_no_flow_is_refused(tmp_path: Path, content: bytes, instruments: int, complaint: str) -> None:
    path = tmp_path / "flow.bin"
    path.write_bytes(content)
    with pytest.raises(FlowError, match=complaint):
        run_match(path, instruments)


def test_the_command_prints_one_line_of_json(tmp_path: Path) -> None:
    path = write_flow(tmp_path, random_flow(2, 500))
    outcome = CliRunner().invoke(bench_app, ["match", str(path), "--instruments", str(INSTRUMENTS)])
    assert outcome.exit_code == 0
    (line,) = outcome.stdout.splitlines()
    result = orjson.loads(line)
    assert list(result) == KEYS
    assert result["operations"] == 500
    assert min(result["operations_per_second"], result["ns_per_operation"]) > 0
    assert result["peak_rss_bytes"] > 1 << 20


@pytest.mark.parametrize(
    ("prepare", "complaint"),
    [
        (lambda path: None, "No such file or directory"),
        (lambda path: path.write_bytes(b"short"), "not a whole number"),
    ],
)
def test_the_command_refuses_in_one_line(tmp_path: Path, prepare: Callable[[Path], object], complaint: str) -> None:
    prepare(tmp_path / "flow.bin")
    outcome = CliRunner().invoke(bench_app, ["match", str(tmp_path / "flow.bin"), "--instruments", "1"])
    assert outcome.exit_code == 2
    assert outcome.stdout == ""
    (line,) = outcome.stderr.splitlines()
    assert complaint in line
