"""Hypothesis strategies for commands about many orders: mass cancels, mass quotes and baskets."""

from hypothesis import strategies as st

from matching.schema import LEGS_MAX, QUOTES_MAX, CommandKind, SelfTrade, Side
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
    ACCOUNT_IDS,
    BAD_INSTRUMENTS,
    BAD_PRICES,
    BAD_QUANTITIES,
    INSTRUMENT_IDS,
    PLACE_IDS,
    Draw,
    prices,
    quantities,
    spoiled,
)

GROUP_ACCOUNTS = st.sampled_from(ACCOUNT_IDS)
SOME_INSTRUMENTS = st.lists(
    st.sampled_from([PLAIN, PLAIN, STEPPED, STEPPED, WILD, COARSE]), min_size=1, max_size=4, unique=True
)
BY_NOTHING, BY_ACCOUNT, BY_ALL = 0, 1, 31

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
    flags = draw(st.one_of(st.sampled_from([BY_NOTHING, BY_ACCOUNT]), st.integers(BY_NOTHING, BY_ALL)))
    command = {
        "kind": CommandKind.MASS_CANCEL,
        "account_id": draw(GROUP_ACCOUNTS),
        "flags": flags,
        "side": draw(st.sampled_from(Side)),
        "instrument_id": draw(st.sampled_from(INSTRUMENT_IDS)),
        "label": draw(st.integers(0, 3)),
        "session_id": draw(st.integers(0, 3)),
        "scope": draw(st.sampled_from([0, 0x01, 0x02, 0x11, 0xFF])),
        "scope_mask": draw(st.sampled_from([0, 0, 0, 0x01, 0x03, 0x10])),
    }
    return draw(spoiled(command, BAD_MASS_CANCELS))


@st.composite
def mass_quotes(draw: Draw) -> Command:
    quotes = [draw(quotes_of(instrument_id)) for instrument_id in draw(SOME_INSTRUMENTS)]
    command = draw(heads(CommandKind.MASS_QUOTE))
    command |= {"flags": draw(st.sampled_from([0, 0, POST_ONLY])), "behind": quotes}
    return draw(spoiled(with_other_length(draw, command, QUOTES_MAX), BAD_HEADS, one_in=20))


@st.composite
def quotes_of(draw: Draw, instrument_id: int) -> Command:
    """A bid and a higher ask, or only one of them, or none."""
    step = INSTRUMENTS[instrument_id].get("price_step_ticks", 1)
    bid_ticks, ask_ticks = sorted([draw(prices(instrument_id)), draw(prices(instrument_id))])
    if bid_ticks == ask_ticks > step and draw(st.integers(0, 7)):
        bid_ticks -= step
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
def baskets(draw: Draw) -> Command:
    legs = [draw(legs_in(instrument_id)) for instrument_id in draw(SOME_INSTRUMENTS)]
    command = draw(heads(CommandKind.BASKET)) | {"time_in_force": FOK, "behind": legs}
    return draw(spoiled(with_other_length(draw, command, LEGS_MAX), BAD_HEADS, one_in=20))


@st.composite
def legs_in(draw: Draw, instrument_id: int) -> Command:
    """A small quantity, often at a limit that reaches far."""
    terms = INSTRUMENTS[instrument_id]
    side = draw(st.sampled_from(Side))
    step = terms.get("price_step_ticks", 1)
    far_ticks = (110 if side == Side.BUY else 90) // step * step or step
    leg = {
        "kind": CommandKind.LEG,
        "instrument_id": instrument_id,
        "side": side,
        "flags": draw(st.sampled_from([0, 0, 0, REDUCE_ONLY])),
        "price_ticks": draw(st.one_of(prices(instrument_id), st.just(far_ticks))),
        "quantity_lots": terms.get("quantity_step_lots", 1) * draw(st.sampled_from([1, 1, 1, 2, 3, 8])),
        "order_id": draw(PLACE_IDS),
    }
    return draw(spoiled(leg, BAD_LEGS, one_in=25))


@st.composite
def heads(draw: Draw, kind: CommandKind) -> Command:
    """What the heads of groups have in common."""
    return {
        "kind": kind,
        "account_id": draw(GROUP_ACCOUNTS),
        "self_trade": draw(st.sampled_from(SelfTrade)),
        "label": draw(st.integers(0, 3)),
        "session_id": draw(st.integers(0, 3)),
        "client_id_low": draw(st.sampled_from([0, 1, (1 << 64) - 1])),
    }


def with_other_length(draw: Draw, command: Command, longest: int) -> Command:
    """Now and then a group with something else first or last in it, with nothing in it, or with too much."""
    behind, stranger = command["behind"], {"kind": CommandKind.EXTRA}
    shapes = [[*behind, stranger], [stranger, *behind], [], [behind[0]] * (longest + 1), [*behind, behind[0]]]
    return command | {"behind": draw(st.sampled_from([behind] * 30 + [shapes[0]] * 3 + shapes))}
