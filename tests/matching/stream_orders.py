"""Hypothesis strategies for commands about one order, biased to where rules meet and integers end.

Each looks at a twin of the book, which has seen all that was drawn before: otherwise most commands would be refused.
Most do what the book makes possible, some the opposite.

Prices of two instruments lie around a small middle, so that orders cross; those of the WILD and COARSE ones lie
around the edges of the nodes of the price tree, over the whole range. Ids come from a small pool, so that they are
used twice, cancelled after they are gone, and named by the wrong account. Those of quotes are among them.
"""

from collections.abc import Callable
from typing import Any

from hypothesis import strategies as st

from matching.schema import (
    ACCOUNT_ID_MAX,
    PRICE_TICKS_MAX,
    QUANTITY_LOTS_MAX,
    CommandKind,
    Phase,
    SelfTrade,
    Side,
    quote_order_id,
)
from matching.twin import TwinBook
from tests.matching.commands import (
    COARSE,
    FOK,
    GTC,
    GTD,
    ICEBERG,
    INSTRUMENTS,
    IOC,
    MARKET,
    MINIMUM,
    PLAIN,
    POST_ONLY,
    REDUCE_ONLY,
    SHARES_A_SLOT_WITH_PLAIN,
    SLIDE,
    STEPPED,
    UNLISTED,
    WILD,
    Command,
)

INT32_MIN, INT32_MAX = -(1 << 31), (1 << 31) - 1
INT64_MIN, INT64_MAX = -(1 << 63), (1 << 63) - 1
MID_TICKS = 100
CLIPS_MAX = 100
NODE_SPANS = [1, 64, 4_096, 1 << 18, 1 << 24]

Draw = Callable[[st.SearchStrategy], Any]


def weighted(weights: dict[st.SearchStrategy, int]) -> st.SearchStrategy:
    """One of several strategies by weight, which `one_of` does not heed."""
    choices = [choice for choice, weight in weights.items() for _ in range(weight)]
    return st.sampled_from(choices).flatmap(lambda choice: choice)


EDGE_ORDER_IDS = [4_096, 8_192, 1 << 32, (1 << 32) + 1, INT64_MAX, INT64_MAX + 1, (1 << 64) - 1]
ORDER_IDS = st.sampled_from([*range(1, 15), *range(1, 15), *EDGE_ORDER_IDS, quote_order_id(1, PLAIN, Side.BUY)])
FEW_IN_MANY = st.integers(0, 7).map(lambda number: number == 0)
ACCOUNTS = st.sampled_from([1, 2, 1, 2, 3, 16, ACCOUNT_ID_MAX])
INSTRUMENT_IDS = [PLAIN, PLAIN, PLAIN, PLAIN, PLAIN, STEPPED, STEPPED, WILD, COARSE]
LISTED = st.sampled_from(INSTRUMENT_IDS)
LABELS = st.integers(0, 3)

AUCTION_TERMS = [(GTC, 0), (GTC, 0), (GTD, 0), (GTC, ICEBERG), (GTC, ICEBERG), (GTD, ICEBERG)]
TERMS = [
    *[(GTC, 0)] * 10,
    *[(GTD, 0)] * 3,
    *[(IOC, 0)] * 3,
    *[(FOK, 0)] * 3,
    *[(GTC, ICEBERG)] * 8,
    *[(GTD, ICEBERG)] * 2,
    *((time_in_force, POST_ONLY) for time_in_force in (GTC, GTD)),
    *((time_in_force, SLIDE) for time_in_force in (GTC, GTC, GTD)),
    *((time_in_force, MARKET) for time_in_force in (IOC, FOK)),
    *((time_in_force, REDUCE_ONLY) for time_in_force in (GTC, GTD, IOC, FOK)),
    *((GTC, ICEBERG | flags) for flags in (POST_ONLY, SLIDE, MINIMUM, REDUCE_ONLY)),
    *((time_in_force, MINIMUM) for time_in_force in (GTC, GTD, IOC)),
    *((IOC, MARKET | flags) for flags in (MINIMUM, REDUCE_ONLY, MINIMUM | REDUCE_ONLY)),
    *((GTC, REDUCE_ONLY | flags) for flags in (POST_ONLY, SLIDE, MINIMUM)),
    (GTD, REDUCE_ONLY | MINIMUM | ICEBERG),
    (GTC, REDUCE_ONLY | POST_ONLY | ICEBERG),
    (FOK, REDUCE_ONLY | MARKET),
]
LIFETIMES = weighted({st.integers(1, 40): 8, st.just(INT64_MAX): 2, st.just(0): 1})

