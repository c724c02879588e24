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
    match draw(st.sampled_from(["place"] * 5 + ["cancel", "replace", "replace"])):
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
        flags=0 if time_in_force in (TimeInForce.IOC, TimeInForce.FOK) else flags,
        self_trade=draw(st.sampled_from(SelfTrade)),
        expires_ns=START_NS + 200_000 if time_in_force == TimeInForce.GTD else 0,
    )


@given(st.lists(st.lists(groups(), max_size=6), min_size=1, max_size=25))
def test_the_view_says_what_the_venue_knows(batches: list[list[np.ndarray]]) -> None:
    market = open_market(horizon_s=3 * HOUR_S)
    for batch in batches:
        market.send(*batch, time_ns=market.time_ns + 20_000)
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
