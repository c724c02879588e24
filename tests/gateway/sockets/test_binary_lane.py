"""Binary frames over a real socket: what goes in, what comes back, what is refused."""

import asyncio
import re
import struct
from pathlib import Path

import numpy as np
import orjson
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from exchange import commands
from exchange.commands import Leg, Quote
from exchange.venue.schema import Command, Reject
from gateway.encoding.binary_frames import (
    RECORDS_MAX,
    FrameKind,
    block_of,
    heads_of,
    own_events,
    read_frame,
    write_frame,
)
from gateway.errors import ApiError, DoorError
from matching.schema import MASS_CANCEL_COMMAND, ORDER_COMMAND, ORDER_EVENT, EventKind, MassFlag, OrderFlag, Side
from tests.gateway.doors import PATIENCE_S, until
from tests.gateway.peer import connect, signed_login

PRICE = 40_000
PAGE = Path(__file__).parents[3] / "docs" / "binary.md"


async def exchange_frames(peer, payload: bytes):
    """Send a frame, and return the one that answers it."""
    await peer.socket.send_bytes(payload)
    async with asyncio.timeout(PATIENCE_S):
        return read_frame(await peer.socket.receive_bytes())


def orders(*groups: np.ndarray, request_id: int = 7) -> bytes:
    """A frame of orders."""
    return write_frame(FrameKind.ORDERS, request_id, commands.concatenate(*groups))


def instrument_of(doors, symbol: str | None = None) -> int:
    return doors.exchange.view.tranche_by_symbol[symbol or doors.symbol]


# Orders.


async def test_orders_of_one_frame_are_placed_filled_and_cancelled_in_their_order(doors):
    key, instrument = await doors.account("alice"), instrument_of(doors)
    async with connect(doors, key) as peer:
        place = commands.place(0, instrument, Side.BUY, PRICE, 5)
        answer = await exchange_frames(peer, orders(place, commands.place(0, instrument, Side.BUY, PRICE - 100, 6)))
        assert (answer.kind, answer.request_id, answer.code) == (FrameKind.OUTCOMES, 7, 0)
        assert answer.records["kind"].tolist() == [EventKind.RESTED] * 2
        assert answer.records["sequence"].tolist() == [answer.first_sequence, answer.first_sequence + 1]
        assert answer.records["order_id"].tolist() == answer.records["sequence"].tolist()
        first, second = answer.records["order_id"].tolist()
        answer = await exchange_frames(
            peer,
            orders(
                commands.cancel(0, order_id=first),
                commands.cancel(0, order_id=first),
                commands.replace(0, PRICE - 50, 9, order_id=second),
            ),
        )
        kinds = answer.records["kind"].tolist()
        assert kinds[:2] == [EventKind.CANCELLED, EventKind.REJECTED]
        assert answer.records["reason"].tolist()[1] == Reject.UNKNOWN_ORDER
        assert kinds[-1] == EventKind.REPLACED
    open_orders = doors.exchange.view.open_orders(key.account_id)
    assert [(order.order_id, order.leaves_lots, order.price_ticks) for order in open_orders] == [
        (second, 9, PRICE - 50)
    ]


async def test_a_fill_tells_the_taker_its_price_and_nothing_of_the_other(doors):
    maker, taker, instrument = await doors.account("maker"), await doors.account("taker"), instrument_of(doors)
    async with connect(doors, maker) as first, connect(doors, taker) as second:
        await exchange_frames(first, orders(commands.place(0, instrument, Side.SELL, PRICE, 3)))
        answer = await exchange_frames(second, orders(commands.place(0, instrument, Side.BUY, PRICE + 50, 3)))
    trade, outcome = answer.records.tolist()
    names = ORDER_EVENT.names
    assert dict(zip(names, trade, strict=True))["price_ticks"] == PRICE
    assert {trade[names.index("counter_account_id")], trade[names.index("counter_order_id")]} == {0}
    assert outcome[0] == EventKind.FILLED
    assert set(answer.records["account_id"].tolist()) == {taker.account_id}


