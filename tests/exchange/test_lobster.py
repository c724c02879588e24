"""The LOBSTER replay: on made-up days whose truth is known, on days with a deliberate error, and on a recorded one."""

import gzip
import os
from collections.abc import Callable
from pathlib import Path

import orjson
import pytest
from typer.testing import CliRunner

from exchange.cli.replay import replay_app
from exchange.lobster import replay_lobster
from exchange.lobster_files import LobsterError
from tests.exchange.lobster_days import (
    BUY,
    CROSS,
    DELETION,
    EXECUTION,
    HALT,
    HIDDEN_EXECUTION,
    LEVELS,
    PARTIAL_CANCEL,
    SELL,
    SUBMISSION,
    Day,
    Line,
    write_day,
)

KEYS = [
    "rows",
    "rows_agree_on_known_levels",
    "executions",
    "executions_at_queue_head",
    "operations_per_second",
]


def counts(folder: Path, lines: list[Line], levels: int = LEVELS) -> tuple[int, int, int, int]:
    """What a replay of these lines counts."""
    result = replay_lobster(*write_day(folder, lines, levels))
    return tuple(result[key] for key in KEYS[:4])


@pytest.mark.parametrize("seed", range(4))
def test_a_day_of_price_time_priority_agrees_row_by_row(tmp_path: Path, seed: int) -> None:
    lines = Day(seed).run(steps=1_500).lines
    rows, agreeing, executions, at_queue_head = counts(tmp_path, lines)
    assert (rows, agreeing) == (len(lines), len(lines) - 1)
    assert at_queue_head == executions > 50


def test_a_day_that_is_recorded_from_its_middle_agrees_too(tmp_path: Path) -> None:
    lines = Day(7).run(steps=1_500).lines[300:]
    rows, agreeing, executions, at_queue_head = counts(tmp_path, lines)
    assert (rows, agreeing) == (len(lines), len(lines) - 1)
    known = {line.order_id for line in lines if line.kind == SUBMISSION}
    assert executions <= sum(line.kind == EXECUTION and line.order_id in known for line in lines)
    assert at_queue_head == executions > 50


ASKS, BIDS = [(103, 5), (104, 6)], [(100, 5), (99, 6)]
START = Line(HIDDEN_EXECUTION, 0, 1, 101, BUY, ASKS, BIDS)


def test_a_day_of_few_levels_and_every_kind_of_message_agrees(tmp_path: Path) -> None:
    lines = [
        START,
        Line(SUBMISSION, 11, 4, 102, SELL, [(102, 4), (103, 5)], BIDS),
        Line(PARTIAL_CANCEL, 11, 1, 102, SELL, [(102, 3), (103, 5)], BIDS),
        Line(PARTIAL_CANCEL, 77, 2, 100, BUY, [(102, 3), (103, 5)], [(100, 3), (99, 6)]),
        Line(DELETION, 78, 1, 99, BUY, [(102, 3), (103, 5)], [(100, 3), (99, 5)]),
        Line(CROSS, 0, 50, 101, BUY, [(102, 3), (103, 5)], [(100, 3), (99, 5)]),
        Line(EXECUTION, 11, 2, 102, SELL, [(102, 1), (103, 5)], [(100, 3), (99, 5)]),
        Line(EXECUTION, 79, 3, 100, BUY, [(102, 1), (103, 5)], [(99, 5)]),
        Line(DELETION, 11, 1, 102, SELL, [(103, 5), (104, 9)], [(99, 5)]),
        Line(DELETION, 80, 5, 99, BUY, [(103, 5), (104, 9)], []),
        Line(SUBMISSION, 12, 7, 90, BUY, [(103, 5), (104, 9)], [(90, 7)]),
    ]
    assert counts(tmp_path, lines, levels=2) == (11, 10, 1, 1)


