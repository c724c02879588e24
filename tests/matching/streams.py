"""Hypothesis strategies for what can happen to a book, biased to where rules meet and integers end.

Prices of two instruments lie around a small middle, so that orders cross; those of the WILD and COARSE ones lie
around the edges of the nodes of the price tree, over the whole range. Ids come from a small pool, so that they are
used twice, cancelled after they are gone, and named by the wrong account.
"""

from collections.abc import Callable
from typing import Any, NamedTuple

from hypothesis import strategies as st

from matching.schema import (
    ACCOUNT_ID_MAX,
    PRICE_TICKS_MAX,
    QUANTITY_LOTS_MAX,
    CommandKind,
    OrderReason,
    Phase,
    SelfTrade,
    Side,
)
from tests.matching.commands import (
    COARSE,
    FOK,
    GTC,
    GTD,
    INSTRUMENTS,
    IOC,
    MARKET,
    PLAIN,
    POST_ONLY,
    SHARES_A_SLOT_WITH_PLAIN,
    SLIDE,
    STEPPED,
    UNLISTED,
    WILD,
    Book,
    Command,
    records,
)

INT32_MIN, INT32_MAX = -(1 << 31), (1 << 31) - 1
INT64_MIN, INT64_MAX = -(1 << 63), (1 << 63) - 1
MID_TICKS = 100
NODE_SPANS = [1, 64, 4_096, 1 << 18, 1 << 24]

Draw = Callable[[st.SearchStrategy], Any]


class Step(NamedTuple):
    """One call of a method that both books have."""

    method: str
    arguments: tuple[Any, ...]

    def apply(self, book: Book) -> Any:
        """Make the call; what `execute` takes is turned into records."""
        if self.method == "execute":
            return book.execute(records(*self.arguments))
        return getattr(book, self.method)(*self.arguments)


def weighted(weights: dict[st.SearchStrategy, int]) -> st.SearchStrategy:
    """One of several strategies by weight, which `one_of` does not heed."""
    choices = [choice for choice, weight in weights.items() for _ in range(weight)]
    return st.sampled_from(choices).flatmap(lambda choice: choice)


EDGE_ORDER_IDS = [4_096, 8_192, 1 << 32, (1 << 32) + 1, INT64_MAX, INT64_MAX + 1, (1 << 64) - 1]
ORDER_IDS = st.sampled_from([*range(1, 15), *range(1, 15), *EDGE_ORDER_IDS])
ACCOUNT_IDS = [1, 2, 1, 1, 2, 16, ACCOUNT_ID_MAX]
INSTRUMENT_IDS = [PLAIN, PLAIN, PLAIN, PLAIN, STEPPED, STEPPED, WILD, COARSE]


def account_of(order_id: int) -> int:
    """The account that mostly uses an order id, so that changes mostly find their orders."""
    return ACCOUNT_IDS[order_id % len(ACCOUNT_IDS)]


def instrument_of(order_id: int) -> int:
    """The instrument in which an order id is mostly used, so that changes mostly name a price that fits."""
    return INSTRUMENT_IDS[order_id % len(INSTRUMENT_IDS)]


TERMS = st.sampled_from(
    [
        *[(GTC, 0)] * 5,
        *[(GTD, 0)] * 3,
        *[(IOC, 0)] * 2,
        *[(FOK, 0)] * 2,
        (GTC, POST_ONLY),
        (GTD, POST_ONLY),
        (GTC, SLIDE),
        (GTC, SLIDE),
        (GTD, SLIDE),
        (IOC, MARKET),
        (FOK, MARKET),
    ]
)
ENDS = weighted({st.integers(1, 60): 4, st.just(INT64_MAX): 1})

BAD_PLACES: dict[str, list[int]] = {
    "instrument_id": [PLAIN, STEPPED, 0, UNLISTED, SHARES_A_SLOT_WITH_PLAIN, (1 << 32) - 1],
    "order_id": [0],
    "account_id": [1, 2],
    "side": [2, 255],
    "time_in_force": [4, 255],
    "self_trade": [5, 255],
    "flags": [1, 2, 4, 3, 5, 6, 7, 8, 128, 255],
    "price_ticks": [0, -1, PRICE_TICKS_MAX + 1, INT32_MIN, INT32_MAX, 1, 49, 99, 101, 151, PRICE_TICKS_MAX],
    "quantity_lots": [0, -1, 5, 15, 51, 1_001, QUANTITY_LOTS_MAX, QUANTITY_LOTS_MAX + 1, INT64_MIN, INT64_MAX],
    "expires_ns": [0, 1, -1, INT64_MIN, INT64_MAX],
}
BAD_CHANGES: dict[str, list[int]] = {
    "instrument_id": BAD_PLACES["instrument_id"],
    "order_id": [0, 22, 1 << 33],
    "account_id": [1, 2],
    "flags": [4, 255],
    "reserved": [255],
    "price_ticks": BAD_PLACES["price_ticks"],
    "quantity_lots": BAD_PLACES["quantity_lots"],
}


