"""Whoever comes back to the channel `events` gets every record that it missed, once, or is told that it is not kept."""

import asyncio

import numpy as np
import pytest

from exchange import commands
from gateway.client import RefusedError
from gateway.encoding.binary_frames import FrameKind
from gateway.errors import ApiError
from gateway.feeds import event_history
from gateway.feeds.event_history import EventHistories, EventHistory
from gateway.feeds.events import EventFeed
from gateway.feeds.recent_batches import RecentBatches
from gateway.feeds.topics import Topic
from matching.schema import ORDER_EVENT, EventKind, Side
from tests.exchange.view.markets import ALICE, BOB, BUY, SELL, WINDOW, open_market
from tests.gateway.client.test_streams import send_orders
from tests.gateway.doors import PATIENCE_S
from tests.gateway.feeds.test_binary_feeds import frame_of
from tests.gateway.feeds.test_order_book import place
from tests.gateway.peer import connect


def names(records):
    """What makes an event that event, and of whom."""
    return records[["sequence", "index", "order_id"]].tolist()


async def test_records_after_a_sequence_are_told_once_and_go_on_without_a_gap(doors):
    key = await doors.account("maker")
    async with connect(doors, key) as peer:
        await peer.ask("subscribe", channel="events")
        await frame_of(peer)
        await place(doors, Side.SELL, 41_000, 5)
        seen = await frame_of(peer)
    missed = [await place(doors, Side.SELL, 41_000, lots) for lots in (1, 2)]
    taker = await place(doors, Side.BUY, 41_000, 6, "taker")
    async with connect(doors, key) as peer:
        assert (await peer.ask("subscribe", channel="events", since_sequence=seen.sequence))["ok"]
        again = await frame_of(peer)
        last = await place(doors, Side.SELL, 42_000, 1)
        after = await frame_of(peer)
    rested, traded = EventKind.RESTED, EventKind.TRADE
    assert (again.kind, again.first_sequence) == (FrameKind.EVENTS, seen.sequence)
    assert again.records["kind"].tolist() == [rested, rested, traded, traded]
    assert again.records["sequence"].tolist() == [*missed, taker, taker]
    assert (after.first_sequence, after.records["order_id"].tolist()) == (again.sequence, [last])


async def test_where_nothing_was_missed_the_chain_goes_on_from_the_frame_itself(doors):
    key = await doors.account("maker")
    async with connect(doors, key) as peer:
        await peer.ask("subscribe", channel="events")
        await frame_of(peer)
        await place(doors, Side.SELL, 41_000, 5)
        seen = await frame_of(peer)
        await place(doors, Side.SELL, 42_000, 1, "other")
        now = doors.exchange.view.sequence
        assert now > seen.sequence
        await peer.ask("subscribe", channel="events", since_sequence=now)
        again = await frame_of(peer)
        assert (again.first_sequence, again.sequence, len(again.records)) == (seen.sequence, seen.sequence, 0)
        await place(doors, Side.SELL, 41_000, 1)
        assert (await frame_of(peer)).first_sequence == again.sequence


async def test_what_happened_before_the_first_subscription_is_told_too_and_refusals_are(doors):
    key = await doors.account("maker")
    await place(doors, Side.BUY, 30_000, 1, "other")
    read = doors.exchange.view.sequence
    order_id = await place(doors, Side.SELL, 41_000, 5)
    answer = await doors.exchange.submit(commands.cancel(key.account_id, order_id=order_id + 1))
    assert answer.events[-1]["kind"] == EventKind.REJECTED
    async with connect(doors, key) as peer:
        await peer.ask("subscribe", channel="events", since_sequence=read)
        again = await frame_of(peer)
    assert again.records["kind"].tolist() == [EventKind.RESTED, EventKind.REJECTED]


async def test_what_is_not_kept_or_not_reached_is_refused_by_name(doors):
    async with await doors.client("alice") as alice, alice.stream() as stream:
        with pytest.raises(RefusedError, match="replay_not_kept"):
            await stream.subscribe_events(since_sequence=1)
        with pytest.raises(RefusedError, match="sequence_not_reached"):
            await stream.subscribe_events(since_sequence=doors.exchange.view.sequence + 1_000)
        assert len((await anext(await stream.subscribe_events())).records) == 0