def test_an_execution_behind_the_queue_head_is_counted_once_and_put_right(tmp_path: Path) -> None:
    lines = [
        START,
        Line(SUBMISSION, 11, 4, 102, SELL, [(102, 4), (103, 5)], BIDS),
        Line(SUBMISSION, 12, 6, 102, SELL, [(102, 10), (103, 5)], BIDS),
        Line(EXECUTION, 12, 5, 102, SELL, [(102, 5), (103, 5)], BIDS),
        Line(EXECUTION, 11, 4, 102, SELL, [(102, 1), (103, 5)], BIDS),
        Line(EXECUTION, 12, 1, 102, SELL, [(103, 5), (104, 6)], BIDS),
    ]
    assert counts(tmp_path, lines, levels=2) == (6, 5, 3, 2)


def test_an_execution_past_a_better_price_fails_its_row(tmp_path: Path) -> None:
    lines = [
        START,
        Line(SUBMISSION, 11, 4, 104, SELL, [(103, 5), (104, 10)], BIDS),
        Line(EXECUTION, 11, 4, 104, SELL, [(103, 5), (104, 6)], BIDS),
        Line(SUBMISSION, 12, 1, 103, SELL, [(103, 6), (104, 6)], BIDS),
    ]
    assert counts(tmp_path, lines, levels=2) == (4, 2, 1, 0)


def test_an_execution_of_more_than_the_order_holds_is_not_at_the_queue_head(tmp_path: Path) -> None:
    lines = [
        START,
        Line(SUBMISSION, 11, 4, 102, SELL, [(102, 4), (103, 5)], BIDS),
        Line(EXECUTION, 11, 5, 102, SELL, [(103, 5), (104, 6)], BIDS),
    ]
    assert counts(tmp_path, lines, levels=2) == (3, 2, 1, 0)


def test_an_order_whose_level_was_forgotten_is_known_no_more(tmp_path: Path) -> None:
    lines = [
        START,
        Line(SUBMISSION, 11, 4, 102, SELL, [(102, 4)], BIDS),
        Line(SUBMISSION, 12, 1, 101, SELL, [(101, 1)], BIDS),
        Line(EXECUTION, 12, 1, 101, SELL, [(102, 4)], BIDS),
        Line(EXECUTION, 11, 4, 102, SELL, [(103, 5)], BIDS),
    ]
    assert counts(tmp_path, lines, levels=1) == (5, 4, 1, 1)


def test_a_submission_that_would_trade_fails_its_row(tmp_path: Path) -> None:
    lines = [START, Line(SUBMISSION, 11, 4, 103, BUY, ASKS, [(103, 4), (100, 5)])]
    assert counts(tmp_path, lines, levels=2) == (2, 0, 0, 0)


def test_a_level_that_vanishes_without_a_message_fails_its_row(tmp_path: Path) -> None:
    lines = [START._replace(asks=ASKS[:1]), START._replace(asks=[]), START._replace(asks=[])]
    assert counts(tmp_path, lines, levels=2) == (3, 1, 0, 0)


def test_a_recorded_level_that_crosses_the_book_never_trades(tmp_path: Path) -> None:
    lines = [
        START,
        Line(SUBMISSION, 11, 5, 101, BUY, ASKS, [(101, 5)]),
        Line(DELETION, 77, 5, 103, SELL, [(101, 2)], [(101, 5)]),
        Line(DELETION, 78, 2, 101, SELL, ASKS, [(101, 5)]),
    ]
    assert counts(tmp_path, lines, levels=1) == (4, 2, 0, 0)


def test_nothing_is_compared_until_a_halt_has_ended(tmp_path: Path) -> None:
    auctioned = [(101, 3), (104, 6)]
    lines = [
        START,
        Line(HALT, 0, 0, -1, -1, ASKS, BIDS),
        Line(SUBMISSION, 11, 9, 105, BUY, ASKS, [(105, 9), (100, 5)]),
        Line(HIDDEN_EXECUTION, 0, 1, 101, BUY, ASKS, BIDS),
        Line(HALT, 0, 0, 0, -1, ASKS, [(105, 9), (100, 5)]),
        Line(HALT, 0, 0, 1, -1, auctioned, BIDS),
        Line(SUBMISSION, 12, 2, 102, SELL, [(101, 3), (102, 2)], BIDS),
        Line(EXECUTION, 90, 3, 101, SELL, [(102, 2), (104, 6)], BIDS),
    ]
    assert counts(tmp_path, lines, levels=2) == (8, 2, 0, 0)


