"""Hypothesis strategies for what can happen to a book: days of commands, and between them what the venue does."""

from typing import Any, NamedTuple

import numpy as np
from hypothesis import strategies as st

from matching.schema import OrderReason, Phase
from tests.matching.commands import INSTRUMENTS, Book, records, told
from tests.matching.stream_groups import baskets, mass_cancels, mass_quotes
from tests.matching.stream_orders import (
    CHANGE_IDS,
    INSTRUMENT_IDS,
    MID_TICKS,
    PRICE_TICKS_MAX,
    Draw,
    cancels,
    places,
    replaces,
    weighted,
)


class Step(NamedTuple):
    """One call of a method that both books have."""

    method: str
    arguments: tuple[Any, ...]

    def apply(self, book: Book) -> Any:
        """Make the call; what `execute` takes is turned into records."""
        if self.method == "execute":
            return book.execute(records(*self.arguments))
        return getattr(book, self.method)(*self.arguments)

    def events(self, book: Book) -> list[dict[str, Any]]:
        """Make the call, and tell the events, if it gives any."""
        result = self.apply(book)
        return told(result) if isinstance(result, np.ndarray) else []


COMMANDS = weighted({places(): 26, cancels(): 2, replaces(): 8, mass_quotes(): 5, baskets(): 3, mass_cancels(): 1})


def call(method: str, *arguments: st.SearchStrategy) -> st.SearchStrategy[Step]:
    return st.tuples(*arguments).map(lambda drawn: Step(method, drawn))


LISTED = st.sampled_from(INSTRUMENT_IDS)
EXECUTE_ONE = call("execute", COMMANDS)
REASONS = st.sampled_from([OrderReason.GATE_CLOSED, OrderReason.ACCOUNT_CANCELLED])
REFERENCES = st.one_of(
    st.integers(MID_TICKS - 4, MID_TICKS + 4), st.sampled_from([0, 1, 64, 4_096, 1 << 18, PRICE_TICKS_MAX])
)
REOPEN = "reopen"
EVENTFUL = weighted(
    {
        call("set_time", st.integers(1, 60)): 3,
        call("expire_due"): 3,
        call("cancel_book", LISTED, REASONS): 2,
        call("set_phase", LISTED, st.sampled_from([Phase.HALTED, Phase.CLOSED])): 1,
        call("set_phase", LISTED, st.just(Phase.AUCTION)): 3,
        call(REOPEN, LISTED, REFERENCES): 5,
        call("uncross", LISTED, REFERENCES): 2,
        call("indicative", LISTED, REFERENCES): 5,
        call("set_group", st.sampled_from([1, 2, 3, 15]), st.integers(0, 2)): 2,
        call("set_reducible", st.sampled_from([-1, 0, 1, 2, 3, 5, 8, 20, 100])): 3,
        call("trim_resting", CHANGE_IDS, st.sampled_from([1, 2, 3, 5, 10, 200])): 2,
    }
)
STEPS = weighted({EXECUTE_ONE: 6, EVENTFUL: 1})
OPENINGS = st.sampled_from([[], [], [], INSTRUMENT_IDS[:1], list(INSTRUMENTS)])


def long_lists(elements: st.SearchStrategy, length: int) -> st.SearchStrategy[list]:
    """Lists that are mostly long, since little happens in a young book.

    Hypothesis prefers short lists. So this draws one of a fixed length, with gaps that are then left out: a failure
    still shrinks to the few elements that matter.
    """
    gaps = st.lists(weighted({st.none(): 1, elements: 9}), min_size=length, max_size=length)
    return gaps.map(lambda drawn: [element for element in drawn if element is not None])


@st.composite
def sessions(draw: Draw) -> list[Step]:
    """A day of a book: single commands, and between them what the venue does. Time never goes back.

    Some instruments may begin with an auction, and none opens before it was uncrossed.
    """
    steps = [Step("set_phase", (instrument_id, Phase.AUCTION)) for instrument_id in draw(OPENINGS)]
    now_ns = 0
    for step in draw(long_lists(STEPS, 60)):
        if step.method == "set_time":
            now_ns = max(now_ns, step.arguments[0])
            steps.append(Step("set_time", (now_ns,)))
        elif step.method == REOPEN:
            instrument_id, _ = step.arguments
            steps += [Step("uncross", step.arguments), Step("set_phase", (instrument_id, Phase.OPEN))]
        else:
            steps.append(step)
    return steps


def in_batches(session: list[Step]) -> list[Step]:
    """The same session with all commands that follow each other in one batch."""
    steps: list[Step] = []
    for step in session:
        if steps and step.method == steps[-1].method == "execute":
            steps[-1] = Step("execute", steps[-1].arguments + step.arguments)
        else:
            steps.append(step)
    return steps
