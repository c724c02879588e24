"""The read model against what the venue itself knows, whatever happens."""

from collections import Counter

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from exchange import commands
from exchange.published import Published
from exchange.view import MarketView, TrancheView
from matching.schema import LEVEL_EFFECT, ChangeFlag, EventKind, OrderFlag, SelfTrade, Side, TimeInForce
from tests.exchange.view.markets import (
    ALICE,
    BOB,
    BUY,
    CAROL,
    FIRST_GATE_NS,
    HOUR_S,
    START_NS,
    WINDOW,
    Market,
    assert_agrees_with_venue,
    open_market,
)


def test_counters_follow_the_journal(market: Market) -> None:
    before = market.view.commands
    market.send(commands.place(ALICE, WINDOW, BUY, 39_000, 1, client_id="two-records"))
    assert market.view.sequence == market.sequence
    assert (market.view.commands, market.view.time_ns) == (before + 2, market.time_ns)


@st.composite
def groups(draw: st.DrawFn) -> np.ndarray:
    """A command of three accounts around one price, so that most of them meet."""
    account_id = draw(st.sampled_from([ALICE, BOB, CAROL]))
    price_ticks = 40_000 + 100 * draw(st.integers(-3, 3))
    quantity_lots = draw(st.integers(1, 9))
    target = draw(st.sampled_from(["a", "b", "c", "d"]))
    match draw(st.sampled_from(["place"] * 7 + ["cancel", "replace", "replace", "quote", "quote", "basket", "mass"])):
        case "quote":
            return draw(mass_quotes(account_id))
        case "basket":
            return draw(baskets(account_id))
        case "mass":
            return commands.mass_cancel(account_id, side=draw(st.sampled_from([None, *Side])), instrument_id=WINDOW)
        case "cancel":
            return commands.cancel(account_id, target_client_id=target)
        case "replace":
            flags = draw(st.sampled_from([0, 0, ChangeFlag.REQUEUE, ChangeFlag.NAMES_REMAINING]))
            return commands.replace(account_id, price_ticks, quantity_lots, target_client_id=target, flags=flags)
    time_in_force = draw(st.sampled_from(TimeInForce))
    flags = draw(st.sampled_from([0, 0, OrderFlag.POST_ONLY, OrderFlag.POST_ONLY_SLIDE]))
    return commands.place(
        account_id,
        draw(st.sampled_from([WINDOW, WINDOW, WINDOW + 1])),
        draw(st.sampled_from(Side)),
        price_ticks + draw(st.sampled_from([0] * 9 + [1])),
        quantity_lots,
        client_id=draw(st.sampled_from(["", "", "a", "b", "c", "d"])),
        time_in_force=time_in_force,
        flags=draw(REDUCING) | (0 if time_in_force in (TimeInForce.IOC, TimeInForce.FOK) else flags),
        self_trade=draw(st.sampled_from(SelfTrade)),
        expires_ns=START_NS + 200_000 if time_in_force == TimeInForce.GTD else 0,
        display_lots=draw(st.sampled_from([0, 0, 0, 1, 2])),
        minimum_lots=draw(st.sampled_from([0] * 9 + [1, 2])),
        label=draw(st.integers(0, 2)),
        session_id=draw(st.integers(0, 2)),
    )


REDUCING = st.sampled_from([0, 0, 0, OrderFlag.REDUCE_ONLY])


@st.composite
def mass_quotes(draw: st.DrawFn, account_id: int) -> np.ndarray:
    """Both sides of one or both windows, some of them crossing what rests."""
    quotes = []
    for instrument_id in draw(st.sampled_from([[WINDOW], [WINDOW + 1], [WINDOW, WINDOW + 1]])):
        middle_ticks = 40_000 + 100 * draw(st.integers(-1, 1))
        bid_lots, ask_lots = draw(st.tuples(st.integers(0, 6), st.integers(0, 6)))
        bid_ticks = middle_ticks - 100 if bid_lots else 0
        quotes.append(commands.Quote(instrument_id, bid_ticks, bid_lots, middle_ticks if ask_lots else 0, ask_lots))
    label = draw(st.integers(0, 2))
    return commands.mass_quote(account_id, quotes, self_trade=draw(st.sampled_from(SelfTrade)), label=label)


@st.composite
def baskets(draw: st.DrawFn, account_id: int) -> np.ndarray:
    """One leg or two that reach the other side, if there is one."""
    legs = []
    for instrument_id in draw(st.sampled_from([[WINDOW], [WINDOW, WINDOW + 1]])):
        side = draw(st.sampled_from(Side))
        price_ticks = 40_400 if side == BUY else 39_600
        legs.append(commands.Leg(instrument_id, side, price_ticks, draw(st.integers(1, 4))))
    return commands.basket(account_id, legs, self_trade=draw(st.sampled_from(SelfTrade)))


AUCTIONS = st.sampled_from([{}, {}, {"opening_auction_s": 3}, {"closing_auction_s": 6_600}])
"""None, one that ends after some batches, and one that lasts until the first gate."""
PAUSES_NS = st.sampled_from([20_000, 20_000, 500_000_000])


@given(st.lists(st.tuples(PAUSES_NS, st.lists(groups(), max_size=6)), min_size=1, max_size=25), AUCTIONS)
def test_the_view_says_what_the_venue_knows(
    batches: list[tuple[int, list[np.ndarray]]], auctions: dict[str, int]
) -> None:
    market = open_market(horizon_s=3 * HOUR_S, **auctions)
    for pause_ns, batch in batches:
        market.send(*batch, time_ns=market.time_ns + pause_ns)
        for tranche in market.view.take_changed():
            touched = tranche.book.take_changes()
            assert all(level_lots(tranche, side, price) == lots for (side, price), lots in touched.items())
    assert_agrees_with_venue(market)
    assert shown_levels(market.view) == levels_by_the_table(market.published)
    market.send(time_ns=FIRST_GATE_NS)
    assert_agrees_with_venue(market)
    assert not market.view.tranches[WINDOW].book.bids


def level_lots(tranche: TrancheView, side: int, price_ticks: int) -> int:
    return (tranche.book.bids if side == BUY else tranche.book.asks).get(price_ticks, 0)


def shown_levels(view: MarketView) -> dict[tuple[int, int, int], int]:
    """(instrument, side, price) to lots, as the view has them."""
    return {
        (tranche.instrument_id, side, level.price_ticks): level.quantity_lots
        for tranche in view.tranches.values()
        for side in Side
        for level in tranche.book.levels(side)
    }


def levels_by_the_table(published: list[Published]) -> dict[tuple[int, int, int], int]:
    """The same, counted from the events by LEVEL_EFFECT alone."""
    levels: Counter[tuple[int, int, int]] = Counter()
    for event in np.concatenate([batch.events for batch in published]):
        if event["kind"] in LEVEL_EFFECT:
            sign, whose = LEVEL_EFFECT[EventKind(event["kind"])]
            side = int(event["side"]) if whose == "own" else 1 - int(event["side"])
            key = int(event["instrument_id"]), side, int(event["price_ticks"])
            levels[key] += sign * int(event["quantity_lots"])
    return {key: lots for key, lots in levels.items() if lots}