async def test_quotes_baskets_icebergs_and_mass_cancels_go_the_same_way(doors):
    alice, bob = await doors.account("alice", ("trader", "market_maker")), await doors.account("bob")
    one, other = instrument_of(doors), instrument_of(doors, doors.other_symbol)
    quotes = [Quote(each, PRICE - 1_000, 4, PRICE, 5) for each in (one, other)]
    iceberg = commands.place(0, one, Side.SELL, PRICE + 1_000, 50, display_lots=10)
    legs = [Leg(one, Side.BUY, PRICE, 2), Leg(other, Side.BUY, PRICE, 3)]
    async with connect(doors, alice) as quoting, connect(doors, bob) as taking:
        answer = await exchange_frames(quoting, orders(commands.mass_quote(0, quotes), iceberg))
        assert answer.records["kind"].tolist()[-2:] == [EventKind.MASS_QUOTED, EventKind.RESTED]
        answer = await exchange_frames(taking, orders(commands.basket(0, legs)))
        assert answer.records["kind"].tolist()[-1] == EventKind.BASKET_FILLED
        assert answer.records["quantity_lots"].tolist()[-1] == 5
        answer = await exchange_frames(quoting, orders(commands.mass_cancel(None)))
        assert answer.records["kind"].tolist()[-1] == EventKind.MASS_CANCELLED
        assert answer.records["counter_order_id"].tolist()[-1] == 5
    assert doors.exchange.view.open_orders(alice.account_id) == []


async def test_quotes_need_the_role_of_a_market_maker(doors):
    key, instrument = await doors.account("alice"), instrument_of(doors)
    async with connect(doors, key) as peer:
        answer = await exchange_frames(
            peer, orders(commands.mass_quote(0, [Quote(instrument, PRICE, 1, PRICE + 10, 1)]))
        )
    assert (answer.kind, answer.code) == (FrameKind.REFUSED, DoorError.ROLE_MISSING)
    assert doors.exchange.view.open_orders(key.account_id) == []


async def test_orders_of_the_lane_go_with_a_connection_that_guards_them(doors):
    key, instrument = await doors.account("alice"), instrument_of(doors)
    async with connect(doors, key) as peer:
        assert (await peer.ask("set", cancel_on_disconnect="connection"))["ok"]
        await exchange_frames(peer, orders(commands.place(0, instrument, Side.BUY, PRICE, 5)))
        assert len(doors.exchange.view.open_orders(key.account_id)) == 1
    await until(lambda: not doors.exchange.view.open_orders(key.account_id))


async def test_nobody_orders_cancels_or_sees_for_another_account(doors):
    alice, bob, instrument = await doors.account("alice"), await doors.account("bob"), instrument_of(doors)
    async with connect(doors, alice) as hers, connect(doors, bob) as his:
        answer = await exchange_frames(hers, orders(commands.place(bob.account_id, instrument, Side.BUY, PRICE, 5)))
        order_id = int(answer.records["order_id"][0])
        assert doors.exchange.view.order(order_id).account_id == alice.account_id
        stolen = commands.place(0, instrument, Side.SELL, PRICE + 500, 5, order_id=1 << 51)
        answer = await exchange_frames(
            his,
            orders(
                commands.cancel(alice.account_id, order_id=order_id),
                commands.mass_cancel(None),
                commands.mass_cancel(alice.account_id),
                stolen,
            ),
        )
        assert answer.records["kind"].tolist() == [
            EventKind.REJECTED,
            EventKind.MASS_CANCELLED,
            EventKind.MASS_CANCELLED,
            EventKind.RESTED,
        ]
        assert int(answer.records["order_id"][-1]) == int(answer.records["sequence"][-1])
    assert len(doors.exchange.view.open_orders(alice.account_id)) == 1


async def test_a_client_id_that_was_used_is_answered_again_over_the_lane(doors):
    key, instrument = await doors.account("alice"), instrument_of(doors)
    place = commands.place(0, instrument, Side.BUY, PRICE, 5).copy()
    place["client_id_high"], place["client_id_low"] = 3, 4
    async with connect(doors, key) as peer:
        first = await exchange_frames(peer, orders(place))
        again = await exchange_frames(peer, orders(place))
    assert again.records["kind"].tolist() == [42]
    assert again.records["order_id"].tolist() == first.records["order_id"].tolist()
    assert len(doors.exchange.view.open_orders(key.account_id)) == 1


async def test_a_frame_may_be_full_and_is_answered_whole(doors):
    key, instrument = await doors.account("alice"), instrument_of(doors)
    places = [commands.place(0, instrument, Side.BUY, PRICE - 10 * (each % 100), 1) for each in range(RECORDS_MAX)]
    async with connect(doors, key) as peer:
        answer = await exchange_frames(peer, orders(*places))
    assert len(answer.records) == RECORDS_MAX
    assert np.array_equal(answer.records["sequence"], answer.first_sequence + np.arange(RECORDS_MAX))


