"""Reading a recorded LOBSTER day: a message file and an order book file, plain or gzip, row by row in step.

A message is (time in seconds after midnight, type, order id, size, price in USD x 10,000, direction of the resting
order). A row of the order book is what the message left: ask price, ask size, bid price, bid size of every level, with
size 0 where a side has fewer levels.
"""

import gzip
import io
import re
import zlib
from collections.abc import Callable, Iterator
from enum import IntEnum
from itertools import pairwise, zip_longest
from pathlib import Path
from typing import NamedTuple, TypeVar

from matching.schema import PRICE_TICKS_MAX, QUANTITY_LOTS_MAX, Side

GZIP_MAGIC = b"\x1f\x8b"
MESSAGE_COLUMNS = 6
COLUMNS_PER_LEVEL = 4
LEVELS_MAX = 1_000
ORDER_ID_MAX = (1 << 62) - 1
"""Ids above are left to the orders that a replay makes up."""
ROWS_PER_REPORT = 1_024
HALTED, QUOTES_RESUMED, TRADING_RESUMED = -1, 0, 1
"""The prices of a halt message."""
INTEGER = re.compile(rb"\s*[+-]?\d{1,20}\s*")

Parsed = TypeVar("Parsed")

Levels = list[tuple[int, int]]
"""(price_ticks, quantity_lots) of one side, best first."""


class MessageKind(IntEnum):
    """What a message tells, by LOBSTER's own numbers."""

    SUBMISSION = 1
    PARTIAL_CANCEL = 2
    DELETION = 3
    EXECUTION = 4
    HIDDEN_EXECUTION = 5
    CROSS = 6
    HALT = 7


class Message(NamedTuple):
    """One row of the message file. A tick is 0.0001 USD, a lot one share."""

    kind: MessageKind
    order_id: int
    quantity_lots: int
    price_ticks: int
    side: Side  # of the resting order


class Row(NamedTuple):
    """A message, and the levels that were on each side after it, indexed by Side."""

    message: Message
    levels: tuple[Levels, Levels]


class LobsterError(ValueError):
    """Files that are no LOBSTER day of so many levels; `str` names the file, the line and what is wrong there."""


class LineError(ValueError):
    """What is wrong with one line; `read_rows` adds the file and the number of the line."""


def read_rows(
    messages: Path, orderbook: Path, levels: int, on_progress: Callable[[int, int], None] = lambda done, total: None
) -> Iterator[Row]:
    """Both files in step. `on_progress` is told how far the message file is read, in bytes, and its size.

    Raises LobsterError at the first line that is wrong, and OSError when a file cannot be read.
    """
    if not 1 <= levels <= LEVELS_MAX:
        raise LobsterError(f"the number of levels must be 1 to {LEVELS_MAX:,}, not {levels:,}")
    size = messages.stat().st_size
    with messages.open("rb") as message_file, orderbook.open("rb") as book_file:
        parsed_messages = _parsed(message_file, messages, parse_message)
        parsed_levels = _parsed(book_file, orderbook, lambda line: parse_levels(line, levels))
        number = 0
        for number, (message, both_sides) in enumerate(zip_longest(parsed_messages, parsed_levels), 1):
            if message is None or both_sides is None:
                ended, longer = (messages, orderbook) if message is None else (orderbook, messages)
                raise LobsterError(f"{ended} ends after line {number - 1:,}, where {longer} goes on")
            yield Row(message, both_sides)
            if number % ROWS_PER_REPORT == 0:
                on_progress(message_file.tell(), size)
    if not number:
        raise LobsterError(f"{messages} and {orderbook} are empty")
    on_progress(size, size)


def parse_message(line: bytes) -> Message:
    """One line of the message file. Raises LineError."""
    time_s, *columns = _columns(line, MESSAGE_COLUMNS)
    _check_time(time_s)
    kind, order_id, quantity_lots, price_ticks, direction = _integers(columns)
    if not 1 <= kind <= MessageKind.HALT:
        raise LineError(f"message type {kind} is not 1 to {int(MessageKind.HALT)}")
    if kind <= MessageKind.EXECUTION:
        _check_order(order_id, quantity_lots, price_ticks, direction)
    if kind == MessageKind.HALT and price_ticks not in (HALTED, QUOTES_RESUMED, TRADING_RESUMED):
        raise LineError(f"a halt message has the price -1, 0 or 1, not {price_ticks}")
    side = Side.BUY if direction == 1 else Side.SELL
    return Message(MessageKind(kind), order_id, quantity_lots, price_ticks, side)