BAD_INSTRUMENTS = [PLAIN, STEPPED, 0, UNLISTED, SHARES_A_SLOT_WITH_PLAIN, (1 << 32) - 1]
BAD_PRICES = [0, -1, PRICE_TICKS_MAX + 1, INT32_MIN, INT32_MAX, 1, 49, 99, 101, 151, PRICE_TICKS_MAX]
BAD_QUANTITIES = [0, -1, 5, 15, 51, 1_001, QUANTITY_LOTS_MAX, QUANTITY_LOTS_MAX + 1, INT64_MIN, INT64_MAX]
BAD_PLACES: dict[str, list[int]] = {
    "instrument_id": BAD_INSTRUMENTS,
    "order_id": [0],
    "side": [2, 255],
    "time_in_force": [0, 2, 3, 4, 255],
    "self_trade": [5, 255],
    "flags": [1, 2, 4, 3, 5, 6, 7, 8, 16, 18, 24, 32, 64, 65, 128, 255],
    "price_ticks": BAD_PRICES,
    "quantity_lots": BAD_QUANTITIES,
    "expires_ns": [0, 1, -1, INT64_MIN, INT64_MAX],
}
BAD_CHANGES: dict[str, list[int]] = {
    "instrument_id": BAD_INSTRUMENTS,
    "order_id": [0, 22, 1 << 33],
    "account_id": [1, 2],
    "flags": [4, 255],
    "reserved": [255],
    "price_ticks": BAD_PRICES,
    "quantity_lots": BAD_QUANTITIES,
}
BAD_EXTRAS: dict[str, list[int]] = {
    "display_lots": BAD_QUANTITIES,
    "minimum_lots": BAD_QUANTITIES,
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
def spoiled(draw: Draw, command: Command, bad_values: dict[str, list[int]], one_in: int = 12) -> Command:
    """A command that is mostly as it was, with up to two of its fields replaced by bad values."""
    if draw(st.integers(1, one_in)) < one_in:
        return command
    often = [name for name in ("price_ticks", "quantity_lots") if name in bad_values]
    names = draw(st.lists(st.sampled_from([*bad_values, *often]), min_size=1, max_size=2))
    return command | {name: draw(st.sampled_from(bad_values[name])) for name in names}


@st.composite
def places(draw: Draw, twin: TwinBook) -> Command:
    instrument_id = draw(LISTED)
    is_auction = twin.instruments[instrument_id].phase == Phase.AUCTION and not draw(FEW_IN_MANY)
    time_in_force, flags = draw(st.sampled_from(AUCTION_TERMS if is_auction else TERMS))
    command = {
        "kind": CommandKind.PLACE,
        "instrument_id": instrument_id,
        "account_id": draw(ACCOUNTS),
        "side": draw(st.sampled_from(Side)),
        "time_in_force": time_in_force,
        "flags": flags,
        "price_ticks": 0 if flags & MARKET else draw(prices(instrument_id)),
        "quantity_lots": draw(quantities(instrument_id)),
        "order_id": draw(new_ids(twin)),
        "expires_ns": min(max(twin.time_ns, 1) + draw(LIFETIMES), INT64_MAX) if time_in_force == GTD else 0,
        "self_trade": draw(st.sampled_from(SelfTrade)),
        "label": draw(LABELS),
        "session_id": draw(LABELS),
        "client_id_high": draw(st.sampled_from([0, 1, (1 << 64) - 1])),
    }
    behind = draw(terms_behind(command))
    command = draw(spoiled(command | {"behind": behind}, BAD_PLACES))
    return within_clips(command, max((extra.get("display_lots", 0) for extra in behind), default=0))


def new_ids(twin: TwinBook) -> st.SearchStrategy[int]:
    """Ids for new orders, of which few are taken."""
    return weighted({ORDER_IDS.filter(lambda order_id: order_id not in twin.resting): 11, ORDER_IDS: 1})


@st.composite
def terms_behind(draw: Draw, command: Command) -> list[Command]:
    """The further terms of an order that needs some; now and then none, or where they are not needed."""
    flags, quantity_lots = command["flags"], command["quantity_lots"]
    step = INSTRUMENTS[command["instrument_id"]].get("quantity_step_lots", 1)
    if bool(flags & (ICEBERG | MINIMUM)) == (draw(st.integers(0, 15)) == 0):
        return []
    clips = st.integers(1, min(3, quantity_lots // step)).map(lambda clip: clip * step)
    extra = {
        "kind": CommandKind.EXTRA,
        "display_lots": draw(clips) if flags & ICEBERG else 0,
        "minimum_lots": draw(st.integers(1, min(12, quantity_lots))) if flags & MINIMUM else 0,
    }
    extra, stranger = draw(spoiled(extra, BAD_EXTRAS)), {"kind": CommandKind.LEG}
    return draw(st.sampled_from([[extra]] * 12 + [[extra, stranger]] * 3 + [[stranger, extra]]))


@st.composite
def cancels(draw: Draw, twin: TwinBook) -> Command:
    command = {
        "kind": CommandKind.CANCEL,
        "price_ticks": draw(st.sampled_from([0, 0, MID_TICKS])),
        **draw(names(twin)),
    }
    return draw(spoiled(command, BAD_CHANGES))


@st.composite
def replaces(draw: Draw, twin: TwinBook) -> Command:
    named = draw(names(twin))
    order = twin.resting.get(named["order_id"])
    price_ticks = draw(prices(named["instrument_id"]))
    command = {
        "kind": CommandKind.REPLACE,
        "flags": draw(st.sampled_from([0, 0, 0, 0, 1, 2, 2, 3])),
        "price_ticks": order.price_ticks if order and draw(st.booleans()) else price_ticks,
        "quantity_lots": draw(quantities(named["instrument_id"])),
        "target_high": draw(st.sampled_from([0, 1])),
        **named,
    }
    return within_clips(draw(spoiled(command, BAD_CHANGES)), order.display_lots if order else 0)


def within_clips(command: Command, display_lots: int) -> Command:
    """The same order, unless so many clips would be needed for it that the twin would never end."""
    most_lots = CLIPS_MAX * display_lots
    return command | {"quantity_lots": most_lots} if 0 < most_lots < command["quantity_lots"] else command


@st.composite
def names(draw: Draw, twin: TwinBook) -> Command:
    """What a change says of its order: mostly one that rests, by its account."""
    orders = twin.all_orders()
    if not orders or draw(FEW_IN_MANY):
        return {"order_id": draw(ORDER_IDS), "account_id": draw(ACCOUNTS), "instrument_id": draw(LISTED)}
    order = draw(st.sampled_from(orders))
    return {"order_id": order.order_id, "account_id": order.account_id, "instrument_id": order.instrument_id}