# Refusals.


async def test_who_has_not_logged_in_is_refused_by_number_and_may_then_log_in(doors):
    key, instrument = await doors.account("alice"), instrument_of(doors)
    payload = orders(commands.place(0, instrument, Side.BUY, PRICE, 5))
    async with connect(doors) as peer:
        answer = await exchange_frames(peer, payload)
        assert (answer.kind, answer.request_id, answer.code) == (FrameKind.REFUSED, 7, DoorError.NOT_LOGGED_IN)
        assert (await peer.log_in(key))["ok"]
        assert (await exchange_frames(peer, payload)).kind == FrameKind.OUTCOMES


async def test_frames_of_text_and_of_records_are_heard_in_the_order_in_which_they_come(doors):
    key, instrument = await doors.account("alice"), instrument_of(doors)
    resting = {"symbol": doors.symbol, "side": "buy", "price": "0.040", "quantity": "5", "client_id": "first"}
    async with connect(doors) as peer:
        await asyncio.gather(
            peer.send({"op": "login", "id": 1, **signed_login(key)}),
            peer.socket.send_bytes(orders(commands.place(0, instrument, Side.SELL, PRICE, 5))),
            peer.send({"op": "place", "id": 2, **resting}),
            peer.socket.send_bytes(orders(commands.cancel(0, order_id=1))),
            peer.send({"op": "logout", "id": 3}),
            peer.send({"op": "place", "id": 4, **resting}),
        )
        async with asyncio.timeout(PATIENCE_S):
            received = [(await peer.socket.receive()).data for _ in range(6)]
    told = [orjson.loads(each) for each in received if isinstance(each, str)]
    assert [(each["id"], each["ok"]) for each in told if each["id"] != 2] == [(1, True), (3, True), (4, False)]
    assert next(each for each in told if each["id"] == 2)["ok"]
    first, second = (read_frame(each) for each in received if isinstance(each, bytes))
    assert (first.kind, second.kind) == (FrameKind.OUTCOMES, FrameKind.OUTCOMES)
    assert first.first_sequence < second.first_sequence


NO_FRAMES = {
    "nothing": b"",
    "json": b'{"op": "ping", "id": 1}',
    "zeros": bytes(64),
    "cut off": orders(commands.cancel(0, order_id=1))[:-1],
    "more than announced": orders(commands.cancel(0, order_id=1)) + bytes(64),
    "without orders": write_frame(FrameKind.ORDERS, 1),
    "outcomes": write_frame(FrameKind.OUTCOMES, 1, commands.cancel(0, order_id=1)),
    "time": orders(commands.tick(1 << 60)),
    "a deposit": orders(commands.deposit(1, 10**9)),
    "a halt": orders(commands.halt_market()),
    "a text": orders(commands.place(0, 1, Side.BUY, PRICE, 5, client_id="a-text")),
    "terms cut off": orders(commands.place(0, 1, Side.BUY, PRICE, 5, display_lots=2)[:1]),
    "an entry without a head": orders(commands.mass_quote(0, [Quote(1, 1, 1, 2, 1)])[1:]),
    "a head with others behind": orders(
        commands.mass_quote(0, [Quote(1, 1, 1, 2, 1)])[:1], commands.cancel(0, order_id=1)
    ),
}


@pytest.mark.parametrize("name", NO_FRAMES)
async def test_what_is_no_frame_of_orders_is_refused_by_number_and_changes_nothing(doors, name):
    key = await doors.account("alice", ("trader", "market_maker"))
    view = doors.exchange.view

    def state():
        cash = view.balances(key.account_id).cash_nano
        return cash, view.resting_orders, view.trades, view.market_halted, view.time_ns < 1 << 60

    async with connect(doors, key) as peer:
        before = state()
        answer = await exchange_frames(peer, NO_FRAMES[name])
        assert (answer.kind, answer.code) == (FrameKind.REFUSED, DoorError.INVALID_FRAME)
        assert (await peer.ask("ping"))["ok"]
    assert state() == before