async def test_a_client_that_is_cut_off_again_and_again_has_every_record_once(doors):
    instrument_id = doors.exchange.view.tranche_by_symbol[doors.symbol]
    own_id, other_id = [(await doors.account(name)).account_id for name in ("alice", "bob")]
    since = doors.exchange.view.sequence
    async with await doors.client("alice") as alice, alice.stream() as whole:
        uncut = await whole.subscribe_events(since)
        flow = asyncio.create_task(send_orders(doors.exchange, instrument_id, [own_id, other_id], 1.0))
        told, frames = [], alice.follow_events(since)
        async with asyncio.timeout(PATIENCE_S):
            while not flow.done():
                told += names((await anext(frames)).records)
                since = int(told[-1][0])
                if len(told) % 3 == 0:
                    await frames.aclose()
                    frames = alice.follow_events(since)
        await flow
        last = await place(doors, Side.BUY, 30_000, 1, "alice")
        async with asyncio.timeout(PATIENCE_S):
            while told[-1][2] != last:
                told += names((await anext(frames)).records)
            expected = []
            while not expected or expected[-1][2] != last:
                expected += names((await anext(uncut)).records)
        await frames.aclose()
    assert len(told) > 100
    assert told == expected


def records_of(*sequences):
    records = np.zeros(len(sequences), ORDER_EVENT)
    records["sequence"] = sequences
    return records


def test_a_history_that_is_full_drops_whole_batches_and_says_how_far_it_reaches(monkeypatch):
    monkeypatch.setattr(event_history, "KEPT_PER_ACCOUNT", 4)
    history = EventHistory(complete_after=10)
    assert history.add(records_of(11, 12), 15) == 2
    assert history.add(records_of(16, 16), 17) == 2
    assert history.add(records_of(18), 19) == -1
    assert (history.events, history.complete_after, history.last_sequence) == (3, 12, 19)
    assert history.since(12)["sequence"].tolist() == [16, 16, 18]
    assert history.since(16)["sequence"].tolist() == [18]
    assert history.add(records_of(*range(20, 30)), 30) == 7
    assert (history.events, history.complete_after) == (10, 18)


def test_the_largest_history_gives_way_when_there_is_too_much_in_all(monkeypatch):
    monkeypatch.setattr(event_history, "KEPT_MAX", 10)
    market = open_market()
    histories = EventHistories(market.view, RecentBatches(market.view))
    for account_id in (ALICE, BOB):
        histories.follow(account_id, ())
    histories.add(BOB, records_of(1), 1)
    for sequence in range(2, 14):
        histories.add(ALICE, records_of(sequence), sequence)
    assert histories._events == sum(each.events for each in histories._accounts.values()) <= 10
    assert histories._accounts[BOB].events == 1
    assert histories._accounts[ALICE].complete_after > 2


def test_accounts_that_nobody_follows_are_forgotten_first(monkeypatch):
    monkeypatch.setattr(event_history, "ACCOUNTS_MAX", 2)
    market = open_market()
    recent = RecentBatches(market.view)
    recent.start()
    recent.note(market.send(commands.place(ALICE, WINDOW, SELL, 41_000, 1)))
    recent.note(market.send(commands.place(BOB, WINDOW, BUY, 41_000, 1)))
    histories = EventHistories(market.view, recent)
    for account_id in (ALICE, BOB):
        histories.follow(account_id, ())
    assert histories._events == 4
    histories.follow(BOB + 1, {ALICE})
    assert histories.account_ids == {ALICE, BOB + 1}
    assert histories._events == 2


def test_a_batch_of_before_that_is_dropped_is_refused(monkeypatch):
    market = open_market()
    histories = EventHistories(market.view, RecentBatches(market.view))
    histories.follow(ALICE, ())
    with pytest.raises(ApiError, match="not told again"):
        histories.since(ALICE, market.view.sequence - 1)
    assert len(histories.since(ALICE, market.view.sequence)) == 0


async def test_subscriptions_that_are_refused_leave_no_more_histories_than_there_is_room_for(doors, monkeypatch):
    monkeypatch.setattr(event_history, "ACCOUNTS_MAX", 1)
    feed = EventFeed(doors.exchange.view, RecentBatches(doors.exchange.view))
    for account_id in (ALICE, BOB):
        with pytest.raises(ApiError, match="not told again"):
            feed.subscribe(None, Topic("events", account_id), 0)
    assert feed._histories.account_ids == {BOB}
