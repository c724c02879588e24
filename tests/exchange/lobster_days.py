"""Made-up LOBSTER days: a market with price-time priority, written down as LOBSTER would have recorded it."""

from pathlib import Path
from typing import NamedTuple

import numpy as np

SUBMISSION, PARTIAL_CANCEL, DELETION, EXECUTION, HIDDEN_EXECUTION, CROSS, HALT = range(1, 8)
BUY, SELL = 1, -1
LEVELS = 3
EMPTY = {BUY: (-9999999999, 0), SELL: (9999999999, 0)}

Levels = list[tuple[int, int]]


class Line(NamedTuple):
    """One message, and the book that it left: asks and bids, best first."""

    kind: int
    order_id: int
    size: int
    price: int
    direction: int
    asks: Levels
    bids: Levels


class Day:
    """A market with price-time priority, in lists, that writes down what a window of its book shows."""

    def __init__(self, seed: int) -> None:
        self.random = np.random.default_rng(seed)
        self.queues: dict[int, dict[int, list[list[int]]]] = {BUY: {}, SELL: {}}  # price: [[order id, size], ...]
        self.lines: list[Line] = []
        self.next_id = 1

    def run(self, steps: int) -> "Day":
        for _ in range(steps):
            before = self.window()
            told = self.step()
            if self.window() != before:
                self.lines.append(Line(*told, self.side(SELL), self.side(BUY)))
        return self

    def step(self) -> tuple[int, int, int, int, int]:
        direction = BUY if self.random.random() < 0.5 else SELL
        queues = self.queues[direction]
        choice = self.random.random()
        if len(queues) < LEVELS + 2 or choice < 0.45:
            return self.submit(direction)
        if choice < 0.65:
            price = self.best(direction)
            order = queues[price][0]
            size = int(self.random.integers(1, order[1] + 1))
            return self.take(EXECUTION, direction, price, order, size)
        price = sorted(queues)[self.random.integers(len(queues))]
        order = queues[price][self.random.integers(len(queues[price]))]
        if order[1] > 1 and choice < 0.75:
            return self.take(PARTIAL_CANCEL, direction, price, order, int(self.random.integers(1, order[1])))
        return self.take(DELETION, direction, price, order, order[1])

    def submit(self, direction: int) -> tuple[int, int, int, int, int]:
        limit = self.best(-direction)
        distance = int(self.random.integers(1, 9))
        price = (1_000 if limit is None else limit) - direction * distance
        order = [self.next_id, int(self.random.integers(1, 50))]
        self.next_id += 1
        self.queues[direction].setdefault(price, []).append(order)
        return SUBMISSION, order[0], order[1], price, direction

    def take(
        self, kind: int, direction: int, price: int, order: list[int], size: int
    ) -> tuple[int, int, int, int, int]:
        order[1] -= size
        if not order[1]:
            self.queues[direction][price].remove(order)
        if not self.queues[direction][price]:
            del self.queues[direction][price]
        return kind, order[0], size, price, direction

    def best(self, direction: int) -> int | None:
        return max(self.queues[direction], key=lambda price: direction * price, default=None)

    def side(self, direction: int) -> Levels:
        prices = sorted(self.queues[direction], key=lambda price: -direction * price)[:LEVELS]
        return [(price, sum(size for _, size in self.queues[direction][price])) for price in prices]

    def window(self) -> tuple[Levels, Levels]:
        return self.side(SELL), self.side(BUY)


def write_day(folder: Path, lines: list[Line], levels: int = LEVELS) -> tuple[Path, Path, int]:
    """The two files of a day, as arguments of `replay_lobster`."""
    messages, orderbook = folder / "message.csv", folder / "orderbook.csv"
    messages.write_text(
        "".join(f"{34200 + at / 8}," + ",".join(map(str, line[:5])) + "\n" for at, line in enumerate(lines))
    )
    orderbook.write_text("".join(book_row(line, levels) + "\n" for line in lines))
    return messages, orderbook, levels


def book_row(line: Line, levels: int) -> str:
    asks = (line.asks + [EMPTY[SELL]] * levels)[:levels]
    bids = (line.bids + [EMPTY[BUY]] * levels)[:levels]
    return ",".join(str(number) for ask, bid in zip(asks, bids, strict=True) for number in (*ask, *bid))