def recorded_size(line: Line) -> Line:
    (price, size), *rest = line.bids
    return line._replace(bids=[(price, size + 1), *rest])


def submitted_size(line: Line) -> Line:
    return line._replace(size=line.size + 1)


def submitted_side(line: Line) -> Line:
    return line._replace(direction=-line.direction)


@pytest.mark.parametrize(
    ("damage", "kind", "rows_lost"),
    [
        (recorded_size, SUBMISSION, 2),  # the row itself, and the next one, which is right again
        (submitted_size, SUBMISSION, 1),
        (submitted_size, PARTIAL_CANCEL, 1),
        (submitted_side, SUBMISSION, 1),
        (lambda line: line._replace(kind=HIDDEN_EXECUTION), DELETION, 1),
        (lambda line: line._replace(kind=HIDDEN_EXECUTION), EXECUTION, 1),
    ],
)
def test_a_deliberate_error_costs_its_row(
    tmp_path: Path, damage: Callable[[Line], Line], kind: int, rows_lost: int
) -> None:
    lines = Day(3).run(steps=600).lines
    at = next(at for at, line in enumerate(lines) if at > 300 and line.kind == kind)
    damaged = [*lines[:at], damage(lines[at]), *lines[at + 1 :]]
    assert counts(tmp_path, lines)[1] == len(lines) - 1
    assert counts(tmp_path, damaged)[1] == len(lines) - 1 - rows_lost


def test_compressed_files_are_known_by_their_content(tmp_path: Path) -> None:
    messages, orderbook, levels = write_day(tmp_path, Day(1).run(steps=200).lines)
    plain = replay_lobster(messages, orderbook, levels)
    orderbook.write_bytes(gzip.compress(orderbook.read_bytes()))
    mixed = replay_lobster(messages, orderbook, levels)
    assert [mixed[key] for key in KEYS[:4]] == [plain[key] for key in KEYS[:4]]


def test_progress_ends_at_the_size_of_the_message_file(tmp_path: Path) -> None:
    day = write_day(tmp_path, Day(1).run(steps=2_000).lines)
    told: list[tuple[int, int]] = []
    replay_lobster(*day, lambda *progress: told.append(progress))
    size = day[0].stat().st_size
    assert len(told) > 1
    assert told == sorted(told)
    assert told[-1] == (size, size)


@pytest.mark.parametrize(
    ("messages", "complaint"),
    [
        ("34200.1,1,11,4,102\n", "message.csv, line 1: 5 columns instead of 6"),
        ("34200.1,1,11,4,102,1\n34200.2,1,12\n", "message.csv, line 2: 3 columns instead of 6"),
        ("time,1,11,4,102,1\n", "line 1: 'time' is not a number of seconds"),
        ("nan,1,11,4,102,1\n", "line 1: 'nan' is not a number of seconds"),
        ("34200.1,1,11,4.5,102,1\n", "line 1: '4.5' is not a whole number"),
        ("34200.1,1,1_1,4,102,1\n", "line 1: an underscore is no part of a number"),
        (f"34200.1,1,{'1' * 5_000},4,102,1\n", "line 1: '1111.*' is not a whole number"),
        ("34200.1,8,11,4,102,1\n", "line 1: message type 8"),
        ("34200.1,1,0,4,102,1\n", "line 1: order id 0"),
        ("34200.1,1,11,0,102,1\n", "line 1: size 0"),
        ("34200.1,1,11,4,-102,1\n", "line 1: price -102"),
        ("34200.1,1,11,4,102,0\n", "line 1: direction 0"),
        ("34200.1,7,0,0,2,-1\n", "line 1: a halt message"),
        ("34200.1,5,0,1,102,1\n", "message.csv ends after line 1, where .*orderbook.csv goes on"),
        ("34200.1,5,0,1,102,1\n" * 3, "orderbook.csv ends after line 2, where .*message.csv goes on"),
        ("", "message.csv ends after line 0"),
    ],
)
def test_a_bad_message_is_named_by_its_line(tmp_path: Path, messages: str, complaint: str) -> None:
    day = write_day(tmp_path, [START, START], levels=2)
    day[0].write_text(messages)
    with pytest.raises(LobsterError, match=complaint):
        replay_lobster(*day)