@st.composite
def prices(draw: Draw, instrument_id: int) -> int:
    """A price of an instrument, on its step and mostly within its band."""
    step = INSTRUMENTS[instrument_id].get("price_step_ticks", 1)
    if instrument_id in (WILD, COARSE):
        span = draw(st.sampled_from(NODE_SPANS))
        multiple = draw(st.one_of(st.integers(0, 3), st.just(PRICE_TICKS_MAX // span)))
        ticks = span * multiple + step * draw(st.integers(-2, 2))
        return min(max(ticks // step, 1), PRICE_TICKS_MAX // step) * step
    return MID_TICKS + step * draw(st.sampled_from([0, 0, 0, 0, -1, 1, -2, 2, 3]))


@st.composite
def quantities(draw: Draw, instrument_id: int) -> int:
    """A small quantity, or now and then the largest."""
    terms = INSTRUMENTS[instrument_id]
    step, largest = terms.get("quantity_step_lots", 1), terms.get("quantity_max_lots", QUANTITY_LOTS_MAX)
    return step * draw(weighted({st.integers(1, 12): 8, st.just(1): 3, st.just(largest // step): 1}))


@st.composite
def spoiled(draw: Draw, command: Command, bad_values: dict[str, list[int]]) -> Command:
    """A command that is mostly as it was, with up to two of its fields replaced by bad values."""
    if draw(st.integers(0, 6)):
        return command
    names = draw(st.lists(st.sampled_from([*bad_values, "price_ticks", "quantity_lots"]), min_size=1, max_size=2))
    return command | {name: draw(st.sampled_from(bad_values[name])) for name in names}


@st.composite
def places(draw: Draw) -> Command:
    order_id = draw(ORDER_IDS)
    instrument_id = instrument_of(order_id)
    time_in_force, flags = draw(TERMS)
    command = {
        "kind": CommandKind.PLACE,
        "instrument_id": instrument_id,
        "account_id": account_of(order_id),
        "side": draw(st.sampled_from(Side)),
        "time_in_force": time_in_force,
        "flags": flags,
        "price_ticks": 0 if flags & MARKET else draw(prices(instrument_id)),
        "quantity_lots": draw(quantities(instrument_id)),
        "order_id": order_id,
        "expires_ns": draw(ENDS) if time_in_force == GTD else 0,
        "self_trade": draw(st.sampled_from(SelfTrade)),
        "label": draw(st.integers(0, 3)),
        "session_id": draw(st.integers(0, 3)),
        "client_id_high": draw(st.sampled_from([0, 1, (1 << 64) - 1])),
    }
    return draw(spoiled(command, BAD_PLACES))


@st.composite
def cancels(draw: Draw) -> Command:
    order_id = draw(ORDER_IDS)
    command = {
        "kind": CommandKind.CANCEL,
        "instrument_id": instrument_of(order_id),
        "account_id": account_of(order_id),
        "order_id": order_id,
        "price_ticks": draw(st.sampled_from([0, 0, MID_TICKS])),
    }
    return draw(spoiled(command, BAD_CHANGES))


@st.composite
def replaces(draw: Draw) -> Command:
    order_id = draw(ORDER_IDS)
    instrument_id = instrument_of(order_id)
    command = {
        "kind": CommandKind.REPLACE,
        "instrument_id": instrument_id,
        "account_id": account_of(order_id),
        "order_id": order_id,
        "flags": draw(st.sampled_from([0, 0, 0, 0, 1, 2, 2, 3])),
        "price_ticks": draw(prices(instrument_id)),
        "quantity_lots": draw(quantities(instrument_id)),
        "target_high": draw(st.sampled_from([0, 1])),
    }
    return draw(spoiled(command, BAD_CHANGES))


COMMANDS = weighted({places(): 9, cancels(): 1, replaces(): 3})


def call(method: str, *arguments: st.SearchStrategy) -> st.SearchStrategy[Step]:
    return st.tuples(*arguments).map(lambda drawn: Step(method, drawn))


LISTED = st.sampled_from(INSTRUMENT_IDS)
EXECUTE_ONE = call("execute", COMMANDS)
REASONS = st.sampled_from([OrderReason.GATE_CLOSED, OrderReason.ACCOUNT_CANCELLED])
EVENTFUL = weighted(
    {
        call("set_time", st.integers(1, 60)): 3,
        call("expire_due"): 3,
        call("cancel_book", LISTED, REASONS): 2,
        call("set_phase", LISTED, st.sampled_from([Phase.HALTED, Phase.CLOSED])): 1,
        call("set_phase", LISTED, st.just(Phase.OPEN)): 3,
        call("set_group", st.sampled_from([1, 2, 3, 15]), st.integers(0, 2)): 2,
    }
)
STEPS = weighted({EXECUTE_ONE: 9, EVENTFUL: 1})


def long_lists(elements: st.SearchStrategy, length: int) -> st.SearchStrategy[list]:
    """Lists that are mostly long, since little happens in a young book.

    Hypothesis prefers short lists. So this draws one of a fixed length, with gaps that are then left out: a failure
    still shrinks to the few elements that matter.
    """
    gaps = st.lists(weighted({st.none(): 1, elements: 9}), min_size=length, max_size=length)
    return gaps.map(lambda drawn: [element for element in drawn if element is not None])


@st.composite
def sessions(draw: Draw) -> list[Step]:
    """A day of a book: single commands, and between them what the venue does. Time never goes back."""
    steps = draw(long_lists(STEPS, 60))
    now_ns = 0
    for index, (method, arguments) in enumerate(steps):
        if method == "set_time":
            now_ns = max(now_ns, arguments[0])
            steps[index] = Step(method, (now_ns,))
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
