"""Hypothesis strategies for what can happen to a book: days of commands, and between them what the venue does."""

from typing import Any, NamedTuple

import numpy as np
from hypothesis import strategies as st

from matching.schema import PRICE_TICKS_MAX, OrderReason, Phase
from matching.twin import TwinBook
from tests.matching.commands import INSTRUMENTS, PLAIN, Book, Command, make_book, records, told, trim
from tests.matching.stream_groups import baskets, mass_cancels, mass_quotes
from tests.matching.stream_orders import (
    LISTED,
    MID_TICKS,
    Draw,
    cancels,
    names,
    places,
    replaces,
)


class Step(NamedTuple):
    """One call of a method that both books have, or a trim."""

    method: str
    arguments: tuple[Any, ...]

    def apply(self, book: Book) -> Any:
        """Make the call; what `execute` takes is turned into records."""
        if self.method == "execute":
            return book.execute(records(*self.arguments))
        if self.method == "trim":
            return trim(book, *self.arguments)
        return getattr(book, self.method)(*self.arguments)

    def events(self, book: Book) -> list[dict[str, Any]]:
        """Make the call, and tell the events, if it gives any."""
        result = self.apply(book)
        return told(result) if isinstance(result, np.ndarray) else []


ORDERS = 12
"""Room for orders in the books of sessions: some mass quotes need more."""


def session_book(kind: str, event_capacity: int = 4_096) -> Book:
    """An empty book for a session."""
    return make_book(kind, ORDERS, event_capacity)


@st.composite
def commands(draw: Draw, twin: TwinBook) -> Command:
    """A command of any kind."""
    number = draw(st.integers(0, 39))
    if number < 22:
        return draw(places(twin))
    if number < 30:
        return draw(replaces(twin))
    if number < 34:
        return draw(mass_quotes(twin))
    if number < 37:
        return draw(baskets(twin))
    return draw(cancels(twin) if number < 39 else mass_cancels())


REASONS = st.sampled_from([OrderReason.GATE_CLOSED, OrderReason.ACCOUNT_CANCELLED])
REFERENCES = st.one_of(
    st.integers(MID_TICKS - 4, MID_TICKS + 4), st.sampled_from([0, 1, 64, 4_096, 1 << 18, PRICE_TICKS_MAX])
)
REDUCIBLE = st.sampled_from([3, 5, 8, 20, 100, 2, 1, 0, -1])
OPENINGS = st.sampled_from([[], [], [], [], [PLAIN], list(INSTRUMENTS)])
VENUE_STEPS = [
    *["set_time"] * 3,
    *["expire_due"] * 3,
    *["cancel_book"] * 1,
    *["halt"] * 1,
    *["auction"] * 4,
    *["reopen"] * 8,
    *["uncross"] * 3,
    *["indicative"] * 4,
    *["set_group"] * 2,
    *["set_reducible"] * 3,
    *["trim"] * 2,
]


@st.composite
def venue_steps(draw: Draw, twin: TwinBook) -> list[Step]:
    """What the venue does. Time never goes back, and no instrument opens before it was uncrossed."""
    method = draw(st.sampled_from(VENUE_STEPS))
    if method == "set_time":
        return [Step(method, (twin.time_ns + draw(st.integers(0, 20)),))]
    if method == "expire_due":
        return [Step(method, ())]
    if method == "set_group":
        return [Step(method, (draw(st.sampled_from([1, 2, 3, 15])), draw(st.integers(0, 2))))]
    if method == "set_reducible":
        return [Step(method, (draw(REDUCIBLE),))]
    if method == "trim":
        return [Step(method, (draw(names(twin))["order_id"], draw(st.sampled_from([1, 2, 3, 5, 10, 200]))))]
    shut = [each for each in INSTRUMENTS if twin.instruments[each].phase != Phase.OPEN]
    instrument_id = draw(st.sampled_from(shut) if method == "reopen" and shut else LISTED)
    if method == "cancel_book":
        return [Step(method, (instrument_id, draw(REASONS)))]
    if method == "halt":
        return [Step("set_phase", (instrument_id, draw(st.sampled_from([Phase.HALTED, Phase.CLOSED]))))]
    if method == "auction":
        return [Step("set_phase", (instrument_id, Phase.AUCTION))]
    arguments = (instrument_id, draw(REFERENCES))
    if method == "reopen":
        return [Step("uncross", arguments), Step("set_phase", (instrument_id, Phase.OPEN))]
    return [Step(method, arguments)]


@st.composite
def sessions(draw: Draw, length: int = 60) -> list[Step]:
    """A day of a book: single commands, and between them what the venue does; some instruments begin in an auction.

    Hypothesis prefers short lists. So this draws one of a fixed length with gaps: a failure still shrinks to the few
    steps that matter.
    """
    twin = session_book("twin")
    steps = [Step("set_phase", (instrument_id, Phase.AUCTION)) for instrument_id in draw(OPENINGS)]
    steps.append(Step("set_reducible", (draw(REDUCIBLE),)))
    for step in steps:
        step.apply(twin)
    for _ in range(length):
        number = draw(st.integers(0, 19))
        if number == 0:
            continue
        fresh = draw(venue_steps(twin)) if number < 4 else [Step("execute", (draw(commands(twin)),))]
        for step in fresh:
            step.apply(twin)
        steps += fresh
    return steps


@st.composite
def long_batches(draw: Draw, length: int, orders: int) -> list[Command]:
    """Commands that follow each other without anything in between."""
    twin = make_book("twin", orders)
    drawn: list[Command] = []
    for _ in range(length):
        if draw(st.integers(0, 19)):
            drawn.append(draw(commands(twin)))
            Step("execute", (drawn[-1],)).apply(twin)
    return drawn


def in_batches(session: list[Step]) -> list[Step]:
    """The same session with all commands that follow each other in one batch."""
    steps: list[Step] = []
    for step in session:
        if steps and step.method == steps[-1].method == "execute":
            steps[-1] = Step("execute", steps[-1].arguments + step.arguments)
        else:
            steps.append(step)
    return steps