def parse_levels(line: bytes, levels: int) -> tuple[Levels, Levels]:
    """One line of the order book file, with so many levels a side: bids and asks. Raises LineError."""
    values = _integers(_columns(line, COLUMNS_PER_LEVEL * levels))
    asks = [level for level in zip(values[0::4], values[1::4], strict=True) if level[1]]
    bids = [level for level in zip(values[2::4], values[3::4], strict=True) if level[1]]
    _check_levels("ask", asks, asks)
    _check_levels("bid", bids, bids[::-1])
    return bids, asks


def _parsed(file: io.BufferedReader, path: Path, parse: Callable[[bytes], Parsed]) -> Iterator[Parsed]:
    for number, line in enumerate(_lines(file, path), 1):
        try:
            yield parse(line)
        except LineError as error:
            raise LobsterError(f"{path}, line {number:,}: {error}") from None


def _lines(file: io.BufferedReader, path: Path) -> Iterator[bytes]:
    compressed = file.peek(len(GZIP_MAGIC)).startswith(GZIP_MAGIC)
    try:
        yield from io.BufferedReader(gzip.GzipFile(fileobj=file)) if compressed else file
    except (gzip.BadGzipFile, EOFError, zlib.error) as error:
        raise LobsterError(f"{path} is a damaged gzip file: {error}") from error


def _check_time(time_s: bytes) -> None:
    try:
        valid = 0 <= float(time_s) < float("inf")
    except ValueError:
        valid = False
    if not valid:
        raise LineError(f"{_shown(time_s)} is not a number of seconds")


def _check_order(order_id: int, quantity_lots: int, price_ticks: int, direction: int) -> None:
    if not 1 <= order_id <= ORDER_ID_MAX:
        raise LineError(f"order id {order_id} is not 1 to 2^62 - 1")
    if not 1 <= quantity_lots <= QUANTITY_LOTS_MAX:
        raise LineError(f"size {quantity_lots} is not 1 to {QUANTITY_LOTS_MAX:,}")
    if not 1 <= price_ticks <= PRICE_TICKS_MAX:
        raise LineError(f"price {price_ticks} is not 1 to {PRICE_TICKS_MAX:,}")
    if direction not in (1, -1):
        raise LineError(f"direction {direction} is not 1 or -1")


def _check_levels(name: str, levels: Levels, rising: Levels) -> None:
    for price_ticks, quantity_lots in levels:
        if not 1 <= price_ticks <= PRICE_TICKS_MAX:
            raise LineError(f"{name} price {price_ticks} is not 1 to {PRICE_TICKS_MAX:,}")
        if not 0 <= quantity_lots <= QUANTITY_LOTS_MAX:
            raise LineError(f"{name} size {quantity_lots} is not 0 to {QUANTITY_LOTS_MAX:,}")
    for (lower_ticks, _), (higher_ticks, _) in pairwise(rising):
        if lower_ticks >= higher_ticks:
            raise LineError(f"{name} prices {lower_ticks} and {higher_ticks} do not stand best first")


def _columns(line: bytes, count: int) -> list[bytes]:
    columns = line.split(b",")
    if len(columns) != count:
        raise LineError(f"{len(columns)} columns instead of {count}")
    if b"_" in line:
        raise LineError("an underscore is no part of a number")
    return columns


def _integers(columns: list[bytes]) -> list[int]:
    try:
        return list(map(int, columns))
    except ValueError:
        wrong = next(column for column in columns if not INTEGER.fullmatch(column))
        raise LineError(f"{_shown(wrong)} is not a whole number") from None


def _shown(column: bytes) -> str:
    return repr(column.strip()[:40].decode("ascii", "backslashreplace"))
