"""Hypothesis strategies for commands about many orders: mass cancels, mass quotes and baskets."""

from hypothesis import strategies as st

from matching.schema import LEGS_MAX, QUOTES_MAX, CommandKind, SelfTrade, Side, quote_order_id
from matching.twin import TwinBook
from tests.matching.commands import (
    COARSE,
    FOK,
    INSTRUMENTS,
    IOC,
    PLAIN,
    POST_ONLY,
    REDUCE_ONLY,
    STEPPED,
    WILD,
    Command,
)
from tests.matching.stream_orders import (
    ACCOUNTS,
    BAD_INSTRUMENTS,
    BAD_PRICES,
    BAD_QUANTITIES,
    FEW_IN_MANY,
    LABELS,
    LISTED,
    Draw,
    new_ids,
    prices,
    quantities,
    spoiled,
)

SOME_INSTRUMENTS = st.lists(
    st.sampled_from([PLAIN, PLAIN, STEPPED, STEPPED, WILD, COARSE]), min_size=1, max_size=4, unique=True
)
BY_ACCOUNT, BY_ALL = 1, 31

BAD_MASS_CANCELS: dict[str, list[int]] = {
    "flags": [8, 16, 24, 32, 64, 255],
    "side": [2, 255],
    "instrument_id": BAD_INSTRUMENTS,
}
BAD_QUOTES: dict[str, list[int]] = {
    "instrument_id": [PLAIN, *BAD_INSTRUMENTS],
    "bid_ticks": BAD_PRICES,
    "ask_ticks": BAD_PRICES,
    "bid_lots": BAD_QUANTITIES,
    "ask_lots": BAD_QUANTITIES,
}
BAD_LEGS: dict[str, list[int]] = {
    "instrument_id": [PLAIN, *BAD_INSTRUMENTS],
    "side": [2, 255],
    "flags": [1, 2, 33, 255],
    "price_ticks": BAD_PRICES,
    "quantity_lots": BAD_QUANTITIES,
    "order_id": [0, 1, 1],
}
BAD_HEADS: dict[str, list[int]] = {
    "flags": [1, 2, 4, 8, 32, 64, 66, 255],
    "self_trade": [5, 255],
    "time_in_force": [0, IOC, 255],
}


@st.composite
def mass_cancels(draw: Draw) -> Command:
    command = {
        "kind": CommandKind.MASS_CANCEL,
        "account_id": draw(ACCOUNTS),
        "flags": draw(st.one_of(st.just(BY_ACCOUNT), st.integers(0, BY_ALL))),
        "side": draw(st.sampled_from(Side)),
        "instrument_id": draw(LISTED),
        "label": draw(LABELS),
        "session_id": draw(LABELS),
        "scope": draw(st.sampled_from([0, 0x01, 0x02, 0x11, 0xFF])),
        "scope_mask": draw(st.sampled_from([0, 0, 0, 0x01, 0x03, 0x10])),
    }
    return draw(spoiled(command, BAD_MASS_CANCELS))


@st.composite
def mass_quotes(draw: Draw, twin: TwinBook) -> Command:
    head = draw(heads(CommandKind.MASS_QUOTE))
    quotes = [draw(quotes_of(twin, head["account_id"], instrument_id)) for instrument_id in draw(SOME_INSTRUMENTS)]
    command = head | {"flags": draw(st.sampled_from([0, 0, POST_ONLY])), "behind": quotes}
    return draw(spoiled(with_other_length(draw, command, QUOTES_MAX), BAD_HEADS, one_in=20))


@st.composite
def quotes_of(draw: Draw, twin: TwinBook, account_id: int, instrument_id: int) -> Command:
    """A bid and a higher ask, or only one of them, or none. A side often stays at the price where it rests."""
    step = INSTRUMENTS[instrument_id].get("price_step_ticks", 1)
    bid_ticks, ask_ticks = sorted([draw(prices(instrument_id)), draw(prices(instrument_id))])
    if bid_ticks == ask_ticks > step and draw(st.integers(0, 7)):
        bid_ticks -= step
    resting = [twin.resting.get(quote_order_id(account_id, instrument_id, side)) for side in Side]
    bid_ticks, ask_ticks = (
        order.price_ticks if order and draw(st.booleans()) else price_ticks
        for order, price_ticks in zip(resting, (bid_ticks, ask_ticks), strict=True)
    )
    has_bid, has_ask = draw(st.sampled_from([(True, True)] * 4 + [(True, False), (False, True), (False, False)]))
    quote = {
        "kind": CommandKind.QUOTE,
        "instrument_id": instrument_id,
        "bid_ticks": bid_ticks if has_bid else 0,
        "ask_ticks": ask_ticks if has_ask else 0,
        "bid_lots": draw(quantities(instrument_id)) if has_bid else 0,
        "ask_lots": draw(quantities(instrument_id)) if has_ask else 0,
    }
    return draw(spoiled(quote, BAD_QUOTES, one_in=25))


@st.composite
def baskets(draw: Draw, twin: TwinBook) -> Command:
    there = sorted({order.instrument_id for order in twin.resting.values()})
    instruments = draw(st.permutations(there)) if there and not draw(FEW_IN_MANY) else draw(SOME_INSTRUMENTS)
    legs = [draw(legs_in(twin, instrument_id)) for instrument_id in instruments]
    command = draw(heads(CommandKind.BASKET)) | {"time_in_force": FOK, "behind": legs}
    return draw(spoiled(with_other_length(draw, command, LEGS_MAX), BAD_HEADS, one_in=20))


@st.composite
def legs_in(draw: Draw, twin: TwinBook, instrument_id: int) -> Command:
    """A small quantity, mostly against what rests and at the price of one of its orders."""
    step = INSTRUMENTS[instrument_id].get("quantity_step_lots", 1)
    sides = [side for side in Side if twin.instruments[instrument_id].orders(1 - side)]
    side = draw(st.sampled_from(sides or list(Side)))
    prices_met = [order.price_ticks for order in twin.instruments[instrument_id].orders(1 - side)]
    meets = prices_met and not draw(FEW_IN_MANY)
    leg = {
        "kind": CommandKind.LEG,
        "instrument_id": instrument_id,
        "side": side,
        "flags": draw(st.sampled_from([0, 0, 0, REDUCE_ONLY])),
        "price_ticks": draw(st.sampled_from(prices_met) if meets else prices(instrument_id)),
        "quantity_lots": step * draw(st.sampled_from([1, 1, 2, 3, 5, 12])),
        "order_id": draw(new_ids(twin)),
    }
    return draw(spoiled(leg, BAD_LEGS, one_in=25))


@st.composite
def heads(draw: Draw, kind: CommandKind) -> Command:
    """What the heads of groups have in common."""
    return {
        "kind": kind,
        "account_id": draw(ACCOUNTS),
        "self_trade": draw(st.sampled_from(SelfTrade)),
        "label": draw(LABELS),
        "session_id": draw(LABELS),
        "client_id_low": draw(st.sampled_from([0, 1, (1 << 64) - 1])),
    }


def with_other_length(draw: Draw, command: Command, longest: int) -> Command:
    """Now and then a group with something else first or last in it, with nothing in it, or with too much."""
    behind, stranger = command["behind"], {"kind": CommandKind.EXTRA}
    shapes = [[*behind, stranger], [stranger, *behind], [], [behind[0]] * (longest + 1), [*behind, behind[0]]]
    return command | {"behind": draw(st.sampled_from([behind] * 30 + [shapes[0]] * 3 + shapes))}
