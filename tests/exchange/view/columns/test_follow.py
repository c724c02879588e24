"""Compiled code follows every event as its slow, obvious twin does, however batches are cut, kept and loaded."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from exchange.published import Published
from exchange.view import MarketView
from exchange.view.columns.schema import Bounds
from tests.exchange.view.markets import FIRST_GATE_NS, HOUR_S, Market, open_market
from tests.exchange.view.test_market import AUCTIONS, PAUSES_NS, groups
from tests.exchange.view.troubled import BANKRUPT_TICKS, CALLED_TICKS, CLOSING_TICKS, new_mark, troubled_market
from tests.exchange.view.twin.market import ViewTwin, shown, shown_by_twin, take_changed

BOUNDS = st.builds(
    Bounds,
    finished_orders=st.integers(2, 12),
    trades=st.integers(4, 6),
    tranche_trades=st.integers(1, 4),
    candles=st.integers(1, 3),
    tape=st.integers(1, 4),
    unread_events=st.just(1 << 20),
    ended_tranches=st.integers(0, 2),
)
BATCHES = st.lists(st.tuples(PAUSES_NS, st.lists(groups(), max_size=6)), min_size=1, max_size=12)


def cut(batch: Published, at: int) -> list[Published]:
    """A batch as two that happen at the same time, cut before its command at a place."""
    heads = [0]
    while heads[-1] < len(batch.commands):
        heads.append(heads[-1] + 1 + int(batch.commands["continuations"][heads[-1]]))
    head = heads[at % len(heads)]
    sequence = batch.first_sequence + head
    first_end = int(np.searchsorted(batch.events["sequence"], sequence))
    halves = (
        Published(batch.first_sequence, batch.time_ns, batch.commands[:head], batch.events[:first_end]),
        Published(sequence, batch.time_ns, batch.commands[head:], batch.events[first_end:], batch.figures),
    )
    return [half for half in halves if len(half.commands)]


def follow(market: Market, bounds: Bounds, data: st.DataObject) -> None:
    """Give all that a market published to a view and a twin with small bounds, and compare them after each batch."""
    view, twin = MarketView(bounds), ViewTwin(bounds)
    for batch in market.published:
        for part in cut(batch, data.draw(st.integers(0, 99))):
            view.apply(part)
        twin.apply(batch)
        if data.draw(st.integers(0, 3)) == 0:
            view = loaded_again(view, bounds)
            twin.take_changed()  # what readers have not taken is not dumped
        if data.draw(st.booleans()):
            assert take_changed(view) == twin.take_changed()
        expected, found = shown_by_twin(twin), shown(view, twin)
        for name in expected:
            assert found[name] == expected[name], name


def loaded_again(view: MarketView, bounds: Bounds) -> MarketView:
    loaded = MarketView.load(view.dump(), bounds)
    assert loaded.dump() == view.dump()
    return loaded


@given(BATCHES, AUCTIONS, BOUNDS, st.data())
def test_orders_of_all_kinds_are_followed_alike(
    batches: list[tuple[int, list[np.ndarray]]], auctions: dict[str, int], bounds: Bounds, data: st.DataObject
) -> None:
    market = open_market(horizon_s=3 * HOUR_S, **auctions)
    for pause_ns, batch in batches:
        market.send(*batch, time_ns=market.time_ns + pause_ns)
    market.send(time_ns=FIRST_GATE_NS)
    market.send(time_ns=FIRST_GATE_NS + 3 * HOUR_S * 10**9)
    follow(market, bounds, data)


MARKS = st.sampled_from([BANKRUPT_TICKS, CLOSING_TICKS, CALLED_TICKS, 40_000])


@given(st.lists(st.tuples(MARKS, st.lists(groups(), max_size=4)), min_size=1, max_size=8), BOUNDS, st.data())
def test_what_happens_to_accounts_in_trouble_is_followed_alike(
    batches: list[tuple[int, list[np.ndarray]]], bounds: Bounds, data: st.DataObject
) -> None:
    market = troubled_market(endowment_nano=5)
    for ticks, batch in batches:
        market.send(new_mark(ticks), *batch, time_ns=market.time_ns + 1_000_000_000)
    follow(market, bounds, data)