@pytest.mark.parametrize(
    ("row", "levels", "complaint"),
    [
        ("103,5,100,5,104,6,99,6", 1, "line 1: 8 columns instead of 4"),
        ("103,5,100,5,104,6,99,6", 3, "line 1: 8 columns instead of 12"),
        ("103,5,100,5,104,x,99,6", 2, "line 1: 'x' is not a whole number"),
        ("103,5,100,5,104,-6,99,6", 2, "line 1: ask size -6"),
        ("103,5,-100,5,104,6,99,6", 2, "line 1: bid price -100"),
        ("103,5,100,5,103,6,99,6", 2, "line 1: ask prices 103 and 103 do not stand best first"),
        ("103,5,99,5,104,6,100,6", 2, "line 1: bid prices 100 and 99 do not stand best first"),
    ],
)
def test_a_bad_row_of_the_book_is_named_by_its_line(tmp_path: Path, row: str, levels: int, complaint: str) -> None:
    messages, orderbook, _ = write_day(tmp_path, [START])
    orderbook.write_text(row + "\n")
    with pytest.raises(LobsterError, match=f"orderbook.csv, {complaint}"):
        replay_lobster(messages, orderbook, levels)


def test_empty_files_and_a_number_of_levels_out_of_range_are_refused(tmp_path: Path) -> None:
    messages, orderbook, levels = write_day(tmp_path, [])
    with pytest.raises(LobsterError, match="are empty"):
        replay_lobster(messages, orderbook, levels)
    with pytest.raises(LobsterError, match="1 to 1,000, not 0"):
        replay_lobster(messages, orderbook, 0)


def test_a_torn_gzip_file_is_refused(tmp_path: Path) -> None:
    messages, orderbook, levels = write_day(tmp_path, Day(1).run(steps=200).lines)
    messages.write_bytes(gzip.compress(messages.read_bytes())[:-20])
    with pytest.raises(LobsterError, match=r"message\.csv is a damaged gzip file"):
        replay_lobster(messages, orderbook, levels)


def test_the_command_prints_one_line_of_json(tmp_path: Path) -> None:
    messages, orderbook, levels = write_day(tmp_path, Day(2).run(steps=200).lines)
    outcome = CliRunner().invoke(replay_app, ["lobster", str(messages), str(orderbook), "--levels", str(levels)])
    assert outcome.exit_code == 0
    (line,) = outcome.stdout.splitlines()
    result = orjson.loads(line)
    assert list(result) == KEYS
    assert result["rows"] == result["rows_agree_on_known_levels"] + 1
    assert result["operations_per_second"] > 0


@pytest.mark.parametrize(
    ("content", "complaint"), [(None, "No such file or directory"), ("1,2\n", "line 1: 2 columns")]
)
def test_the_command_refuses_in_one_line(tmp_path: Path, content: str | None, complaint: str) -> None:
    messages, orderbook, levels = write_day(tmp_path, [START])
    messages.unlink() if content is None else messages.write_text(content)
    outcome = CliRunner().invoke(replay_app, ["lobster", str(messages), str(orderbook), "--levels", str(levels)])
    assert outcome.exit_code == 2
    assert outcome.stdout == ""
    (line,) = outcome.stderr.splitlines()
    assert complaint in line


def test_the_recorded_amazon_day_agrees_on_every_known_level() -> None:
    folder = os.environ.get("BWX_DATA")
    if not folder:
        pytest.skip("BWX_DATA names no folder of recorded days")
    files = [sorted(Path(folder, "lob").glob(f"AMZN_2012-06-21_*_{name}_5.csv*")) for name in ("message", "orderbook")]
    if not all(files):
        pytest.skip(f"{folder}/lob holds no AMZN day of 2012-06-21 with 5 levels")
    result = replay_lobster(files[0][0], files[1][0], 5)
    assert (result["rows"], result["rows_agree_on_known_levels"]) == (155_935, 155_934)
    assert (result["executions"], result["executions_at_queue_head"]) == (7_307, 7_272)