def taken_from(payload: bytes) -> np.ndarray | None:
    """The block that a frame becomes for account 9, or None where it is refused as no frame of orders."""
    try:
        return block_of(read_frame(payload), 9, 5)
    except ApiError as error:
        if error.error is not DoorError.INVALID_FRAME:
            raise
        return None


@given(st.lists(st.binary(min_size=64, max_size=64), min_size=1, max_size=6))
@settings(suppress_health_check=[HealthCheck.too_slow])
def test_whatever_bytes_come_a_block_is_the_accounts_own_or_refused(records):
    payload = write_frame(FrameKind.ORDERS, 1, np.frombuffer(b"".join(records), ORDER_COMMAND))
    block = taken_from(payload)
    if block is None:
        return
    heads = heads_of(block)
    assert set(block["kind"][heads].tolist()) <= set(range(Command.PLACE, Command.BASKET + 1))
    assert set(block["account_id"][heads].tolist()) == {9}
    for at in heads[block["kind"][heads] == Command.MASS_CANCEL]:
        assert block[at : at + 1].view(MASS_CANCEL_COMMAND)["flags"][0] & MassFlag.BY_ACCOUNT
    for kind in (Command.PLACE, Command.LEG):
        assert not block["order_id"][block["kind"] == kind].any()


@given(st.integers(1, 6), st.randoms(use_true_random=False))
def test_any_kind_of_record_is_the_accounts_own_or_refused(length, random):
    block = np.zeros(length, ORDER_COMMAND)
    block["kind"] = [random.choice([1, 2, 3, 4, 5, 6, 12, 13, 14]) for _ in range(length)]
    block["continuations"] = [random.choice([0, 0, 0, 1, 2]) for _ in range(length)]
    block["account_id"] = 77
    checked = taken_from(write_frame(FrameKind.ORDERS, 1, block))
    assert checked is None or set(checked["account_id"][heads_of(checked)].tolist()) == {9}


def test_events_of_others_and_whom_one_traded_with_stay_out():
    events = np.zeros(4, ORDER_EVENT)
    events["kind"] = [EventKind.TRADE, EventKind.CANCELLED, EventKind.BASKET_FILLED, EventKind.FILLED]
    events["account_id"] = [1, 2, 1, 1]
    events["counter_account_id"] = [2, 0, 0, 0]
    events["counter_order_id"] = [88, 0, 3, 0]
    shown = own_events(events, 1)
    assert shown["kind"].tolist() == [EventKind.TRADE, EventKind.BASKET_FILLED, EventKind.FILLED]
    assert shown["counter_account_id"].tolist() == [0, 0, 0]
    assert shown["counter_order_id"].tolist() == [0, 3, 0]
    assert events["counter_order_id"].tolist() == [88, 0, 3, 0], "the batch is everybody's"


# The page.


def example() -> dict:
    """What the client in the documentation defines."""
    code = re.search(r"```python\n(.*?)```", PAGE.read_text(), re.DOTALL)
    assert code is not None
    names: dict = {}
    exec(code[1], names)
    assert code[1].count("\n") <= 60
    return names


async def test_the_client_of_the_page_trades(doors):
    key, instrument, page = await doors.account("alice"), instrument_of(doors), example()
    async with connect(doors, key) as peer:
        sent = [page["place"](instrument, 0, PRICE, 5, client_id=99), page["place"](instrument, 1, PRICE - 10, 2)]
        await peer.socket.send_bytes(page["frame"](3, sent))
        request_id, code, events = page["decode"](await peer.socket.receive_bytes())
        assert (request_id, code, sorted(events)) == (3, 0, [0, 1])
        assert events[0][-1][0] == EventKind.RESTED
        await peer.socket.send_bytes(page["frame"](4, [page["cancel"](events[0][-1][5])]))
        _, _, events = page["decode"](await peer.socket.receive_bytes())
        assert events[0][-1][0] in (EventKind.CANCELLED, EventKind.REJECTED)


@pytest.mark.parametrize(("name", "size"), [("HEADER", 64), ("PLACE", 64), ("CANCEL", 64), ("EVENT", 64)])
def test_the_records_of_the_page_have_the_size_of_records(name, size):
    layout = example()[name]
    assert isinstance(layout, struct.Struct)
    assert layout.size == size


def test_flags_of_the_page_are_those_of_the_engine():
    assert OrderFlag.REDUCE_ONLY == 32
    assert "(32 reduce-only)" in PAGE.read_text()
