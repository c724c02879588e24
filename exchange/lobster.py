"""`bwx replay lobster`: a recorded LOBSTER day through the exchange's own matching, compared row by row."""

from collections.abc import Callable
from pathlib import Path
from time import perf_counter

from exchange.lobster_book import RecordedBook
from exchange.lobster_files import Message, MessageKind, read_rows
from matching.schema import Side


def replay_lobster(
    messages: Path,
    orderbook: Path,
    levels: int,
    on_progress: Callable[[int, int], None] = lambda done, total: None,
) -> dict[str, int]:
    """Replay a message file against its order book file of so many levels, each plain or gzip.

    `rows`: all messages.
    `rows_agree_on_known_levels`: rows after which both sides of matching's book equal the recorded ones, price by price
    and lot by lot, wherever the quantity is known: on every recorded level but those that this row brought into the
    window. The first row, from which the book is learnt, and the rows of a trading halt are not among them.
    `executions`: visible executions of orders whose submission is in the file and whose level has stayed in the window
    since; beyond it orders change unseen.
    `executions_at_queue_head`: those where matching gave all lots of the execution to that very order at that price.
    `operations_per_second`: commands run by matching, divided by the time of the whole loop, which is mostly spent on
    reading the files and comparing. `bwx bench match` measures matching alone.

    `on_progress` is told the bytes of the message file that are read, and its size. Raises LobsterError for files that
    are no such day, and OSError when one cannot be read.
    """
    warm_up()
    book = RecordedBook(levels)
    rows = agreeing = 0
    begin_s = perf_counter()
    for rows, (message, recorded) in enumerate(read_rows(messages, orderbook, levels, on_progress), 1):
        if rows == 1:
            book.learn(recorded)
        else:
            agreeing += book.follow(message, recorded)
    elapsed_s = perf_counter() - begin_s
    return {
        "rows": rows,
        "rows_agree_on_known_levels": agreeing,
        "executions": book.executions,
        "executions_at_queue_head": book.executions_at_queue_head,
        "operations_per_second": round(book.commands / elapsed_s),
    }


def warm_up() -> None:
    """Compile, or load what an earlier run compiled, before the clock starts."""
    book = RecordedBook(levels=1)
    book.follow(Message(MessageKind.SUBMISSION, 1, 2, 1, Side.BUY), ([(1, 2)], []))
    book.follow(Message(MessageKind.EXECUTION, 1, 1, 1, Side.BUY), ([(1, 1)], []))
