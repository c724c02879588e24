"""Memory of the books before any order needs it."""

import resource
from collections.abc import Callable

from matching.arena import touch
from matching.book import Limits, OrderBook
from tests.matching.commands import buy, run

LIMITS = Limits(instruments=1, orders=100_000, nodes=10_000, accounts=8)


def faults_of(action: Callable[[], None]) -> int:
    """How many pages the system gave out while something ran."""
    before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    action()
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before


def test_what_was_touched_costs_no_page_any_more() -> None:
    book = OrderBook(LIMITS).book
    assert faults_of(lambda: touch(book, 100_000)) >= 5
    assert faults_of(lambda: book.orders.fill(0)) <= 2
    assert faults_of(lambda: book.terms.fill(0)) <= 2


def test_more_than_there_is_can_be_touched_and_nothing_changes() -> None:
    book = OrderBook(LIMITS)
    book.list_instrument(0)
    run(book, *(buy(number, 100 + number, 3) for number in range(1, 200)))
    before = book.orders().tobytes()
    touch(book.book, 1 << 30)
    assert book.orders().tobytes() == before
    book.check()
