"""The books that the tests of the rules run on."""

import pytest

from tests.matching.commands import BOOK_KINDS, Book, make_book


@pytest.fixture(params=BOOK_KINDS)
def book(request: pytest.FixtureRequest) -> Book:
    """An empty book, once as the slow twin and once compiled."""
    return make_book(request.param)
